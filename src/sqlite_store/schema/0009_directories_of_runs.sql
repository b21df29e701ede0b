-- How many directories a run could not read, and of how many it read only a part.
ALTER TABLE run ADD COLUMN unread INTEGER NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN incomplete INTEGER NOT NULL DEFAULT 0;
