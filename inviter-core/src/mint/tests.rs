use ruma_common::ServerName;

use super::*;

fn minting() -> Minting {
    Minting {
        server: ServerName::parse("hs.org").unwrap(),
        attribute: "uid".to_owned(),
        before_at: false,
        guests: GuestRule::Skip,
        renames: BTreeMap::new(),
    }
}

fn azure(guests: GuestRule) -> Minting {
    Minting {
        attribute: "userPrincipalName".to_owned(),
        before_at: true,
        guests,
        ..minting()
    }
}

fn account(attribute: &str, value: &str) -> Account {
    Account {
        key: value.into(),
        label: None,
        attributes: [(attribute, value)].into_iter().collect(),
        status: None,
        matrix_id: None,
    }
}

#[track_caller]
fn uid(value: &str) -> String {
    user(minting().mint(&account("uid", value)))
}

#[track_caller]
fn user(minted: Result<Minted, MintError>) -> String {
    match minted {
        Ok(Minted::User(id)) => id.to_string(),
        other => panic!("expected a user ID, got {other:?}"),
    }
}

#[test]
fn takes_the_attribute_in_lower_case() {
    assert_eq!(uid("Jane.Doe"), "@jane.doe:hs.org");
    assert_eq!(user(minting().mint(&account("UID", "jane"))), "@jane:hs.org");
    assert_eq!(uid("a-b_c.d/e+f0"), "@a-b_c.d/e+f0:hs.org");
}

#[test]
fn escapes_as_the_specification_says() {
    assert_eq!(uid("bad user"), "@bad=20user:hs.org");
    assert_eq!(uid("a=b"), "@a=3db:hs.org");
    assert_eq!(uid("a@b:c"), "@a=40b=3ac:hs.org");
    // Only A to Z are lowered, as the appendix says and as homeservers do it for single sign-on.
    assert_eq!(uid("Jörg"), "@j=c3=b6rg:hs.org");
    assert_eq!(uid("JÖRG"), "@j=c3=96rg:hs.org");
}

#[test]
fn the_part_before_the_at_sign() {
    let minting = azure(GuestRule::Skip);
    let minted = minting.mint(&account("userPrincipalName", "Jane@corp.com"));
    assert_eq!(user(minted), "@jane:hs.org");
    let minted = minting.mint(&account("userPrincipalName", "jane"));
    assert_eq!(user(minted), "@jane:hs.org");
}

#[test]
fn guests_are_skipped_or_stripped() {
    let guest = account("userPrincipalName", "Jane_Doe_corp.com#EXT#@tenant.example");
    assert_eq!(azure(GuestRule::Skip).mint(&guest), Ok(Minted::SkippedGuest));
    assert_eq!(user(azure(GuestRule::Strip).mint(&guest)), "@jane_doe:hs.org");
    let whole = Minting {
        before_at: false,
        ..azure(GuestRule::Strip)
    };
    assert_eq!(user(whole.mint(&guest)), "@jane_doe:hs.org");
    let lower = account("userPrincipalName", "jane_corp.com#ext#@tenant.example");
    assert_eq!(azure(GuestRule::Skip).mint(&lower), Ok(Minted::SkippedGuest));
    // A `_` elsewhere, or a lone `#`, makes nobody a guest.
    let member = account("userPrincipalName", "jane_doe#1@corp.com");
    assert_eq!(user(azure(GuestRule::Skip).mint(&member)), "@jane_doe=231:hs.org");
}

#[test]
fn a_guest_without_a_name_is_an_error() {
    let guest = account("userPrincipalName", "_corp.com#EXT#@tenant.example");
    assert!(matches!(
        azure(GuestRule::Strip).mint(&guest),
        Err(MintError::Empty { .. })
    ));
}

#[test]
fn renames_come_last() {
    let mut minting = minting();
    minting
        .renames
        .insert("jane.roe".to_owned(), "jane.doe".to_owned());
    minting.renames.insert("j=c3=b6rg".to_owned(), "joerg".to_owned());
    minting.renames.insert("odd".to_owned(), "Not Valid".to_owned());
    assert_eq!(
        user(minting.mint(&account("uid", "Jane.Roe"))),
        "@jane.doe:hs.org"
    );
    assert_eq!(user(minting.mint(&account("uid", "jörg"))), "@joerg:hs.org");
    let err = minting.mint(&account("uid", "odd")).unwrap_err();
    assert!(err.to_string().contains("@Not Valid:hs.org"), "{err}");
}

#[test]
fn a_missing_attribute_is_named() {
    let err = minting().mint(&account("mail", "jane@corp.com")).unwrap_err();
    assert!(err.to_string().contains("`uid`"), "{err}");
}

#[test]
fn empty_and_overlong_ids_are_errors() {
    assert!(matches!(
        minting().mint(&account("uid", "")),
        Err(MintError::Empty { .. })
    ));
    let at = azure(GuestRule::Skip).mint(&account("userPrincipalName", "@corp.com"));
    assert!(matches!(at, Err(MintError::Empty { .. })));
    // `@` + localpart + `:hs.org` is 255 bytes.
    assert_eq!(uid(&"a".repeat(247)).len(), 255);
    let long = minting().mint(&account("uid", &"a".repeat(248)));
    assert!(matches!(long, Err(MintError::TooLong { length: 256, .. })));
    assert!(matches!(
        minting().mint(&account("uid", &"ö".repeat(100))),
        Err(MintError::TooLong { .. })
    ));
}

#[test]
fn a_whole_matrix_id_stays_as_it_is() {
    let mut account = account("uid", "other");
    account.matrix_id = Some(UserId::parse("@Jane.Doe:hs.org").unwrap());
    assert_eq!(user(minting().mint(&account)), "@Jane.Doe:hs.org");
    account.matrix_id = Some(UserId::parse("@jane doe:hs.org").unwrap());
    assert!(matches!(minting().mint(&account), Err(MintError::Invalid { .. })));
}

#[test]
fn guests_are_known_by_their_principal_name_whatever_ids_are_made_from() {
    let with = |attributes: &[(&str, &str)]| Account {
        attributes: attributes.iter().copied().collect(),
        ..account("mail", "")
    };
    let name = ("userPrincipalName", "jane_corp.com#EXT#@tenant.onmicrosoft.com");
    let mail = |guests| Minting {
        attribute: "mail".to_owned(),
        ..azure(guests)
    };
    let guest = with(&[name, ("mail", "jane@corp.com")]);
    assert_eq!(mail(GuestRule::Skip).mint(&guest), Ok(Minted::SkippedGuest));
    assert_eq!(user(mail(GuestRule::Strip).mint(&guest)), "@jane:hs.org");
    // Not even told as somebody without a mail address.
    assert_eq!(
        mail(GuestRule::Skip).mint(&with(&[name])),
        Ok(Minted::SkippedGuest)
    );
    let member = with(&[
        ("userPrincipalName", "jane@corp.com"),
        ("mail", "jane.doe@corp.com"),
    ]);
    assert_eq!(user(mail(GuestRule::Skip).mint(&member)), "@jane.doe:hs.org");
}
