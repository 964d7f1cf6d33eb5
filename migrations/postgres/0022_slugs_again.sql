-- The slug of a removed environment can be used again, unless a country of it had versions once (`keeps_slug`).
ALTER TABLE environment ADD COLUMN keeps_slug BIGINT NOT NULL DEFAULT 0, DROP CONSTRAINT environment_slug_key;
CREATE UNIQUE INDEX environment_slug ON environment (slug) WHERE removed_at IS NULL OR keeps_slug = 1;

-- The ids of the environments and countries that `place` names, in the same order. With them the lines of two environments that
-- had the same slug one after the other differ. Lines of earlier releases have none.
ALTER TABLE audit_event ADD COLUMN place_id TEXT NOT NULL DEFAULT '';
