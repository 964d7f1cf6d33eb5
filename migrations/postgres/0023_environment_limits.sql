-- The daily limits that an environment has of its own; NULL: the server's setting holds.
ALTER TABLE environment
    ADD COLUMN daily_per_type BIGINT CHECK (daily_per_type BETWEEN 1 AND 100),
    ADD COLUMN daily_per_scope BIGINT CHECK (daily_per_scope BETWEEN 1 AND 100);
