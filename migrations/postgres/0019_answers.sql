-- What Keystead answered to a request that carried a code, sealed for ten seconds: a browser that sends a form twice gets the
-- first answer twice. `request` is a hash over the session's token and the whole request.
CREATE TABLE answer (
    request    BYTEA PRIMARY KEY,
    created_at TIMESTAMPTZ NOT NULL,
    sealed     BYTEA
);
