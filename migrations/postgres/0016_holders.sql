-- A customer's key that holds a version: a row beside the version, whatever the vendor of the KMS. Until now each was of AWS.

CREATE TABLE vendor (word TEXT PRIMARY KEY);
INSERT INTO vendor (word) VALUES ('aws');

CREATE TABLE health_state (word TEXT PRIMARY KEY);
INSERT INTO health_state (word) VALUES ('healthy'), ('refused'), ('unreachable');

-- The secret is sealed and bound to everything it is used with, and to its revision (sealed_revision).
ALTER TABLE aws_key RENAME TO holder;
-- AWS: the region.
ALTER TABLE holder RENAME COLUMN region TO location;
-- The key in the vendor's own words. AWS: the ARN of the CMK.
ALTER TABLE holder RENAME COLUMN cmk_arn TO reference;
-- The version's key, encrypted under the customer's key.
ALTER TABLE holder RENAME COLUMN encrypted_key TO wrapped_key;
-- AWS: the access key ID.
ALTER TABLE holder RENAME COLUMN access_key_id TO credential_id;
ALTER TABLE holder ADD COLUMN vendor TEXT NOT NULL DEFAULT 'aws' REFERENCES vendor (word);
ALTER TABLE holder ALTER COLUMN vendor DROP DEFAULT;
ALTER TABLE holder DROP CONSTRAINT aws_key_health_check,
    ADD FOREIGN KEY (health) REFERENCES health_state (word);
-- One holder a version.
ALTER TABLE holder DROP CONSTRAINT aws_key_version_id_key;
CREATE UNIQUE INDEX holder_of_version ON holder (version_id);
ALTER INDEX aws_key_probed RENAME TO holder_probed;
ALTER INDEX aws_key_pkey RENAME TO holder_pkey;
