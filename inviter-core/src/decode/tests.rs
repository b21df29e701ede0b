use ruma_common::ServerName;

use super::*;
use crate::directory::{GroupKey, Part};

fn group(name: &str) -> Group {
    Group {
        key: GroupKey::new(name),
        name: name.into(),
        members: Part::default(),
        owners: Part::default(),
        flattened: false,
    }
}

fn room(alias: &str) -> Decoded {
    Decoded::Room(RoomAliasId::parse(alias).unwrap())
}

#[track_caller]
fn xxx(name: &str) -> Decoded {
    XxxDecoder::default().decode(&group(name))
}

#[track_caller]
fn mtrx(name: &str) -> Decoded {
    MtrxDecoder::default().decode(&group(name))
}

#[track_caller]
fn invalid(decoded: Decoded) -> String {
    match decoded {
        Decoded::Invalid(why) => why,
        other => panic!("expected an invalid name, got {other:?}"),
    }
}

#[test]
fn mtrx_takes_what_follows_the_prefix() {
    assert_eq!(
        mtrx("MTRX #example:matrix.example.com"),
        room("#example:matrix.example.com")
    );
    assert_eq!(
        mtrx("MTRX  #Example:Matrix.Example.com "),
        room("#Example:matrix.example.com")
    );
    assert_eq!(mtrx("MTRX #a:hs.org:8448"), room("#a:hs.org:8448"));
    assert_eq!(mtrx("Staff"), Decoded::NotARoom);
    assert_eq!(mtrx("MTRX-Admins"), Decoded::NotARoom);
    assert_eq!(
        MtrxDecoder::new("Raum: ").decode(&group("Raum: #a:hs.org")),
        room("#a:hs.org")
    );
}

#[test]
fn mtrx_reports_names_without_a_valid_alias() {
    for name in [
        "MTRX printers",
        "MTRX #a",
        "MTRX #:hs.org",
        "MTRX ",
        "MTRX #my room:hs.org",
        "MTRX #a:b c",
    ] {
        let why = invalid(mtrx(name));
        assert!(why.contains(name), "{why}");
    }
}

#[test]
fn xxx_replaces_the_first_two_markers() {
    assert_eq!(
        xxx("xxxexamplexxxmatrix.example.com"),
        room("#example:matrix.example.com")
    );
    assert_eq!(xxx("xxxTeam_AxxxHS.example.com"), room("#Team_A:hs.example.com"));
    assert_eq!(xxx("xxxünïxxxhs.org"), room("#ünï:hs.org"));
    assert_eq!(
        XxxDecoder::new("--").decode(&group("--room--hs.org")),
        room("#room:hs.org")
    );
}

#[test]
fn xxx_leaves_other_groups_alone() {
    for name in [
        "staff",
        "xxx",
        "xxxl-shirts",
        "aaxxxroomxxxhs.org",
        "xxxl_owners",
        "staff_owners",
        "",
    ] {
        assert_eq!(xxx(name), Decoded::NotARoom, "{name}");
    }
    assert_eq!(XxxDecoder::new("").decode(&group("anything")), Decoded::NotARoom);
}

#[test]
fn xxx_reads_a_port() {
    assert_eq!(
        xxx("xxxroomxxxhs.example.comxxx8448"),
        room("#room:hs.example.com:8448")
    );
    assert_eq!(
        xxx("xxxroomxxxhs.example.com:8448"),
        room("#room:hs.example.com:8448")
    );
    assert_eq!(xxx("xxxroomxxx10.0.0.1xxx8448"), room("#room:10.0.0.1:8448"));
    invalid(xxx("xxxroomxxxhs.example.comxxx99999"));
}

#[test]
fn owners_only_at_the_very_end() {
    assert_eq!(
        xxx("xxxaxxxhs.org_owners"),
        Decoded::OwnersOf("xxxaxxxhs.org".into())
    );
    assert_eq!(
        xxx("xxxaxxxhs.orgxxx8448_owners"),
        Decoded::OwnersOf("xxxaxxxhs.orgxxx8448".into())
    );
    assert_eq!(xxx("xxxhouse_ownersxxxhs.org"), room("#house_owners:hs.org"));
    assert_eq!(
        XxxDecoder::default()
            .owners_suffix("-mods")
            .decode(&group("xxxaxxxhs.org-mods")),
        Decoded::OwnersOf("xxxaxxxhs.org".into())
    );
}

#[test]
fn ambiguous_names_are_reported_with_all_readings() {
    let why = invalid(xxx("xxxaxxxbxxxhs.org"));
    assert!(
        why.contains("#a:bxxxhs.org") && why.contains("#axxxb:hs.org"),
        "{why}"
    );
    let why = invalid(xxx("xxxmaxxxxhs.org"));
    assert!(
        why.contains("#ma:xhs.org") && why.contains("#max:hs.org"),
        "{why}"
    );
}

#[test]
fn a_known_server_decides_between_readings() {
    let decoder = XxxDecoder::default().known_servers([ServerName::parse("hs.org").unwrap()]);
    assert_eq!(decoder.decode(&group("xxxaxxxbxxxhs.org")), room("#axxxb:hs.org"));
    assert_eq!(decoder.decode(&group("xxxmaxxxxhs.org")), room("#max:hs.org"));
    assert_eq!(decoder.decode(&group("xxxmaxxxxHS.org")), room("#max:hs.org"));
    // The only reading counts even if its server is unknown.
    assert_eq!(
        decoder.decode(&group("xxxaxxxelsewhere.org")),
        room("#a:elsewhere.org")
    );
    invalid(decoder.decode(&group("xxxaxxxbxxxelsewhere.org")));
    let both = decoder.known_servers([ServerName::parse("xhs.org").unwrap()]);
    invalid(both.decode(&group("xxxmaxxxxhs.org")));
}

#[test]
fn implausible_servers_are_no_reading() {
    // `123` alone is no server, so only one reading is left.
    assert_eq!(xxx("xxxroomxxxa.orgxxx123"), room("#room:a.org:123"));
    for name in [
        "xxxroomxxx",
        "xxxroomxxx.org",
        "xxxroomxxxhs..org",
        "xxxroomxxx-a.org",
        "xxxroomxxx123",
        "xxxaxxxb_c",
    ] {
        let why = invalid(xxx(name));
        assert!(why.contains(name), "{why}");
    }
}

#[test]
fn an_empty_room_name_or_a_long_alias_is_invalid() {
    invalid(xxx("xxxxxxhs.org"));
    let long = format!("xxx{}xxxhs.org", "a".repeat(250));
    assert!(invalid(xxx(&long)).contains("255"));
    let fits = format!("xxx{}xxxhs.org", "a".repeat(247));
    assert!(matches!(xxx(&fits), Decoded::Room(_)));
}

#[test]
fn aliases_are_normalised_in_the_server_part_only() {
    let alias = RoomAliasId::parse("#Room:HS.Example.ORG").unwrap();
    assert_eq!(normalise_alias(&alias).as_str(), "#Room:hs.example.org");
}
