-- The daily limits that an environment has of its own; NULL: the server's setting holds.
ALTER TABLE environment ADD COLUMN daily_per_type INTEGER CHECK (daily_per_type BETWEEN 1 AND 100);
ALTER TABLE environment ADD COLUMN daily_per_scope INTEGER CHECK (daily_per_scope BETWEEN 1 AND 100);
