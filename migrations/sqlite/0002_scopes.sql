-- Environments and the countries in them. A removed environment stays as a row, so that its slug
-- is never used again.

CREATE TABLE environment (
    id         BLOB PRIMARY KEY,
    slug       TEXT NOT NULL UNIQUE,
    name       TEXT NOT NULL,
    kind       TEXT NOT NULL CHECK (kind IN ('production', 'test')),
    created_at TEXT NOT NULL,
    removed_at TEXT
) STRICT;

CREATE TABLE scope (
    id             BLOB PRIMARY KEY,
    environment_id BLOB NOT NULL REFERENCES environment (id),
    country        TEXT NOT NULL CHECK (length(country) = 2),
    created_at     TEXT NOT NULL,
    UNIQUE (environment_id, country)
) STRICT;
