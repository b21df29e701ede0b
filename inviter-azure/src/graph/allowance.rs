//! [`Allowance`]: how much Graph may answer in one read, whatever the number of its answers.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{GraphError, GraphErrorKind};

/// How much may still be answered. Each answer is bounded by itself; but a list may have pages without end.
#[derive(Debug)]
pub(super) struct Allowance {
    mib: u32,
    /// Bytes that have been answered.
    used: AtomicU64,
}

impl Allowance {
    /// So many MiB for each read.
    pub(super) const fn new(mib: u32) -> Self {
        Self {
            mib,
            used: AtomicU64::new(0),
        }
    }

    /// Begins anew.
    pub(super) fn renew(&self) {
        self.used.store(0, Ordering::Relaxed);
    }

    /// Notes that so many bytes have come.
    ///
    /// # Errors
    /// Where that is more than may come; so is each further one until [`renew`](Self::renew).
    pub(super) fn take(&self, bytes: usize, about: &str) -> Result<(), GraphError> {
        // Nowhere are there so many bytes that it could wrap.
        self.used.fetch_add(bytes as u64, Ordering::Relaxed);
        if self.is_used_up() {
            return Err(self.used_up(about));
        }
        Ok(())
    }

    /// Whether nothing more may come.
    pub(super) fn is_used_up(&self) -> bool {
        self.used.load(Ordering::Relaxed) > u64::from(self.mib) << 20
    }

    /// What is said then.
    pub(super) fn used_up(&self, about: &str) -> GraphError {
        let message = format!(
            "Graph answers with more than {} MiB in one read; raise `read_limit_mib` if the tenant is that large, or read \
             fewer groups",
            self.mib
        );
        GraphError::new(GraphErrorKind::Outgrown, about, message)
    }
}
