//! The emulator with TLS, and a client of it.
//!
//! A client takes seconds to start, of which its modules take the most: tests that belong together share one.

use anyhow::{Context, Result};

use inviter_graph_emulator::{Emulator, Options, Tenant};

use crate::reader::Reader;
use crate::world::{self, Groups};

/// The tenant of [`world`], served with TLS, and Microsoft's client of it.
pub(crate) struct Served {
    pub(crate) emulator: Emulator,
    pub(crate) reader: Reader,
    pub(crate) groups: Groups,
}

impl Served {
    pub(crate) async fn start() -> Result<Self> {
        let (tenant, groups) = world::tenant();
        let options = Options {
            tls: true,
            ..Options::default()
        };
        let emulator = Emulator::start_with(tenant, options).await?;
        let ca = emulator.ca_file().context("no authority")?.to_owned();
        let reader = Reader::start(&emulator, &ca).await?;
        Ok(Self {
            emulator,
            reader,
            groups,
        })
    }

    /// The truth.
    pub(crate) fn tenant(&self) -> Tenant {
        self.emulator.tenant(Tenant::clone)
    }
}
