//! The keys of `[directory.ldap]`.

use super::{
    Fallback::{Required, Said, Value},
    Key, Kind, SectionKeys,
};

const TEXTS: Kind = Kind::List {
    words: &[],
    tables: None,
};
const OF_SCHEMA: super::Fallback = Said("as the schema has it");

pub(in crate::config) static LDAP: SectionKeys = SectionKeys {
    name: "directory.ldap",
    keys: &[
        Key::new(
            "urls",
            TEXTS,
            Required,
            "LDAP URLs with host and port; the first server that can be reached is used",
        ),
        Key::new(
            "start_tls",
            Kind::Flag,
            Value("false"),
            "Go over to TLS on ldap:// connections before anything else is sent; where the server refuses, nothing is sent",
        ),
        Key::new(
            "ca_file",
            Kind::Text,
            Said("only the system's certificates"),
            "Certificates (PEM) to trust in addition to the system's",
        ),
        Key::new(
            "client_cert_file",
            Kind::Text,
            Said("none"),
            "The bot's own certificate (PEM), with the ones between it and its authority",
        ),
        Key::new(
            "client_key_file",
            Kind::Text,
            Said("none"),
            "The key of that certificate (PEM), closed to other users",
        ),
        Key::new(
            "bind",
            Kind::Word(&["simple", "external", "anonymous"]),
            Value("\"simple\""),
            "How the bot logs in: by name and password, by its certificate or socket (SASL EXTERNAL), or not at all",
        ),
        Key::new(
            "bind_dn",
            Kind::Text,
            Said("none, and `bind = \"simple\"` needs one"),
            "The name that the bot logs in with: a DN; Active Directory also takes user@domain",
        ),
        Key::new(
            "password_file",
            Kind::Text,
            Said("none, and `bind = \"simple\"` needs this or password_env"),
            "File with the bot's password, closed to other users",
        ),
        Key::new(
            "password_env",
            Kind::Text,
            Said("none, and `bind = \"simple\"` needs this or password_file"),
            "Name of the environment variable with the bot's password",
        ),
        Key::new("user_bases", TEXTS, Required, "DNs of the subtrees with people"),
        Key::new(
            "group_bases",
            TEXTS,
            Required,
            "DNs of the subtrees with groups that stand for rooms; groups inside those are found anywhere",
        ),
        Key::new(
            "schema",
            Kind::Word(&[
                "group_of_names",
                "group_of_unique_names",
                "posix_group",
                "active_directory",
                "freeipa",
            ]),
            Value("\"group_of_names\""),
            "How the directory keeps people and groups; the keys that follow change parts of it",
        ),
        Key::new(
            "user_filter",
            Kind::Text,
            OF_SCHEMA,
            "Which entries below user_bases are people (RFC 4515)",
        ),
        Key::new(
            "group_filter",
            Kind::Text,
            OF_SCHEMA,
            "Which entries below group_bases are groups that stand for rooms (RFC 4515)",
        ),
        Key::new(
            "group_name",
            Kind::Text,
            OF_SCHEMA,
            "The attribute with a group's name, which the decoders read",
        ),
        Key::new(
            "members",
            TEXTS,
            OF_SCHEMA,
            "Attributes of groups with the DNs of members",
        ),
        Key::new(
            "member_logins",
            TEXTS,
            OF_SCHEMA,
            "Attributes of groups with the login names of members",
        ),
        Key::new(
            "login",
            Kind::Text,
            OF_SCHEMA,
            "The attribute of people with the login name that member_logins is about",
        ),
        Key::new(
            "owners",
            TEXTS,
            OF_SCHEMA,
            "Attributes of groups with the DNs of owners",
        ),
        Key::new(
            "ids",
            TEXTS,
            OF_SCHEMA,
            "Attributes with an identifier that survives renaming; the first that an entry has counts",
        ),
        Key::new(
            "primary_group",
            Kind::Word(&["ignored", "primaryGroupID", "gidNumber"]),
            OF_SCHEMA,
            "Whether people are members of their primary group, and which attribute tells it",
        ),
        Key::new(
            "disabled_by",
            Kind::List {
                words: &[
                    "nsAccountLock",
                    "userAccountControl",
                    "accountExpires",
                    "pwdAccountLockedTime",
                    "shadowExpire",
                ],
                tables: None,
            },
            OF_SCHEMA,
            "Attributes that say that an account may not be used",
        ),
        Key::new(
            "disabled_filter",
            Kind::Text,
            Said("none"),
            "A filter that fits accounts which may not be used (RFC 4515)",
        ),
        Key::new(
            "empty_groups",
            Kind::Flag,
            OF_SCHEMA,
            "Believe that a groupOfNames without any member is empty, rather than that its members are hidden",
        ),
        Key::new(
            "placeholders",
            TEXTS,
            Value("[]"),
            "DNs that stand in groups only because those may not be empty",
        ),
        Key::new(
            "matrix_id",
            Kind::Text,
            Said("none"),
            "An attribute of people with their whole Matrix ID, which comes before one that is made",
        ),
        Key::new(
            "ignore_referrals",
            TEXTS,
            Value("[]"),
            "DNs on other servers that this one refers to and that hold nobody of interest",
        ),
        Key::new(
            "page_size",
            Kind::Integer {
                least: 10,
                most: 20_000,
            },
            Value("500"),
            "Entries per page; must not exceed the server's size limit",
        ),
        Key::new(
            "connect_timeout",
            Kind::Duration,
            Value("\"10s\""),
            "How long connecting to one server may take",
        ),
        Key::new(
            "operation_timeout",
            Kind::Duration,
            Value("\"60s\""),
            "How long the server may take for one answer, or for the next entry of one",
        ),
        Key::new(
            "read_timeout",
            Kind::Duration,
            Value("\"15m\""),
            "How long reading everything may take",
        ),
        Key::new(
            "read_limit_mib",
            Kind::Integer {
                least: 16,
                most: 1_048_576,
            },
            Value("4096"),
            "How much the server may send in one read, in MiB; the read fails beyond",
        ),
        Key::new(
            "danger_allow_plain_ldap",
            Kind::Flag,
            Value("false"),
            "Allows unencrypted ldap:// to other machines, though everybody on the way can read the bot's password",
        ),
    ],
};
