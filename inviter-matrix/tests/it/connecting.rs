//! Connecting, logging in, and what is said when that fails.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use anyhow::Result;
use inviter_core::{
    RoomBackend,
    backend::{BackendError, BackendErrorKind, Observe},
};
use inviter_matrix::{Credentials, FileSessionStore, MatrixBackend, MatrixConfig};
use inviter_testkit::{Fault, Proxy, Synapse, unique};

use crate::support::{all, config};

#[track_caller]
fn check(error: &BackendError, kind: &BackendErrorKind, part: &str) {
    assert_eq!(error.kind, *kind, "{error}");
    assert!(error.to_string().contains(part), "{error}");
}

#[tokio::test]
async fn errors_name_the_thing_and_the_remedy() -> Result<()> {
    let synapse = Synapse::shared().await?;
    let proxy = Proxy::start(synapse.url()).await?;
    let connect = || MatrixBackend::connect(config(proxy.url(), "hunter2"));
    let page = |status| Fault::Status(status, vec![], "<!DOCTYPE html><p>hello".to_owned());
    proxy.on_request(move |_| Some(page(200)));
    check(
        &connect().await.unwrap_err(),
        &BackendErrorKind::Malformed,
        "web page, not Matrix",
    );
    proxy.on_request(move |_| Some(page(404)));
    check(
        &connect().await.unwrap_err(),
        &BackendErrorKind::Malformed,
        "not a Matrix homeserver",
    );
    let away = vec![("location".to_owned(), "http://127.0.0.1:1/".to_owned())];
    proxy.on_request(move |_| Some(Fault::Status(302, away.clone(), String::new())));
    check(
        &connect().await.unwrap_err(),
        &BackendErrorKind::Malformed,
        "redirects",
    );
    proxy.on_request(|_| Some(Fault::Html502));
    check(
        &connect().await.unwrap_err(),
        &BackendErrorKind::Unavailable,
        "proxy",
    );
    proxy.on_request(|_| {
        Some(Fault::Status(
            200,
            vec![],
            r#"{"versions":["r0.0.1-of-tomorrow"]}"#.to_owned(),
        ))
    });
    check(
        &connect().await.unwrap_err(),
        &BackendErrorKind::Malformed,
        "no version",
    );
    proxy.on_request(|_| Some(Fault::Status(200, vec![], " ".repeat(17 << 20))));
    check(
        &connect().await.unwrap_err(),
        &BackendErrorKind::Malformed,
        "16 MiB",
    );
    let nobody = MatrixBackend::connect(config("http://127.0.0.1:9", "hunter2"))
        .await
        .unwrap_err();
    check(&nobody, &BackendErrorKind::Unavailable, "cannot be reached");
    let plain = MatrixBackend::connect(config("http://192.0.2.1", "hunter2"))
        .await
        .unwrap_err();
    check(&plain, &BackendErrorKind::Refused, "unencrypted");
    proxy.heal();
    let backend = connect().await?;
    check(
        &backend.whoami().await.unwrap_err(),
        &BackendErrorKind::Unauthenticated,
        "access token",
    );
    // A token that is not accepted ends a stream, whichever.
    let rooms = Observe::Rooms(vec!["!a:example.test".try_into()?]);
    for what in [Observe::Joined, rooms] {
        let error = all(&backend, what).await.unwrap_err();
        check(&error, &BackendErrorKind::Unauthenticated, "access token");
    }
    Ok(())
}

#[tokio::test]
async fn transient_trouble_is_sat_out() -> Result<()> {
    let synapse = Synapse::shared().await?;
    let bot = synapse.register(&unique("bot")).await?;
    let proxy = Proxy::start(synapse.url()).await?;
    let mut left = 2;
    proxy.on_request(move |_| {
        left -= 1;
        (left >= 0).then_some(if left == 1 { Fault::Cut } else { Fault::Html502 })
    });
    let backend = MatrixBackend::connect(config(proxy.url(), bot.token())).await?;
    assert_eq!(backend.whoami().await?.user_id, bot.user_id());
    assert_eq!(
        backend.whoami().await?.default_room_version.unwrap().as_str(),
        "12"
    );
    Ok(())
}

