-- Directories that keep failing and are left alone, as people were told.
CREATE TABLE quarantined (
    provider TEXT PRIMARY KEY,
    failing_since INTEGER NOT NULL,
    since INTEGER NOT NULL,
    failures INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
