//! The keys of `[directory.entra]`.

use super::{
    Fallback::{Said, Value},
    Key, Kind, SectionKeys,
};

const TEXTS: Kind = Kind::List {
    words: &[],
    tables: None,
};

pub(in crate::config) static ENTRA: SectionKeys = SectionKeys {
    name: "directory.entra",
    keys: &[
        Key::new(
            "tenant",
            Kind::Text,
            Said(
                "$AZURE_TENANT_ID for workload_identity; none otherwise, and only managed_identity does without",
            ),
            "The directory (tenant) ID, or one of the tenant's domains",
        ),
        Key::new(
            "client_id",
            Kind::Text,
            Said(
                "$AZURE_CLIENT_ID for workload_identity; none otherwise, and managed_identity then takes the identity \
                 that belongs to the machine itself",
            ),
            "The application (client) ID of the bot's app registration; with managed_identity, that of a user-assigned identity",
        ),
        Key::new(
            "credential",
            Kind::Word(&[
                "client_secret",
                "client_certificate",
                "workload_identity",
                "managed_identity",
            ]),
            Value("\"client_secret\""),
            "How the bot proves who it is",
        ),
        Key::new(
            "client_secret_file",
            Kind::Text,
            Said("none, and `credential = \"client_secret\"` needs this or client_secret_env"),
            "File with the value of the application's client secret, closed to other users",
        ),
        Key::new(
            "client_secret_env",
            Kind::Text,
            Said("none, and `credential = \"client_secret\"` needs this or client_secret_file"),
            "Name of the environment variable with the value of the application's client secret",
        ),
        Key::new(
            "certificate_file",
            Kind::Text,
            Said("none, and `credential = \"client_certificate\"` needs one"),
            "The certificate (PEM) that was uploaded to the app registration",
        ),
        Key::new(
            "key_file",
            Kind::Text,
            Said("none, and `credential = \"client_certificate\"` needs one"),
            "The key of that certificate (PEM), closed to other users",
        ),
        Key::new(
            "federated_token_file",
            Kind::Text,
            Said("$AZURE_FEDERATED_TOKEN_FILE, and `credential = \"workload_identity\"` needs one"),
            "File with the token of the workload's own platform, which keeps it fresh",
        ),
        Key::new(
            "cloud",
            Kind::Word(&["global", "us_government", "us_defense", "china"]),
            Said("global, unless authority and graph_url are given"),
            "Which of Microsoft's clouds the tenant lives in",
        ),
        Key::new(
            "authority",
            Kind::Text,
            Said("that of the cloud"),
            "The URL that tokens come from, without the tenant, in place of the cloud's; together with graph_url",
        ),
        Key::new(
            "graph_url",
            Kind::Text,
            Said("that of the cloud"),
            "The URL of Microsoft Graph, without the version, in place of the cloud's; together with authority",
        ),
        Key::new(
            "root_group",
            Kind::Text,
            Said("none"),
            "The object ID of a group whose direct member groups stand for rooms",
        ),
        Key::new(
            "group_prefix",
            Kind::Text,
            Said("none"),
            "What the display names of groups begin with that stand for rooms",
        ),
        Key::new(
            "groups",
            TEXTS,
            Value("[]"),
            "Object IDs of groups that stand for rooms; those that a [[room]] lists need not be here",
        ),
        Key::new(
            "matrix_id",
            Kind::Text,
            Said("none"),
            "A property of users with their whole Matrix ID, which comes before one that is made",
        ),
        Key::new(
            "concurrency",
            Kind::Integer { least: 1, most: 16 },
            Value("4"),
            "How many requests run at the same time",
        ),
        Key::new(
            "connect_timeout",
            Kind::Duration,
            Value("\"10s\""),
            "How long establishing a connection may take",
        ),
        Key::new(
            "request_timeout",
            Kind::Duration,
            Value("\"60s\""),
            "How long one request may take",
        ),
        Key::new(
            "read_timeout",
            Kind::Duration,
            Value("\"30m\""),
            "How long reading everything may take, waiting for Microsoft's rate limits included",
        ),
        Key::new(
            "read_limit_mib",
            Kind::Integer {
                least: 16,
                most: 1_048_576,
            },
            Value("8192"),
            "How much Graph may answer in one read, in MiB; the read fails beyond",
        ),
        Key::new(
            "full_read_every",
            Kind::Duration,
            Value("\"6h\""),
            "After which time everything is read again, rather than only what has changed; 1m to 6d",
        ),
        Key::new(
            "ca_file",
            Kind::Text,
            Said("only the system's certificates"),
            "Certificates (PEM) to trust in addition to the system's",
        ),
        Key::new(
            "proxy",
            Kind::Text,
            Said("none; the environment is not asked for one"),
            "An HTTP proxy to go through",
        )
        .with_password(),
        Key::new(
            "danger_allow_plain_http",
            Kind::Flag,
            Value("false"),
            "Allows http:// URLs to other machines, though everybody on the way can read the secret and the people",
        ),
    ],
};
