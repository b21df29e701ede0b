//! The keys of `[[directory]]`, but those of one kind of directory.

use super::{
    Fallback::{Required, Said, Value},
    Key, Kind, SectionKeys,
    entra::ENTRA,
    ldap::LDAP,
};

pub(in crate::config) static DIRECTORY: SectionKeys = SectionKeys {
    name: "directory",
    keys: &[
        Key::new(
            "name",
            Kind::Text,
            Required,
            "The name by which reports and rooms speak of the directory",
        ),
        Key::new(
            "kind",
            Kind::Word(&["file", "ldap", "entra"]),
            Required,
            "What the directory is",
        ),
        Key::new(
            "path",
            Kind::Text,
            Said("none, and `kind = \"file\"` needs one"),
            "The .toml or .json file with people and groups, for `kind = \"file\"`",
        ),
        Key::new(
            "ldap",
            Kind::Table(&LDAP),
            Said("none, and `kind = \"ldap\"` needs one"),
            "The LDAP server and what is read from it, for `kind = \"ldap\"`",
        ),
        Key::new(
            "entra",
            Kind::Table(&ENTRA),
            Said("none, and `kind = \"entra\"` needs one"),
            "The Microsoft Entra tenant and what is read from it, for `kind = \"entra\"`",
        ),
        Key::new(
            "decoders",
            Kind::List {
                words: &["mtrx", "xxx"],
                tables: Some(&DECODER),
            },
            Value("[\"mtrx\", \"xxx\"]"),
            "How group names become rooms; the first form that fits decides",
        ),
        Key::new(
            "attribute",
            Kind::Text,
            Said("uid, sAMAccountName for the schema active_directory, userPrincipalName for entra"),
            "The attribute that user IDs are made of",
        ),
        Key::new(
            "before_at",
            Kind::Flag,
            Said("true for the attributes userPrincipalName and mail"),
            "Take only what stands before the first @ of the attribute",
        ),
        Key::new(
            "guests",
            Kind::Word(&["skip", "strip"]),
            Value("\"skip\""),
            "What to do with guests of another tenant; \"strip\" can take one for somebody else",
        ),
        Key::new(
            "renames",
            Kind::Free(&Kind::Text),
            Value("{}"),
            "People who were renamed and keep their Matrix ID: new localpart to old localpart",
        ),
    ],
};

pub(in crate::config) static DECODER: SectionKeys = SectionKeys {
    name: "directory.decoders",
    keys: &[
        Key::new(
            "pattern",
            Kind::Text,
            Required,
            "A regular expression that fits whole group names",
        ),
        Key::new(
            "alias",
            Kind::Text,
            Said("none, and the pattern needs `owners_of`"),
            "The alias of the room that such a group stands for; ${name} is a part of the pattern",
        ),
        Key::new(
            "owners_of",
            Kind::Text,
            Said("none, and the pattern needs `alias`"),
            "The name of the group whose owners such a group holds; ${name} is a part of the pattern",
        ),
    ],
};
