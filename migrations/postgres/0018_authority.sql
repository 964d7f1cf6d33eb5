-- Rows that give authority carry a code (HMAC) under a term of the keyring. Whoever can write the database but has no root key
-- cannot make one. `keystead migrate` makes the codes of the rows that were there before.
ALTER TABLE administrator ADD COLUMN mac BYTEA;
ALTER TABLE recovery_code ADD COLUMN mac BYTEA;
ALTER TABLE session ADD COLUMN mac BYTEA;
ALTER TABLE setup_token ADD COLUMN mac BYTEA;
ALTER TABLE api_key ADD COLUMN mac BYTEA;
ALTER TABLE environment ADD COLUMN mac BYTEA;
ALTER TABLE scope ADD COLUMN mac BYTEA;
ALTER TABLE key_version ADD COLUMN mac BYTEA;
ALTER TABLE tenant_secret ADD COLUMN mac BYTEA;

-- The row of the table sealed_revision that counts how often the key was changed. Its own id is too short for that table.
ALTER TABLE api_key ADD COLUMN revision_id UUID;

-- Nobody can tell whether a session from before is genuine.
DELETE FROM sealed_revision WHERE row_id IN (SELECT id FROM session);
DELETE FROM prepared_change;
DELETE FROM session_note;
DELETE FROM session;
DELETE FROM setup_token;

-- Each time step whose code was spent. A step in the future, spent while the clock was ahead, then blocks only itself.
CREATE TABLE spent_step (
    user_id UUID NOT NULL REFERENCES administrator (id),
    step    BIGINT NOT NULL,
    PRIMARY KEY (user_id, step)
);
INSERT INTO spent_step (user_id, step) SELECT id, totp_step FROM administrator WHERE totp_step > 0;

-- Every step up to this one is spent.
ALTER TABLE administrator ADD COLUMN totp_floor BIGINT NOT NULL DEFAULT 0;
UPDATE administrator SET totp_floor = LEAST(totp_step, CAST(floor(extract(epoch FROM now()) / 30) AS BIGINT) + 1);
ALTER TABLE administrator DROP COLUMN totp_step;

-- What Keystead itself stored and cannot open is no refusal of the customer's KMS.
INSERT INTO health_state (word) VALUES ('damaged');
UPDATE holder SET health = 'damaged' WHERE health_code = 'Sealed';
