-- Rooms that were replaced, and followed to the room that replaced them.
CREATE TABLE successor (
    room TEXT PRIMARY KEY,
    successor TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- People who had left, by their own act, the room that this one has replaced.
CREATE TABLE left_before (
    room INTEGER NOT NULL REFERENCES room (number),
    user TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (room, user)
) STRICT, WITHOUT ROWID;

-- The last runs, in the order of the rowid. Durations are in milliseconds. `person` is who asked for a run, where that
-- is known; `not_begun` is why one could not begin.
CREATE TABLE run (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    took INTEGER NOT NULL,
    cause TEXT NOT NULL,
    person TEXT,
    whole INTEGER NOT NULL,
    rooms_created INTEGER NOT NULL,
    invited INTEGER NOT NULL,
    removed INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    held INTEGER NOT NULL,
    pending INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    parked INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    not_begun TEXT
) STRICT;
