//! The program: a tenant from a file, changed from outside.

use std::fs;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

async fn start(arguments: &[&str]) -> (Child, Value) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_inviter-graph-emulator"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap().unwrap();
    (child, serde_json::from_str(&line).unwrap())
}

#[tokio::test]
async fn a_tenant_from_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let extension = format!("extension_{}_matrix", "a".repeat(32));
    let description = json!({
        "root": "Matrix rooms",
        "prefix": "MTRX ",
        "users": [
            { "userPrincipalName": "alice@example.org", "displayName": "Alice", "mail": null,
              "onPremisesExtensionAttributes": { "extensionAttribute2": "x" }, (&extension): "y" },
            { "userPrincipalName": "bob@example.org", "id": "2a4e6a1b-6b3b-4a56-9c5d-1d0a2a3b4c5d" },
        ],
        "groups": [
            { "displayName": "Matrix rooms", "members": ["MTRX #walks:example.org"] },
            { "displayName": "MTRX #walks:example.org", "visibility": "Private",
              "members": ["alice@example.org", "a phone"], "owners": ["bob@example.org"] },
        ],
        "others": [{ "kind": "device", "displayName": "A phone" }],
    });
    let file = dir.path().join("tenant.json");
    fs::write(&file, description.to_string()).unwrap();
    let (secret, port) = (dir.path().join("secret"), dir.path().join("port"));
    let arguments = [
        "--tenant",
        file.to_str().unwrap(),
        "--secret-file",
        secret.to_str().unwrap(),
        "--port-file",
        port.to_str().unwrap(),
    ];
    let (mut child, ready) = start(&arguments).await;
    assert_eq!(ready["prefix"], "MTRX ");
    let graph = ready["graph_url"].as_str().unwrap();
    assert!(graph.contains(&format!(":{}/", fs::read_to_string(port).unwrap())));
    let http = reqwest::Client::new();
    let text = |name: &str| ready[name].as_str().unwrap().to_owned();
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}&scope=https://graph.microsoft.com/.default",
        text("client_id"),
        fs::read_to_string(secret).unwrap()
    );
    let url = format!("{}/{}/oauth2/v2.0/token", text("authority"), text("tenant_id"));
    let answer = http.post(url).body(form).send().await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    let token = answer["access_token"].as_str().unwrap();
    let get = async |path: &str| {
        let answer = http
            .get(format!("{graph}{path}"))
            .bearer_auth(token)
            .send()
            .await
            .unwrap();
        answer.json::<Value>().await.unwrap()
    };
    let rooms = get(&format!(
        "/groups/{}/members?$select=displayName",
        text("root_group")
    ))
    .await;
    assert_eq!(rooms["value"][0]["displayName"], "MTRX #walks:example.org");
    let members = format!("/groups/{}/members", rooms["value"][0]["id"].as_str().unwrap());
    assert_eq!(get(&members).await["value"].as_array().unwrap().len(), 2);
    let select = format!("onPremisesExtensionAttributes,{extension}");
    let alice = get(&format!("/users/alice@example.org?$select={select}")).await;
    assert_eq!(alice["onPremisesExtensionAttributes"]["extensionAttribute2"], "x");
    assert_eq!(alice[&extension], "y");

    let change = async |operations: Value| {
        let url = format!("{}/__emulator/change", text("authority"));
        let answer = http.post(url).body(operations.to_string()).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    let (status, done) = change(json!([
        { "op": "add_member", "group": "MTRX #walks:example.org", "member": "bob@example.org" },
        { "op": "disable_user", "user": "alice@example.org" },
        { "op": "set_user", "user": "bob@example.org", "properties": { "mail": "bob@other.example" } },
        { "op": "add_user", "user": { "userPrincipalName": "carol@example.org" } },
    ]))
    .await;
    assert_eq!((status, &done["done"][1]["changed"]), (200, &json!(true)));
    assert_eq!(get(&members).await["value"].as_array().unwrap().len(), 3);
    let bob = get("/users/2a4e6a1b-6b3b-4a56-9c5d-1d0a2a3b4c5d").await;
    assert_eq!(bob["mail"], "bob@other.example");
    let alice = get("/users/alice@example.org?$select=accountEnabled").await;
    assert_eq!(alice["accountEnabled"], false);
    let wrong = json!({ "op": "disable_user", "user": "nobody" });
    assert_eq!(change(wrong).await.0, 400);
    let unknown = json!({ "op": "add_user", "user": { "userPrincipalNam": "x" } });
    assert_eq!(change(unknown).await.0, 400);

    drop(child.stdin.take());
    assert!(child.wait().await.unwrap().success());
}

#[tokio::test]
async fn a_generated_tenant_over_tls() {
    let dir = tempfile::tempdir().unwrap();
    let tls = dir.path().join("tls");
    let arguments = [
        "--rooms",
        "2",
        "--users",
        "9",
        "--tls-dir",
        tls.to_str().unwrap(),
        "--until-signal",
    ];
    let (mut child, ready) = start(&arguments).await;
    drop(child.stdin.take());
    let ca = fs::read(ready["ca_file"].as_str().unwrap()).unwrap();
    let ca = reqwest::Certificate::from_pem(&ca).unwrap();
    let http = reqwest::Client::builder().tls_certs_merge([ca]).build().unwrap();
    let users = format!("{}/users", ready["graph_url"].as_str().unwrap());
    assert_eq!(http.get(users).send().await.unwrap().status(), 401);
    let id = child.id().unwrap().to_string();
    assert!(Command::new("kill").arg(id).status().await.unwrap().success());
    assert!(child.wait().await.unwrap().success());
}
