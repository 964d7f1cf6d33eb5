-- The portal itself: its identity, keyring, administrators, sessions, audit log.

CREATE TABLE instance (
    id             INTEGER PRIMARY KEY CHECK (id = 1),
    uuid           BLOB NOT NULL,
    canary         BLOB NOT NULL,
    audit_sequence INTEGER NOT NULL DEFAULT 0,
    created_at     TEXT NOT NULL
) STRICT;

CREATE TABLE keyring (
    purpose    TEXT NOT NULL,
    term       INTEGER NOT NULL CHECK (term >= 1),
    sealed     BLOB NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (purpose, term)
) STRICT;

CREATE TABLE setup_token (
    hash       BLOB PRIMARY KEY,
    expires_at TEXT NOT NULL
) STRICT;

CREATE TABLE administrator (
    id                  BLOB PRIMARY KEY,
    email               TEXT NOT NULL UNIQUE,
    password_hash       TEXT NOT NULL,
    password_changed_at TEXT NOT NULL,
    totp_seed           BLOB,
    totp_step           INTEGER NOT NULL DEFAULT 0,
    authenticator_since TEXT,
    security_epoch      INTEGER NOT NULL DEFAULT 1,
    created_at          TEXT NOT NULL
) STRICT;

CREATE TABLE recovery_code (
    user_id BLOB NOT NULL REFERENCES administrator (id),
    hash    BLOB NOT NULL,
    used_at TEXT,
    PRIMARY KEY (user_id, hash)
) STRICT;

CREATE TABLE session (
    id             BLOB PRIMARY KEY,
    token_hash     BLOB NOT NULL UNIQUE,
    stage          TEXT NOT NULL CHECK (stage IN ('setup', 'password', 'enrolment', 'full')),
    user_id        BLOB REFERENCES administrator (id),
    security_epoch INTEGER NOT NULL,
    created_at     TEXT NOT NULL,
    seen_at        TEXT NOT NULL,
    expires_at     TEXT NOT NULL,
    address        TEXT NOT NULL,
    agent          TEXT NOT NULL,
    CHECK ((stage = 'setup') = (user_id IS NULL))
) STRICT;
CREATE INDEX session_of_user ON session (user_id);

-- What a session keeps sealed for a while: typed secrets, a new seed, recovery codes to be shown.
CREATE TABLE session_note (
    session_id BLOB NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    kind       TEXT NOT NULL,
    sealed     BLOB NOT NULL,
    expires_at TEXT NOT NULL,
    PRIMARY KEY (session_id, kind)
) STRICT;

CREATE TABLE prepared_change (
    id         BLOB PRIMARY KEY,
    session_id BLOB NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    user_id    BLOB NOT NULL REFERENCES administrator (id),
    kind       TEXT NOT NULL,
    sealed     BLOB NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    spent_at   TEXT
) STRICT;
CREATE INDEX prepared_change_session ON prepared_change (session_id);

-- One failure counter for each name (a keyed hash, known or not) and each network address.
CREATE TABLE throttle (
    subject       BLOB PRIMARY KEY,
    failures      INTEGER NOT NULL DEFAULT 0,
    wrong_codes   INTEGER NOT NULL DEFAULT 0,
    blocked_until TEXT,
    updated_at    TEXT NOT NULL
) STRICT;

CREATE TABLE audit_event (
    sequence   INTEGER PRIMARY KEY,
    at         TEXT NOT NULL,
    actor_kind TEXT NOT NULL CHECK (actor_kind IN ('person', 'host', 'scheduler', 'stranger')),
    actor_id   BLOB,
    who        TEXT NOT NULL,
    action     TEXT NOT NULL,
    place      TEXT NOT NULL,
    outcome    TEXT NOT NULL CHECK (outcome IN ('done', 'refused')),
    detail     TEXT NOT NULL,
    address    TEXT NOT NULL,
    mac        BLOB
) STRICT;
