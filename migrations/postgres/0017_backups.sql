-- Backups, restores, and ids that are drawn at random.

-- When the last backup was made that was written completely.
ALTER TABLE instance ADD COLUMN backup_at TIMESTAMPTZ;
-- Grows each time that an operator accepts an older database. A trace of an earlier timeline proves nothing any more.
ALTER TABLE instance ADD COLUMN timeline BIGINT NOT NULL DEFAULT 1 CHECK (timeline >= 1);
-- Why this database is known to be older than it was; nothing makes versions meanwhile.
ALTER TABLE instance ADD COLUMN older_than TEXT;

-- The highest number that a lost version may have had. The next version gets a higher one.
ALTER TABLE scope ADD COLUMN numbers_through BIGINT NOT NULL DEFAULT 0 CHECK (numbers_through >= 0);

ALTER TABLE key_version ALTER COLUMN id DROP IDENTITY;
ALTER TABLE tenant_secret ALTER COLUMN id DROP IDENTITY;
