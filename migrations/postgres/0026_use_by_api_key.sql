-- How much each API key uses each version, by day. The id of six zeros stands for uses of days long past, which are folded into the
-- first of them, and for those that earlier releases counted without the key.
ALTER TABLE version_usage DROP CONSTRAINT version_usage_pkey,
    ADD COLUMN api_key_id BYTEA NOT NULL DEFAULT '\x000000000000' CHECK (length(api_key_id) = 6),
    -- Without a value: earlier releases did not keep it.
    ADD COLUMN first_at TIMESTAMPTZ;
ALTER TABLE version_usage ALTER COLUMN api_key_id DROP DEFAULT;
ALTER TABLE version_usage ADD PRIMARY KEY (version_id, day, api_key_id);

-- The number of the version that a line is about.
ALTER TABLE audit_event ADD COLUMN version BIGINT;
ALTER TABLE audit_event DISABLE TRIGGER audit_event_is_not_changed;
UPDATE audit_event SET version = CAST(SUBSTRING(detail FROM '^version ([0-9]{1,9})') AS BIGINT)
    WHERE place_id <> '' AND action LIKE 'key.%' AND detail LIKE 'version %';
ALTER TABLE audit_event ENABLE TRIGGER audit_event_is_not_changed;
CREATE INDEX audit_event_version ON audit_event (place_id, version, sequence) WHERE version IS NOT NULL;
