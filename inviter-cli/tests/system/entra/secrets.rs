//! Secrets, keys, assertions and tokens stay where they are.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use inviter_graph_emulator::{
    ACCESS_TOKEN_PREFIX, Fault, FaultHandle, ManagedIdentity, Match, Options, Recorded, Trouble,
};
use inviter_testkit::SecretForms;
use percent_encoding::percent_decode_str;
use serde_json::json;

use super::{credentials::certificate, town::Town};
use crate::{
    harness::{Directory, Output, files_below},
    ldap::town::NO_LIMITS,
};

/// Every form of it differs from every other.
const GOOD: &str = "Kn\u{f6}pfe?+/\"&\\%41 of the bot";
const WRONG: &str = "Br\u{fc}cken?+/\"&\\%41 of another";
const FEDERATED: &str = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW0ifQ.c2lnbmF0dXJlIG9mIHRoZSBwbGF0Zm9ybQ";
const OF_MACHINE: &str = "1D3ntity+/header?of the machine";
/// Tokens of links: to where changes begin, to a page of them, and to a page of members.
const DELTA: &str = "d3lta-t0ken_of-the-round.0123456789abcdef";
const PAGE: &str = "sk1p-t0ken_of-the-page.0123456789abcdef";

const FILE: &str = "plan.json";
const TABLE: &str = "removals.csv";

/// How the bot logs in, and what is to be secret then.
struct Case {
    name: &'static str,
    login: &'static str,
    environment: Vec<(&'static str, String)>,
    secrets: Vec<String>,
    code: i32,
    /// Who is taken out of the room's group, where the directory can be read.
    leaves: &'static str,
    /// What has to be in what was sent, percent-decoded.
    sent: String,
}

impl Town {
    /// Runs a command as verbosely as it gets, with the variables of a case.
    async fn tell_all(&self, args: &[&str], case: &Case) -> Result<Output> {
        let args = [args, &["-vvv"]].concat();
        let mut command = self.site.command(&args);
        let done = command.envs(case.environment.iter().map(|(name, value)| (*name, value)));
        Output::of(&args, done.spawn()?.wait_with_output().await?)
    }

    /// What was given and taken on the way since the last look, and was secret: the tokens in requests' headers, in
    /// links, and the assertions.
    fn on_the_way(&self, seen: &mut BTreeSet<String>) -> Vec<Recorded> {
        let emulator = &self.tenancies[0].emulator;
        let requests = emulator.requests();
        emulator.clear_requests();
        for request in &requests {
            if let Some(token) = request
                .header("authorization")
                .and_then(|header| header.strip_prefix("Bearer "))
            {
                seen.insert(token.to_owned());
            }
            let body = String::from_utf8_lossy(&request.body);
            let query = request
                .path_and_query
                .split_once('?')
                .map_or("", |(_, query)| query);
            let pairs = body.split('&').chain(query.split('&'));
            for (name, value) in pairs.filter_map(|pair| pair.split_once('=')) {
                let name = percent_decode_str(name).decode_utf8_lossy();
                if ["client_assertion", "$skiptoken", "$deltatoken"].contains(&&*name) && value != "latest" {
                    seen.insert(percent_decode_str(value).decode_utf8_lossy().into_owned());
                }
            }
        }
        requests
    }

