-- How often a sealed value was written anew; bound into its seal (engine/src/store/revisions.rs).

CREATE TABLE sealed_revision (
    row_id      BLOB NOT NULL,
    column_name TEXT NOT NULL,
    revision    INTEGER NOT NULL CHECK (revision >= 1),
    PRIMARY KEY (row_id, column_name)
) STRICT;
