//! Microsoft's own client takes the emulator's refusals for what they are, and its tokens.

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use inviter_graph_emulator::{Fault, Match, Trouble};

use crate::emulator::Served;
use crate::{shape, world};

/// Status, code and message, and that the rest is what errors of the directory have.
fn told(failed: &Value) -> (u64, String, String) {
    assert_eq!(failed["exception"], "ODataError", "{failed:#}");
    assert_eq!(
        (&failed["unknown"], &failed["unknown_inner"]),
        (&json!([]), &json!([])),
        "{failed:#}"
    );
    for id in ["request_id", "client_request_id"] {
        assert!(failed[id].as_str().is_some_and(shape::is_guid), "{failed:#}");
    }
    assert!(failed["date"].is_string(), "{failed:#}");
    let text = |key: &str| failed[key].as_str().unwrap_or_default().to_owned();
    (
        failed["status"].as_u64().unwrap_or_default(),
        text("code"),
        text("message"),
    )
}

#[tokio::test]
async fn the_client_gets_tokens_and_is_refused() -> Result<()> {
    let mut served = Served::start().await?;
    tokens_are_given_for_the_secret_and_for_the_certificate(&mut served)
        .await
        .context("tokens are given for the secret and for the certificate")?;
    errors_have_statuses_codes_and_messages(&mut served)
        .await
        .context("errors have statuses codes and messages")?;
    objects_without_a_permission_come_as_type_and_id(&mut served)
        .await
        .context("objects without a permission come as type and id")?;
    Ok(())
}

async fn errors_have_statuses_codes_and_messages(served: &mut Served) -> Result<()> {
    let groups = served.groups;
    let emulator = &served.emulator;
    let reader = &mut served.reader;
    let missing = "00000000-0000-4000-8000-00000000abcd";

    let failed = reader
        .failure(json!({"do": "one", "of": "user", "user": missing}))
        .await?;
    let message = format!(
        "Resource '{missing}' does not exist or one of its queried reference-property objects are not present."
    );
    assert_eq!(
        told(&failed),
        (404, "Request_ResourceNotFound".to_owned(), message)
    );

    let failed = reader
        .failure(json!({"do": "pages", "of": "members", "group": groups.large, "top": 1000}))
        .await?;
    let message = "Invalid page size specified: '1000'. Must be between 1 and 999 inclusive.";
    assert_eq!(
        told(&failed),
        (400, "Request_UnsupportedQuery".to_owned(), message.to_owned())
    );

    let question = json!({"do": "pages", "of": "users", "with": "token of.bad.news"});
    let failed = reader.failure(question).await?;
    let (status, code, _) = told(&failed);
    assert_eq!((status, code.as_str()), (401, "InvalidAuthenticationToken"));
    assert!(
        failed["headers"]["www-authenticate"]
            .as_str()
            .is_some_and(|text| text.starts_with("Bearer"))
    );

    let first = reader
        .ask(json!({"do": "pages", "of": "users/delta", "select": ["id"]}))
        .await?;
    let link = first["delta_link"].clone();
    emulator.fault(Fault::once(Match::path("deltatoken"), Trouble::Gone));
    let failed = reader
        .failure(json!({"do": "pages", "of": "users/delta", "link": link}))
        .await?;
    let (status, code, _) = told(&failed);
    assert_eq!((status, code.as_str()), (410, "syncStateNotFound"));

    emulator.grant(&["User.Read.All"]);
    let failed = reader
        .failure(json!({"do": "pages", "of": "groups", "with": "secret sync"}))
        .await?;
    let message = "Insufficient privileges to complete the operation.";
    assert_eq!(
        told(&failed),
        (403, "Authorization_RequestDenied".to_owned(), message.to_owned())
    );
    Ok(())
}

async fn objects_without_a_permission_come_as_type_and_id(served: &mut Served) -> Result<()> {
    let tenant = served.tenant();
    let groups = served.groups;
    let emulator = &served.emulator;
    let reader = &mut served.reader;
    emulator.grant(&["GroupMember.Read.All"]);
    let members = reader
        .ask(json!({"do": "pages", "of": "members", "group": groups.mixed}))
        .await?;
    assert_eq!(
        world::seen_classes(world::all(&members)),
        world::classes(&tenant, tenant.members(groups.mixed))
    );
    for held in world::all(&members).filter(|held| held["class"] != "Group") {
        assert_eq!(
            world::seen_properties(held),
            json!({"id": held["json"]["id"]}),
            "nulls only"
        );
    }
    Ok(())
}

async fn tokens_are_given_for_the_secret_and_for_the_certificate(served: &mut Served) -> Result<()> {
    let groups = served.groups;
    let emulator = &served.emulator;
    let reader = &mut served.reader;
    let key = reader.key_file();
    let certificate = reader.ask(json!({"do": "certificate", "key": key})).await?;
    // A certificate that nobody has registered is refused.
    let failed = reader
        .failure(json!({"do": "token", "login": "certificate"}))
        .await?;
    assert_eq!(failed["status"], 401, "{failed:#}");
    assert_eq!(failed["body"]["error"], "invalid_client", "{failed:#}");

    let der = certificate.as_str().context("no certificate")?;
    emulator.register_certificate(STANDARD.decode(der)?);
    for login in ["secret", "secret sync", "certificate", "certificate sync"] {
        let token = reader
            .ask(json!({"do": "token", "login": login}))
            .await
            .context(login)?;
        assert_eq!(token["type"], "Bearer", "{login}");
        let seconds = token["expires_in"].as_f64().context("no seconds")?;
        assert!((3000.0..90_000.0).contains(&seconds), "{login}: {seconds}");
        // The token is good for Graph, as is what the client asks for by itself.
        let bare = format!("token {}", token["token"].as_str().context("no token")?);
        for with in [login, &bare] {
            let question = json!({"do": "one", "of": "group", "group": groups.empty, "with": with});
            let held = reader.ask(question).await.context(login)?;
            assert_eq!(held["json"]["displayName"], "Empty", "{login}");
        }
    }
    let question = json!({"do": "token", "login": "certificate sync", "send_certificate_chain": true});
    reader
        .ask(question)
        .await
        .context("with the certificate in the assertion")?;

    for login in ["secret", "secret sync"] {
        let failed = reader
            .failure(json!({"do": "token", "login": login, "secret": "wrong"}))
            .await?;
        assert_eq!(failed["exception"], "ClientAuthenticationError");
        let text = failed["text"].as_str().unwrap_or_default();
        assert!(text.contains("AADSTS7000215"), "{failed:#}");
    }
    let question = json!({"do": "token", "login": "secret", "scope": "https://example.test/.default"});
    let failed = reader.failure(question).await?;
    assert_eq!(failed["status"], 400, "{failed:#}");
    Ok(())
}
