-- How much each version is used, by day; days long past are folded into the first of them.
CREATE TABLE version_usage (
    version_id INTEGER NOT NULL REFERENCES key_version (id),
    day        TEXT NOT NULL,
    issued     INTEGER NOT NULL CHECK (issued >= 0),
    seen       INTEGER NOT NULL CHECK (seen >= 0),
    last_at    TEXT NOT NULL,
    PRIMARY KEY (version_id, day)
) STRICT;
