-- Customers' data keys under their AWS KMS keys. SQLite cannot change a constraint, so the table is made anew.

CREATE TABLE key_version_anew (
    id                   INTEGER PRIMARY KEY AUTOINCREMENT,
    scope_id             BLOB NOT NULL REFERENCES scope (id),
    number               INTEGER NOT NULL CHECK (number >= 1),
    key_type             TEXT NOT NULL CHECK (key_type IN ('managed', 'manual_aws')),
    status               TEXT NOT NULL CHECK (status IN ('active', 'deprecated')),
    rotation_days        INTEGER CHECK (rotation_days IN (30, 60, 180, 360)),
    due_at               TEXT,
    rotated_for_due      TEXT,
    deferred_until       TEXT,
    customer_supplied_no INTEGER CHECK (customer_supplied_no BETWEEN 1 AND 100),
    material             BLOB,
    created_at           TEXT NOT NULL,
    created_by           TEXT NOT NULL,
    UNIQUE (scope_id, number),
    UNIQUE (scope_id, customer_supplied_no),
    UNIQUE (scope_id, rotated_for_due),
    CHECK (key_type <> 'managed'
        OR (material IS NOT NULL AND rotation_days IS NOT NULL AND due_at IS NOT NULL
            AND customer_supplied_no IS NULL)),
    CHECK (key_type = 'managed'
        OR (material IS NULL AND rotation_days IS NULL AND due_at IS NULL
            AND customer_supplied_no IS NOT NULL))
) STRICT;
INSERT INTO key_version_anew SELECT * FROM key_version;
DROP TABLE key_version;
ALTER TABLE key_version_anew RENAME TO key_version;
CREATE UNIQUE INDEX key_version_one_active ON key_version (scope_id) WHERE status = 'active';
CREATE INDEX key_version_due ON key_version (due_at) WHERE status = 'active' AND key_type = 'managed';
CREATE INDEX key_version_created ON key_version (scope_id, created_at);

-- What a version of type "Manual: AWS" has besides. The secret is sealed and bound to everything it is used with, and to
-- its revision (sealed_revision).
CREATE TABLE aws_key (
    id             BLOB PRIMARY KEY,
    version_id     INTEGER NOT NULL UNIQUE REFERENCES key_version (id),
    region         TEXT NOT NULL,
    cmk_arn        TEXT NOT NULL,
    encrypted_key  BLOB NOT NULL,
    access_key_id  TEXT NOT NULL,
    secret         BLOB NOT NULL,
    credentials_at TEXT NOT NULL,
    preflight      TEXT NOT NULL,
    preflight_at   TEXT NOT NULL,
    health         TEXT NOT NULL CHECK (health IN ('healthy', 'refused', 'unreachable')),
    health_since   TEXT NOT NULL,
    health_code    TEXT,
    probed_at      TEXT NOT NULL,
    CHECK ((health = 'healthy') = (health_code IS NULL))
) STRICT;
CREATE INDEX aws_key_probed ON aws_key (probed_at);
