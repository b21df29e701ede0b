//! A server that is no homeserver: it answers whatever a test says, for as long as anybody reads.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use anyhow::Result;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
};

/// What is answered.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// Status, headers (each with its line break) and body.
    Whole(u16, String, Vec<u8>),
    /// With status 200 a beginning, and after it the same again and again, without end.
    Endless(Vec<u8>, Vec<u8>),
}

impl Reply {
    pub(crate) fn ok(body: impl Into<String>) -> Self {
        Self::Whole(200, String::new(), body.into().into_bytes())
    }

    pub(crate) fn endless(start: &str, again: &str) -> Self {
        // Large enough pieces, so that a gigabyte takes no minute.
        let pieces = (32 << 10) / again.len() + 1;
        Self::Endless(start.into(), again.repeat(pieces).into_bytes())
    }
}

/// What is asked before anything else, and answered as it should be.
const BEGINNING: [&str; 3] = [
    "/_matrix/client/versions",
    "/_matrix/client/v3/account/whoami",
    "/_matrix/client/v3/capabilities",
];

/// Ends when it is dropped.
pub(crate) struct Scripted {
    pub(crate) url: String,
    sent: Arc<AtomicU64>,
    asked: Arc<Mutex<Vec<String>>>,
    accepting: AbortHandle,
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Scripted {
    /// Answers each request by its path and query.
    pub(crate) async fn start(script: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let (sent, asked) = (Arc::new(AtomicU64::new(0)), Arc::new(Mutex::new(Vec::new())));
        let (script, counted, noted) = (Arc::new(script), Arc::clone(&sent), Arc::clone(&asked));
        let accepting = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (script, counted, noted) =
                    (Arc::clone(&script), Arc::clone(&counted), Arc::clone(&noted));
                connections.spawn(async move {
                    // Whoever has read enough goes away.
                    drop(serve(stream, &*script, &counted, &noted).await);
                });
            }
        });
        let accepting = accepting.abort_handle();
        Ok(Self {
            url,
            sent,
            asked,
            accepting,
        })
    }

    /// A homeserver as far as it has to be one, which answers this beside.
    pub(crate) async fn homeserver(
        script: impl Fn(&str) -> Option<Reply> + Send + Sync + 'static,
    ) -> Result<Self> {
        Self::start(move |path| {
            if !BEGINNING.iter().any(|begin| path.starts_with(begin))
                && let Some(reply) = script(path)
            {
                return reply;
            }
            match path.split('?').next().unwrap_or_default() {
                "/_matrix/client/versions" => Reply::ok(r#"{"versions":["v1.11"]}"#),
                "/_matrix/client/v3/account/whoami" => Reply::ok(r#"{"user_id":"@bot:x","device_id":"D"}"#),
                "/_matrix/client/v3/capabilities" => Reply::ok(r#"{"capabilities":{}}"#),
                "/_matrix/client/v3/joined_rooms" => Reply::ok(r#"{"joined_rooms":["!r:x"]}"#),
                _ => Reply::Whole(
                    404,
                    String::new(),
                    br#"{"errcode":"M_UNRECOGNIZED","error":"no"}"#.to_vec(),
                ),
            }
        })
        .await
    }

    /// Bytes of bodies that were taken off its hands.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Method and path of everything that was asked.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    script: &(dyn Fn(&str) -> Reply + Send + Sync),
    sent: &AtomicU64,
    asked: &Mutex<Vec<String>>,
) -> Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let line: Vec<&str> = head.split(' ').take(2).collect();
    asked.lock().unwrap().push(line.join(" "));
    let length = head
        .split("content-length: ")
        .nth(1)
        .and_then(|rest| rest.split("\r\n").next());
    let length: u64 = length.map_or(Ok(0), str::parse)?;
    tokio::io::copy(&mut (&mut stream).take(length), &mut tokio::io::sink()).await?;
    let path = line.get(1).copied().unwrap_or_default().to_owned();
    match script(&path) {
        Reply::Whole(status, headers, body) => {
            let head = format!(
                "HTTP/1.1 {status} Whatever\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n",
                body.len()
            );
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(&body).await?;
            sent.fetch_add(body.len() as u64, Ordering::Relaxed);
        }
        Reply::Endless(start, again) => {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")
                .await?;
            stream.write_all(&start).await?;
            loop {
                stream.write_all(&again).await?;
                sent.fetch_add(again.len() as u64, Ordering::Relaxed);
            }
        }
    }
    Ok(())
}
