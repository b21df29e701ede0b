//! The directory file: what it becomes, how complete that is, and what is refused.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::path::PathBuf;

use inviter::{
    FileDirectory,
    core::{
        IdentityProvider,
        directory::{AccountIx, AccountStatus, Directory, Extent, Gap, Group, GroupIx, Member, ProviderId},
        provider::{ProviderError, ProviderErrorKind, ReadRequest},
    },
};
use tempfile::TempDir;

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn read(&self, name: &str) -> Result<Directory, ProviderError> {
        let directory = FileDirectory::new(ProviderId::new("people"), self.path(name));
        // Needs no runtime.
        futures_executor::block_on(directory.read(&ReadRequest::default()))
    }

    fn read_text(&self, name: &str, text: impl AsRef<[u8]>) -> Result<Directory, ProviderError> {
        std::fs::write(self.path(name), text).unwrap();
        self.read(name)
    }
}

fn toml(text: &str) -> Directory {
    Place::new()
        .read_text("d.toml", text)
        .unwrap_or_else(|e| panic!("{e}"))
}

/// What the error says of the file, with the place in it; and its kind.
fn refused(name: &str, text: impl AsRef<[u8]>) -> (ProviderErrorKind, String) {
    let place = Place::new();
    let error = place.read_text(name, text).unwrap_err();
    let text = error.to_string();
    let rest = text
        .strip_prefix(&place.path(name).display().to_string())
        .unwrap();
    let rest = rest.strip_prefix(':').unwrap().trim_start();
    (error.kind, rest.to_owned())
}

fn malformed(name: &str, text: &str) -> String {
    let (kind, message) = refused(name, text);
    assert_eq!(kind, ProviderErrorKind::Malformed, "{message}");
    message
}

fn group<'d>(directory: &'d Directory, name: &str) -> &'d Group {
    directory
        .groups
        .iter()
        .find(|group| &*group.name == name)
        .unwrap()
}

const TOML: &str = r#"
[[people]]
id = "alice"
mail = "alice@example.com"
attributes = { employeeType = "staff", alias = ["al", "ali"] }

[[people]]
id = "b-2"
uid = "bob"
userPrincipalName = "bob@corp.example.com"
enabled = false
matrix_id = "@bobby:example.com"

[[groups]]
name = "MTRX #staff:example.com"
members = ["alice", "b-2", "alice"]
groups = ["board", "7f3c", "board"]
owners = ["b-2"]

[[groups]]
id = "7f3c"
name = "board"
members = []
"#;

const JSON: &str = r#"{
  "people": [
    { "id": "alice", "mail": "alice@example.com",
      "attributes": { "alias": ["al", "ali"], "employeeType": "staff" } },
    { "id": "b-2", "uid": "bob", "userPrincipalName": "bob@corp.example.com", "enabled": false,
      "matrix_id": "@bobby:example.com" }
  ],
  "groups": [
    { "name": "MTRX #staff:example.com", "members": ["alice", "b-2", "alice"],
      "groups": ["board", "7f3c", "board"], "owners": ["b-2"] },
    { "id": "7f3c", "name": "board", "members": [] }
  ]
}"#;

fn check(directory: &Directory) {
    assert!(directory.listing.is_complete());
    let [alice, bob] = directory.accounts.as_slice() else {
        panic!("{directory:?}")
    };
    assert_eq!(
        (&*alice.key, alice.attributes.get("uid")),
        ("alice", Some("alice")),
        "uid is the id by default"
    );
    assert_eq!(alice.attributes.get("MAIL"), Some("alice@example.com"));
    assert_eq!(alice.attributes.all("alias").collect::<Vec<_>>(), ["al", "ali"]);
    assert_eq!(alice.attributes.get("employeeType"), Some("staff"));
    assert_eq!(
        (alice.status, &alice.matrix_id),
        (Some(AccountStatus::Active), &None)
    );
    assert_eq!((&*bob.key, bob.attributes.get("uid")), ("b-2", Some("bob")));
    assert_eq!(bob.status, Some(AccountStatus::Disabled));
    assert_eq!(bob.matrix_id.as_ref().unwrap(), "@bobby:example.com");

    let staff = group(directory, "MTRX #staff:example.com");
    assert_eq!(
        staff.key.as_str(),
        "MTRX #staff:example.com",
        "the name where there is no id"
    );
    assert!(!staff.flattened);
    assert_eq!(
        staff.members.values,
        [
            Member::Account(AccountIx(0)),
            Member::Account(AccountIx(1)),
            Member::Group(GroupIx(1))
        ]
    );
    assert_eq!(staff.owners.values, [Member::Account(AccountIx(1))]);
    assert_eq!(group(directory, "board").key.as_str(), "7f3c");
    for group in &directory.groups {
        assert_eq!(
            (&group.members.extent, &group.owners.extent),
            (&Extent::Complete, &Extent::Complete)
        );
    }
}

