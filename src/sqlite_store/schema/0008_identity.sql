-- Tells this memory from every other. One row, made up by chance here and never changed.
CREATE TABLE identity (number INTEGER NOT NULL) STRICT;
INSERT INTO identity (number) VALUES (random());
