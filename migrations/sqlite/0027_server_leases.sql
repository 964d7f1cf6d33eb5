-- The servers that hold key material: one row for each run of a server. A server that stops deletes its row; the upkeep deletes the
-- rows of servers that have not been heard of for long.
CREATE TABLE server (
    id         BLOB PRIMARY KEY,
    name       TEXT NOT NULL,
    started_at TEXT NOT NULL,
    seen_at    TEXT NOT NULL
) STRICT;

-- The times of the material that each server holds in memory, and the last failure to load it. They are for people to see; no server
-- decides by them.
CREATE TABLE server_lease (
    server_id   BLOB NOT NULL REFERENCES server (id) ON DELETE CASCADE,
    scope_id    BLOB NOT NULL REFERENCES scope (id) ON DELETE CASCADE,
    number      INTEGER NOT NULL,
    released_at TEXT,
    refresh_at  TEXT,
    hold_until  TEXT,
    code        TEXT,
    PRIMARY KEY (server_id, scope_id, number)
) STRICT;
CREATE INDEX server_lease_version ON server_lease (scope_id, number);
