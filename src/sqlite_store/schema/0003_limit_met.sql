-- Rate limits that runs have met; the wait is in milliseconds.
CREATE TABLE limit_met (
    kind TEXT PRIMARY KEY,
    at INTEGER NOT NULL,
    wait INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
