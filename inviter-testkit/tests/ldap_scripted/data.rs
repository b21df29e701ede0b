//! What the servers of these tests serve.

use inviter_testkit::ldap::{Behaviour, Entries, Entry, LdapServer};

pub(crate) const ADMIN: &str = "cn=admin,dc=example,dc=org";
pub(crate) const PASSWORD: &str = "secret";

/// Three people and two groups.
pub(crate) fn entries() -> Entries {
    let person = |uid: &str, number: u32| {
        Entry::new(format!("uid={uid},ou=people,dc=example,dc=org"))
            .with("objectClass", ["person"])
            .with("uid", [uid])
            .with("uidNumber", [number.to_string()])
            .with_operational("entryUUID", [format!("{number:08}-0000-4000-8000-000000000000")])
    };
    let unit = |name: &str| {
        Entry::new(format!("ou={name},dc=example,dc=org")).with("objectClass", ["organizationalUnit"])
    };
    Entries::new("dc=example,dc=org")
        .with_account(ADMIN, PASSWORD)
        .with(unit("people"))
        .with(person("ada", 9))
        .with(person("bob", 10))
        .with(person("eve", 11).with("jpegPhoto", [[0xff_u8, 0xd8, 0x00]]))
        .with(unit("groups"))
        .with(group("walkers", ["ada", "bob"]))
        .with(group("cooks (evening)", ["eve"]))
}

pub(crate) fn group<const N: usize>(name: &str, members: [&str; N]) -> Entry {
    Entry::new(format!("cn={name},ou=groups,dc=example,dc=org"))
        .with("objectClass", ["groupOfNames"])
        .with("cn", [name])
        .with(
            "member",
            members.map(|uid| format!("uid={uid},ou=people,dc=example,dc=org")),
        )
}

/// A directory with one group of as many members, `uid=0` and so on.
pub(crate) fn big_group(members: usize) -> Entries {
    let members = (0..members).map(|number| format!("uid={number}"));
    let group = Entry::new("cn=big,dc=example,dc=org")
        .with("objectClass", ["group"])
        .with("member", members);
    Entries::new("dc=example,dc=org").with(group)
}

pub(crate) async fn serve(behaviour: Behaviour) -> LdapServer {
    LdapServer::start(entries(), behaviour).await.unwrap()
}
