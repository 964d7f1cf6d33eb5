-- The audit log is searched by time.
CREATE INDEX audit_event_at ON audit_event (at);
