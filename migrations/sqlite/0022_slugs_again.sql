-- The slug of a removed environment can be used again, unless a country of it had versions once (`keeps_slug`). SQLite cannot drop
-- a constraint, so the table is created again.
CREATE TABLE environment_anew (
    id         BLOB PRIMARY KEY,
    slug       TEXT NOT NULL,
    name       TEXT NOT NULL,
    kind       TEXT NOT NULL REFERENCES environment_kind (word),
    created_at TEXT NOT NULL,
    removed_at TEXT,
    mac        BLOB,
    keeps_slug INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO environment_anew (id, slug, name, kind, created_at, removed_at, mac)
    SELECT id, slug, name, kind, created_at, removed_at, mac FROM environment;
DROP TABLE environment;
ALTER TABLE environment_anew RENAME TO environment;
CREATE UNIQUE INDEX environment_slug ON environment (slug) WHERE removed_at IS NULL OR keeps_slug = 1;

-- The ids of the environments and countries that `place` names, in the same order. With them the lines of two environments that
-- had the same slug one after the other differ. Lines of earlier releases have none.
ALTER TABLE audit_event ADD COLUMN place_id TEXT NOT NULL DEFAULT '';
