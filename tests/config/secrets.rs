//! Secrets: where they may come from, and that they show nowhere.

use inviter::config::{Config, Credentials};
use secrecy::ExposeSecret;

use super::{Place, around, environment, errors_of, told};

#[test]
fn a_token_from_a_file() {
    let config = Place::new().parse(&around("", "", "")).unwrap();
    let Credentials::AccessToken { token, user: None } = &config.homeserver.credentials else {
        panic!("{config:?}")
    };
    assert_eq!(token.expose_secret(), "s3cret", "without the newline");
    assert!(!format!("{config:?}").contains("s3cret"));
}

#[test]
fn a_password_from_the_environment() {
    let text = around("", "user = \"@bot:example.com\"", "").replace(
        "access_token_file = \"token\"",
        "password_env = \"INVITER_PASSWORD\"",
    );
    let config = Place::new().parse(&text).unwrap();
    let Credentials::Password { user, password } = &config.homeserver.credentials else {
        panic!("{config:?}")
    };
    assert_eq!(
        (user.as_str(), password.expose_secret()),
        ("@bot:example.com", "from-env")
    );
    assert!(!format!("{config:?}").contains("from-env"));
}

fn with_source(source: &str) -> Vec<String> {
    errors_of(&around("", "", "").replace("access_token_file = \"token\"", source))
}

#[test]
fn exactly_one_source() {
    assert_eq!(
        with_source(""),
        [
            "2:1: the bot cannot log in: [homeserver] needs one of `access_token_file`, `access_token_env`, \
          `password_file` and `password_env`"
        ]
    );
    assert_eq!(
        with_source("access_token_file = \"token\"\npassword_env = \"INVITER_PASSWORD\""),
        [
            "6:16: `access_token_file` and `password_env` are given in [homeserver], and it must be one of them"
        ]
    );
    assert_eq!(
        with_source("password_env = \"INVITER_PASSWORD\""),
        [
            "5:16: `password_env` in [homeserver] needs `user`, the bot's user ID, such as \"@inviter:example.com\""
        ]
    );
}

#[test]
fn never_in_the_file_itself() {
    for key in ["access_token", "password"] {
        assert_eq!(
            with_source(&format!("{key} = \"hunter2\"")),
            [format!(
                "5:1: `{key}` in [homeserver]: a secret must not stand in this file; write it to a file that only the \
                 bot can read and name that with `{key}_file`, or name an environment variable with `{key}_env`"
            )]
        );
    }
    for key in ["access_token_file", "access_token_env"] {
        let errors = with_source(&format!("{key} = \"syt_aW52aXRlcg_hunter2hunter2hunter2\""));
        assert!(errors[0].contains("looks like the token itself"), "{errors:?}");
        assert!(!errors.join("").contains("hunter2"), "{errors:?}");
    }
    // Not even a syntax error quotes it.
    let errors = with_source("access_token = \"hunter2");
    assert!(
        !errors.is_empty() && !errors.join("").contains("hunter2"),
        "{errors:?}"
    );
    let errors = with_source("access_token_file = \"token\"\nproxy = \"http://u:hunter2@x\"");
    assert!(
        !errors.is_empty() && !errors.join("").contains("hunter2"),
        "{errors:?}"
    );
    let text = around("", "", "").replace("https://matrix", "https://u:hunter2@matrix");
    let errors = errors_of(&text);
    assert!(
        !errors.is_empty() && !errors.join("").contains("hunter2"),
        "{errors:?}"
    );
}

/// What a URL may carry is not repeated, wherever it stands in it.
#[test]
fn urls_are_quoted_without_what_may_be_secret() {
    let errors = |key: &str, url: &str| {
        let text = match key {
            "url" => around("", "", "").replace("https://matrix.example.com", url),
            _ => around("", &format!("{key} = \"{url}\""), ""),
        };
        let errors = errors_of(&text);
        assert_eq!(errors.len(), 1, "{url}: {errors:?}");
        assert!(!errors[0].contains("hunter2"), "{errors:?}");
        errors[0].clone()
    };
    for (url, told) in [
        (
            "https://matrix.example.com/?access_token=hunter2",
            "`https://matrix.example.com/` has a query",
        ),
        (
            "https://matrix.example.com/#hunter2",
            "`https://matrix.example.com/` has a query or fragment",
        ),
        (
            "matrix.example.com?access_token=hunter2",
            "`matrix.example.com` is not a URL",
        ),
        ("http://matrix.example.com/?access_token=hunter2", "has a query"),
        (
            "https://bot:hunter2@matrix.example.com/?a=b",
            "user name or password",
        ),
        ("https://hunter2@matrix.example.com", "user name or password"),
        ("https://bot:hunter2@matrix.example.com:x", "this is not a URL"),
        ("https://bot:hunt?er2@matrix.example.com", "this is not a URL"),
        (
            "hunter2:bot@matrix.example.com",
            "this has a scheme that Matrix does not have",
        ),
        ("ftp://matrix.example.com?a=hunter2", "has a query"),
    ] {
        let error = errors("url", url);
        assert!(error.contains(told), "{url}: {error}");
    }
    for (url, told) in [
        (
            "hunter2:bot@proxy.example.com",
            "this has a scheme that no proxy has",
        ),
        (
            "ftp://proxy.example.com?hunter2",
            "`ftp://proxy.example.com` has a scheme that no proxy has",
        ),
        ("http://bot:hunter2@proxy.example.com", "user name or password"),
    ] {
        let error = errors("proxy", url);
        assert!(error.contains(told), "{url}: {error}");
    }
}

