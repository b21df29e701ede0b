//! No type that holds a secret shows it: each is made with a secret in it and written with `{:?}` and `{:#?}`; and none
//! is missed, since the sources are searched for types that hold one.
#![cfg(all(feature = "ldap", feature = "azure", feature = "sqlite"))]
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::{
    collections::BTreeSet,
    fmt::Debug,
    fs,
    panic::{self, AssertUnwindSafe},
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
};

use inviter::{
    Config, azure, ldap,
    matrix::{self, FileSessionStore, MemorySessionStore, SavedSession, SessionStore as _},
};
use inviter_testkit::{SecretForms, forms};
use regex::Regex;
use url::Url;

const SECRET: &str = "s3cret/of+the\"test\\in-every-type";
/// The password of a proxy, which is part of its URL.
const OF_PROXY: &str = "an0ther/of+the\"proxy\\in-some-types";

/// Types of the published crates that have a secret among their own fields. Whatever else holds one holds one of these.
const HOLDERS: [&str; 10] = [
    "inviter-azure/src/config.rs: EntraConfig",
    "inviter-azure/src/credential.rs: Credential",
    "inviter-azure/src/token.rs: Token",
    "inviter-ldap/src/config.rs: Bind",
    "inviter-matrix/src/config.rs: Credentials",
    "inviter-matrix/src/config.rs: MatrixConfig",
    "inviter-matrix/src/session.rs: SavedSession",
    // Not public; it has no `Debug`.
    "inviter-matrix/src/session.rs: Token",
    "src/config/homeserver.rs: Credentials",
    // What is written to the file of a session, which only its owner may read; it has no `Debug`.
    "inviter-matrix/src/session.rs: SessionFile",
];

/// Fields that are called like secrets and are none: `file: name`.
const NO_SECRETS: [&str; 3] = [
    // Where a list of accounts goes on.
    "inviter-matrix/src/accounts.rs: next_token",
    // The name of a file.
    "inviter-azure/src/credential.rs: token_file",
    // What a client of the tests answers.
    "inviter-azure/src/graph/scripted.rs: headers",
];

/// The secrets, in every form.
static SECRETS: LazyLock<SecretForms> = LazyLock::new(|| SecretForms::new(&[SECRET, OF_PROXY]).unwrap());

/// Whatever of the secrets a value shows, in whatever form.
fn shown(value: &dyn Debug) -> Vec<String> {
    let texts = [format!("{value:?}"), format!("{value:#?}")];
    assert!(texts.iter().all(|text| !text.is_empty()));
    texts
        .iter()
        .flat_map(|text| SECRETS.found(text.as_bytes()))
        .collect()
}

#[track_caller]
fn shows_nothing(name: &str, value: &dyn Debug) {
    assert_eq!(shown(value), [""; 0], "{name}");
}

fn proxy() -> Url {
    let mut url = Url::parse("http://proxy.example.com").unwrap();
    url.set_username("inviter").unwrap();
    url.set_password(Some(OF_PROXY)).unwrap();
    url
}

/// What a type would show that had a secret as a mere text, as bytes, in a URL, or in a form that is written somewhere.
#[test]
fn a_type_that_shows_a_secret_would_be_found() {
    /// As types are that do not know better.
    #[derive(Debug)]
    #[expect(dead_code, reason = "it is only shown")]
    struct Leaking<T> {
        name: &'static str,
        secret: Option<T>,
    }
    fn is_found(secret: &str, leaking: impl Debug) {
        let leaking = Leaking {
            name: "of a test",
            secret: Some(leaking),
        };
        let told = format!("{secret:?} as ");
        // Once in each of both ways to write it.
        let found = shown(&leaking);
        assert_eq!(found.len(), 2, "{leaking:?}");
        assert!(found.iter().all(|one| one.starts_with(&told)), "{found:?}");
    }
    for secret in [SECRET, OF_PROXY] {
        is_found(secret, secret);
        is_found(secret, secret.as_bytes());
        is_found(secret, serde_json::json!({ "password": secret }).to_string());
        is_found(secret, format_args!("{}", &secret[..secret.len() / 2]));
        for form in forms(secret) {
            is_found(secret, format_args!("{form}"));
        }
    }
    is_found(OF_PROXY, proxy());
    is_found(OF_PROXY, proxy().to_string());
}

