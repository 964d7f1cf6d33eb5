-- API keys of the vendor's services: which scopes and operations each may use. The secret is kept as a hash only.

CREATE TABLE api_key (
    id           BLOB PRIMARY KEY CHECK (length(id) = 6),
    name         TEXT NOT NULL,
    hash         BLOB NOT NULL,
    operations   TEXT NOT NULL,
    created_at   TEXT NOT NULL,
    created_by   TEXT NOT NULL,
    expires_at   TEXT NOT NULL,
    revoked_at   TEXT,
    last_used_at TEXT
) STRICT;
CREATE INDEX api_key_name ON api_key (name);
CREATE INDEX api_key_created ON api_key (created_at, id);

-- Without a scope: every country of the environment, those to come among them. Who removes a country takes the right to it
-- away; adding it again makes another scope, which nobody was given.
CREATE TABLE api_key_grant (
    api_key_id     BLOB NOT NULL REFERENCES api_key (id),
    environment_id BLOB NOT NULL REFERENCES environment (id),
    scope_id       BLOB REFERENCES scope (id) ON DELETE CASCADE,
    UNIQUE (api_key_id, environment_id, scope_id)
) STRICT;
CREATE INDEX api_key_grant_scope ON api_key_grant (scope_id);

-- Moves with every change that the data plane must see; each server looks at it twice a second.
ALTER TABLE instance ADD COLUMN data_epoch INTEGER NOT NULL DEFAULT 0;
