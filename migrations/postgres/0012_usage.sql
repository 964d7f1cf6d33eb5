-- How much each version is used, by day; days long past are folded into the first of them.
CREATE TABLE version_usage (
    version_id BIGINT NOT NULL REFERENCES key_version (id),
    day        TIMESTAMPTZ NOT NULL,
    issued     BIGINT NOT NULL CHECK (issued >= 0),
    seen       BIGINT NOT NULL CHECK (seen >= 0),
    last_at    TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (version_id, day)
);
