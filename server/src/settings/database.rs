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

const WHAT: &str = "an address like postgres://user@host/database, where special characters in user and password are \
                    percent-encoded (/ is %2F, @ is %40)";

/// Parameters that the driver knows.
const PARAMETERS: [&str; 18] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];

/// Checks whether a part of a password may stand where no message hides it: a password with `/`, `?` or `#` ends the host's part
/// of a URL.
fn is_doubtful(url: &Url) -> bool {
    let is_known =
        |name: &str| PARAMETERS.contains(&name) || (name.starts_with("options[") && name.ends_with(']'));
    let name = url.path().trim_start_matches('/');
    name.contains(['/', '@', ':'])
        || url.fragment().is_some()
        || !url.query_pairs().all(|(name, _)| is_known(&name))
}

impl DatabaseSettings {
    pub(super) fn read(source: &Source) -> Result<Self, Stop> {
        let url = source.get("database_url", WHAT)?;
        if url.as_ref().is_some_and(|url: &Url| !matches!(url.scheme(), "postgres" | "postgresql")) {
            return Err(Stop::new(format!(
                "The setting {} must begin with postgres://. Leave it out for SQLite in the data folder.",
                source.named("database_url")
            )));
        }
        if url.as_ref().is_some_and(is_doubtful) {
            return Err(Stop::new(format!(
                "The value of {} is not valid: a special character in the user name or the password, or a parameter \
                 that is not known. Expected: {WHAT}.",
                source.named("database_url")
            )));
        }
        let pooler = [("none", Pooler::None), ("transaction", Pooler::Transaction)];
        Ok(Self { url, pooler: source.one_of("database_pooler", pooler)? })
    }
}
