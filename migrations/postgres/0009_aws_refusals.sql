-- How often a key was refused, to any server. Whoever holds what was released before compares the number, never the time:
-- the clocks of two servers may differ.

ALTER TABLE aws_key ADD COLUMN refusals BIGINT NOT NULL DEFAULT 0 CHECK (refusals >= 0);