/// A configuration with a secret wherever one may be.
fn configuration(dir: &Path, credentials: &str) -> Config {
    let text = format!(
        "[homeserver]\nurl = \"https://matrix.example.com\"\n{credentials}\n[state]\ndir = \"state\"\n\
         [[directory]]\nname = \"tree\"\nkind = \"ldap\"\n[directory.ldap]\nurls = [\"ldaps://ldap.example.com\"]\n\
         bind_dn = \"cn=inviter,dc=example,dc=com\"\npassword_env = \"SECRET\"\n\
         user_bases = [\"ou=people,dc=example,dc=com\"]\ngroup_bases = [\"ou=groups,dc=example,dc=com\"]\n\
         [[directory]]\nname = \"tenant\"\nkind = \"entra\"\n[directory.entra]\ntenant = \"contoso.example.com\"\n\
         client_id = \"00000000-0000-4000-8000-000000000001\"\nclient_secret_env = \"SECRET\"\n\
         root_group = \"00000000-0000-4000-8000-000000000002\"\n"
    );
    let environment = |name: &str| (name == "SECRET").then(|| SECRET.to_owned());
    Config::parse(&text, &dir.join("inviter.toml"), &environment).unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn no_configuration_shows_a_secret() {
    let dir = tempfile::tempdir().unwrap();
    for credentials in [
        "access_token_env = \"SECRET\"",
        "user = \"@inviter:example.com\"\npassword_env = \"SECRET\"",
    ] {
        let config = configuration(dir.path(), credentials);
        shows_nothing("Config", &config);
        shows_nothing("HomeserverConfig", &config.homeserver);
        shows_nothing("Credentials", &config.homeserver.credentials);
        assert_eq!(config.directories.len(), 2);
        for directory in &config.directories {
            shows_nothing("DirectoryConfig", directory);
            shows_nothing("DirectoryKind", &directory.kind);
        }
    }
}

/// What a panic says of a value is what its `Debug` says, and goes to the log of whoever runs the program.
#[test]
fn no_panic_shows_a_secret() {
    let dir = tempfile::tempdir().unwrap();
    let config = configuration(dir.path(), "access_token_env = \"SECRET\"");
    let mut of_matrix = matrix::MatrixConfig::new("https://x", matrix::Credentials::Token(SECRET.into()));
    of_matrix.proxy = Some(proxy().to_string().into());
    let said = |panicking: Box<dyn FnOnce()>| {
        let payload = panic::catch_unwind(AssertUnwindSafe(panicking)).unwrap_err();
        *payload.downcast::<String>().unwrap()
    };
    let of_config = said(Box::new(|| panic!("{config:?}")));
    assert!(of_config.contains("cn=inviter,dc=example,dc=com"), "{of_config}");
    let of_matrix = said(Box::new(|| panic!("{of_matrix:#?}")));
    assert!(of_matrix.contains("https://x"), "{of_matrix}");
    for text in [of_config, of_matrix] {
        assert_eq!(SECRETS.found(text.as_bytes()), [""; 0]);
    }
}

#[test]
fn no_adapter_shows_a_secret() {
    let proxy = || Some(proxy().to_string().into());
    let session = SavedSession::new("https://x".into(), "@a:x".into(), "DEVICE".into(), SECRET.into());
    let memory = MemorySessionStore::default();
    memory.save(&session).unwrap();
    shows_nothing("SavedSession", &session);
    shows_nothing("MemorySessionStore", &memory);
    shows_nothing("FileSessionStore", &FileSessionStore::new("/nowhere"));
    for credentials in [
        matrix::Credentials::Token(SECRET.into()),
        matrix::Credentials::password_without_store("@a:x", SECRET.into()),
        matrix::Credentials::Password {
            user: "@a:x".to_owned(),
            password: "another".into(),
            store: Arc::new(memory),
        },
    ] {
        shows_nothing("Credentials", &credentials);
        let mut config = matrix::MatrixConfig::new("https://x", credentials);
        config.proxy = proxy();
        shows_nothing("MatrixConfig", &config);
    }

    let bind = ldap::Bind::Simple {
        dn: "cn=inviter,dc=example,dc=com".to_owned(),
        password: SECRET.into(),
    };
    shows_nothing("Bind", &bind);
    let schema = ldap::Schema::new(ldap::Preset::GroupOfNames);
    let config = ldap::LdapConfig::new("ldaps://x", bind, "dc=example,dc=com", schema);
    shows_nothing("LdapConfig", &config);

    let credential = azure::Credential::ClientSecret {
        tenant: "contoso.example.com".to_owned(),
        client_id: "00000000-0000-4000-8000-000000000001".to_owned(),
        secret: SECRET.into(),
    };
    shows_nothing("Credential", &credential);
    let mut config = azure::EntraConfig::new(azure::RoomGroups::default());
    config.proxy = proxy();
    shows_nothing("EntraConfig", &config);
    shows_nothing("IdentityTokens", &azure::IdentityTokens::new(credential, &config));
    shows_nothing("Token", &azure::Token::new(SECRET));
}

fn sources(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, files);
        } else if path.extension().is_some_and(|is| is == "rs") {
            files.push(path);
        }
    }
}