    /// Every command, as text and as JSON, and what it tells.
    async fn reveals_nothing(&mut self, case: &Case) -> Result<()> {
        let person = self.site.user("bob");
        let room = self.site.alias("alpha");
        let commands: [&[&str]; 12] = [
            &["check"],
            &["check", "--json"],
            &["idp"],
            &["plan"],
            &["plan", "--json"],
            &["explain", &person, &room],
            &["explain", &person, &room, "--json"],
            &["sync"],
            &["sync", "--json"],
            &["plan", "--out", FILE, "--removals-csv", TABLE],
            &["apply", FILE],
            &["status"],
        ];
        let mut seen: BTreeSet<String> = case.secrets.iter().cloned().collect();
        let mut outputs = Vec::new();
        for args in commands {
            if case.code == 0 && args.contains(&FILE) && args[0] == "plan" {
                self.change(|directory| {
                    directory.room("alpha").without(case.leaves);
                })?;
            }
            let mut output = self.tell_all(args, case).await?;
            // How things stand is told also of a directory that cannot be read.
            if args != ["status"] {
                output = output.exits(case.code);
            }
            assert!(output.stderr.contains("inviter_azure"), "{output}");
            let requests = self.on_the_way(&mut seen);
            let sent = requests.iter().any(|request| {
                let headers: Vec<String> = request.headers.iter().map(|(_, value)| value.clone()).collect();
                let body = String::from_utf8_lossy(&request.body).replace('+', " ");
                let body = percent_decode_str(&body).decode_utf8_lossy().into_owned();
                body.contains(&case.sent) || headers.contains(&case.sent)
            });
            assert!(sent, "{}: {requests:?} {output}", case.name);
            outputs.push(output);
        }
        if case.code == 0 {
            // Each kind was on its way.
            assert!(seen.iter().any(|secret| secret.starts_with(ACCESS_TOKEN_PREFIX)));
            assert!(seen.contains(PAGE), "{seen:?}");
            assert!(seen.len() > case.secrets.len() + 2, "{seen:?}");
        }
        // The configuration asks nobody.
        for args in [&["config"][..], &["config", "--json"]] {
            outputs.push(self.tell_all(args, case).await?.exits(0));
        }
        let secrets: Vec<&str> = seen.iter().map(String::as_str).collect();
        let secrets = SecretForms::new(&secrets)?;
        for output in outputs {
            for text in [&output.stdout, &output.stderr] {
                assert_eq!(secrets.found(text.as_bytes()), [""; 0], "{} {output}", case.name);
            }
        }
        let mut files = files_below(&self.site.path("state"))?;
        assert!(!files.is_empty());
        if case.code == 0 {
            // Somebody was to go.
            for name in [FILE, TABLE] {
                let text = std::fs::read_to_string(self.site.path(name))?;
                assert!(text.contains(&self.site.user(case.leaves)), "{name}: {text}");
                files.push(self.site.path(name));
            }
        }
        for file in files {
            let bytes = std::fs::read(&file)?;
            assert_eq!(secrets.found(&bytes), [""; 0], "{} {}", case.name, file.display());
        }
        Ok(())
    }
}

/// The lines of a PEM file between its first and its last, and all of them as one.
fn lines_of(pem: &str) -> Vec<String> {
    let lines = pem.lines().filter(|line| !line.starts_with("-----"));
    let lines: Vec<String> = lines.map(str::to_owned).collect();
    let whole = lines.concat();
    lines
        .into_iter()
        .filter(|line| line.len() > 16)
        .chain([whole])
        .collect()
}

/// Graph's answers to what begins and goes on with changes, with tokens that the test knows.
fn mark_changes(town: &Town) -> Vec<FaultHandle> {
    let emulator = &town.tenancies[0].emulator;
    let mut answers = Vec::new();
    for kind in ["users", "groups"] {
        let url = format!("{}/{kind}/delta", emulator.graph_url());
        let answer = |body: serde_json::Value| Trouble::Answer {
            status: 200,
            headers: vec![("content-type", "application/json".to_owned())],
            body: body.to_string(),
        };
        let page = json!({ "value": [], "@odata.nextLink": format!("{url}?$skiptoken={PAGE}") });
        let end = json!({ "value": [], "@odata.deltaLink": format!("{url}?$deltatoken={DELTA}") });
        for (query, body) in [("$select", page), ("$skiptoken", end)] {
            let when = Match::path(&format!("/{kind}/delta?{query}"));
            answers.push(emulator.fault(Fault::always(when, answer(body))));
        }
    }
    answers
}

#[tokio::test]
async fn no_secret_in_any_output() -> Result<()> {
    let mut wanted = Directory::default();
    wanted
        .room("alpha")
        .members(["alice", "bob", "carol", "dora", "erin", "fay", "gus"])
        .owners(["alice"]);
    let options = Options {
        largest_page: 2,
        client_secret: Some(GOOD.to_owned()),
        ..Options::default()
    };
    let mut town = Town::found(vec![("entra", wanted, options)], Directory::default(), NO_LIMITS).await?;
    let answers = mark_changes(&town);
    let key = certificate(&mut town)?;
    town.site.write_secret("federated", FEDERATED)?;
    let machine = ManagedIdentity {
        identity_header: OF_MACHINE.to_owned(),
        ..ManagedIdentity::default()
    };
    let emulator = &town.tenancies[0].emulator;
    emulator.set_federated_token(FEDERATED);
    emulator.set_managed_identity(machine);
    let endpoint = format!("{}/msi/token", emulator.authority());
    let of_secret = |name, given: &str, code| Case {
        name,
        login: "client_secret_env = \"OUR_SECRET\"\n",
        environment: vec![("OUR_SECRET", given.to_owned())],
        secrets: [GOOD, WRONG, DELTA, PAGE].map(str::to_owned).into(),
        code,
        leaves: "dora",
        sent: format!("client_secret={given}"),
    };
    let with_tokens = |more: &[String]| {
        let tokens = [DELTA, PAGE].map(str::to_owned);
        [&tokens, more].concat()
    };
    let cases = [
        of_secret("good", GOOD, 0),
        of_secret("wrong", WRONG, 1),
        Case {
            name: "certificate",
            login: "credential = \"client_certificate\"\ncertificate_file = \"entra.pem\"\nkey_file = \"entra.key\"\n",
            environment: Vec::new(),
            secrets: with_tokens(&lines_of(&key)),
            code: 0,
            leaves: "erin",
            sent: "client_assertion=ey".to_owned(),
        },
        Case {
            name: "workload",
            login: "credential = \"workload_identity\"\nfederated_token_file = \"federated\"\n",
            environment: Vec::new(),
            secrets: with_tokens(&[FEDERATED.to_owned()]),
            code: 0,
            leaves: "fay",
            sent: format!("client_assertion={FEDERATED}"),
        },
        Case {
            name: "machine",
            login: "credential = \"managed_identity\"\n",
            environment: vec![
                ("IDENTITY_ENDPOINT", endpoint.clone()),
                ("IDENTITY_HEADER", OF_MACHINE.to_owned()),
            ],
            secrets: with_tokens(&[OF_MACHINE.to_owned()]),
            code: 0,
            leaves: "gus",
            sent: OF_MACHINE.to_owned(),
        },
        of_secret("expired", GOOD, 1),
    ];
    for case in cases {
        if case.name == "expired" {
            town.tenancies[0].emulator.expire_client_secret();
        }
        case.login.clone_into(&mut town.tenancy().login);
        town.configure()?;
        let before: Vec<usize> = answers.iter().map(FaultHandle::hits).collect();
        town.reveals_nothing(&case).await.context(case.name)?;
        let after = answers.iter().map(FaultHandle::hits);
        // With a token, each of them was given.
        assert!(case.code != 0 || after.zip(before).all(|(after, before)| after > before));
    }
    Ok(())
}
