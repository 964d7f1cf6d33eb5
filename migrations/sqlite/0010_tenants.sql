-- What services need that come with the clients of another key management (TSP): the name they know a scope by, and the
-- secrets that the keys of their deterministic fields and vectors are derived from.

-- Never with a slash: a scope's own name is no alias.
ALTER TABLE scope ADD COLUMN alias TEXT CHECK (length(alias) BETWEEN 1 AND 128 AND instr(alias, '/') = 0);
CREATE UNIQUE INDEX scope_alias ON scope (alias) WHERE alias IS NOT NULL;

-- One current secret for each type and path of a scope, and one before it while a rotation is under way. What is retired
-- is no longer answered; it is kept, since nobody here knows whether everything was moved.
CREATE TABLE tenant_secret (
    -- Portal-wide; stands in front of what was encrypted with it.
    id          INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id BETWEEN 1 AND 4294967295),
    scope_id    BLOB NOT NULL REFERENCES scope (id),
    secret_type TEXT NOT NULL CHECK (secret_type IN ('search', 'deterministic', 'vector')),
    secret_path TEXT NOT NULL,
    generation  INTEGER NOT NULL CHECK (generation >= 1),
    status      TEXT NOT NULL CHECK (status IN ('current', 'previous', 'retired')),
    secret      BLOB NOT NULL,
    created_at  TEXT NOT NULL,
    UNIQUE (scope_id, secret_type, secret_path, generation)
) STRICT;
CREATE UNIQUE INDEX tenant_secret_current ON tenant_secret (scope_id, secret_type, secret_path) WHERE status = 'current';
CREATE UNIQUE INDEX tenant_secret_previous ON tenant_secret (scope_id, secret_type, secret_path) WHERE status = 'previous';
