-- Every closed list is a reference table, so that a new value is an INSERT.

CREATE TABLE session_stage (word TEXT PRIMARY KEY);
INSERT INTO session_stage (word) VALUES ('setup'), ('password'), ('enrolment'), ('full');

CREATE TABLE actor_kind (word TEXT PRIMARY KEY);
INSERT INTO actor_kind (word) VALUES ('person'), ('host'), ('scheduler'), ('stranger');

CREATE TABLE audit_outcome (word TEXT PRIMARY KEY);
INSERT INTO audit_outcome (word) VALUES ('done'), ('refused');

CREATE TABLE environment_kind (word TEXT PRIMARY KEY);
INSERT INTO environment_kind (word) VALUES ('production'), ('test');

CREATE TABLE key_type (word TEXT PRIMARY KEY);
INSERT INTO key_type (word) VALUES ('managed'), ('imported'), ('manual_aws');

CREATE TABLE key_status (word TEXT PRIMARY KEY);
INSERT INTO key_status (word) VALUES ('active'), ('deprecated');

CREATE TABLE rotation_period (days BIGINT PRIMARY KEY);
INSERT INTO rotation_period (days) VALUES (30), (60), (180), (360);

CREATE TABLE secret_type (word TEXT PRIMARY KEY);
INSERT INTO secret_type (word) VALUES ('search'), ('deterministic'), ('vector');

CREATE TABLE secret_status (word TEXT PRIMARY KEY);
INSERT INTO secret_status (word) VALUES ('current'), ('previous'), ('retired');

ALTER TABLE session DROP CONSTRAINT session_stage_check,
    ADD FOREIGN KEY (stage) REFERENCES session_stage (word);

ALTER TABLE audit_event DROP CONSTRAINT audit_event_actor_kind_check, DROP CONSTRAINT audit_event_outcome_check,
    ADD FOREIGN KEY (actor_kind) REFERENCES actor_kind (word),
    ADD FOREIGN KEY (outcome) REFERENCES audit_outcome (word);

ALTER TABLE environment DROP CONSTRAINT environment_kind_check,
    ADD FOREIGN KEY (kind) REFERENCES environment_kind (word);

-- The checks name the two types whose material Keystead stores. Of every other type, a customer's KMS holds the key.
ALTER TABLE key_version DROP CONSTRAINT key_version_key_type_check, DROP CONSTRAINT key_version_status_check,
    DROP CONSTRAINT key_version_rotation_days_check, DROP CONSTRAINT key_version_check,
    DROP CONSTRAINT key_version_supplied,
    ADD FOREIGN KEY (key_type) REFERENCES key_type (word),
    ADD FOREIGN KEY (status) REFERENCES key_status (word),
    ADD FOREIGN KEY (rotation_days) REFERENCES rotation_period (days),
    ADD CHECK ((key_type IN ('managed', 'imported')) = (material IS NOT NULL)),
    ADD CHECK ((key_type = 'managed') = (rotation_days IS NOT NULL)),
    ADD CHECK ((key_type = 'managed') = (due_at IS NOT NULL)),
    ADD CHECK ((key_type = 'managed') = (customer_supplied_no IS NULL));

ALTER TABLE tenant_secret DROP CONSTRAINT tenant_secret_secret_type_check, DROP CONSTRAINT tenant_secret_status_check,
    ADD FOREIGN KEY (secret_type) REFERENCES secret_type (word),
    ADD FOREIGN KEY (status) REFERENCES secret_status (word);
