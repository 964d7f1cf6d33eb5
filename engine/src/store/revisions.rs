//! Revisions: how often a sealed value was rewritten. The number is in another table than the value and
//! is bound into its seal, so that a row that is restored to an earlier state does not open.

use super::{table, within};
use crate::Error;
use uuid::Uuid;

table!(revisions: Write);

impl Write<'_> {
    /// Increments and returns the revision of a value that is about to be written.
    pub(crate) async fn next(&mut self, row: Uuid, column: &str) -> Result<i64, Error> {
        const SQL: &str = "INSERT INTO sealed_revision (row_id, column_name, revision) VALUES ($1, $2, 1) \
                           ON CONFLICT (row_id, column_name) DO UPDATE SET revision = sealed_revision.revision + 1 \
                           RETURNING revision";
        Ok(within!(self.0, c => sqlx::query_scalar(SQL).bind(row).bind(column).fetch_one(c).await)?)
    }

    /// Restores the revision of a value that has lost it.
    pub(crate) async fn insert(&mut self, row: Uuid, column: &str, revision: i64) -> Result<(), Error> {
        const SQL: &str = "INSERT INTO sealed_revision (row_id, column_name, revision) VALUES ($1, $2, $3) \
                           ON CONFLICT (row_id, column_name) DO NOTHING";
        within!(self.0, c => sqlx::query(SQL).bind(row).bind(column).bind(revision).execute(c).await.map(drop))?;
        Ok(())
    }
}
