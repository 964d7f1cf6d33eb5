-- An administrator can be disabled; the audit log is only appended to.

ALTER TABLE administrator ADD COLUMN disabled_at TIMESTAMPTZ;

CREATE FUNCTION audit_event_stays() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is only appended to';
END
$$;

CREATE TRIGGER audit_event_is_not_changed BEFORE UPDATE OR DELETE ON audit_event
    FOR EACH ROW EXECUTE FUNCTION audit_event_stays();

CREATE TRIGGER audit_event_is_not_emptied BEFORE TRUNCATE ON audit_event
    FOR EACH STATEMENT EXECUTE FUNCTION audit_event_stays();
