//! What is told when a description of a server is wrong: one sentence each, at its place.

use super::{LEAST, directory, least_with, wrong};
use crate::{around, error_of, errors_of, lines::without, wrong_end};

#[test]
fn what_is_missing() {
    let bare = "[[directory]]\nname = \"corp\"\nkind = \"ldap\"\n";
    wrong_end(
        bare,
        "\"ldap\"",
        "the section [directory.ldap] is missing; it needs `urls`, `bind_dn`, `password_file`, `user_bases` and \
         `group_bases`",
    );
    wrong_end(
        &format!("{bare}ldap = [\"ldaps://a\"]"),
        "[\"ldaps://a\"]",
        "`directory.ldap` must be a table, not a list",
    );
    let errors = errors_of(&around("", "", &directory("")));
    let errors: Vec<&str> = errors
        .iter()
        .map(|error| error.split_once(": ").unwrap().1)
        .collect();
    assert_eq!(
        errors,
        [
            "`urls` in [directory.ldap] is missing; write a URL, such as \"ldaps://ldap.example.com\"",
            "`bind_dn` in [directory.ldap] is missing; write the name that the bot logs in with, such as \
             \"cn=inviter,dc=example,dc=com\", or `bind = \"anonymous\"` if it needs none",
            "[directory.ldap] needs `password_file` or `password_env` for `bind_dn`",
            "`user_bases` in [directory.ldap] is missing; write a DN, such as \"ou=people,dc=example,dc=com\"",
            "`group_bases` in [directory.ldap] is missing; write a DN, such as \"ou=people,dc=example,dc=com\"",
        ]
    );
    wrong(
        &least_with("urls = []"),
        "[]",
        "`urls` in [directory.ldap] is empty; write at least a URL, such as \"ldaps://ldap.example.com\"",
    );
    wrong(
        &least_with("group_bases = []"),
        "[]",
        "`group_bases` in [directory.ldap] is empty; write at least a DN, such as \"ou=people,dc=example,dc=com\"",
    );
    wrong(
        &least_with("user_bases = \"dc=x\""),
        "\"dc=x\"",
        "`user_bases` in [directory.ldap] must be a list, not a string",
    );
}

/// Whoever cannot log in learns of all the rest at once as well.
#[test]
fn all_errors_at_once() {
    let server = format!(
        "{}page_size = 1\nread_timeout = \"0s\"\nmatrix_id = \"(\"\nignore_referrals = [\"x\"]\nca_file = \"nowhere\"\n\
         user_filter = \"x\"",
        without(LEAST, &["bind_dn"])
    );
    let errors = errors_of(&around("", "", &directory(&server)));
    for key in [
        "bind_dn",
        "page_size",
        "read_timeout",
        "matrix_id",
        "ignore_referrals",
        "ca_file",
        "user_filter",
    ] {
        let told = errors
            .iter()
            .filter(|error| error.contains(&format!(": `{key}` in")));
        assert_eq!(told.count(), 1, "{key}: {errors:#?}");
    }
    assert_eq!(errors.len(), 7, "{errors:#?}");
}

#[test]
fn sections_of_another_kind() {
    wrong_end(
        &directory(LEAST).replace("kind = \"ldap\"", "kind = \"ldap\"\npath = \"corp.toml\""),
        "\"corp.toml\"",
        "`path` in [directory] is for `kind = \"file\"`; leave it out, or correct `kind`",
    );
    wrong_end(
        &directory(LEAST).replace("kind = \"ldap\"", "kind = \"file\"\npath = \"corp.toml\""),
        "[directory.ldap]",
        "`ldap` in [directory] is for `kind = \"ldap\"`; leave it out, or correct `kind`",
    );
    wrong_end(
        &directory(LEAST).replace("kind = \"ldap\"", "kind = \"Ldap\""),
        "\"Ldap\"",
        "`kind` in [directory]: `Ldap` is unknown, did you mean `ldap`?",
    );
}

#[test]
fn urls() {
    let url = |url: &str, message: &str| {
        wrong(
            &least_with(&format!("urls = [\"ldaps://a\", '{url}']")),
            &format!("'{url}'"),
            &format!("`urls` in [directory.ldap]: {message}"),
        );
    };
    url(
        "ldap://ldap.example.com",
        "`ldap://ldap.example.com` would send the bot's password unencrypted; use ldaps://, or set `start_tls = true`, \
         or `danger_allow_plain_ldap = true` if the way there is safe",
    );
    // A name may lead anywhere.
    url(
        "ldap://localhost.example.com",
        "`ldap://localhost.example.com` would send the bot's password unencrypted; use ldaps://, or set `start_tls = \
         true`, or `danger_allow_plain_ldap = true` if the way there is safe",
    );
    url(
        "ldap.example.com",
        "`ldap.example.com` is no LDAP URL (relative URL without a base); write it like \"ldaps://ldap.example.com\" or \
         \"ldaps://ldap.example.com:636\"",
    );
    url(
        "https://ldap.example.com",
        "`https://ldap.example.com` is no LDAP URL (its scheme is not ldaps, ldap or ldapi); write it like \
         \"ldaps://ldap.example.com\" or \"ldaps://ldap.example.com:636\"",
    );
    url(
        "ldaps://a/dc=example,dc=com",
        "`ldaps://a/dc=example,dc=com` is no LDAP URL (it has more than host and port; the base has a key of its own); \
         write it like \"ldaps://ldap.example.com\" or \"ldaps://ldap.example.com:636\"",
    );
    for with_password in ["ldaps://bot:hunter2@a", "ldaps://hunter2@a"] {
        url(
            with_password,
            "a URL with a user name or password in it is not accepted; write it like \"ldaps://ldap.example.com\"",
        );
    }
    for odd in ["bot:hunter2@a", "ldaps://bot:hunter2@a:x"] {
        let error = error_of(&around(
            "",
            "",
            &directory(&least_with(&format!("urls = [\"{odd}\"]"))),
        ));
        assert!(
            error.contains("is no LDAP URL") && !error.contains("hunter2"),
            "{error}"
        );
    }
}

