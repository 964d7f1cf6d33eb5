-- How many keys Keystead handed out that are derived from a previous tenant secret, by day.
CREATE TABLE tenant_secret_usage (
    secret_id INTEGER NOT NULL REFERENCES tenant_secret (id),
    day       TEXT NOT NULL,
    issued    INTEGER NOT NULL CHECK (issued >= 0),
    last_at   TEXT NOT NULL,
    PRIMARY KEY (secret_id, day)
) STRICT;

-- Since when the counts are complete: since the upgrade or the last restore. A new database counts from its beginning.
ALTER TABLE instance ADD COLUMN secrets_counted_since TEXT;
UPDATE instance SET secrets_counted_since = strftime('%Y-%m-%dT%H:%M:%S', 'now') || '+00:00';
