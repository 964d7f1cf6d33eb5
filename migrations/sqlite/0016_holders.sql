-- A customer's key that holds a version: a row beside the version, whatever the vendor of the KMS. Until now each was of AWS.

CREATE TABLE vendor (word TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
INSERT INTO vendor (word) VALUES ('aws');

CREATE TABLE health_state (word TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
INSERT INTO health_state (word) VALUES ('healthy'), ('refused'), ('unreachable');

-- The secret is sealed and bound to everything it is used with, and to its revision (sealed_revision).
CREATE TABLE holder (
    id             BLOB PRIMARY KEY,
    version_id     INTEGER NOT NULL REFERENCES key_version (id),
    vendor         TEXT NOT NULL REFERENCES vendor (word),
    -- AWS: the region.
    location       TEXT NOT NULL,
    -- The key in the vendor's own words. AWS: the ARN of the CMK.
    reference      TEXT NOT NULL,
    -- The version's key, encrypted under the customer's key.
    wrapped_key    BLOB NOT NULL,
    -- AWS: the access key ID.
    credential_id  TEXT NOT NULL,
    secret         BLOB NOT NULL,
    credentials_at TEXT NOT NULL,
    preflight      TEXT NOT NULL,
    preflight_at   TEXT NOT NULL,
    health         TEXT NOT NULL REFERENCES health_state (word),
    health_since   TEXT NOT NULL,
    health_code    TEXT,
    probed_at      TEXT NOT NULL,
    -- Number of times that the KMS refused the key, to any server. Servers compare this number and not the time, because their
    -- clocks may differ.
    refusals       INTEGER NOT NULL DEFAULT 0 CHECK (refusals >= 0),
    CHECK ((health = 'healthy') = (health_code IS NULL))
) STRICT;
INSERT INTO holder (id, version_id, vendor, location, reference, wrapped_key, credential_id, secret, credentials_at,
        preflight, preflight_at, health, health_since, health_code, probed_at, refusals)
    SELECT id, version_id, 'aws', region, cmk_arn, encrypted_key, access_key_id, secret, credentials_at,
        preflight, preflight_at, health, health_since, health_code, probed_at, refusals FROM aws_key;
DROP TABLE aws_key;
-- One holder a version. An index can be dropped, a constraint of SQLite cannot.
CREATE UNIQUE INDEX holder_of_version ON holder (version_id);
CREATE INDEX holder_probed ON holder (probed_at);
