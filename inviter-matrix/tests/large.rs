//! An answer to `/sync` that is far larger than the memory it may take. Its own program, since it measures itself.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::fmt::Write as _;

use futures_util::StreamExt as _;
use inviter_core::{RoomBackend, backend::Observe, room::RoomState};
use inviter_matrix::{Credentials, MatrixBackend, MatrixConfig};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

const ROOMS: usize = 1000;
const MEMBERS: usize = 150;

fn room(number: usize) -> String {
    let mut text = format!(
        r#""!room{number}:x":{{"state":{{"events":[{{"type":"m.room.create","state_key":"","sender":"@bot:x","origin_server_ts":1,"content":{{"room_version":"11"}}}}"#
    );
    for member in 0..MEMBERS {
        let user = number * 7 + member;
        write!(
            text,
            r#",{{"type":"m.room.member","state_key":"@user{user}:x","sender":"@bot:x","origin_server_ts":1700000000000,"content":{{"membership":"join","displayname":"User number {user}","avatar_url":"mxc://x/{user:040}"}}}}"#
        )
        .unwrap();
    }
    text + r#"]},"timeline":{"events":[],"limited":false,"prev_batch":"x"}}"#
}

async fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let mut request = String::new();
        while !request.contains("\r\n\r\n") {
            let read = stream.read(&mut buffer).await?;
            if read == 0 {
                return Ok(());
            }
            request += &String::from_utf8_lossy(&buffer[..read]);
        }
        let path = request.split_whitespace().nth(1).unwrap_or_default().to_owned();
        if path.contains("/sync") {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"rooms\":{\"join\":{")
                .await?;
            for number in 0..ROOMS {
                let comma = if number == 0 { "" } else { "," };
                stream
                    .write_all(format!("{comma}{}", room(number)).as_bytes())
                    .await?;
            }
            stream.write_all(b"}},\"next_batch\":\"s\"}").await?;
            return stream.shutdown().await;
        }
        let body = match path.rsplit('/').next().unwrap_or_default() {
            "versions" => r#"{"versions":["v1.11"]}"#,
            "whoami" => r#"{"user_id":"@bot:x"}"#,
            "capabilities" => r#"{"capabilities":{}}"#,
            _ => r#"{"joined_rooms":[]}"#,
        };
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).await?;
    }
}

/// The most that this process has ever had in memory.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() << 10
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_is_bounded_by_the_largest_room() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream));
        }
    });
    let config = MatrixConfig::new(url, Credentials::Token("t".to_owned().into()));
    let backend = MatrixBackend::connect(config).await.unwrap();
    backend.whoami().await.unwrap();
    let before = peak();
    let started = std::time::Instant::now();
    let mut stream = backend.observe(Observe::Joined);
    let (mut rooms, mut members) = (0, 0);
    while let Some(item) = stream.next().await {
        if let RoomState::Joined(snapshot) = item.unwrap().state {
            rooms += 1;
            members += snapshot.members.len();
        }
    }
    let size = room(0).len() * ROOMS;
    let grown = peak() - before;
    println!(
        "{} MB in {:?}, {} kB of memory",
        size >> 20,
        started.elapsed(),
        grown >> 10
    );
    assert_eq!((rooms, members), (ROOMS, ROOMS * MEMBERS));
    assert!(grown < 12 << 20, "{grown} bytes for an answer of {size}");
}
