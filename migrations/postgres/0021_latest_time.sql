-- The latest time that a server has seen while its clock ran evenly. A clock that is set back makes nothing valid that has expired.
ALTER TABLE instance ADD COLUMN latest_at TIMESTAMPTZ;
