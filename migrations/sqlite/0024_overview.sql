-- The overview finds the few countries that need attention among very many, by indexes that hold only those.
-- `lacks_key` is 1 until a country gets its first version.
ALTER TABLE scope ADD COLUMN lacks_key INTEGER NOT NULL DEFAULT 1 CHECK (lacks_key IN (0, 1));
UPDATE scope SET lacks_key = 0
    WHERE EXISTS (SELECT 1 FROM key_version k WHERE k.scope_id = scope.id AND k.status = 'active');
CREATE INDEX scope_keyless ON scope (environment_id, country) WHERE lacks_key = 1;
CREATE INDEX scope_country ON scope (country);
CREATE INDEX holder_unhealthy ON holder (health_since) WHERE health <> 'healthy';
CREATE INDEX key_version_limit_near ON key_version (created_at, id) WHERE customer_supplied_no = 80;
CREATE INDEX api_key_expires ON api_key (expires_at) WHERE revoked_at IS NULL;
-- The first version of the portal, for the steps after it.
CREATE INDEX key_version_age ON key_version (created_at, id);
