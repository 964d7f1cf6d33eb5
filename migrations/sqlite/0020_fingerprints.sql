-- A keyed hash of the version's key, by which Keystead recognises a key that is registered again. Keys of earlier releases get it when
-- their KMS next releases them.
ALTER TABLE holder ADD COLUMN fingerprint BLOB;
CREATE INDEX holder_fingerprint ON holder (fingerprint);
