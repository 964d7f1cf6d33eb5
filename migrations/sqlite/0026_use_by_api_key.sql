-- How much each API key uses each version, by day. The id of six zeros stands for uses of days long past, which are folded into the
-- first of them, and for those that earlier releases counted without the key.
CREATE TABLE version_usage_anew (
    version_id INTEGER NOT NULL REFERENCES key_version (id),
    day        TEXT NOT NULL,
    api_key_id BLOB NOT NULL CHECK (length(api_key_id) = 6),
    issued     INTEGER NOT NULL CHECK (issued >= 0),
    seen       INTEGER NOT NULL CHECK (seen >= 0),
    -- Without a value: earlier releases did not keep it.
    first_at   TEXT,
    last_at    TEXT NOT NULL,
    PRIMARY KEY (version_id, day, api_key_id)
) STRICT;
INSERT INTO version_usage_anew (version_id, day, api_key_id, issued, seen, last_at)
    SELECT version_id, day, x'000000000000', issued, seen, last_at FROM version_usage;
DROP TABLE version_usage;
ALTER TABLE version_usage_anew RENAME TO version_usage;

-- The number of the version that a line is about.
ALTER TABLE audit_event ADD COLUMN version INTEGER;
DROP TRIGGER audit_event_is_not_changed;
UPDATE audit_event SET version = CAST(SUBSTR(detail, 9) AS INTEGER)
    WHERE place_id <> '' AND action LIKE 'key.%' AND detail LIKE 'version %';
CREATE TRIGGER audit_event_is_not_changed BEFORE UPDATE ON audit_event
BEGIN
    SELECT RAISE(ABORT, 'the audit log is only appended to');
END;
CREATE INDEX audit_event_version ON audit_event (place_id, version, sequence) WHERE version IS NOT NULL;
