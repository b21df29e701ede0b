//! Serves an emulated tenant until its standard input closes or it is told to end.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Parser;
use inviter_graph_emulator::{Emulator, Options, Shape, Tenant, TenantFile};
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio::signal::unix::{SignalKind, signal};

/// Emulates Microsoft Graph and the token endpoint of Entra ID, for tests.
///
/// Prints one line of JSON when it is ready, with what a client has to know. Changes of the tenant are sent to
/// /__emulator/change, as JSON.
#[derive(Debug, Parser)]
struct Args {
    /// The description of a tenant, as JSON
    #[arg(long, value_name = "FILE", conflicts_with_all = ["rooms", "users", "sizes", "depth", "seed"])]
    tenant: Option<PathBuf>,
    /// How many rooms' groups a generated tenant has
    #[arg(long, default_value_t = 5)]
    rooms: usize,
    /// How many users a generated tenant has
    #[arg(long, default_value_t = 50)]
    users: usize,
    /// How many people are in the first rooms of a generated tenant, such as 12000,300
    #[arg(long, value_delimiter = ',', value_name = "N,…")]
    sizes: Vec<usize>,
    /// How many levels of groups are below each room's
    #[arg(long, default_value_t = 0)]
    depth: usize,
    /// Where chance begins
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The port on 127.0.0.1; 0 for a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Where the port is written to, when it is ready
    #[arg(long, value_name = "FILE")]
    port_file: Option<PathBuf>,
    /// Speaks HTTPS, and writes the certificate of its authority to ca.pem in this directory
    #[arg(long, value_name = "DIR")]
    tls_dir: Option<PathBuf>,
    /// Where the client secret is written to; it is not printed then
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Ends at SIGTERM or SIGINT only, and not when standard input closes
    #[arg(long)]
    until_signal: bool,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(run(&args));
    // A read of standard input that goes on is not worth waiting for.
    runtime.shutdown_background();
    result
}

async fn run(args: &Args) -> Result<()> {
    let (tenant, prefix) = tenant(args)?;
    let root = tenant.root();
    let options = Options {
        tls: args.tls_dir.is_some(),
        port: args.port,
        control: true,
        ..Options::default()
    };
    let emulator = Emulator::start_with(tenant, options).await?;
    let mut ready = json!({
        "authority": emulator.authority(),
        "graph_url": emulator.graph_url(),
        "tenant_id": emulator.tenant_id(),
        "client_id": emulator.client_id(),
        "root_group": root,
        "prefix": prefix,
        "ca_file": null,
    });
    if let Some(file) = &args.secret_file {
        write_secret(file, &emulator.client_secret())?;
        ready["client_secret_file"] = json!(file);
    } else {
        ready["client_secret"] = json!(emulator.client_secret());
    }
    if let (Some(dir), Some(ca)) = (&args.tls_dir, emulator.ca_file()) {
        fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let file = dir.join("ca.pem");
        fs::copy(ca, &file).with_context(|| format!("cannot write {}", file.display()))?;
        ready["ca_file"] = json!(file);
    }
    if let Some(file) = &args.port_file {
        let port = emulator.authority().rsplit(':').next().unwrap_or_default();
        write_at_once(file, port)?;
    }
    let mut out = std::io::stdout().lock();
    writeln!(out, "{ready}")?;
    out.flush()?;
    drop(out);
    end(args.until_signal).await
}

fn tenant(args: &Args) -> Result<(Tenant, Option<String>)> {
    let Some(path) = &args.tenant else {
        let shape = Shape {
            rooms: args.rooms,
            users: args.users,
            sizes: args.sizes.clone(),
            depth: args.depth,
            seed: args.seed,
            ..Shape::default()
        };
        return Ok((Tenant::generate(&shape), Some(shape.prefix)));
    };
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let file = TenantFile::parse(&text)?;
    Ok((file.tenant()?, file.prefix))
}

fn write_secret(path: &Path, secret: &str) -> Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let file = options.open(path);
    file.and_then(|mut file| file.write_all(secret.as_bytes()))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Whoever waits for the file finds it with its content.
fn write_at_once(path: &Path, text: &str) -> Result<()> {
    let before = path.with_extension("new");
    fs::write(&before, text)
        .and_then(|()| fs::rename(&before, path))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Waits until it is time to end.
async fn end(until_signal: bool) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = input_ends(), if !until_signal => {}
    }
    Ok(())
}

async fn input_ends() {
    let mut buffer = [0; 1024];
    let mut input = tokio::io::stdin();
    while matches!(input.read(&mut buffer).await, Ok(1..)) {}
}