/// A new type with a secret in it fails here until it is made and shown above, and so does a field that is called like a
/// secret and is a mere text.
#[test]
fn every_type_with_a_secret_is_known() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    for part in ["core", "matrix", "ldap", "azure", "operations", "cli", "bot"] {
        sources(&root.join(format!("inviter-{part}/src")), &mut files);
    }
    assert!(files.len() > 200, "{}", files.len());
    let opens = Regex::new(r"^(?:pub(?:\([a-z]+\))? )?(?:struct|enum|union) (\w+)").unwrap();
    let secret =
        Regex::new(r"^\s+(?:pub(?:\([a-z]+\))? )?\w+(?:: |\().*\bSecret(?:String|Box|Slice)\b").unwrap();
    let tuple =
        Regex::new(r"^(?:pub(?:\([a-z]+\))? )?struct (\w+)\(.*\bSecret(?:String|Box|Slice)\b").unwrap();
    let called = Regex::new(
        r"^\s+(?:pub(?:\([a-z]+\))? )?(\w*(?:password|passwd|passphrase|secret|token|api_?key|private_key|bearer|credential|authori[sz]ation|assertion|cookie|pem|header)\w*): (.*)$",
    )
    .unwrap();
    let text = Regex::new(r"^(?:&(?:'\w+ )?|Cow<'\w+, |Option<|Vec<|Arc<|Rc<|Box<)*(?:String|str|\[?u8|Url|PathBuf|Bytes|HeaderValue|HeaderMap)\b").unwrap();
    let (mut holders, mut no_secrets) = (BTreeSet::new(), BTreeSet::new());
    for path in files {
        let name = path.strip_prefix(root).unwrap().display().to_string();
        // The type whose fields these lines are.
        let mut inside: Option<String> = None;
        for line in fs::read_to_string(&path).unwrap().lines() {
            if let Some(found) = tuple.captures(line) {
                holders.insert(format!("{name}: {}", &found[1]));
            } else if let Some(found) = opens.captures(line) {
                inside = line.ends_with('{').then(|| found[1].to_owned());
            } else if line.starts_with('}') {
                inside = None;
            }
            let Some(of) = &inside else { continue };
            if line.trim_start().starts_with("//") {
                continue;
            }
            if secret.is_match(line) {
                holders.insert(format!("{name}: {of}"));
            } else if let Some(found) = called.captures(line)
                && text.is_match(&found[2])
            {
                if of == "SessionFile" {
                    holders.insert(format!("{name}: {of}"));
                } else {
                    no_secrets.insert(format!("{name}: {}", &found[1]));
                }
            }
        }
    }
    assert_eq!(holders, HOLDERS.map(str::to_owned).into(), "types with secrets");
    assert_eq!(
        no_secrets,
        NO_SECRETS.map(str::to_owned).into(),
        "fields called like secrets"
    );
    // Those without `Debug`.
    let session = fs::read_to_string(root.join("inviter-matrix/src/session.rs")).unwrap();
    assert!(session.contains("#[derive(Serialize, Deserialize)]\nstruct SessionFile {"));
    assert!(session.contains("#[derive(Clone)]\npub(crate) struct Token {"));
}
