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
        let before = self.used.fetch_add(bytes as u64, Ordering::Relaxed);
        let half = u64::from(self.mib) << 19;
        if before <= half && before + bytes as u64 > half {
            tracing::warn!(
                about,
                limit_mib = self.mib,
                "Graph has answered with more than half of what one read may take; raise `read_limit_mib` before a larger \
                 tenant is not read any more"
            );
        }
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

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use super::*;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A tenant that grows is told of before it is too large, once in each read.
    #[test]
    fn more_than_half_is_told() {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        let said = || String::from_utf8(std::mem::take(&mut *log.0.lock().unwrap())).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            let allowance = Allowance::new(2);
            for _ in 0..2 {
                allowance.take(1 << 20, "groups").unwrap();
                assert_eq!(said(), "");
                allowance.take(1, "groups").unwrap();
                let told = said();
                for words in [
                    "more than half of what one read may take; raise `read_limit_mib`",
                    "limit_mib=2",
                    "about=\"groups\"",
                ] {
                    assert!(told.contains(words), "{words}: {told}");
                }
                allowance.take((1 << 20) - 1, "groups").unwrap();
                allowance.take(1, "groups").unwrap_err();
                assert_eq!(said(), "");
                allowance.renew();
            }
        });
    }
}
