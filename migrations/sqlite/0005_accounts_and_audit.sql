-- An administrator can be disabled; the audit log is only appended to.

ALTER TABLE administrator ADD COLUMN disabled_at TEXT;

CREATE TRIGGER audit_event_is_not_changed BEFORE UPDATE ON audit_event
BEGIN
    SELECT RAISE(ABORT, 'the audit log is only appended to');
END;

-- REPLACE takes a row away without a word to the trigger below.
CREATE TRIGGER audit_event_is_not_replaced BEFORE INSERT ON audit_event
WHEN EXISTS (SELECT 1 FROM audit_event WHERE sequence = NEW.sequence)
BEGIN
    SELECT RAISE(ABORT, 'the audit log is only appended to');
END;

CREATE TRIGGER audit_event_is_not_deleted BEFORE DELETE ON audit_event
BEGIN
    SELECT RAISE(ABORT, 'the audit log is only appended to');
END;
