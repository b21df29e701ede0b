//! What can go wrong with a whole tenant.

use std::time::Duration;

use anyhow::Result;
use inviter_graph_emulator::{Match, Trouble};

use super::{
    faults::always,
    rights::{ALL, GROUPS, HIDDEN, USERS, grant},
    tenancy::Tenancy,
    trial::{self, Case},
};
use crate::harness::Site;

/// What is told where nothing could be read.
const UNREAD: &str = "could not be read (";
const NOBODY: &str = "nobody is removed from the rooms that it feeds";

/// A fault because of which nothing can be read.
fn of(
    name: &'static str,
    told: &[&str],
    begin: impl Fn(&mut Tenancy, &Site) -> Result<()> + 'static,
) -> Case {
    Case::of_tenant(name, &[&[UNREAD, NOBODY], told].concat(), begin)
}

/// All of Graph's answers are like this.
fn answers(name: &'static str, trouble: Trouble, told: &[&str]) -> Case {
    of(name, told, always(|_| Match::graph(), trouble))
}

fn of_answers() -> Vec<Case> {
    let later = "run again later";
    let throttled = |retry_after| Trouble::Throttle { retry_after };
    let slow = Trouble::Slow(Duration::from_secs(5));
    let elsewhere = Trouble::Redirect("http://127.0.0.1:1".to_owned());
    let url = "check the URL of Graph";
    vec![
        answers(
            "unauthorized",
            Trouble::Status(401),
            &["does not accept the access token", "clock"],
        ),
        answers("throttled", throttled(Some(400)), &["rate limit", later, "400 s"]),
        answers(
            "busy",
            throttled(None),
            &["reading took more than 3 s", later, "read_timeout"],
        )
        .keys("read_timeout = \"3s\"\n"),
        answers(
            "broken",
            Trouble::Status(500),
            &["Graph cannot answer", "(500", later],
        ),
        answers("gateway", Trouble::HtmlStatus(502), &["web page", "(502", later]),
        answers(
            "cut",
            Trouble::Cut,
            &["broke the connection before the answer was complete", later],
        ),
        answers("halved", Trouble::Truncated, &["the answer is cut off", url]),
        answers("slow", slow, &["did not answer within 1 s", later]).keys("request_timeout = \"1s\"\n"),
        answers("elsewhere", elsewhere, &["redirects to", url]),
    ]
}

fn of_tokens() -> Vec<Case> {
    let down = always(|_| Match::token(), Trouble::Status(503));
    vec![
        of(
            "notoken",
            &[
                "no access token can be had",
                "has trouble of its own (status 503)",
                "try again later",
            ],
            down,
        ),
        of(
            "wrong",
            &["the client secret is wrong", "write a secret of the application"],
            |tenancy, site| tenancy.write_secret(site, "another secret"),
        )
        .mended_by(|tenancy, site| tenancy.write_secret(site, &tenancy.emulator.client_secret())),
        of(
            "expired",
            &[
                "the client secret has expired",
                "make a new one for the application",
            ],
            |tenancy, _| {
                tenancy.emulator.expire_client_secret();
                Ok(())
            },
        )
        .mended_by(|tenancy, site| {
            tenancy.emulator.set_client_secret("a new s3cret");
            tenancy.write_secret(site, "a new s3cret")
        }),
    ]
}

fn of_rights() -> Vec<Case> {
    let people = "grant the application the permission User.Read.All";
    let told = [
        "not everything could be read of groups",
        "Graph does not show the name and the status of",
        people,
    ];
    vec![
        of(
            "denied",
            &["grant the application the permission GroupMember.Read.All"],
            grant(&[USERS]),
        )
        .mended_by(grant(&ALL)),
        Case::of_tenant("revoked", &told, grant(&[GROUPS, HIDDEN])).mended_by(grant(&ALL)),
        Case::of_tenant("basic", &told, grant(&[GROUPS, "User.ReadBasic.All", HIDDEN]))
            .mended_by(grant(&ALL)),
    ]
}

#[tokio::test]
async fn tenants_that_cannot_be_read() -> Result<()> {
    trial::all(
        [of_answers(), of_tokens(), of_rights()]
            .into_iter()
            .flatten()
            .collect(),
    )
    .await
}