#[tokio::test]
async fn a_password_logs_in_once_and_keeps_its_device() -> Result<()> {
    let synapse = Synapse::shared().await?;
    let name = unique("bot");
    synapse.register(&name).await?;
    let proxy = Proxy::start(synapse.url()).await?;
    let folder = std::env::temp_dir().join(unique("inviter-session"));
    std::fs::create_dir(&folder)?;
    let path = folder.join("session.json");
    let start = |password: String| {
        let credentials = Credentials::Password {
            user: name.clone(),
            password: password.into(),
            store: Arc::new(FileSessionStore::new(&path)),
        };
        MatrixBackend::connect(MatrixConfig::new(proxy.url(), credentials))
    };
    let logins = || {
        proxy
            .requests()
            .iter()
            .filter(|r| r.path.ends_with("/login"))
            .count()
    };
    let backend = start("wrong".to_owned()).await?;
    check(
        &backend.whoami().await.unwrap_err(),
        &BackendErrorKind::Unauthenticated,
        "password",
    );
    assert!(!path.exists());
    proxy.clear();
    let backend = start(Synapse::password(&name)).await?;
    backend.whoami().await?;
    backend.whoami().await?;
    assert_eq!(logins(), 1);
    let saved = || -> Result<serde_json::Value> { Ok(serde_json::from_slice(&std::fs::read(&path)?)?) };
    let first = saved()?;
    // A later start uses the session.
    start(Synapse::password(&name)).await?.whoami().await?;
    assert_eq!(logins(), 1);
    // The token is not accepted any more: one log-in, the same device, however many ask at once.
    let token = first["access_token"].as_str().unwrap().to_owned();
    let client = synapse.client(&synapse.user_id(&name), &token);
    assert_eq!(
        client
            .post("/_matrix/client/v3/logout", serde_json::json!({}))
            .await?
            .0,
        200
    );
    let again = start(Synapse::password(&name)).await?;
    let (a, b) = tokio::join!(all(&again, Observe::Joined), again.whoami());
    a?;
    b?;
    assert_eq!(logins(), 2);
    let second = saved()?;
    assert_eq!(second["device_id"], first["device_id"]);
    assert_ne!(second["access_token"], first["access_token"]);
    assert!(!format!("{again:?}").contains(second["access_token"].as_str().unwrap()));
    std::fs::remove_dir_all(folder)?;
    Ok(())
}

/// Everything that is logged at the finest level, and every error: never a token or a password.
#[tokio::test]
async fn no_secret_gets_out() -> Result<()> {
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);
    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let synapse = Synapse::shared().await?;
    let name = unique("bot");
    let bot = synapse.register(&name).await?;
    let proxy = Proxy::start(synapse.url()).await?;
    let by_token = MatrixBackend::connect(config(proxy.url(), bot.token())).await?;
    by_token.whoami().await?;
    all(&by_token, Observe::Joined).await?;
    let password = Synapse::password(&name);
    let credentials = Credentials::password_without_store(&name, password.clone().into());
    let by_password = MatrixBackend::connect(MatrixConfig::new(proxy.url(), credentials)).await?;
    by_password.whoami().await?;
    let calls = Arc::new(AtomicUsize::new(0));
    let count = calls.clone();
    proxy.on_request(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        Some(Fault::Cut)
    });
    let mut said = Vec::new();
    for backend in [&by_token, &by_password] {
        let error = all(backend, Observe::Joined).await.unwrap_err();
        said.push(format!("{backend:?} {error} {error:?}"));
    }
    drop(guard);
    assert!(calls.load(Ordering::Relaxed) >= 6, "GETs are tried three times");
    said.push(String::from_utf8_lossy(&lines.0.lock().unwrap()).into_owned());
    let said = said.concat();
    assert!(said.contains("joined_rooms"), "the log is empty");
    assert!(
        !said.contains(bot.token()) && !said.contains(&password) && !said.contains("syt_"),
        "{said}"
    );
    Ok(())
}
