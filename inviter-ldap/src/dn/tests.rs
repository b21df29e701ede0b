use proptest::prelude::*;

use super::*;

#[track_caller]
fn dn(text: &str) -> Dn {
    Dn::parse(text).unwrap()
}

#[test]
fn one_name_in_many_spellings() {
    let one = dn("uid=jane,ou=people,dc=example,dc=com");
    for same in [
        "UID=Jane,OU=People,DC=Example,DC=com",
        "uid = jane , ou = people, dc=example ,  dc=com",
        "uid=jane;ou=people;dc=example;dc=com",
        "userid=jane,2.5.4.11=people,OID.0.9.2342.19200300.100.1.25=example,dc=com",
        "uid=\\6aane,ou=people,dc=example,dc=com",
        "uid=\"jane\",ou=people,dc=example,dc=com",
        "uid=#04046a616e65,ou=people,dc=example,dc=com",
    ] {
        assert_eq!(dn(same), one, "{same}");
    }
}

#[test]
fn what_is_special() {
    let one = dn(r"cn=Doe\, Jane,dc=x");
    for same in [
        r"CN=Doe\2C Jane,DC=x",
        r#"cn="Doe, Jane",dc=x"#,
        "cn=doe\\,  jane,dc=x",
    ] {
        assert_eq!(dn(same), one, "{same}");
    }
    assert_eq!(one.as_str(), r"cn=doe\2c jane,dc=x");
    assert_eq!(one.parent().unwrap(), dn("dc=x"));
    assert_ne!(dn(r"cn=a\+b,dc=x"), dn("cn=a+b=c,dc=x"));
    assert_eq!(dn("cn=a+uid=b,dc=x"), dn("UID=b + CN=a,dc=x"));
    assert_eq!(dn("cn=Lučić,dc=x"), dn(r"cn=Lu\C4\8Di\C4\87,dc=x"));
    assert_eq!(dn("cn=MÜLLER,dc=x"), dn("cn=müller,dc=x"));
    assert_eq!(dn(r"cn=\ba,dc=x"), dn("cn=#0401ba,dc=x"));
    assert_eq!(dn(r"cn=a\00b,dc=x").as_str(), r"cn=a\00b,dc=x");
    assert_eq!(dn(r"cn=\ a \ ,dc=x"), dn("cn=a,dc=x"));
    assert_eq!(dn("cn=a=b,dc=x"), dn(r"cn=a\3db,dc=x"));
}

#[test]
fn what_is_none() {
    for (text, error) in [
        ("jane", DnError::NoEquals),
        ("uid=jane,people", DnError::NoEquals),
        ("uid=jane,", DnError::NoEquals),
        ("=jane", DnError::BadType),
        ("u d=jane", DnError::BadType),
        ("uid=\"jane", DnError::BadEscape),
        ("uid=jane\\", DnError::BadEscape),
        ("uid=#0g", DnError::BadHex),
        ("uid=#04 x", DnError::BadEscape),
        ("uid=#040", DnError::BadHex),
    ] {
        assert_eq!(Dn::parse(text), Err(error), "{text}");
    }
}

#[test]
fn above_and_below() {
    let base = dn("ou=people,dc=x");
    assert!(dn("uid=a,OU=People,dc=x").is_within(&base));
    assert!(base.is_within(&base));
    assert!(!dn("uid=a,ou=not-people,dc=x").is_within(&dn("ou=people,dc=x")));
    assert!(!dn("xou=people,dc=x").is_within(&base));
    assert!(!dn(r"cn=a\,ou=people,dc=x").is_within(&base));
    assert!(base.is_within(&dn("")));
    assert!(dn("").is_within(&dn("")));
    assert_eq!(dn("").parent(), None);
    assert_eq!(dn("dc=x").parent(), Some(dn("")));
    assert!(dn(r"cn=MTRX \#a:x,dc=x").names_itself_by("CN", "MTRX #a:x"));
    assert!(!dn("cn=a,dc=x").names_itself_by("cn", "b"));
}

/// Any value, escaped as RFC 4514 section 2.4 has it.
fn escaped(value: &str) -> String {
    let mut out = String::new();
    for (at, c) in value.char_indices() {
        let at_an_end = at == 0 || at + c.len_utf8() == value.len();
        if matches!(c, ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=')
            || at == 0 && c == '#'
            || at_an_end && c == ' '
        {
            out.push('\\');
        }
        if c == '\0' {
            out.push_str("\\00");
        } else {
            out.push(c);
        }
    }
    out
}

proptest! {
    #[test]
    fn never_panics(text in any::<String>()) {
        let _ = Dn::parse(&text);
    }

    #[test]
    fn nearly_a_name(text in "[a-c=,+;\"\\\\# 0-9]{0,24}") {
        if let Ok(dn) = Dn::parse(&text) {
            // The canonical form is a name, and its own canonical form.
            prop_assert_eq!(Dn::parse(dn.as_str()).unwrap(), dn);
        }
    }

    #[test]
    fn values_are_told_apart(a in "\\PC{1,12}", b in "\\PC{1,12}") {
        let of = |value: &str| Dn::parse(&format!("cn={},dc=x", escaped(value))).unwrap();
        let fold = |value: &str| {
            let words: Vec<_> = value.split_whitespace().map(str::to_lowercase).collect();
            // Characters are folded one by one, words are not (the final sigma).
            words.join(" ").replace('ς', "σ")
        };
        let same = of(&a).as_str().replace('ς', "σ") == of(&b).as_str().replace('ς', "σ");
        prop_assert_eq!(same, fold(&a) == fold(&b));
    }

    #[test]
    fn plain_names_take_no_other_way(value in "[a-zA-Z0-9 .@_-]{1,20}") {
        let text = format!("uid={value},OU=People,dc=x");
        if is_plain(&text) {
            prop_assert_eq!(text.to_ascii_lowercase(), Parser::new(&text).dn().unwrap());
        }
    }
}
