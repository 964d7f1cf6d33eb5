-- Every closed list is a reference table, so that a new value is an INSERT. SQLite cannot change a constraint, so the tables
-- that had the lists in a CHECK are created again. Keystead runs the migrations of SQLite without foreign keys, and checks all
-- references at the end.

CREATE TABLE session_stage (word TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
INSERT INTO session_stage (word) VALUES ('setup'), ('password'), ('enrolment'), ('full');

CREATE TABLE actor_kind (word TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
INSERT INTO actor_kind (word) VALUES ('person'), ('host'), ('scheduler'), ('stranger');

CREATE TABLE audit_outcome (word TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
INSERT INTO audit_outcome (word) VALUES ('done'), ('refused');

CREATE TABLE environment_kind (word TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
INSERT INTO environment_kind (word) VALUES ('production'), ('test');

CREATE TABLE key_type (word TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
INSERT INTO key_type (word) VALUES ('managed'), ('imported'), ('manual_aws');

CREATE TABLE key_status (word TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
INSERT INTO key_status (word) VALUES ('active'), ('deprecated');

CREATE TABLE rotation_period (days INTEGER PRIMARY KEY) STRICT;
INSERT INTO rotation_period (days) VALUES (30), (60), (180), (360);

CREATE TABLE secret_type (word TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
INSERT INTO secret_type (word) VALUES ('search'), ('deterministic'), ('vector');

CREATE TABLE secret_status (word TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
INSERT INTO secret_status (word) VALUES ('current'), ('previous'), ('retired');

CREATE TABLE session_anew (
    id             BLOB PRIMARY KEY,
    token_hash     BLOB NOT NULL UNIQUE,
    stage          TEXT NOT NULL REFERENCES session_stage (word),
    user_id        BLOB REFERENCES administrator (id),
    security_epoch INTEGER NOT NULL,
    created_at     TEXT NOT NULL,
    seen_at        TEXT NOT NULL,
    expires_at     TEXT NOT NULL,
    address        TEXT NOT NULL,
    agent          TEXT NOT NULL,
    CHECK ((stage = 'setup') = (user_id IS NULL))
) STRICT;
INSERT INTO session_anew (id, token_hash, stage, user_id, security_epoch, created_at, seen_at, expires_at, address, agent)
    SELECT id, token_hash, stage, user_id, security_epoch, created_at, seen_at, expires_at, address, agent FROM session;
DROP TABLE session;
ALTER TABLE session_anew RENAME TO session;
CREATE INDEX session_of_user ON session (user_id);

CREATE TABLE audit_event_anew (
    sequence   INTEGER PRIMARY KEY,
    at         TEXT NOT NULL,
    actor_kind TEXT NOT NULL REFERENCES actor_kind (word),
    actor_id   BLOB,
    who        TEXT NOT NULL,
    action     TEXT NOT NULL,
    place      TEXT NOT NULL,
    outcome    TEXT NOT NULL REFERENCES audit_outcome (word),
    detail     TEXT NOT NULL,
    address    TEXT NOT NULL,
    mac        BLOB
) STRICT;
INSERT INTO audit_event_anew (sequence, at, actor_kind, actor_id, who, action, place, outcome, detail, address, mac)
    SELECT sequence, at, actor_kind, actor_id, who, action, place, outcome, detail, address, mac FROM audit_event;
-- Drops the triggers and the index too. No trigger runs for the rows.
DROP TABLE audit_event;
ALTER TABLE audit_event_anew RENAME TO audit_event;
CREATE INDEX audit_event_at ON audit_event (at);

CREATE TRIGGER audit_event_is_not_changed BEFORE UPDATE ON audit_event
BEGIN
    SELECT RAISE(ABORT, 'the audit log is only appended to');
END;

-- REPLACE removes a row without running the trigger below.
CREATE TRIGGER audit_event_is_not_replaced BEFORE INSERT ON audit_event
WHEN EXISTS (SELECT 1 FROM audit_event WHERE sequence = NEW.sequence)
BEGIN
    SELECT RAISE(ABORT, 'the audit log is only appended to');
END;

CREATE TRIGGER audit_event_is_not_deleted BEFORE DELETE ON audit_event
BEGIN
    SELECT RAISE(ABORT, 'the audit log is only appended to');
END;

CREATE TABLE environment_anew (
    id         BLOB PRIMARY KEY,
    slug       TEXT NOT NULL UNIQUE,
    name       TEXT NOT NULL,
    kind       TEXT NOT NULL REFERENCES environment_kind (word),
    created_at TEXT NOT NULL,
    removed_at TEXT
) STRICT;
INSERT INTO environment_anew (id, slug, name, kind, created_at, removed_at)
    SELECT id, slug, name, kind, created_at, removed_at FROM environment;
DROP TABLE environment;
ALTER TABLE environment_anew RENAME TO environment;

-- The checks name the two types whose material Keystead stores. Of every other type, a customer's KMS holds the key.
CREATE TABLE key_version_anew (
    id                   INTEGER PRIMARY KEY AUTOINCREMENT,
    scope_id             BLOB NOT NULL REFERENCES scope (id),
    number               INTEGER NOT NULL CHECK (number >= 1),
    key_type             TEXT NOT NULL REFERENCES key_type (word),
    status               TEXT NOT NULL REFERENCES key_status (word),
    rotation_days        INTEGER REFERENCES rotation_period (days),
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
    CHECK ((key_type IN ('managed', 'imported')) = (material IS NOT NULL)),
    CHECK ((key_type = 'managed') = (rotation_days IS NOT NULL)),
    CHECK ((key_type = 'managed') = (due_at IS NOT NULL)),
    CHECK ((key_type = 'managed') = (customer_supplied_no IS NULL))
) STRICT;
INSERT INTO key_version_anew (id, scope_id, number, key_type, status, rotation_days, due_at, rotated_for_due,
        deferred_until, customer_supplied_no, material, created_at, created_by)
    SELECT id, scope_id, number, key_type, status, rotation_days, due_at, rotated_for_due,
        deferred_until, customer_supplied_no, material, created_at, created_by FROM key_version;
-- The largest id that was ever given goes along, so that none is given again.
DELETE FROM sqlite_sequence WHERE name = 'key_version_anew';
INSERT INTO sqlite_sequence (name, seq) SELECT 'key_version_anew', seq FROM sqlite_sequence WHERE name = 'key_version';
DROP TABLE key_version;
ALTER TABLE key_version_anew RENAME TO key_version;
CREATE UNIQUE INDEX key_version_one_active ON key_version (scope_id) WHERE status = 'active';
CREATE INDEX key_version_due ON key_version (due_at, id) WHERE status = 'active' AND key_type = 'managed';
CREATE INDEX key_version_created ON key_version (scope_id, created_at);

CREATE TABLE tenant_secret_anew (
    -- Unique in the portal. It is written before the data that was encrypted with the secret.
    id          INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id BETWEEN 1 AND 4294967295),
    scope_id    BLOB NOT NULL REFERENCES scope (id),
    secret_type TEXT NOT NULL REFERENCES secret_type (word),
    secret_path TEXT NOT NULL,
    generation  INTEGER NOT NULL CHECK (generation >= 1),
    status      TEXT NOT NULL REFERENCES secret_status (word),
    secret      BLOB NOT NULL,
    created_at  TEXT NOT NULL,
    UNIQUE (scope_id, secret_type, secret_path, generation)
) STRICT;
INSERT INTO tenant_secret_anew (id, scope_id, secret_type, secret_path, generation, status, secret, created_at)
    SELECT id, scope_id, secret_type, secret_path, generation, status, secret, created_at FROM tenant_secret;
DELETE FROM sqlite_sequence WHERE name = 'tenant_secret_anew';
INSERT INTO sqlite_sequence (name, seq) SELECT 'tenant_secret_anew', seq FROM sqlite_sequence WHERE name = 'tenant_secret';
DROP TABLE tenant_secret;
ALTER TABLE tenant_secret_anew RENAME TO tenant_secret;
CREATE UNIQUE INDEX tenant_secret_current ON tenant_secret (scope_id, secret_type, secret_path) WHERE status = 'current';
CREATE UNIQUE INDEX tenant_secret_previous ON tenant_secret (scope_id, secret_type, secret_path) WHERE status = 'previous';
