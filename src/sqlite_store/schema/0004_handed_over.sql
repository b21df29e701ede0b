-- When a person has taken the room out of management, until one adopts it.
ALTER TABLE room ADD COLUMN handed_over INTEGER;
