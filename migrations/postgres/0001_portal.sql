-- The portal itself: its identity, keyring, administrators, sessions, audit log.

CREATE TABLE instance (
    id             BIGINT PRIMARY KEY CHECK (id = 1),
    uuid           UUID NOT NULL,
    canary         BYTEA NOT NULL,
    audit_sequence BIGINT NOT NULL DEFAULT 0,
    created_at     TIMESTAMPTZ NOT NULL
);

CREATE TABLE keyring (
    purpose    TEXT NOT NULL,
    term       BIGINT NOT NULL CHECK (term >= 1),
    sealed     BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (purpose, term)
);

CREATE TABLE setup_token (
    hash       BYTEA PRIMARY KEY,
    expires_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE administrator (
    id                  UUID PRIMARY KEY,
    email               TEXT NOT NULL UNIQUE,
    password_hash       TEXT NOT NULL,
    password_changed_at TIMESTAMPTZ NOT NULL,
    totp_seed           BYTEA,
    totp_step           BIGINT NOT NULL DEFAULT 0,
    authenticator_since TIMESTAMPTZ,
    security_epoch      BIGINT NOT NULL DEFAULT 1,
    created_at          TIMESTAMPTZ NOT NULL
);

CREATE TABLE recovery_code (
    user_id UUID NOT NULL REFERENCES administrator (id),
    hash    BYTEA NOT NULL,
    used_at TIMESTAMPTZ,
    PRIMARY KEY (user_id, hash)
);

CREATE TABLE session (
    id             UUID PRIMARY KEY,
    token_hash     BYTEA NOT NULL UNIQUE,
    stage          TEXT NOT NULL CHECK (stage IN ('setup', 'password', 'enrolment', 'full')),
    user_id        UUID REFERENCES administrator (id),
    security_epoch BIGINT NOT NULL,
    created_at     TIMESTAMPTZ NOT NULL,
    seen_at        TIMESTAMPTZ NOT NULL,
    expires_at     TIMESTAMPTZ NOT NULL,
    address        TEXT NOT NULL,
    agent          TEXT NOT NULL,
    CHECK ((stage = 'setup') = (user_id IS NULL))
);
CREATE INDEX session_of_user ON session (user_id);

-- What a session keeps sealed for a while: typed secrets, a new seed, recovery codes to be shown.
CREATE TABLE session_note (
    session_id UUID NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    kind       TEXT NOT NULL,
    sealed     BYTEA NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (session_id, kind)
);

CREATE TABLE prepared_change (
    id         UUID PRIMARY KEY,
    session_id UUID NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    user_id    UUID NOT NULL REFERENCES administrator (id),
    kind       TEXT NOT NULL,
    sealed     BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    spent_at   TIMESTAMPTZ
);
CREATE INDEX prepared_change_session ON prepared_change (session_id);

-- One failure counter for each name (a keyed hash, known or not) and each network address.
CREATE TABLE throttle (
    subject       BYTEA PRIMARY KEY,
    failures      BIGINT NOT NULL DEFAULT 0,
    wrong_codes   BIGINT NOT NULL DEFAULT 0,
    blocked_until TIMESTAMPTZ,
    updated_at    TIMESTAMPTZ NOT NULL
);

CREATE TABLE audit_event (
    sequence   BIGINT PRIMARY KEY,
    at         TIMESTAMPTZ NOT NULL,
    actor_kind TEXT NOT NULL CHECK (actor_kind IN ('person', 'host', 'scheduler', 'stranger')),
    actor_id   UUID,
    who        TEXT NOT NULL,
    action     TEXT NOT NULL,
    place      TEXT NOT NULL,
    outcome    TEXT NOT NULL CHECK (outcome IN ('done', 'refused')),
    detail     TEXT NOT NULL,
    address    TEXT NOT NULL,
    mac        BYTEA
);
