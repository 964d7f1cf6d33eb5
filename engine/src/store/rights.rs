//! A PostgreSQL account that may not do what Keystead needs. The message names the right that is missing, and the SQL that grants it.

use super::connecting::NotUsable;
use crate::Error;
use sqlx::migrate::MigrateError;
use sqlx::{PgConnection, PgPool};

/// The rights of this account on the schema in which Keystead creates its tables. Names are quoted as SQL needs them.
#[derive(sqlx_macros::FromRow)]
struct Rights {
    account: String,
    database: String,
    /// `None` when no schema of the search path exists.
    schema: Option<String>,
    /// PostgreSQL gives it to every account up to version 14, and only to the database's owner since version 15.
    may_create: bool,
    /// The owner of Keystead's tables, if it is another account, whose rights this one does not have.
    owner: Option<String>,
    /// The account is a member of the owner, and does not inherit its rights.
    is_member: bool,
    is_read_only: bool,
}

/// The catalog tells everybody what is asked here. A schema that the account may not use is missing in its search path, so the
/// path's first schema that exists stands in.
const RIGHTS: &str = "
    WITH place AS (
        SELECT COALESCE(
            current_schema(),
            (SELECT nspname FROM pg_namespace, unnest(string_to_array(current_setting('search_path'), ',')) WITH ORDINALITY AS p (name, n)
             WHERE nspname = replace(trim(both ' \"' from p.name), '$user', current_user) ORDER BY n LIMIT 1)
        )::text AS schema
    ), owner AS (
        SELECT tableowner FROM pg_tables, place WHERE schemaname = schema AND tablename = '_sqlx_migrations'
    )
    SELECT quote_ident(current_user) AS account, quote_ident(current_database()) AS database, quote_ident(schema) AS schema,
           COALESCE((SELECT has_schema_privilege(oid, 'CREATE') AND has_schema_privilege(oid, 'USAGE')
                     FROM pg_namespace WHERE nspname = schema), false) AS may_create,
           (SELECT quote_ident(tableowner) FROM owner WHERE NOT pg_has_role(tableowner, 'USAGE')) AS owner,
           COALESCE((SELECT pg_has_role(tableowner, 'MEMBER') FROM owner), false) AS is_member,
           pg_is_in_recovery() OR current_setting('default_transaction_read_only')::boolean AS is_read_only
    FROM place";

impl Rights {
    fn refusal(self) -> Option<NotUsable> {
        let Self { account, database, schema, may_create, owner, is_member, is_read_only } = self;
        let (what, remedy) = if is_read_only {
            (
                format!(
                    "PostgreSQL does not let the database {database} be changed: this server is a standby, or default_transaction_read_only is on"
                ),
                "Name the primary server in KEYSTEAD_DATABASE_URL, or turn the setting off".to_owned(),
            )
        } else if let Some(owner) = owner {
            (
                format!(
                    "the account {account} may not use Keystead's tables in the database {database}: they belong to {owner}"
                ),
                match is_member {
                    true => format!(
                        "Use the account {owner} in KEYSTEAD_DATABASE_URL, or let a superuser run ALTER ROLE {account} INHERIT; which \
                         lets this one use the rights that it has been granted"
                    ),
                    false => format!(
                        "Use the account {owner} in KEYSTEAD_DATABASE_URL, or let a superuser run GRANT {owner} TO {account}; which \
                         gives its rights to this one"
                    ),
                },
            )
        } else if let (Some(schema), false) = (&schema, may_create) {
            (
                format!(
                    "the account {account} has no right to create tables in the schema {schema} of the database {database}. Since \
                     version 15, PostgreSQL gives this right only to the owner of the database"
                ),
                format!(
                    "Run GRANT USAGE, CREATE ON SCHEMA {schema} TO {account}; in this database, as its owner or as a superuser"
                ),
            )
        } else if schema.is_none() {
            (
                format!(
                    "no schema of the search_path of the account {account} exists in the database {database}"
                ),
                format!(
                    "Create the schema that it names, or run ALTER ROLE {account} SET search_path = public; as a superuser"
                ),
            )
        } else {
            return None;
        };
        Some(NotUsable { what, remedy: remedy.into() })
    }
}

/// Returns the SQLSTATE of an error.
fn code(error: &sqlx::Error) -> Option<String> {
    Some(error.as_database_error()?.code()?.into_owned())
}

/// Explains an error of PostgreSQL that a right, or room on the disk, would mend. Other errors have no explanation.
pub(super) async fn explain(pool: &PgPool, error: &sqlx::Error) -> Option<Error> {
    let is_right = match code(error)?.as_str() {
        // Insufficient privilege; no schema to create in; a transaction that may only read.
        "42501" | "3F000" | "25006" => true,
        "53100" => false,
        _ => return None,
    };
    if !is_right {
        let (what, remedy) = ("the disk of PostgreSQL is full".to_owned(), "Make room on it".into());
        return Some(NotUsable { what, remedy }.into());
    }
    let mut connection = pool.acquire().await.ok()?;
    match read(&mut connection).await {
        Ok(rights) => rights.refusal().map(Error::from),
        Err(error) => {
            tracing::warn!(%error, "the rights of the database account could not be read");
            None
        }
    }
}

async fn read(connection: &mut PgConnection) -> Result<Rights, sqlx::Error> {
    // Without a prepared statement, which a transaction pooler would not keep.
    sqlx::query_as(RIGHTS).persistent(false).fetch_one(connection).await
}

/// Explains the same for a migration that failed.
pub(super) async fn explain_migration(pool: &PgPool, error: &MigrateError) -> Option<Error> {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => explain(pool, error).await,
        _ => None,
    }
}
