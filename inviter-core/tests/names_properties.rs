//! Properties of decoding and minting that hold for every name.

#![expect(clippy::unwrap_used, reason = "in a test, a surprise is a failure")]

use std::collections::BTreeMap;

use inviter_core::{
    RoomAliasId, ServerName,
    decode::{Decoded, MtrxDecoder, RoomDecoder, XxxDecoder},
    directory::{Account, Group, GroupKey, Part},
    mint::{GuestRule, MintError, Minted, Minting},
};
use proptest::prelude::*;

fn mint(uid: &str) -> Result<Minted, MintError> {
    let minting = Minting {
        server: ServerName::parse("example.org").unwrap(),
        attribute: "uid".to_owned(),
        before_at: false,
        guests: GuestRule::Strip,
        renames: BTreeMap::new(),
    };
    minting.mint(&Account {
        key: "key".into(),
        label: None,
        attributes: [("uid", uid)].into_iter().collect(),
        status: None,
        matrix_id: None,
    })
}

fn group(name: &str) -> Group {
    Group {
        key: GroupKey::new("key"),
        name: name.into(),
        also_called: Vec::new(),
        members: Part::default(),
        owners: Part::default(),
        flattened: false,
        nested_only: false,
    }
}

proptest! {
    #[test]
    fn what_is_minted_is_valid_and_tells_people_apart(a in "\\PC{0,12}", b in "\\PC{0,12}") {
        let (minted_a, minted_b) = (mint(&a), mint(&b));
        if let Ok(Minted::User(user)) = &minted_a {
            prop_assert!(user.validate_strict().is_ok());
        } else {
            prop_assert!(a.is_empty(), "{minted_a:?}");
        }
        if !a.is_empty() && !b.is_empty() {
            prop_assert_eq!(minted_a == minted_b, a.eq_ignore_ascii_case(&b));
        }
    }

    #[test]
    fn decoders_take_any_name(name in prop_oneof![
        "\\PC{0,40}",
        "(xxx|x|a|\\.|-|:|#|_owners|8448|é){0,12}",
        "MTRX (#|:|a|\\.| ){0,12}",
    ]) {
        let group = group(&name);
        let decoders: [&dyn RoomDecoder; 2] = [&XxxDecoder::default(), &MtrxDecoder::default()];
        for decoder in decoders {
            match decoder.decode(&group) {
                Decoded::Invalid(why) => prop_assert!(why.contains(&name)),
                Decoded::OwnersOf(base) => prop_assert_eq!(format!("{base}_owners"), name.as_str()),
                _ => {}
            }
        }
    }

    #[test]
    fn a_name_without_the_marker_inside_decodes(
        room in "[a-wyzA-Z0-9_.-]{1,30}",
        host in "[a-w]{1,8}(\\.[a-w]{1,8}){0,2}",
        port in prop::option::of(1_u16..),
    ) {
        let (name, server) = match port {
            Some(port) => (format!("xxx{room}xxx{host}xxx{port}"), format!("{host}:{port}")),
            None => (format!("xxx{room}xxx{host}"), host),
        };
        let group = group(&name);
        let expected = RoomAliasId::parse(format!("#{room}:{server}")).unwrap();
        prop_assert_eq!(XxxDecoder::default().decode(&group), Decoded::Room(expected));
    }
}
