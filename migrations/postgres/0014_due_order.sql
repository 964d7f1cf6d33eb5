-- Many keys may be due at the same moment: they are taken in the order of their ids, some at a time.

DROP INDEX key_version_due;
CREATE INDEX key_version_due ON key_version (due_at, id) WHERE status = 'active' AND key_type = 'managed';
