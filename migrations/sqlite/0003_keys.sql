-- Key versions. The constraints hold the rules of PRODUCT.md 2 behind the code (SECURITY.md 7).

CREATE TABLE key_version (
    id                   INTEGER PRIMARY KEY AUTOINCREMENT,
    scope_id             BLOB NOT NULL REFERENCES scope (id),
    number               INTEGER NOT NULL CHECK (number >= 1),
    key_type             TEXT NOT NULL CHECK (key_type IN ('managed')),
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
            AND customer_supplied_no IS NULL))
) STRICT;
CREATE UNIQUE INDEX key_version_one_active ON key_version (scope_id) WHERE status = 'active';
CREATE INDEX key_version_due ON key_version (due_at) WHERE status = 'active' AND key_type = 'managed';
CREATE INDEX key_version_created ON key_version (scope_id, created_at);
