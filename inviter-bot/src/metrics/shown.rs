//! Gauges that are worked out when somebody asks.

use prometheus_client::{
    metrics::{family::Family, gauge::Gauge},
    registry::Registry,
};

use super::{Named, Number, Words, add, process::Process};

/// The gauges, by what they are about.
#[derive(Debug, Default)]
pub(super) struct Shown {
    pub(super) ready: Gauge,
    pub(super) running: Gauge,
    pub(super) held: Gauge,
    pub(super) pending: Gauge,
    pub(super) in_grace: Gauge,
    pub(super) open_rooms: Gauge,
    pub(super) rooms: Family<Words<1>, Gauge>,
    pub(super) directory_age: Family<Named, Number>,
    pub(super) directory_good: Family<Named, Gauge>,
    pub(super) directory_incomplete: Family<Named, Gauge>,
    pub(super) directory_quarantined: Family<Named, Gauge>,
    pub(super) process: Process,
}

impl Shown {
    /// Registers each with its name and what it tells.
    pub(super) fn register(r: &mut Registry) -> Self {
        Self {
            ready: add(r, "inviter_ready", "Whether /readyz answers 200"),
            running: add(r, "inviter_running", "Whether a run is under way"),
            held: add(
                r,
                "inviter_held_actions",
                "Removals and demotions that the guard holds at present",
            ),
            pending: add(
                r,
                "inviter_pending_actions",
                "Removals and demotions that wait for a person at present",
            ),
            in_grace: add(
                r,
                "inviter_grace_actions",
                "Removals that wait for the end of somebody's grace, as of the last runs",
            ),
            open_rooms: add(
                r,
                "inviter_rooms_not_considered",
                "Rooms that nobody is removed from because something is not known, as of the last runs",
            ),
            rooms: add(
                r,
                "inviter_rooms",
                "Rooms of the last runs, by how far they can be managed",
            ),
            directory_age: add(
                r,
                "inviter_directory_last_good_read_age_seconds",
                "How long ago a directory was last read as a whole; missing if never",
            ),
            directory_good: add(
                r,
                "inviter_directory_readable",
                "Whether a directory was listed as a whole when it was last read",
            ),
            directory_incomplete: add(
                r,
                "inviter_directory_incomplete",
                "Whether the last run has read a directory, or a group in it, only in part",
            ),
            directory_quarantined: add(
                r,
                "inviter_directory_quarantined",
                "Whether a directory keeps failing and is asked ever more seldom",
            ),
            process: Process::register(r),
        }
    }
}
