//! Texts that are there to do harm, from LDAP and from Microsoft Graph, in names and in errors: what the terminal and
//! programs get of them. Those of a directory file and of a homeserver are in `hostile_text.rs`.

use anyhow::Result;
use inviter_graph_emulator::{Fault as GraphFault, Match, Options, Trouble, User};
use inviter_testkit::{
    hostile_documents, hostile_texts, is_readable,
    ldap::{Behaviour, Entries, Entry, Fault, LdapServer},
};
use serde_json::{Value, json};

use crate::{
    entra::tenancy::Tenancy,
    harness::{CONFIG, Directory, Output, Site},
    ldap::town::head,
};

const SUFFIX: &str = "dc=example,dc=test";
const BOT: &str = "cn=bot,dc=example,dc=test";

/// Whatever is asked of it, what the program tells is harmless and yet the names, and its documents are JSON.
async fn is_told(site: &Site, told: &str) -> Result<()> {
    for args in [&["idp", "-vvv"][..], &["plan", "-vv"], &["check"]] {
        let output = site.run(args).await?;
        readable(&output, &format!("{told}: {args:?}"));
        if args[0] == "idp" {
            assert!(output.stdout.contains("evil <b>x</b><script>"), "{output:.3000}");
        }
    }
    let output = site.run(&["idp", "--json"]).await?;
    assert_eq!(inviter_testkit::harmful(&output.stdout), None, "{told}");
    is_readable(&output.stderr, told);
    let document: Value = serde_json::from_str(&output.stdout)?;
    assert!(document.is_object(), "{told}");
    Ok(())
}

#[track_caller]
fn readable(output: &Output, told: &str) {
    is_readable(&output.stdout, told);
    is_readable(&output.stderr, told);
}

/// A person and a group, whose names are such texts, and one of each whose are not; they are members of each other.
fn entries(site: &Site) -> Entries {
    let person = |rdn: &str, uid: &str| {
        Entry::new(format!("uid={rdn},ou=people,{SUFFIX}"))
            .with("objectClass", ["person"])
            .with("uid", [uid])
    };
    let group = |rdn: &str, name: &str, members: Vec<String>| {
        Entry::new(format!("cn={rdn},ou=groups,{SUFFIX}"))
            .with("objectClass", ["groupOfNames"])
            .with("cn", [name])
            .with("member", members)
    };
    let unit =
        |name: &str| Entry::new(format!("ou={name},{SUFFIX}")).with("objectClass", ["organizationalUnit"]);
    let alice = format!("uid=alice,ou=people,{SUFFIX}");
    let mut entries = Entries::new(SUFFIX)
        .with_account(BOT, "secret")
        .with(unit("people"))
        .with(unit("groups"))
        .with(person("alice", &site.alias_name("alice")));
    let mut members = vec![alice.clone()];
    for (ix, (_, text)) in hostile_texts().iter().enumerate() {
        entries = entries.with(person(&format!("p{ix}"), text)).with(group(
            &format!("g{ix}"),
            text,
            vec![alice.clone(), format!("uid={text},ou=people,{SUFFIX}")],
        ));
        let bad = format!("MTRX #bad{text}");
        entries = entries.with(group(&format!("b{ix}"), &bad, vec![alice.clone()]));
        members.push(format!("uid=p{ix},ou=people,{SUFFIX}"));
        members.push(format!("cn=g{ix},ou=groups,{SUFFIX}"));
    }
    let name = format!("MTRX {}", site.alias("lab"));
    entries.with(group("lab", &name, members))
}

