use ruma_common::ServerName;

use super::*;
use crate::directory::{GroupKey, Part};

fn group(name: &str) -> Group {
    Group {
        key: GroupKey::new(name),
        name: name.into(),
        also_called: Vec::new(),
        members: Part::default(),
        owners: Part::default(),
        flattened: false,
        nested_only: false,
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

#[track_caller]
fn by_pattern(pattern: &str, alias: &str, name: &str) -> Decoded {
    PatternDecoder::room(pattern, alias).unwrap().decode(&group(name))
}

#[test]
fn patterns_make_aliases_of_whole_names() {
    let team = |name| by_pattern("team-(?<team>[a-z0-9]+)", "#${team}:Example.com", name);
    assert_eq!(team("team-blue"), room("#blue:example.com"));
    for other in [
        "my team-blue",
        "team-blue-leads",
        "team-",
        "TEAM-blue",
        "team-blue\n",
        "",
    ] {
        assert_eq!(team(other), Decoded::NotARoom, "{other:?}");
    }
    // The whole name, though the first alternative would be content with less.
    assert_eq!(by_pattern("a|ab", "#$0:hs.org", "ab"), room("#ab:hs.org"));
    assert_eq!(
        by_pattern("(.+)@(.+)", "#${1}_x$$:$2", "a@hs.org"),
        room("#a_x$:hs.org")
    );
    // Anchors, flags and comments within the pattern change nothing about that.
    assert_eq!(by_pattern("(?m)^(a)$", "#$1:hs.org", "b\na"), Decoded::NotARoom);
    assert_eq!(
        by_pattern("(?x) (a+) # only a", "#$1:hs.org", "aa"),
        room("#aa:hs.org")
    );
    assert_eq!(
        by_pattern("(?i)raum (\\w+)", "#$1:hs.org", "RAUM Süd"),
        room("#Süd:hs.org")
    );
}

#[test]
fn patterns_make_names_of_owned_groups() {
    let leads = PatternDecoder::owners("(?<group>team-.+?)(-leads)?", "${group}").unwrap();
    assert_eq!(
        leads.decode(&group("team-blue-leads")),
        Decoded::OwnersOf("team-blue".into())
    );
    assert_eq!(leads.decode(&group("blue-leads")), Decoded::NotARoom);
    let why = invalid(leads.decode(&group("team-blue")));
    assert!(
        why.contains("`team-blue`") && why.contains("its own name"),
        "{why}"
    );
    let none = PatternDecoder::owners("(a)?b", "$1").unwrap();
    assert!(invalid(none.decode(&group("b"))).contains("no name"));
}

#[test]
fn a_pattern_that_makes_no_alias_is_told() {
    let why = invalid(by_pattern("team (.*)", "#$1:hs.org", "team a b"));
    assert!(
        why.contains("`team a b`") && why.contains("`#a b:hs.org`"),
        "{why}"
    );
    invalid(by_pattern("team (.*)", "#$1:hs.org", "team "));
    invalid(by_pattern("(.+)@(.+)", "#$1:$2", "a@b c"));
    invalid(by_pattern("(.+)", "#$1:hs.org", &"a".repeat(250)));
}

#[test]
fn wrong_patterns_and_templates() {
    let wrong = |pattern, alias| PatternDecoder::room(pattern, alias).unwrap_err().to_string();
    assert_eq!(
        wrong("team-(", "#a:b"),
        "the pattern `team-(` is not a regular expression (unclosed group); correct it"
    );
    assert!(wrong("a)|(?:b", "#a:b").contains("unopened group"));
    assert_eq!(
        wrong("(\\w{100}){100}", "#a:b"),
        "the pattern `(\\w{100}){100}` is too large when compiled; repeat less in it"
    );
    assert_eq!(
        wrong("(?<a>x)*", "#${a}:b"),
        "the pattern `(?<a>x)*` matches an empty name, and so more than is meant; write `+` instead of `*`"
    );
    assert_eq!(
        wrong("(?<team>x)(y)", "#${tem}:b"),
        "the template `#${tem}:b` has `${tem}`, and the pattern has no such part; it has `${team}`, `${2}`"
    );
    // Without braces the longest name counts.
    assert!(wrong("(x)", "#$1_a:b").contains("`${1_a}`"));
    assert!(wrong("x", "#$1:b").contains("`(?<name>.+)`"));
    for stray in ["#$:b", "#${1:b", "#${}:b", "#a:b$"] {
        assert!(wrong("(x)", stray).contains("`$$` for a dollar sign"), "{stray}");
    }
    for template in ["$1", "a:b", "#$1", "#a", "${1}#a:b"] {
        assert!(
            wrong("(x)", template).contains("does not make an alias"),
            "{template}"
        );
    }
    PatternDecoder::owners("(x)", "$2").unwrap_err();
}

#[test]
fn patterns_are_equal_by_what_they_say() {
    let decoder = |pattern| PatternDecoder::room(pattern, "#$1:b").unwrap();
    assert_eq!(decoder("(x)"), decoder("(x)"));
    assert_ne!(decoder("(x)"), decoder("(y)"));
    assert_ne!(decoder("(x)"), PatternDecoder::owners("(x)", "#$1:b").unwrap());
}

#[test]
fn long_names_take_no_longer_than_their_length() {
    // With the square of it, each of these would take minutes.
    let names = [
        "x".repeat(1 << 20),
        "xxxa".repeat(1 << 18),
        "xxxaxxx.".repeat(1 << 17),
    ];
    for name in names {
        let why = invalid(xxx(&name));
        assert!(
            why.contains("bytes behind `xxx`, and no alias has more than 255"),
            "{why:.99}"
        );
        let (owners, prefixed) = (format!("{name}_owners"), format!("MTRX #{name}"));
        assert_eq!(xxx(&owners), Decoded::OwnersOf(name.as_str().into()));
        invalid(mtrx(&prefixed));
        invalid(mtrx(&format!("{prefixed}:hs.org")));
        let alias = by_pattern("(?<room>.+)", "#${room}:hs.org", &name);
        assert!(matches!(alias, Decoded::Invalid(_)), "{alias:.99?}");
    }
    // The longest that can be one is one.
    let room_name = "r".repeat(255 - "#:hs.org".len());
    let longest = format!("xxx{room_name}xxxhs.org");
    assert_eq!(xxx(&longest), room(&format!("#{room_name}:hs.org")));
    assert!(invalid(xxx(&format!("xxxr{room_name}xxxhs.org"))).contains("256 bytes"));
}