#[test]
fn names_and_filters() {
    for key in ["user_bases", "group_bases", "ignore_referrals", "placeholders"] {
        for (dn, why) in [
            ("persons", "a part of it has no `=`"),
            ("=people", "what stands before a `=` is no attribute"),
            ("ou=people\\\\", "an escape or a quotation in it does not end"),
            ("ou=#0g", "what follows a `#` is not hexadecimal"),
        ] {
            let shown = dn.replace("\\\\", "\\");
            wrong(
                &least_with(&format!("{key} = [\"{dn}\"]")),
                &format!("\"{dn}\""),
                &format!(
                    "`{key}` in [directory.ldap]: `{shown}` is not a distinguished name ({why}); write it like \
                     \"ou=people,dc=example,dc=com\""
                ),
            );
        }
    }
    for key in ["user_filter", "group_filter", "disabled_filter"] {
        for filter in ["uid=*", "(uid=*", "(uid=*))", "(&(uid=*)", "all people"] {
            wrong(
                &least_with(&format!("{key} = \"{filter}\"")),
                &format!("\"{filter}\""),
                &format!(
                    "`{key}` in [directory.ldap]: `{filter}` is not a search filter (RFC 4515); write it like \
                     \"(objectClass=person)\", with `\\2a` for a `*` in a value"
                ),
            );
        }
    }
}

#[test]
fn attributes() {
    let told = |key: &str, section: &str| {
        format!(
            "`{key}` in [{section}]: `uid)(x=` is not the name of an attribute; write it with letters, digits and `-` \
             only, such as \"cn\""
        )
    };
    let wrong_attribute = "\"uid)(x=\"";
    for key in ["members", "member_logins", "owners", "ids"] {
        wrong(
            &least_with(&format!("{key} = [\"cn\", {wrong_attribute}]")),
            wrong_attribute,
            &told(key, "directory.ldap"),
        );
    }
    for key in ["group_name", "login", "matrix_id"] {
        wrong(
            &least_with(&format!("{key} = {wrong_attribute}")),
            wrong_attribute,
            &told(key, "directory.ldap"),
        );
    }
    wrong_end(
        &directory(LEAST).replace(
            "[directory.ldap]",
            &format!("attribute = {wrong_attribute}\n[directory.ldap]"),
        ),
        wrong_attribute,
        &told("attribute", "directory"),
    );
    let nobody = "`members` and `member_logins` in [directory.ldap] are both empty, so nobody would be in any group; name \
                  the attribute of groups with their members";
    wrong(&least_with("members = []"), "[]", nobody);
    let server = least_with("member_logins = []") + "schema = \"posix_group\"";
    wrong(&server, "[directory.ldap]", nobody);
}

#[test]
fn words_and_numbers() {
    let one = |line: &str, what: &str, message: &str| wrong(&least_with(line), what, message);
    one(
        "schema = \"groupofnames\"",
        "\"groupofnames\"",
        "`schema` in [directory.ldap]: `groupofnames` is unknown, did you mean `group_of_names`?",
    );
    one(
        "schema = \"samba\"",
        "\"samba\"",
        "`schema` in [directory.ldap]: `samba` is unknown; write `group_of_names`, `group_of_unique_names`, \
         `posix_group`, `active_directory` or `freeipa`",
    );
    one(
        "primary_group = \"gidnumber\"",
        "\"gidnumber\"",
        "`primary_group` in [directory.ldap]: `gidnumber` is unknown, did you mean `gidNumber`?",
    );
    one(
        "disabled_by = [\"shadowExpires\"]",
        "\"shadowExpires\"",
        "`disabled_by` in [directory.ldap]: `shadowExpires` is unknown, did you mean `shadowExpire`?",
    );
    for (key, default) in [
        ("connect_timeout", 10),
        ("operation_timeout", 60),
        ("read_timeout", 900),
    ] {
        one(
            &format!("{key} = \"0s\""),
            "\"0s\"",
            &format!(
                "`{key}` in [directory.ldap] is 0, so every request would fail; leave it out for {default}s"
            ),
        );
    }
    for size in [9, 20_001] {
        one(
            &format!("page_size = {size}"),
            &size.to_string(),
            &format!("`page_size` in [directory.ldap] is {size} and must be between 10 and 20000"),
        );
    }
    for limit in ["0", "15", "1048577", "-1", "99999999999"] {
        one(
            &format!("read_limit_mib = {limit}"),
            limit,
            &format!("`read_limit_mib` in [directory.ldap] is {limit} and must be between 16 and 1048576"),
        );
    }
    one(
        "user_base = [\"dc=x\"]",
        "user_base = ",
        "unknown key `user_base` in [directory.ldap], did you mean `user_bases`?",
    );
}
