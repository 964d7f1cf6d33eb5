-- The journal of the data plane. What a server has written into a file becomes one row, compressed.

-- One run of one server. It says how far its segments must reach, so that one that somebody takes away is missed.
CREATE TABLE journal_run (
    id              BLOB PRIMARY KEY,
    started_at      TEXT NOT NULL,
    -- Only of a run that ended in good order.
    ended_at        TEXT,
    last_sequence   INTEGER,
    -- What was taken away in good order because it was too old.
    removed_through INTEGER NOT NULL DEFAULT 0,
    CHECK ((ended_at IS NULL) = (last_sequence IS NULL))
) STRICT;

CREATE TABLE journal_segment (
    server         BLOB NOT NULL REFERENCES journal_run (id),
    first_sequence INTEGER NOT NULL CHECK (first_sequence >= 1),
    last_sequence  INTEGER NOT NULL,
    first_at       TEXT NOT NULL,
    last_at        TEXT NOT NULL,
    plain_bytes    INTEGER NOT NULL,
    stored_bytes   INTEGER NOT NULL,
    -- The chain before the first line and after the last.
    mac_before     BLOB NOT NULL,
    mac_after      BLOB NOT NULL,
    -- Over everything else in the row.
    seal           BLOB NOT NULL,
    -- Last, so that the columns above are read without it.
    body           BLOB NOT NULL,
    PRIMARY KEY (server, first_sequence),
    CHECK (last_sequence >= first_sequence AND last_at >= first_at)
) STRICT;
-- A search by time and the sum of all sizes are answered from these alone.
CREATE INDEX journal_segment_last ON journal_segment (last_at, first_at, stored_bytes);
CREATE INDEX journal_segment_first ON journal_segment (first_at, last_at);

CREATE TRIGGER journal_segment_is_not_changed BEFORE UPDATE ON journal_segment
BEGIN
    SELECT RAISE(ABORT, 'the journal is only appended to');
END;

-- REPLACE takes a row away without a word to any other trigger.
CREATE TRIGGER journal_segment_is_not_replaced BEFORE INSERT ON journal_segment
WHEN EXISTS (SELECT 1 FROM journal_segment WHERE server = NEW.server AND first_sequence = NEW.first_sequence)
BEGIN
    SELECT RAISE(ABORT, 'the journal is only appended to');
END;

-- Segments go when they are too old; that there was a run stays.
CREATE TRIGGER journal_run_is_not_deleted BEFORE DELETE ON journal_run
BEGIN
    SELECT RAISE(ABORT, 'the journal is only appended to');
END;
