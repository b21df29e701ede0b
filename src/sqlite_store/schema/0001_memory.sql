-- Times are milliseconds since the Unix epoch.
CREATE TABLE fact (name TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;

-- A memory before this one could not be read: a sentence saying why, until something new is remembered.
CREATE TABLE lost (why TEXT NOT NULL) STRICT;

CREATE TABLE alias (
    alias TEXT PRIMARY KEY,
    room TEXT NOT NULL,
    asked INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The tables below refer to rooms by number: there may be a million rows, and a room ID takes some fifty bytes.
CREATE TABLE room (
    number INTEGER PRIMARY KEY,
    room_id TEXT NOT NULL UNIQUE,
    adopted INTEGER,
    listing_checked INTEGER
) STRICT;

CREATE TABLE feed (
    room INTEGER NOT NULL REFERENCES room (number),
    position INTEGER NOT NULL,
    provider TEXT NOT NULL,
    key TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    PRIMARY KEY (room, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE given (
    room INTEGER NOT NULL REFERENCES room (number),
    user TEXT NOT NULL,
    level INTEGER NOT NULL,
    PRIMARY KEY (room, user)
) STRICT, WITHOUT ROWID;

CREATE TABLE absent (
    room INTEGER NOT NULL REFERENCES room (number),
    user TEXT NOT NULL,
    PRIMARY KEY (room, user)
) STRICT, WITHOUT ROWID;

CREATE TABLE reinvited (
    room INTEGER NOT NULL REFERENCES room (number),
    user TEXT NOT NULL,
    PRIMARY KEY (room, user)
) STRICT, WITHOUT ROWID;

CREATE TABLE refused (
    room INTEGER NOT NULL REFERENCES room (number),
    user TEXT NOT NULL,
    at INTEGER NOT NULL,
    cause TEXT NOT NULL,
    operation TEXT NOT NULL,
    PRIMARY KEY (room, user)
) STRICT, WITHOUT ROWID;

CREATE TABLE directory (
    provider TEXT PRIMARY KEY,
    at INTEGER NOT NULL,
    active_accounts INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- In the order of the rowid, which is that of sending.
CREATE TABLE removal (
    number INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    room TEXT NOT NULL,
    user TEXT NOT NULL
) STRICT;
CREATE INDEX removal_at ON removal (at);
