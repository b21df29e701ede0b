//! Whatever a group or an account is called: no panic, and what comes of it is an alias or an ID that is valid, or nothing.
//! `PROPTEST_CASES` says how many cases are tried.

#![expect(clippy::unwrap_used, reason = "in a test, a surprise is a failure")]

use std::collections::BTreeMap;

use inviter_core::{
    RoomAliasId, ServerName, UserId,
    decode::{Decoded, MtrxDecoder, PatternDecoder, RoomDecoder, XxxDecoder},
    directory::{Account, Group, GroupKey, Part},
    mint::{GuestRule, Minted, Minting},
};
use proptest::{collection::vec, prelude::*, sample::select};

/// Pieces that mean something to some decoder, to a terminal, to a client, or to nobody.
fn name() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => select(vec![
            "xxx", "MTRX ", "#", ":", "_owners", "-owners", "room", "example.org", "8448", "[::1]", " ", "..", "\0", "\n",
            "\u{1b}[2J", "\u{202e}", "\u{200b}", "<b>", "&", "*", "`", "$1", "${team}", "é", "🦀", "\u{fffd}", "İ", "ß",
        ]).prop_map(str::to_owned),
        2 => any::<String>(),
        1 => (any::<char>(), 0_usize..400).prop_map(|(c, n)| c.to_string().repeat(n)),
        1 => (0_usize..1_500).prop_map(|n| "xxxa".repeat(n)),
    ];
    vec(piece, 0..10).prop_map(|pieces| pieces.concat())
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

fn decoders() -> Vec<Box<dyn RoomDecoder>> {
    vec![
        Box::new(XxxDecoder::default()),
        Box::new(MtrxDecoder::default()),
        Box::new(PatternDecoder::room("(?s)room(?<team>.*)", "#${team}:example.org").unwrap()),
        Box::new(
            PatternDecoder::room("(?<a>[^:]+):(?<b>.+)", "#${b}:${a}").unwrap_or_else(|_| {
                PatternDecoder::room("(?<a>[^:]+):(?<b>.+)", "#${a}:example.org").unwrap()
            }),
        ),
        Box::new(PatternDecoder::owners("(?s)(?<group>.+)[_-]owners", "${group}").unwrap()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn groups(name in name()) {
        let group = group(&name);
        for decoder in decoders() {
            let decoded = decoder.decode(&group);
            match &decoded {
                Decoded::Room(alias) => {
                    prop_assert!(RoomAliasId::parse(alias.as_str()).is_ok(), "{alias}");
                    prop_assert!(ServerName::parse(alias.server_name().as_str()).is_ok(), "{alias}");
                    prop_assert!(alias.as_bytes().len() <= 255, "{alias}");
                    prop_assert!(!alias.as_str().contains('\0'), "{alias:?}");
                }
                Decoded::OwnersOf(base) => prop_assert!(!base.is_empty() && **base != *name, "{base:?}"),
                Decoded::Invalid(why) => prop_assert!(why.contains(&name)),
                _ => {}
            }
            prop_assert_eq!(decoder.decode(&group), decoded, "the same name means the same");
        }
    }

    /// Any expression and any template: a decoder, or a word about what is wrong with them.
    #[test]
    fn patterns(pattern in name(), template in name(), called in name()) {
        for decoder in [PatternDecoder::room(&pattern, &template), PatternDecoder::owners(&pattern, &template)] {
            match decoder {
                Ok(decoder) => drop(decoder.decode(&group(&called))),
                Err(error) => prop_assert!(!error.to_string().is_empty()),
            }
        }
    }

    /// An ID is valid, of our server, and nobody else's; guests do not become employees unasked.
    #[test]
    fn accounts(uid in name(), attribute in prop_oneof!["uid", "mail", ""], before_at: bool, rename in name(), fixed in proptest::option::of(name())) {
        for guests in [GuestRule::Skip, GuestRule::Strip] {
            let minting = Minting {
                server: ServerName::parse("example.org").unwrap(),
                attribute: attribute.clone(),
                before_at,
                guests,
                renames: BTreeMap::from([(uid.to_lowercase(), rename.clone())]),
            };
            let minted = minting.mint(&Account {
                key: "key".into(),
                label: None,
                attributes: [(attribute.as_str(), uid.as_str())].into_iter().collect(),
                status: None,
                matrix_id: fixed.as_deref().and_then(|id| UserId::parse(id).ok()),
            });
            if let Ok(Minted::User(user)) = &minted {
                prop_assert!(user.validate_strict().is_ok() || fixed.is_some(), "{user}");
                prop_assert!(user.as_bytes().len() <= 255, "{user}");
                prop_assert!(fixed.is_some() || user.server_name() == "example.org", "{user}");
            }
            if let Err(error) = &minted {
                prop_assert!(!error.to_string().is_empty());
            }
        }
    }
}
