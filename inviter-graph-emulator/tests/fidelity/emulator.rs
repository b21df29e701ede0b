//! The emulator with TLS, and a client of it.

use anyhow::{Context, Result};

use inviter_graph_emulator::{Emulator, Options, Tenant};

use crate::reader::Reader;

/// An emulator with TLS, and Microsoft's client of it.
pub(crate) async fn client_of(tenant: Tenant) -> Result<(Emulator, Reader)> {
    let options = Options {
        tls: true,
        ..Options::default()
    };
    let emulator = Emulator::start_with(tenant, options).await?;
    let ca = emulator.ca_file().context("no authority")?.to_owned();
    let reader = Reader::start(&emulator, &ca).await?;
    Ok((emulator, reader))
}
