//! Settings of the database.

use super::source::Source;
use crate::Stop;
use engine::store::Pooler;
use url::Url;

pub struct DatabaseSettings {
    /// `None`: SQLite in the data folder.
    pub url: Option<Url>,
    /// The pooler between Keystead and PostgreSQL.
    pub pooler: Pooler,
}

impl DatabaseSettings {
    pub(super) fn read(source: &Source) -> Result<Self, Stop> {
        let url = source.get("database_url", "an address like postgres://user@host/database, where special characters in user and password are percent-encoded (/ is %2F, @ is %40)")?;
        if url.as_ref().is_some_and(|url: &Url| !matches!(url.scheme(), "postgres" | "postgresql")) {
            return Err(Stop::new(
                "The setting KEYSTEAD_DATABASE_URL must begin with postgres://. Leave it out for SQLite in the data folder.",
            ));
        }
        let pooler = [("none", Pooler::None), ("transaction", Pooler::Transaction)];
        Ok(Self { url, pooler: source.one_of("database_pooler", pooler)? })
    }
}
