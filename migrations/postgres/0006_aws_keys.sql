-- Customers' data keys under their AWS KMS keys.

ALTER TABLE key_version DROP CONSTRAINT key_version_key_type_check;
ALTER TABLE key_version ADD CONSTRAINT key_version_key_type_check CHECK (key_type IN ('managed', 'manual_aws'));
ALTER TABLE key_version ADD CONSTRAINT key_version_supplied CHECK (key_type = 'managed'
    OR (material IS NULL AND rotation_days IS NULL AND due_at IS NULL AND customer_supplied_no IS NOT NULL));

-- What a version of type "Manual: AWS" has besides. The secret is sealed and bound to everything it is used with, and to
-- its revision (sealed_revision).
CREATE TABLE aws_key (
    id             UUID PRIMARY KEY,
    version_id     BIGINT NOT NULL UNIQUE REFERENCES key_version (id),
    region         TEXT NOT NULL,
    cmk_arn        TEXT NOT NULL,
    encrypted_key  BYTEA NOT NULL,
    access_key_id  TEXT NOT NULL,
    secret         BYTEA NOT NULL,
    credentials_at TIMESTAMPTZ NOT NULL,
    preflight      TEXT NOT NULL,
    preflight_at   TIMESTAMPTZ NOT NULL,
    health         TEXT NOT NULL CHECK (health IN ('healthy', 'refused', 'unreachable')),
    health_since   TIMESTAMPTZ NOT NULL,
    health_code    TEXT,
    probed_at      TIMESTAMPTZ NOT NULL,
    CHECK ((health = 'healthy') = (health_code IS NULL))
);
CREATE INDEX aws_key_probed ON aws_key (probed_at);
