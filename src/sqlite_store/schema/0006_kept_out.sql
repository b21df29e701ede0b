-- People whom others had removed from the room that this one has replaced, or banned there.
CREATE TABLE kept_out (
    room INTEGER NOT NULL REFERENCES room (number),
    user TEXT NOT NULL,
    by TEXT NOT NULL,
    at INTEGER NOT NULL,
    banned INTEGER NOT NULL,
    PRIMARY KEY (room, user)
) STRICT, WITHOUT ROWID;
