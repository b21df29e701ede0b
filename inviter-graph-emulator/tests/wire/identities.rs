//! How tokens are given, and to whom.

use std::fs;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use inviter_graph_emulator::{
    ACCESS_TOKEN_PREFIX, Emulator, ManagedIdentity, Options, SECRET_PREFIX, Tenant,
};
use serde_json::{Value, json};

use crate::raw::{Raw, Reply, ask_token};

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

fn code(reply: &Reply) -> u64 {
    let code = reply.body["error_codes"][0].as_u64().unwrap();
    let description = reply.body["error_description"].as_str().unwrap();
    assert!(
        description.starts_with(&format!("AADSTS{code}: ")),
        "{description}"
    );
    assert!(description.contains(reply.body["trace_id"].as_str().unwrap()));
    assert!(description.contains(reply.body["correlation_id"].as_str().unwrap()));
    code
}

#[tokio::test]
async fn secrets() {
    let emulator = Emulator::start(Tenant::new()).await.unwrap();
    let http = reqwest::Client::new();
    let secret = emulator.client_secret();
    assert!(secret.starts_with(SECRET_PREFIX));
    let good = ask_token(&http, &emulator, &[("client_secret", &secret)]).await;
    assert_eq!(good.status, 200);
    assert_eq!(good.body["expires_in"], 3599);
    assert!(
        good.body["access_token"]
            .as_str()
            .unwrap()
            .starts_with(ACCESS_TOKEN_PREFIX)
    );
    for (fields, status, error) in [
        (vec![("client_secret", "no")], 401, 7_000_215),
        (vec![], 401, 7_000_218),
        (
            vec![("client_secret", &*secret), ("client_id", "nobody")],
            400,
            700_016,
        ),
        (
            vec![("client_secret", &*secret), ("scope", "User.Read.All")],
            400,
            1_002_012,
        ),
        (
            vec![
                ("client_secret", &*secret),
                ("scope", "https://a.example/.default"),
            ],
            400,
            500_011,
        ),
        (
            vec![("client_secret", &*secret), ("grant_type", "password")],
            400,
            70003,
        ),
        (vec![("client_secret", &*secret), ("client_id", "")], 400, 900_144),
    ] {
        let reply = ask_token(&http, &emulator, &fields).await;
        assert_eq!((reply.status, code(&reply)), (status, error), "{fields:?}");
    }
    let url = format!("{}/nowhere/oauth2/v2.0/token", emulator.authority());
    let reply = http.post(url).send().await.unwrap();
    assert_eq!(reply.status(), 400);
    assert!(reply.text().await.unwrap().contains("AADSTS90002"));
    emulator.expire_client_secret();
    assert_eq!(
        code(&ask_token(&http, &emulator, &[("client_secret", &secret)]).await),
        7_000_222
    );
    emulator.set_client_secret("another");
    assert_eq!(
        ask_token(&http, &emulator, &[("client_secret", "another")])
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn tokens_end() {
    let options = Options {
        token_lifetime: Duration::from_millis(1200),
        ..Options::default()
    };
    let emulator = Emulator::start_with(Tenant::new(), options).await.unwrap();
    let raw = Raw::new(&emulator).await;
    assert_eq!(raw.get("/users").await.status, 200);
    tokio::time::sleep(Duration::from_millis(1300)).await;
    let reply = raw.get("/users").await;
    assert_eq!((reply.status, reply.code()), (401, "InvalidAuthenticationToken"));
    assert!(reply.header("www-authenticate").starts_with("Bearer "));
    let raw = Raw::new(&emulator).await;
    emulator.expire_tokens();
    assert_eq!(raw.get("/users").await.status, 401);
    let reply = raw
        .http
        .get(format!("{}/users", emulator.graph_url()))
        .send()
        .await
        .unwrap();
    assert!(reply.text().await.unwrap().contains("Access token is empty."));
}

struct Signer {
    key: KeyPair,
    thumbprint: String,
    der: Vec<u8>,
}

impl Signer {
    fn new() -> Self {
        let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let pkcs8 = aws_lc_rs::encoding::AsDer::<aws_lc_rs::encoding::Pkcs8V1Der>::as_der(&key).unwrap();
        let signing = rcgen::KeyPair::try_from(pkcs8.as_ref()).unwrap();
        let params = rcgen::CertificateParams::new(vec!["inviter.example".to_owned()]).unwrap();
        let der = params.self_signed(&signing).unwrap().der().to_vec();
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &der);
        Self {
            key,
            thumbprint: URL_SAFE_NO_PAD.encode(digest),
            der,
        }
    }

    fn claims(emulator: &Emulator) -> Value {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let now = now.unwrap().as_secs();
        json!({
            "aud": format!("{}/{}/oauth2/v2.0/token", emulator.authority(), emulator.tenant_id()),
            "iss": emulator.client_id(),
            "sub": emulator.client_id(),
            "nbf": now,
            "exp": now + 600,
            "jti": format!("{now}-{:p}", &raw const now),
        })
    }

    fn sign(&self, algorithm: &str, claims: &Value) -> String {
        let header = json!({ "alg": algorithm, "typ": "JWT", "x5t#S256": self.thumbprint });
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(&header), encode(claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        let padding: &'static dyn aws_lc_rs::signature::RsaEncoding = if algorithm == "PS256" {
            &RSA_PSS_SHA256
        } else {
            &RSA_PKCS1_SHA256
        };
        self.key
            .sign(padding, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

#[tokio::test]
async fn assertions() {
    let emulator = Emulator::start(Tenant::new()).await.unwrap();
    let http = reqwest::Client::new();
    let signer = Signer::new();
    let ask = async |assertion: &str| {
        let fields = [
            ("client_assertion", assertion),
            ("client_assertion_type", JWT_BEARER),
        ];
        ask_token(&http, &emulator, &fields).await
    };
    let claims = Signer::claims(&emulator);
    let token = signer.sign("PS256", &claims);
    assert_eq!(code(&ask(&token).await), 700_027);
    emulator.register_certificate(&signer.der);
    assert_eq!(ask(&token).await.status, 200);
    // Used once.
    assert_eq!(code(&ask(&token).await), 700_027);
    let other = |change: &dyn Fn(&mut Value)| {
        let mut claims = claims.clone();
        claims["jti"] = json!(format!("{:p}-{}", change, claims["jti"]));
        change(&mut claims);
        claims
    };
    assert_eq!(
        ask(&signer.sign("RS256", &other(&|claims| claims["jti"] = json!("2"))))
            .await
            .status,
        200
    );
    for (change, error) in [
        (json!({ "aud": "https://login.microsoftonline.com/x" }), 50013),
        (json!({ "iss": "somebody" }), 700_021),
        (json!({ "exp": 1 }), 700_024),
        (json!({ "nbf": 99_999_999_999_u64 }), 700_024),
    ] {
        let changed = other(&|claims| {
            claims
                .as_object_mut()
                .unwrap()
                .extend(change.as_object().unwrap().clone());
        });
        assert_eq!(
            code(&ask(&signer.sign("PS256", &changed)).await),
            error,
            "{change}"
        );
    }
    let mut forged = signer.sign("PS256", &other(&|_| ()));
    forged.replace_range(forged.len() - 6..forged.len() - 4, "00");
    assert_eq!(code(&ask(&forged).await), 700_027);

    assert_eq!(code(&ask("a federated token").await), 50027);
    emulator.set_federated_token("a federated token");
    assert_eq!(ask("a federated token").await.status, 200);
}

#[tokio::test]
async fn managed_identities() {
    let emulator = Emulator::start(Tenant::new()).await.unwrap();
    let http = reqwest::Client::new();
    let ask = async |path: &str, header: (&str, &str)| {
        let url = format!(
            "{}{path}&resource=https://graph.microsoft.com",
            emulator.authority()
        );
        let reply = http.get(url).header(header.0, header.1).send().await.unwrap();
        (reply.status().as_u16(), reply.json::<Value>().await.unwrap())
    };
    let vm = "/metadata/identity/oauth2/token?api-version=2018-02-01";
    let metadata = ("metadata", "true");
    assert_eq!(ask(vm, metadata).await.0, 400);
    let identity = ManagedIdentity {
        system_assigned: false,
        ..ManagedIdentity::default()
    };
    emulator.set_managed_identity(identity.clone());
    assert_eq!(ask(vm, ("metadata", "false")).await.0, 400);
    assert_eq!(ask(vm, metadata).await.0, 400);
    let (status, body) = ask(&format!("{vm}&client_id={}", identity.client_id), metadata).await;
    assert_eq!((status, &body["expires_in"]), (200, &json!("3599")));
    let token = body["access_token"].as_str().unwrap();
    let users = http
        .get(format!("{}/users", emulator.graph_url()))
        .bearer_auth(token);
    assert_eq!(users.send().await.unwrap().status(), 200);

    emulator.set_managed_identity(ManagedIdentity::default());
    let app = "/msi/token?api-version=2019-08-01";
    assert_eq!(ask(app, ("x-identity-header", "no")).await.0, 401);
    let (status, body) = ask(app, ("x-identity-header", &identity.identity_header)).await;
    assert_eq!(status, 200);
    assert!(body["expires_on"].as_str().unwrap().parse::<u64>().unwrap() > 1_700_000_000);
}

#[tokio::test]
async fn over_tls() {
    let options = Options {
        tls: true,
        ..Options::default()
    };
    let emulator = Emulator::start_with(Tenant::new(), options).await.unwrap();
    let url = format!("{}/common/discovery/instance", emulator.authority());
    assert!(url.starts_with("https://localhost:"));
    assert!(reqwest::get(&url).await.is_err());
    let ca = fs::read(emulator.ca_file().unwrap()).unwrap();
    let ca = reqwest::Certificate::from_pem(&ca).unwrap();
    let http = reqwest::Client::builder().tls_certs_merge([ca]).build().unwrap();
    for address in [url.clone(), url.replace("localhost", "127.0.0.1")] {
        let discovery: Value = http.get(address).send().await.unwrap().json().await.unwrap();
        let configuration = discovery["tenant_discovery_endpoint"].as_str().unwrap();
        let configuration: Value = http
            .get(configuration)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        assert_eq!(
            configuration["token_endpoint"],
            format!(
                "{}/{}/oauth2/v2.0/token",
                emulator.authority(),
                emulator.tenant_id()
            )
        );
    }
}
