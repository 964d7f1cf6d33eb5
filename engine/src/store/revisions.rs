//! Revisions: how often a sealed value was rewritten. The number is in another table than the value and
//! is bound into its seal, so that a row that is restored to an earlier state does not open.

use super::authority::RevisionPlace;
use super::{on, table, within};
use crate::Error;
use crate::store::text::{With, kept, sought};
use sqlx::QueryBuilder;
use uuid::Uuid;

table!(revisions: Read, Write);

impl Read<'_> {
    /// Returns the revision of a value; 0 when it has none.
    pub(crate) async fn of(&self, row: Uuid, column: &str) -> Result<i64, Error> {
        const SQL: &str = "SELECT revision FROM sealed_revision WHERE row_id = $1 AND column_name = $2";
        let revision: Option<i64> = on!(self.0, pool => sqlx::query_scalar(SQL).with(row).with(sought(column)).fetch_optional(pool).await)?;
        Ok(revision.unwrap_or_default())
    }
}

impl Write<'_> {
    /// Increments and returns the revision of a value that is about to be written.
    pub(crate) async fn next(&mut self, row: Uuid, column: &str) -> Result<i64, Error> {
        const SQL: &str = "INSERT INTO sealed_revision (row_id, column_name, revision) VALUES ($1, $2, 1) \
                           ON CONFLICT (row_id, column_name) DO UPDATE SET revision = sealed_revision.revision + 1 \
                           RETURNING revision";
        Ok(within!(self.0, c => sqlx::query_scalar(SQL).with(row).with(kept(column)).fetch_one(c).await)?)
    }

    /// Sets the revisions of several values.
    pub(crate) async fn set(&mut self, these: &[(&RevisionPlace, i64)]) -> Result<(), Error> {
        const SQL: &str = "INSERT INTO sealed_revision (row_id, column_name, revision) ";
        const REPLACE: &str = " ON CONFLICT (row_id, column_name) DO UPDATE SET revision = excluded.revision";
        if these.is_empty() {
            return Ok(());
        }
        within!(self.0, c => {
            let mut query = QueryBuilder::new(SQL);
            query.push_values(these, |mut values, (place, revision)| {
                values.with(place.row).with(kept(&place.column)).with(*revision);
            });
            query.push(REPLACE).build().execute(c).await.map(drop)
        })?;
        Ok(())
    }

    /// Deletes the revision of a value that ends. Returns true to the first caller, and false to every later one.
    pub(crate) async fn end(&mut self, row: Uuid, column: &str) -> Result<bool, Error> {
        const SQL: &str = "DELETE FROM sealed_revision WHERE row_id = $1 AND column_name = $2";
        let rows = within!(self.0, c => sqlx::query(SQL).with(row).with(sought(column)).execute(c).await.map(|r| r.rows_affected()))?;
        Ok(rows == 1)
    }

    /// Restores the revision of a value that has lost it.
    pub(crate) async fn insert(&mut self, row: Uuid, column: &str, revision: i64) -> Result<(), Error> {
        const SQL: &str = "INSERT INTO sealed_revision (row_id, column_name, revision) VALUES ($1, $2, $3) \
                           ON CONFLICT (row_id, column_name) DO NOTHING";
        within!(self.0, c => sqlx::query(SQL).with(row).with(kept(column)).with(revision).execute(c).await.map(drop))?;
        Ok(())
    }
}
