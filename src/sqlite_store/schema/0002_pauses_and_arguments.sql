-- What a person has paused: an alias, a room ID, or '' for everything.
CREATE TABLE pause (what TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;

-- Arguments that runs were given; the values with commas between them, which no value has.
CREATE TABLE argument (vals TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
