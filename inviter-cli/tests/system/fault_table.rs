//! The faults of the reference system, shown absent.