#[test]
fn toml_and_json_say_the_same() {
    let place = Place::new();
    check(&place.read_text("d.toml", TOML).unwrap());
    check(&place.read_text("d.json", JSON).unwrap());
    check(&place.read_text("d.JSON", JSON).unwrap());
}

#[test]
fn each_read_reads_anew() {
    let place = Place::new();
    let file = FileDirectory::new(ProviderId::new("people"), place.path("d.toml"));
    assert_eq!(file.id(), ProviderId::new("people"));
    std::fs::write(place.path("d.toml"), TOML).unwrap();
    let read = || futures_executor::block_on(file.read(&ReadRequest::default())).unwrap();
    assert_eq!(read().groups.len(), 2);
    std::fs::write(
        place.path("d.toml"),
        format!("{TOML}[[groups]]\nname = \"third\"\n"),
    )
    .unwrap();
    assert_eq!(read().groups.len(), 3);
}

#[tokio::test]
async fn reads_under_a_runtime_too() {
    let place = Place::new();
    std::fs::write(place.path("d.toml"), TOML).unwrap();
    let file = FileDirectory::new(ProviderId::new("people"), place.path("d.toml"));
    check(&file.read(&ReadRequest::default()).await.unwrap());
}

#[test]
fn references_that_lead_nowhere_make_only_their_group_incomplete() {
    let place = Place::new();
    let text = "[[people]]\nid = \"a\"\n\
                [[groups]]\nname = \"g\"\nmembers = [\"a\", \"ghost\"]\n\
                [[groups]]\nname = \"o\"\nmembers = [\"a\"]\nowners = [\"ghost\"]\n\
                [[groups]]\nname = \"n\"\ngroups = [\"nowhere\", \"twin\"]\n\
                [[groups]]\nid = \"1\"\nname = \"twin\"\n[[groups]]\nid = \"2\"\nname = \"twin\"\n";
    let directory = place.read_text("d.toml", text).unwrap();
    let file = place.path("d.toml").display().to_string();
    let gap = |what: &str, why: String| Gap {
        what: what.to_owned(),
        why,
    };
    assert!(directory.listing.is_complete());

    let g = group(&directory, "g");
    assert_eq!(
        g.members.values,
        [Member::Account(AccountIx(0)), Member::Unresolved("ghost".into())]
    );
    assert_eq!(
        g.members.extent.gaps(),
        [gap(
            "ghost",
            format!(
                "listed in `members` of the group `g` in {file}, and nobody there has this id; correct it, or add the \
                 person"
            )
        )]
    );
    assert!(g.owners.extent.is_complete());

    let o = group(&directory, "o");
    assert!(o.members.extent.is_complete());
    assert_eq!(o.owners.extent.gaps().len(), 1);
    assert!(
        o.owners.extent.gaps()[0]
            .why
            .contains("`owners` of the group `o`")
    );

    let n = group(&directory, "n");
    assert_eq!(
        n.members.extent.gaps(),
        [
            gap(
                "nowhere",
                format!(
                    "listed in `groups` of the group `n` in {file}, and no group there has this id or name; correct it, \
                     or add the group"
                )
            ),
            gap(
                "twin",
                format!(
                    "listed in `groups` of the group `n` in {file}, and several groups there have this name; write the \
                     id of one"
                )
            )
        ]
    );
}

#[test]
fn groups_may_contain_each_other() {
    let directory = toml(
        "[[people]]\nid = \"a\"\n[[groups]]\nname = \"x\"\ngroups = [\"y\"]\n[[groups]]\nname = \"y\"\ngroups = [\"x\"]\n",
    );
    assert_eq!(group(&directory, "x").members.values, [Member::Group(GroupIx(1))]);
    assert_eq!(group(&directory, "y").members.values, [Member::Group(GroupIx(0))]);
}

#[test]
fn errors_are_told_all_at_once_with_their_places() {
    let message = malformed(
        "d.toml",
        "[[people]]\nid = \"a\"\nenable = false\n[[people]]\nid = \"a\"\n[[people]]\nuid = \"x\"\nmatrix_id = \"x\"\n\
         [[groups]]\nmembers = \"a\"\n[[grups]]\n",
    );
    assert_eq!(
        message,
        "3:1: unknown key `enable` in [people], did you mean `enabled`?; \
         5:6: two people have the id `a`; ids must be unique; \
         6:1: a person has no `id`; give them one that stays; \
         8:13: `matrix_id` in [people]: `x` is not a user ID (leading sigil is incorrect or missing); write it like \
         \"@name:example.com\"; \
         9:1: a group has no `name`; it says which room the group stands for; \
         10:11: `members` in [groups] must be a list, not a string; \
         11:3: unknown key `grups`, did you mean `groups`?"
    );
}