/// The secret itself in place of its variable's name.
#[test]
fn what_is_no_name_of_a_variable_is_not_repeated() {
    let long = "hunter2".repeat(10);
    for secret in ["hunter2!", "2hunter2", "hunter2-hunter2", "hunter2.x", &long] {
        for key in ["access_token_env", "password_env"] {
            let errors = with_source(&format!("user = \"@bot:example.com\"\n{key} = \"{secret}\""));
            assert_eq!(
                errors,
                [format!(
                    "6:{}: `{key}` in [homeserver] is not the name of an environment variable (letters, digits and `_`, \
                     at most 64); write the name there, and the secret into the variable",
                    key.len() + 4
                )]
            );
        }
    }
}

#[test]
fn files_and_variables_that_will_not_do() {
    let place = Place::new();
    let dir = place.path("").display().to_string();
    place.secret("empty", "\n");
    place.secret("two", "a\nb");
    std::fs::create_dir(place.path("folder")).unwrap();
    for (source, message) in [
        (
            "access_token_file = \"none\"",
            format!("`access_token_file` in [homeserver]: the file `{dir}none` does not exist"),
        ),
        (
            "access_token_file = \"empty\"",
            format!("`access_token_file` in [homeserver]: the file `{dir}empty` is empty"),
        ),
        (
            "access_token_file = \"folder\"",
            format!("`access_token_file` in [homeserver]: the file `{dir}folder` is not a file"),
        ),
        (
            "access_token_file = \"two\"",
            format!(
                "`access_token_file` in [homeserver]: the file `{dir}two` has more than one line; it must hold nothing \
                 but the secret"
            ),
        ),
        (
            "access_token_env = \"NOWHERE\"",
            "`access_token_env` in [homeserver]: the environment variable `NOWHERE` is not set".to_owned(),
        ),
        (
            "access_token_env = \"EMPTY\"",
            "`access_token_env` in [homeserver]: the environment variable `EMPTY` is empty".to_owned(),
        ),
    ] {
        let text = around("", "", "").replace("access_token_file = \"token\"", source);
        let errors = told(&place.parse(&text).unwrap_err());
        let column = source.find('"').unwrap() + 1;
        assert_eq!(errors, [format!("5:{column}: {message}")]);
    }
}

#[cfg(unix)]
#[test]
fn a_file_that_others_can_read_is_refused() {
    let place = Place::new();
    let path = place.path("token").display().to_string();
    let text = around("", "", "");
    for mode in [0o644, 0o604, 0o602] {
        place.mode("token", mode);
        assert_eq!(
            told(&place.parse(&text).unwrap_err()),
            [format!(
                "5:21: `access_token_file` in [homeserver]: the file `{path}` holds a secret and is open to every user \
                 (mode {mode:04o}); run `chmod o= {path}`, or `chmod 600` to keep it to yourself"
            )]
        );
    }
    for mode in [0o400, 0o600, 0o640] {
        place.mode("token", mode);
        place.parse(&text).unwrap_or_else(|e| panic!("{e}"));
    }
}

/// Whoever may write to the folder can put another file there, whatever the file's own mode is. A link is followed, and
/// both its own place and that of what it leads to count.
#[cfg(unix)]
#[test]
fn a_file_that_others_can_replace_is_refused() {
    let place = Place::new();
    for dir in ["open", "closed", "closed/deep"] {
        std::fs::create_dir(place.path(dir)).unwrap();
    }
    for name in ["open/token", "closed/deep/token"] {
        place.secret(name, "s3cret");
    }
    std::os::unix::fs::symlink(place.path("closed/deep/token"), place.path("open/link")).unwrap();
    std::os::unix::fs::symlink(place.path("open/token"), place.path("closed/link")).unwrap();
    let with = |name: &str| {
        let text = around("", "", "").replace("\"token\"", &format!("\"{name}\""));
        place.parse(&text).map(drop).map_err(|errors| told(&errors))
    };
    for (mode, refused) in [
        (0o755, false),
        (0o775, false),
        (0o777, true),
        (0o702, true),
        (0o1777, false),
    ] {
        place.mode("open", mode);
        let open = place.path("open");
        let open = open.display();
        for name in ["open/token", "open/link", "closed/link"] {
            let path = place.path(name);
            let error = format!(
                "5:21: `access_token_file` in [homeserver]: the file `{}` can be replaced by every user, since `{open}` \
                 is open to all of them (mode {mode:04o}); run `chmod o-w {open}`",
                path.display()
            );
            assert_eq!(
                with(name),
                if refused { Err(vec![error]) } else { Ok(()) },
                "{name} {mode:o}"
            );
        }
        assert_eq!(with("closed/deep/token"), Ok(()));
    }
    // Above it, too.
    place.mode("closed", 0o777);
    let errors = with("closed/deep/token").unwrap_err();
    assert!(errors[0].contains("can be replaced by every user"), "{errors:?}");
    // The mode of what a link leads to is that of the secret.
    place.mode("closed", 0o700);
    place.mode("open", 0o700);
    place.mode("closed/deep/token", 0o644);
    let errors = with("open/link").unwrap_err();
    assert!(
        errors[0].contains("is open to every user (mode 0644)"),
        "{errors:?}"
    );
}

#[test]
fn loading_a_file() {
    let place = Place::new();
    let path = place.path("inviter.toml");
    let error = Config::load(&path, &environment).unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "{}: there is no such file; copy inviter.sample.toml and edit the copy",
            path.display()
        )
    );
    std::fs::write(&path, around("", "", "")).unwrap();
    Config::load(&path, &environment).unwrap();
    std::fs::write(&path, b"# ok\n# \xff\n").unwrap();
    let error = Config::load(&path, &environment).unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "{}:2:3: not UTF-8 from here on; save the file as UTF-8",
            path.display()
        )
    );
}
