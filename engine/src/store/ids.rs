//! Ids of versions and of tenant secrets. Services keep them in front of what they encrypted, so an id must never come twice, also
//! not after a restore that lost the newest rows: they are drawn at random.

use super::{Tx, within};
use crate::Error;
use crate::base::random;
use crate::store::text::With;
use sqlx::QueryBuilder;
use std::collections::HashSet;

const TAKEN: [&str; 2] =
    ["SELECT id FROM key_version WHERE id IN ", " UNION ALL SELECT id FROM tenant_secret WHERE id IN "];

impl Tx {
    /// Draws ids that neither a version nor a tenant secret has.
    pub(super) async fn draw_ids(&mut self, count: usize) -> Result<Vec<i64>, Error> {
        let mut free = HashSet::with_capacity(count);
        while free.len() < count {
            let drawn: HashSet<i64> = (free.len()..count).map(|_| random::id().into()).collect();
            let taken: Vec<i64> = within!(self, c => {
                let mut query = QueryBuilder::new("");
                for sql in TAKEN {
                    query.push(sql).push_tuples(&drawn, |mut values, id| {
                        values.with(*id);
                    });
                }
                query.build_query_scalar().fetch_all(c).await?
            });
            free.extend(drawn.into_iter().filter(|id| !taken.contains(id)));
        }
        Ok(free.into_iter().collect())
    }
}