#[test]
fn json_errors_have_places_too() {
    let message = malformed(
        "d.json",
        "{\n  \"people\": [ { \"id\": \"a\", \"enable\": true } ],\n  \"groups\": [ { \"nam\\u0065\": 3 } ],\n  \"x\": 1.5\n}",
    );
    assert_eq!(
        message,
        "2:28: unknown key `enable` in [people], did you mean `enabled`?; \
         3:30: `name` in [groups] must be a string, not an integer; write \"3\"; \
         4:3: unknown key `x`; it knows `people` and `groups`"
    );
    assert_eq!(
        malformed("d.json", "{\n  \"people\": [\n    { \"id\": }\n  ]\n}"),
        "3:13: not well-formed JSON: expected value"
    );
    assert_eq!(
        malformed("d.json", "{ \"people\": [], \"people\": [], \"groups\": [] }"),
        "1:17: duplicate key `people`"
    );
    assert_eq!(
        malformed("d.json", "[1]"),
        "1:1: the file must be a table, not a list"
    );
    let deep = format!("{{\"people\": {}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    assert!(malformed("d.json", &deep).contains("objects and lists are nested deeper than 32"));
}

#[test]
fn toml_syntax_errors_have_places() {
    let message = malformed("d.toml", "[[people]]\nid = \"a\n");
    assert!(message.starts_with("2:8: not well-formed TOML: "), "{message}");
    let deep = format!("people = {}{}", "[".repeat(200), "]".repeat(200));
    assert!(!malformed("d.toml", &deep).is_empty());
}

#[test]
fn a_directory_that_shrank_to_nothing_is_refused() {
    let person = "[[people]]\nid = \"a\"\n";
    for (name, text, what) in [
        ("d.toml", "", "the file is empty"),
        ("d.json", " \n", "the file is empty"),
        ("d.toml", "# nothing\n", "the file has no people and no groups"),
        ("d.json", "{}", "the file has no people and no groups"),
        ("d.toml", "[[groups]]\nname = \"g\"\n", "the file has no people"),
        ("d.toml", person, "the file has no groups"),
        (
            "d.json",
            "{\"people\": [{\"id\": \"a\"}], \"groups\": []}",
            "the file has no groups",
        ),
    ] {
        assert_eq!(
            malformed(name, text),
            format!(
                "{what}: the directory shrank to nothing, which is refused because it would remove everybody; restore \
                 the file, or take the directory out of the configuration"
            )
        );
    }
}

#[test]
fn duplicate_groups() {
    let text = "[[people]]\nid = \"a\"\n[[groups]]\nname = \"g\"\n[[groups]]\nname = \"g\"\n";
    assert_eq!(
        malformed("d.toml", text),
        "6:8: two groups have the id `g`; give each an `id` of its own, or make them one group"
    );
    let text = "[[people]]\nid = \"a\"\n[[groups]]\nname = \"g\"\n[[groups]]\nid = \"g\"\nname = \"h\"\n";
    assert_eq!(
        malformed("d.toml", text),
        "6:6: two groups have the id `g`; ids must be unique"
    );
}

#[test]
fn attributes_twice_and_of_wrong_type() {
    let text = "[[people]]\nid = \"a\"\nuid = \"a\"\nattributes = { UID = \"b\", n = 1 }\n[[groups]]\nname = \"g\"\n";
    assert_eq!(
        malformed("d.toml", text),
        "4:16: the attribute `UID` is given twice for this person; 4:31: the attribute `n` must be a string, not an \
         integer; write \"1\""
    );
}

#[test]
fn files_that_cannot_be_read() {
    let place = Place::new();
    let error = place.read("none.toml").unwrap_err();
    assert_eq!(error.kind, ProviderErrorKind::Misconfigured);
    assert_eq!(
        error.message,
        "there is no such file; correct `path` of the directory, or put the file there"
    );
    assert!(error.source.is_some());

    std::fs::create_dir(place.path("folder.toml")).unwrap();
    let error = place.read("folder.toml").unwrap_err();
    assert_eq!(
        error.message,
        "is not a file; `path` of the directory must name one"
    );

    let (kind, message) = refused("d.yaml", "people: []");
    assert_eq!(kind, ProviderErrorKind::Misconfigured);
    assert_eq!(
        message,
        "the name must end in .toml or .json, which says how the file is read"
    );

    let (_, message) = refused("d.toml", b"# ok\n# \xff\n");
    assert_eq!(message, "2:3: not UTF-8 from here on; save the file as UTF-8");
}

#[test]
fn a_file_beyond_64_mib_is_refused() {
    let place = Place::new();
    // Sparse: takes no room on the disk.
    let file = std::fs::File::create(place.path("d.json")).unwrap();
    file.set_len(64 * 1024 * 1024 + 1).unwrap();
    let error = place.read("d.json").unwrap_err();
    assert_eq!(
        error.message,
        "is larger than 64 MiB, which no directory file should be; check what writes it"
    );
}

#[test]
fn many_errors_are_cut_short() {
    let text = "[[people]]\nx = 1\n".repeat(30);
    let message = malformed("d.toml", &text);
    assert!(message.ends_with("; and 40 more errors"), "{message}");
}
