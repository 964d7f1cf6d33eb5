-- Environments and the countries in them. A removed environment stays as a row, so that its slug
-- is never used again.

CREATE TABLE environment (
    id         UUID PRIMARY KEY,
    slug       TEXT NOT NULL UNIQUE,
    name       TEXT NOT NULL,
    kind       TEXT NOT NULL CHECK (kind IN ('production', 'test')),
    created_at TIMESTAMPTZ NOT NULL,
    removed_at TIMESTAMPTZ
);

CREATE TABLE scope (
    id             UUID PRIMARY KEY,
    environment_id UUID NOT NULL REFERENCES environment (id),
    country        TEXT NOT NULL CHECK (length(country) = 2),
    created_at     TIMESTAMPTZ NOT NULL,
    UNIQUE (environment_id, country)
);
