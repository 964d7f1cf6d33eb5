-- Every alias that a scope has or had. IronCore's Alloy writes the name that its service used into EDEKs; those of the scope
-- open again whatever it is called now.
CREATE TABLE alias_history (
    scope_id UUID NOT NULL REFERENCES scope (id) ON DELETE CASCADE,
    alias    TEXT NOT NULL,
    PRIMARY KEY (scope_id, alias)
);
INSERT INTO alias_history (scope_id, alias) SELECT id, alias FROM scope WHERE alias IS NOT NULL;
