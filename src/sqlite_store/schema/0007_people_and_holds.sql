-- Groups that the tables below refer to by number, as they were named then.
CREATE TABLE origin (
    number INTEGER PRIMARY KEY,
    provider TEXT NOT NULL,
    key TEXT NOT NULL,
    name TEXT NOT NULL,
    UNIQUE (provider, key, name)
) STRICT;

-- People whom we have brought in, and who have been there since; by which group, if by one.
CREATE TABLE brought (
    room INTEGER NOT NULL REFERENCES room (number),
    user TEXT NOT NULL,
    at INTEGER NOT NULL,
    origin INTEGER,
    PRIMARY KEY (room, user)
) STRICT, WITHOUT ROWID;

-- What we did with people, in the order of the rowid, for as long as the configuration says. References are not
-- checked: looking for those that are left would read the whole table.
CREATE TABLE happened (
    number INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    room INTEGER NOT NULL,
    user TEXT NOT NULL,
    what TEXT NOT NULL,
    level INTEGER,
    ground TEXT NOT NULL,
    origin INTEGER
) STRICT;
CREATE INDEX happened_at ON happened (at);
CREATE INDEX happened_to ON happened (user, room);
-- So that whether a group is still referred to is looked up, and not found by reading everything.
CREATE INDEX happened_origin ON happened (origin) WHERE origin IS NOT NULL;
CREATE INDEX brought_origin ON brought (origin) WHERE origin IS NOT NULL;

-- People in the room whom nothing wants any more, and since when.
CREATE TABLE missing (
    room INTEGER NOT NULL REFERENCES room (number),
    user TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (room, user)
) STRICT, WITHOUT ROWID;

-- What the guard holds; the reasons are a JSON list of sentences.
CREATE TABLE held (
    room INTEGER PRIMARY KEY REFERENCES room (number),
    since INTEGER NOT NULL,
    code TEXT NOT NULL,
    removals INTEGER NOT NULL,
    demotions INTEGER NOT NULL,
    reasons TEXT NOT NULL
) STRICT;

-- When a person last let go what was held.
ALTER TABLE room ADD COLUMN released INTEGER;