#[tokio::test]
async fn of_ldap() -> Result<()> {
    let site = Site::new().await?;
    site.register(["alice"]).await?;
    let server = LdapServer::start(entries(&site), Behaviour::default()).await?;
    site.write_secret("ldap-password", "secret")?;
    let section = format!(
        "[[directory]]\nname = \"ldap\"\nkind = \"ldap\"\n[directory.ldap]\nurls = [\"{}\"]\nbind_dn = \"{BOT}\"\n\
         password_file = \"ldap-password\"\nuser_bases = [\"ou=people,{SUFFIX}\"]\ngroup_bases = \
         [\"ou=groups,{SUFFIX}\"]\n",
        server.url()
    );
    site.write(CONFIG, &(head(&site) + &section))?;
    is_told(&site, "names").await?;

    for (what, text) in hostile_texts() {
        let words = text.clone();
        server.on_request(move |request| request.is_bind().then(|| Fault::result(80, words.clone())));
        let output = site.run(&["idp", "-vv"]).await?.exits(1);
        readable(&output, &format!("log-in: {what}"));
        assert!(
            output.stdout.contains("not read: ldap://") && output.stdout.contains("evil "),
            "{what}: {output:.3000}"
        );
        server.on_search(move |request, _| {
            let referral = Fault::referral(&[&format!("ldap://{text}")]);
            Some(Fault::reference(request, &[&text]).and(referral.before_done()))
        });
        let output = site.run(&["idp", "-vv"]).await?;
        readable(&output, &format!("search: {what}"));
        assert!(output.to_string().contains("evil "), "{what}: {output:.3000}");
    }
    Ok(())
}

#[tokio::test]
async fn of_graph() -> Result<()> {
    let site = Site::new().await?;
    site.register(["alice"]).await?;
    let mut wanted = Directory::default();
    wanted.room("lab").members(["alice"]);
    let tenancy = Tenancy::start(&site, "entra", wanted, Options::default()).await?;
    let (root, lab) = (tenancy.root, tenancy.group("lab"));
    tenancy.emulator.change(|tenant| {
        for (ix, (_, text)) in hostile_texts().into_iter().enumerate() {
            let mut user = User::new(&format!("p{ix}@contoso.example"));
            user.display_name = Some(text.clone());
            let user = tenant.add_user(user);
            let group = tenant.add_group(&text);
            tenant.add_member(group, user);
            tenant.add_member(lab, group);
            let bad = tenant.add_group(format!("MTRX #bad{text}"));
            tenant.add_member(bad, user);
            tenant.add_member(root, bad);
        }
    });
    site.write(CONFIG, &(head(&site) + &tenancy.section()?))?;
    is_told(&site, "names").await?;

    let of_graph = hostile_documents(|text| json!({ "error": { "code": text, "message": text } }));
    let of_authority =
        hostile_documents(|text| json!({ "error": "invalid_client", "error_description": text }));
    for (place, documents) in [(Match::graph(), of_graph), (Match::token(), of_authority)] {
        for (what, body) in documents {
            tenancy.emulator.clear_faults();
            tenancy.emulator.fault(GraphFault::always(
                place.clone(),
                Trouble::Answer {
                    status: 403,
                    headers: vec![("content-type", "application/json".to_owned())],
                    body,
                },
            ));
            let output = site.run(&["idp", "-vv"]).await?.exits(1);
            readable(&output, &format!("{place:?}: {what}"));
            assert!(output.stdout.contains(": not read: "), "{what}: {output:.3000}");
        }
    }
    Ok(())
}

/// Of a directory file with very long names, and of one that is not right because of its texts.
#[tokio::test]
async fn of_a_file() -> Result<()> {
    let site = Site::new().await?;
    let long = "<&\u{1}\u{202e}x".repeat((1 << 20) / 7);
    let names = json!({
        "people": [{ "id": "a", "uid": long }],
        "groups": [{ "id": "g", "name": long, "members": ["a", long] }],
    });
    site.write(crate::harness::DIRECTORY, &names.to_string())?;
    let output = site.run(&["idp", "-vv"]).await?;
    readable(&output, "a megabyte");
    assert!(output.stdout.contains("more characters"), "{output:.3000}");
    for (what, text) in hostile_documents(|text| {
        json!({ "people": [{ "id": "a", "uid": "alice" }], "groups": [{ "id": "g", "name": "x", "unknown": text }] })
    })
    .into_iter()
    .chain(hostile_documents(|text| json!({ "people": [{ "id": text, "uid": { "a": text } }] })))
    {
        site.write(crate::harness::DIRECTORY, &text)?;
        let output = site.run(&["idp", "-vv"]).await?.exits(1);
        readable(&output, what);
        assert!(output.stdout.contains(": not read: "), "{what}: {output:.3000}");
    }
    Ok(())
}
