-- How many keys Keystead handed out that are derived from a previous tenant secret, by day.
CREATE TABLE tenant_secret_usage (
    secret_id BIGINT NOT NULL REFERENCES tenant_secret (id),
    day       TIMESTAMPTZ NOT NULL,
    issued    BIGINT NOT NULL CHECK (issued >= 0),
    last_at   TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (secret_id, day)
);

-- Since when the counts are complete: since the upgrade or the last restore. A new database counts from its beginning.
ALTER TABLE instance ADD COLUMN secrets_counted_since TIMESTAMPTZ;
UPDATE instance SET secrets_counted_since = now();
