-- API keys of the vendor's services: which scopes and operations each may use. The secret is kept as a hash only.

CREATE TABLE api_key (
    id           BYTEA PRIMARY KEY CHECK (length(id) = 6),
    name         TEXT NOT NULL,
    hash         BYTEA NOT NULL,
    operations   TEXT NOT NULL,
    created_at   TIMESTAMPTZ NOT NULL,
    created_by   TEXT NOT NULL,
    expires_at   TIMESTAMPTZ NOT NULL,
    revoked_at   TIMESTAMPTZ,
    last_used_at TIMESTAMPTZ
);
CREATE INDEX api_key_name ON api_key (name);
CREATE INDEX api_key_created ON api_key (created_at, id);

-- Without a scope: every country of the environment, those to come among them. Who removes a country takes the right to it
-- away; adding it again makes another scope, which nobody was given.
CREATE TABLE api_key_grant (
    api_key_id     BYTEA NOT NULL REFERENCES api_key (id),
    environment_id UUID NOT NULL REFERENCES environment (id),
    scope_id       UUID REFERENCES scope (id) ON DELETE CASCADE,
    UNIQUE (api_key_id, environment_id, scope_id)
);
CREATE INDEX api_key_grant_scope ON api_key_grant (scope_id);

-- Moves with every change that the data plane must see; each server looks at it twice a second.
ALTER TABLE instance ADD COLUMN data_epoch BIGINT NOT NULL DEFAULT 0;
