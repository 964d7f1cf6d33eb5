-- An administrator can be disabled; the audit log is only appended to.

ALTER TABLE administrator ADD COLUMN disabled_at TEXT;

CREATE TRIGGER audit_event_is_not_changed BEFORE UPDATE ON audit_event
BEGIN
    SELECT RAISE(ABORT, 'the audit log is only appended to');
END;

CREATE TRIGGER audit_event_is_not_deleted BEFORE DELETE ON audit_event
BEGIN
    SELECT RAISE(ABORT, 'the audit log is only appended to');
END;
