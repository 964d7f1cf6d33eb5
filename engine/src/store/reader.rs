//! A connection for reading from PostgreSQL.

use super::{Pooler, begin_postgres, connecting};
use crate::Error;
use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, PgPool, Postgres, Transaction};

pub enum Reader {
    Plain(PoolConnection<Postgres>),
    /// Behind a transaction pooler the steps of one query must stay on one connection.
    InTransaction(Transaction<'static, Postgres>),
}

impl Reader {
    pub async fn of(pool: &PgPool, pooler: Pooler) -> Result<Self, Error> {
        let reader = match pooler {
            // Boxed: it is 14 KiB, which every future that reads would otherwise carry on the stack of its thread.
            Pooler::None => Box::pin(pool.acquire()).await.map(Self::Plain),
            Pooler::Transaction => begin_postgres(pool, pooler).await.map(Self::InTransaction),
        };
        connecting::or_cause(pool, reader).await
    }

    pub fn connection(&mut self) -> &mut PgConnection {
        match self {
            Self::Plain(connection) => connection,
            Self::InTransaction(transaction) => transaction,
        }
    }

    /// Returns the connection to the pooler at once. The rows are read already, so its own result is ignored.
    pub async fn end(self) {
        if let Self::InTransaction(transaction) = self {
            let _ = transaction.rollback().await;
        }
    }
}
