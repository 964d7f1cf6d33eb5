-- The journal of the data plane. What a server has written into a file becomes one row, compressed.

-- One run of one server. It says how far its segments must reach, so that one that somebody takes away is missed.
CREATE TABLE journal_run (
    id              UUID PRIMARY KEY,
    started_at      TIMESTAMPTZ NOT NULL,
    -- Only of a run that ended in good order.
    ended_at        TIMESTAMPTZ,
    last_sequence   BIGINT,
    -- What was taken away in good order because it was too old.
    removed_through BIGINT NOT NULL DEFAULT 0,
    CHECK ((ended_at IS NULL) = (last_sequence IS NULL))
);

CREATE TABLE journal_segment (
    server         UUID NOT NULL REFERENCES journal_run (id),
    first_sequence BIGINT NOT NULL CHECK (first_sequence >= 1),
    last_sequence  BIGINT NOT NULL,
    first_at       TIMESTAMPTZ NOT NULL,
    last_at        TIMESTAMPTZ NOT NULL,
    plain_bytes    BIGINT NOT NULL,
    stored_bytes   BIGINT NOT NULL,
    -- The chain before the first line and after the last.
    mac_before     BYTEA NOT NULL,
    mac_after      BYTEA NOT NULL,
    -- Over everything else in the row.
    seal           BYTEA NOT NULL,
    -- Last, so that the columns above are read without it.
    body           BYTEA NOT NULL,
    PRIMARY KEY (server, first_sequence),
    CHECK (last_sequence >= first_sequence AND last_at >= first_at)
);
-- A search by time and the sum of all sizes are answered from these alone.
CREATE INDEX journal_segment_last ON journal_segment (last_at, first_at, stored_bytes);
CREATE INDEX journal_segment_first ON journal_segment (first_at, last_at);

CREATE FUNCTION journal_stays() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the journal is only appended to';
END
$$;

CREATE TRIGGER journal_segment_is_not_changed BEFORE UPDATE ON journal_segment
    FOR EACH ROW EXECUTE FUNCTION journal_stays();

CREATE TRIGGER journal_segment_is_not_emptied BEFORE TRUNCATE ON journal_segment
    FOR EACH STATEMENT EXECUTE FUNCTION journal_stays();

-- Segments go when they are too old; that there was a run stays.
CREATE TRIGGER journal_run_is_not_deleted BEFORE DELETE ON journal_run
    FOR EACH ROW EXECUTE FUNCTION journal_stays();
