//! What every exporter tells of its process, where the operating system says it.

use std::{fs, time::SystemTime};

use prometheus_client::{metrics::gauge::Gauge, registry::Registry};

use super::{Number, add};

/// Gauges of this process.
#[derive(Debug, Default)]
pub(super) struct Process {
    resident: Gauge,
    open_files: Gauge,
}

impl Process {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let started: Number = add(
            registry,
            "process_start_time_seconds",
            "When the process began, since the epoch",
        );
        if let Ok(now) = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
            started.set(now.as_secs_f64());
        }
        Self {
            resident: add(registry, "process_resident_memory_bytes", "Resident memory"),
            open_files: add(registry, "process_open_fds", "Open file descriptors"),
        }
    }

    /// Takes the numbers of this moment.
    pub(super) fn measure(&self) {
        if let Some(bytes) = fs::read_to_string("/proc/self/status")
            .ok()
            .and_then(|status| resident(&status))
        {
            self.resident.set(bytes);
        }
        if let Ok(files) = fs::read_dir("/proc/self/fd") {
            // One of them is this look.
            self.open_files
                .set(i64::try_from(files.count()).unwrap_or(i64::MAX).saturating_sub(1));
        }
    }
}

/// The resident memory in bytes, by `proc_pid_status(5)`.
fn resident(status: &str) -> Option<i64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: i64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_in_bytes() {
        assert_eq!(
            resident("VmPeak:\t9 kB\nVmRSS:\t   2048 kB\nX: 1\n"),
            Some(2_097_152)
        );
        assert_eq!(resident("VmPeak:\t9 kB\n"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_has_memory_and_files() {
        let process = Process::default();
        process.measure();
        assert!(process.resident.get() > 1_000_000, "{process:?}");
        assert!(process.open_files.get() >= 3, "{process:?}");
    }
}
