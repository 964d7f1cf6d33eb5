//! Environments and scopes.

use super::aliases::read;
use super::authority::{Claimed, EnvironmentMark, ScopeMark, environment_mark, scope_mark};
use super::{Inner, ROWS, corrupt, is_duplicate, on, readable, table, unreadable, within};
use crate::Error;
use crate::base::error::ScopesError;
use crate::store::text::{With, kept, sought};
use chrono::{DateTime, Utc};
use domain::base::id::{EnvironmentId, ScopeId};
use domain::custody::health::HealthState;
use domain::keys::command::SetLimits;
use domain::keys::key_type::KeyType;
use domain::keys::limits::OwnLimits;
use domain::overview::lack::{KeyState, Lack};
use domain::overview::view::{CountryRow, EnvironmentRow, Tree, TreeCountry, TreeEnvironment};
use domain::scopes::alias::Alias;
use domain::scopes::command::SetKind;
use domain::scopes::scope::{Country, EnvironmentKind, ScopeName, Slug};
use sqlx::{AssertSqlSafe, QueryBuilder};
use uuid::Uuid;

#[derive(sqlx_macros::FromRow)]
struct EnvironmentRecord {
    id: Uuid,
    slug: String,
    name: String,
    kind: String,
    created_at: DateTime<Utc>,
    countries: i64,
    with_key: i64,
    keeps_slug: bool,
    #[sqlx(flatten)]
    mark: EnvironmentMark,
}

/// An environment with its row's id.
pub struct Environment {
    pub id: EnvironmentId,
    pub row: EnvironmentRow,
    pub limits: OwnLimits,
}

impl TryFrom<EnvironmentRecord> for Claimed<Environment> {
    type Error = Error;
    fn try_from(record: EnvironmentRecord) -> Result<Self, Error> {
        let column = |name| corrupt("environment", name, record.id);
        let count = |number: i64| u32::try_from(number).unwrap_or_default();
        let environment = Environment {
            id: EnvironmentId(record.id),
            row: EnvironmentRow {
                slug: Slug::try_from(record.slug).map_err(|_| column("slug"))?,
                kind: EnvironmentKind::from_word(&record.kind).ok_or_else(|| column("kind"))?,
                name: record.name,
                countries: count(record.countries),
                with_key: count(record.with_key),
                created_at: record.created_at,
                keeps_slug: record.keeps_slug,
                is_proved: true,
            },
            limits: record.mark.limits(),
        };
        Ok(Self::new(environment, record.mark.claim()))
    }
}

#[derive(sqlx_macros::FromRow)]
pub(super) struct ScopeRecord {
    id: Uuid,
    environment_id: Uuid,
    country: String,
    created_at: DateTime<Utc>,
    active: Option<i64>,
    key_type: Option<String>,
    due_at: Option<DateTime<Utc>>,
    key_created_at: Option<DateTime<Utc>>,
    health: Option<String>,
    is_limit_near: bool,
    #[sqlx(flatten)]
    mark: ScopeMark,
}

impl ScopeRecord {
    pub(super) fn environment(&self) -> EnvironmentId {
        EnvironmentId(self.environment_id)
    }
}

/// A scope with its row's id and the state of its key.
pub struct Scope {
    pub id: ScopeId,
    pub row: CountryRow,
}

/// A scope and where it is.
pub struct ScopePlace {
    pub scope: ScopeId,
    pub environment: EnvironmentId,
    pub country: Country,
}

/// A scope that was found by its name.
pub struct Named {
    pub id: ScopeId,
    pub environment_name: String,
    pub alias: Option<Alias>,
    /// The daily limits that its environment has of its own.
    pub limits: OwnLimits,
}

#[derive(sqlx_macros::FromRow)]
pub struct NamedRecord {
    id: Uuid,
    environment_name: String,
    alias: Option<String>,
    #[sqlx(flatten)]
    scope: ScopeMark,
    #[sqlx(flatten)]
    environment: EnvironmentMark,
}

/// A scope and its environment, neither of which is proved yet.
pub struct ClaimedScope {
    pub scope: Claimed<Named>,
    pub environment: Claimed<()>,
}

impl TryFrom<NamedRecord> for ClaimedScope {
    type Error = Error;
    fn try_from(record: NamedRecord) -> Result<Self, Error> {
        let NamedRecord { id, environment_name, alias, scope, environment } = record;
        let id = ScopeId(id);
        let named = Named { id, environment_name, alias: read(alias, id)?, limits: environment.limits() };
        Ok(Self {
            scope: Claimed::new(named, scope.claim()),
            environment: Claimed::new((), environment.claim()),
        })
    }
}

/// Selects a scope by the slug of its environment and its country, with more columns.
macro_rules! named {
    ($columns:expr) => {
        $crate::store::scopes::named!($columns, "e.slug = $1 AND s.country = $2")
    };
    ($columns:expr, $condition:literal) => {
        concat!(
            "SELECT s.id, e.name AS environment_name, s.alias, ",
            $crate::store::authority::scope_mark!(),
            ", ",
            $crate::store::authority::environment_mark!(),
            $columns,
            " FROM environment e JOIN scope s ON s.environment_id = e.id \
             WHERE e.removed_at IS NULL AND ",
            $condition
        )
    };
}
pub(crate) use named;

/// A line of the tree: an environment, and a country in it if it has any.
#[derive(sqlx_macros::FromRow)]
struct TreeRecord {
    slug: String,
    name: String,
    kind: String,
    country: Option<String>,
    key_type: Option<String>,
    due_at: Option<DateTime<Utc>>,
    health: Option<String>,
    is_limit_near: bool,
    /// Number of scopes in the whole portal, counted up to one more than [`Tree::LARGE`].
    scopes: i64,
}

/// The environments whose countries a tree includes.
#[derive(Clone, Copy, Debug)]
pub enum Branches<'a> {
    All,
    /// All of them, but in a large portal only this one.
    Around(Option<&'a Slug>),
}

impl Scope {
    pub(super) fn read(
        record: ScopeRecord,
        kind: EnvironmentKind,
        now: DateTime<Utc>,
    ) -> Result<Claimed<Self>, Error> {
        let column = |name| corrupt("scope", name, record.id);
        let key_type =
            record.key_type.map(|word| KeyType::from_word(&word).ok_or_else(|| column("key_type")));
        let health = record.health.map(|word| HealthState::from_word(&word).ok_or_else(|| column("health")));
        let health = health.transpose()?;
        let active = record.active.and_then(|number| u32::try_from(number).ok());
        let key = KeyState {
            kind,
            is_there: active.is_some(),
            due_at: record.due_at,
            health,
            is_limit_near: record.is_limit_near,
        };
        let scope = Self {
            id: ScopeId(record.id),
            row: CountryRow {
                country: Country::from_code(&record.country).map_err(|_| column("country"))?,
                active,
                key_type: key_type.transpose()?,
                due_at: record.due_at,
                key_created_at: record.key_created_at,
                health,
                lacks: Lack::of(&key, now),
                created_at: record.created_at,
                is_proved: true,
            },
        };
        Ok(Claimed::new(scope, record.mark.claim()))
    }
}

impl TreeRecord {
    fn lacks(&self, kind: EnvironmentKind, now: DateTime<Utc>) -> Result<Option<Lack>, Error> {
        let health = self.health.as_ref().map(|word| {
            HealthState::from_word(word)
                .ok_or_else(|| corrupt("holder", "health", format!("an Active key in {}", self.slug)))
        });
        let (is_there, due_at, is_limit_near) = (self.key_type.is_some(), self.due_at, self.is_limit_near);
        let key = KeyState { kind, is_there, due_at, health: health.transpose()?, is_limit_near };
        Ok(Lack::of(&key, now))
    }
}

macro_rules! select_environments {
    ($rest:literal) => {
        concat!(
            "SELECT e.id, e.slug, e.name, e.kind, e.created_at, COUNT(s.id) AS countries, COUNT(k.id) AS with_key, \
             e.keeps_slug = 1 OR COALESCE(MAX(s.numbers_through), 0) > 0 AS keeps_slug, ",
            environment_mark!(),
            " FROM environment e LEFT JOIN scope s ON s.environment_id = e.id ",
            "LEFT JOIN key_version k ON k.scope_id = s.id AND k.status = 'active' ",
            "WHERE e.removed_at IS NULL ",
            $rest,
            " GROUP BY e.id, e.slug, e.name, e.kind, e.created_at, e.removed_at, e.keeps_slug, \
             e.daily_per_type, e.daily_per_scope, e.mac ORDER BY e.slug"
        )
    };
}

macro_rules! select_scopes {
    ($rest:literal) => {
        concat!(
            "SELECT s.id, s.environment_id, s.country, s.created_at, k.number AS active, k.key_type, k.due_at, \
             k.created_at AS key_created_at, h.health, n.id IS NOT NULL AS is_limit_near, ",
            $crate::store::authority::scope_mark!(),
            " FROM scope s LEFT JOIN key_version k ON k.scope_id = s.id AND k.status = 'active' \
             LEFT JOIN holder h ON h.version_id = k.id \
             LEFT JOIN key_version n ON n.scope_id = s.id AND n.customer_supplied_no = 80 ",
            $rest
        )
    };
}
pub(super) use select_scopes;

/// Checks whether a country of an environment has a version.
const HAS_VERSIONS: &str = "SELECT EXISTS (SELECT 1 FROM key_version k JOIN scope s ON s.id = k.scope_id \
                            WHERE s.environment_id = $1)";

table!(scopes: Read, Write);

impl Read<'_> {
    /// Checks whether there is any environment, also one that was removed.
    pub(crate) async fn any_environment(&self) -> Result<bool, Error> {
        const SQL: &str = "SELECT COUNT(*) FROM (SELECT 1 FROM environment LIMIT 1) AS one";
        let count: i64 = on!(self.0, pool => sqlx::query_scalar(SQL).fetch_one(pool).await)?;
        Ok(count > 0)
    }

    pub(crate) async fn environments(&self) -> Result<Vec<Claimed<Environment>>, Error> {
        const SQL: &str = select_environments!("");
        let records = readable!(self.0, EnvironmentRecord, "environment", sqlx::query(SQL));
        Ok(records.into_iter().filter_map(|record| Claimed::try_from(record.ok()?).ok()).collect())
    }

    /// Checks whether a country of an environment has a version.
    pub(crate) async fn has_versions(&self, id: EnvironmentId) -> Result<bool, Error> {
        Ok(on!(self.0, pool => sqlx::query_scalar(HAS_VERSIONS).with(id.0).fetch_one(pool).await)?)
    }

    pub(crate) async fn environment(&self, slug: &Slug) -> Result<Claimed<Environment>, Error> {
        const SQL: &str = select_environments!("AND e.slug = $1");
        let record: Option<EnvironmentRecord> =
            on!(self.0, pool => sqlx::query_as(SQL).with(sought(slug.as_str())).fetch_optional(pool).await)?;
        record.ok_or(Error::NotFound)?.try_into()
    }

    /// Returns every environment with its countries and what they lack now, by slug; the countries in the order of people.
    pub(crate) async fn tree(&self, branches: Branches<'_>, now: DateTime<Utc>) -> Result<Tree, Error> {
        // An environment whose countries are not requested joins no scope, and that join uses the index.
        const SQL: &str = "SELECT e.slug, e.name, e.kind, s.country, k.key_type, k.due_at, h.health, \
                           l.id IS NOT NULL AS is_limit_near, n.scopes \
                           FROM (SELECT COUNT(*) AS scopes FROM (SELECT 1 FROM scope LIMIT $1 + 1) c) n \
                           CROSS JOIN environment e LEFT JOIN scope s ON s.environment_id = \
                           CASE WHEN n.scopes <= $1 OR $2 OR e.slug = $3 THEN e.id END \
                           LEFT JOIN key_version k ON k.scope_id = s.id AND k.status = 'active' \
                           LEFT JOIN holder h ON h.version_id = k.id \
                           LEFT JOIN key_version l ON l.scope_id = s.id AND l.customer_supplied_no = 80 \
                           WHERE e.removed_at IS NULL ORDER BY e.slug";
        let (all, around) = match branches {
            Branches::All => (true, None),
            Branches::Around(environment) => (false, environment.map(|slug| sought(slug.as_str()))),
        };
        let large = i64::try_from(Tree::LARGE).unwrap_or(i64::MAX);
        // The tree is on every page: a row that cannot be read is missing there, and hides no other.
        let records =
            readable!(self.0, TreeRecord, "key_version", sqlx::query(SQL).with(large).with(all).with(around));
        let records: Vec<TreeRecord> = records.into_iter().filter_map(Result::ok).collect();
        let is_large = records.first().is_some_and(|record| record.scopes > large);
        let mut tree: Vec<TreeEnvironment> = Vec::new();
        for record in records {
            let column = |name| corrupt("environment", name, &record.slug);
            if tree.last().is_none_or(|last| last.slug.as_str() != record.slug) {
                tree.push(TreeEnvironment {
                    slug: Slug::try_from(record.slug.clone()).map_err(|_| column("slug"))?,
                    name: record.name.clone(),
                    kind: EnvironmentKind::from_word(&record.kind).ok_or_else(|| column("kind"))?,
                    countries: Vec::new(),
                });
            }
            if let (Some(country), Some(environment)) = (&record.country, tree.last_mut()) {
                let country =
                    Country::from_code(country).map_err(|_| corrupt("scope", "country", country))?;
                environment
                    .countries
                    .push(TreeCountry { country, lacks: record.lacks(environment.kind, now)? });
            }
        }
        tree.iter_mut()
            .for_each(|environment| environment.countries.sort_by_cached_key(|row| row.country.order()));
        Ok(Tree { environments: tree, is_large })
    }

    /// Returns the slugs that more than one environment has or had.
    pub(crate) async fn reused_slugs(&self) -> Result<Vec<Slug>, Error> {
        const SQL: &str = "SELECT slug FROM environment GROUP BY slug HAVING COUNT(*) > 1";
        let slugs: Vec<String> = on!(self.0, pool => sqlx::query_scalar(SQL).fetch_all(pool).await)?;
        Ok(slugs.into_iter().filter_map(|slug| Slug::try_from(slug).ok()).collect())
    }

    /// Returns the slugs of the environments. A row that cannot be read is an error in the list.
    pub(crate) async fn slugs(&self) -> Result<Vec<Result<Claimed<(EnvironmentId, Slug)>, Error>>, Error> {
        const SQL: &str =
            concat!("SELECT ", environment_mark!(), " FROM environment e WHERE e.removed_at IS NULL");
        let marks = readable!(self.0, EnvironmentMark, "environment", sqlx::query(SQL));
        let slug = |mark: Result<EnvironmentMark, Error>| {
            let mark = mark?;
            Ok(Claimed::new(
                mark.slug().ok_or_else(|| corrupt("environment", "slug", "a row"))?,
                mark.claim(),
            ))
        };
        Ok(marks.into_iter().map(slug).collect())
    }

    /// Returns where these scopes are. A row that cannot be read is an error in the list.
    pub(crate) async fn places(
        &self,
        these: &[ScopeId],
    ) -> Result<Vec<Result<Claimed<ScopePlace>, Error>>, Error> {
        const SQL: &str = concat!("SELECT ", scope_mark!(), " FROM scope s WHERE s.id IN ");
        let mut places = Vec::with_capacity(these.len());
        for some in these.chunks(ROWS) {
            let marks: Vec<Result<ScopeMark, sqlx::Error>> = on!(self.0, pool => {
                let mut query = QueryBuilder::new(SQL);
                query.push_tuples(some, |mut values, scope| {
                    values.with(scope.0);
                });
                let rows = query.build().fetch_all(pool).await?;
                rows.iter().map(sqlx::FromRow::from_row).collect()
            });
            places.extend(marks.into_iter().map(|mark| {
                let mark: ScopeMark = mark.map_err(|error| unreadable("scope", &error))?;
                Ok(Claimed::new(
                    mark.place().ok_or_else(|| corrupt("scope", "country", "a row"))?,
                    mark.claim(),
                ))
            }));
        }
        Ok(places)
    }

    pub(crate) async fn named(&self, name: &ScopeName) -> Result<ClaimedScope, Error> {
        const SQL: &str = named!("");
        let record: Option<NamedRecord> = on!(self.0, pool => sqlx::query_as(SQL)
            .with(sought(name.environment.as_str())).with(name.country.code()).fetch_optional(pool).await)?;
        record.ok_or(Error::NotFound)?.try_into()
    }

    pub(crate) async fn scopes_of(
        &self,
        environment: EnvironmentId,
        kind: EnvironmentKind,
        now: DateTime<Utc>,
    ) -> Result<Vec<Claimed<Scope>>, Error> {
        const SQL: &str = select_scopes!("WHERE s.environment_id = $1 ORDER BY s.country");
        let records = readable!(self.0, ScopeRecord, "scope", sqlx::query(SQL).with(environment.0));
        Ok(records.into_iter().filter_map(|record| Scope::read(record.ok()?, kind, now).ok()).collect())
    }

    pub(crate) async fn scope(
        &self,
        environment: EnvironmentId,
        kind: EnvironmentKind,
        country: Country,
        now: DateTime<Utc>,
    ) -> Result<Claimed<Scope>, Error> {
        const SQL: &str = select_scopes!("WHERE s.environment_id = $1 AND s.country = $2");
        let record: Option<ScopeRecord> = on!(self.0, pool => sqlx::query_as(SQL)
            .with(environment.0).with(country.code()).fetch_optional(pool).await)?;
        Scope::read(record.ok_or(Error::NotFound)?, kind, now)
    }
}

impl Write<'_> {
    /// Returns the id of a scope, and whether its next version would get `through` or a lower number.
    pub(crate) async fn needs_raise(
        &mut self,
        name: &ScopeName,
        through: u32,
    ) -> Result<Option<(ScopeId, bool)>, Error> {
        const SQL: &str = "SELECT s.id, s.numbers_through < $3 AND NOT EXISTS (SELECT 1 FROM key_version k \
                           WHERE k.scope_id = s.id AND k.number >= $3) FROM scope s \
                           JOIN environment e ON e.id = s.environment_id \
                           WHERE e.slug = $1 AND s.country = $2 AND e.removed_at IS NULL";
        let found: Option<(Uuid, bool)> = within!(self.0, c => sqlx::query_as(SQL).with(sought(name.environment.as_str()))
            .with(name.country.code()).with(i64::from(through)).fetch_optional(c).await)?;
        Ok(found.map(|(id, needs)| (ScopeId(id), needs)))
    }

    /// Lets the next version of a scope get a number above `through`.
    pub(crate) async fn raise_numbers(&mut self, id: ScopeId, through: u32) -> Result<(), Error> {
        const SQL: &str = "UPDATE scope SET numbers_through = $2 WHERE id = $1";
        within!(self.0, c => sqlx::query(SQL).with(id.0).with(i64::from(through)).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Returns the names of the environments that are not removed.
    pub(crate) async fn environment_names(&mut self) -> Result<Vec<(EnvironmentId, String)>, Error> {
        const SQL: &str = "SELECT id, name FROM environment WHERE removed_at IS NULL ORDER BY slug";
        let rows: Vec<(Uuid, String)> = within!(self.0, c => sqlx::query_as(SQL).fetch_all(c).await)?;
        Ok(rows.into_iter().map(|(id, name)| (EnvironmentId(id), name)).collect())
    }

    pub(crate) async fn insert_environment(
        &mut self,
        id: EnvironmentId,
        row: &EnvironmentRow,
    ) -> Result<(), Error> {
        const SQL: &str =
            "INSERT INTO environment (id, slug, name, kind, created_at) VALUES ($1, $2, $3, $4, $5)";
        let done = within!(self.0, c => sqlx::query(SQL)
            .with(id.0).with(kept(row.slug.as_str())).with(kept(&row.name)).with(row.kind.word()).with(row.created_at)
            .execute(c).await.map(drop));
        done.map_err(|error| {
            if is_duplicate(&error) {
                Error::Scopes(ScopesError::SlugTaken(row.slug.to_string()))
            } else {
                error.into()
            }
        })
    }

    pub(crate) async fn rename_environment(&mut self, id: EnvironmentId, name: &str) -> Result<(), Error> {
        const SQL: &str = "UPDATE environment SET name = $2 WHERE id = $1 AND removed_at IS NULL";
        let rows = within!(self.0, c => sqlx::query(SQL).with(id.0).with(kept(name)).execute(c).await.map(|r| r.rows_affected()))?;
        if rows == 1 { Ok(()) } else { Err(Error::NotFound) }
    }

    /// Marks the row as removed and deletes its countries. The foreign key of the key versions refuses it while a version
    /// exists. A country whose numbers begin above another had versions before the database was restored.
    pub(crate) async fn remove_environment(
        &mut self,
        id: EnvironmentId,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        const SLUG: &str = "UPDATE environment SET keeps_slug = 1 WHERE id = $1 AND EXISTS \
                            (SELECT 1 FROM scope WHERE environment_id = $1 AND numbers_through > 0)";
        const COUNTRIES: &str = "DELETE FROM scope WHERE environment_id = $1";
        const SQL: &str = "UPDATE environment SET removed_at = $2 WHERE id = $1 AND removed_at IS NULL";
        within!(self.0, c => sqlx::query(SLUG).with(id.0).execute(c).await.map(drop))?;
        within!(self.0, c => sqlx::query(COUNTRIES).with(id.0).execute(c).await.map(drop))
            .map_err(has_keys)?;
        let rows = within!(self.0, c => sqlx::query(SQL).with(id.0).with(now).execute(c).await.map(|r| r.rows_affected()))?;
        if rows == 1 { Ok(()) } else { Err(Error::NotFound) }
    }

    /// Changes the kind. Returns false when it was no longer the one that the page showed.
    pub(crate) async fn set_kind(&mut self, command: &SetKind) -> Result<bool, Error> {
        const SQL: &str =
            "UPDATE environment SET kind = $2 WHERE id = $1 AND kind = $3 AND removed_at IS NULL";
        let SetKind { environment, from, to } = command;
        let rows = within!(self.0, c => sqlx::query(SQL).with(environment.id.0).with(to.word()).with(from.word())
            .execute(c).await.map(|r| r.rows_affected()))?;
        Ok(rows == 1)
    }

    /// Returns these scopes as they are in this transaction.
    pub(crate) async fn named(&mut self, these: &[ScopeId]) -> Result<Vec<ClaimedScope>, Error> {
        const SQL: &str = named!("", "s.id IN ");
        if these.is_empty() {
            return Ok(Vec::new());
        }
        let records: Vec<NamedRecord> = within!(self.0, c => {
            let mut query = QueryBuilder::new(SQL);
            query.push_tuples(these, |mut values, scope| {
                values.with(scope.0);
            });
            query.build_query_as().fetch_all(c).await?
        });
        records.into_iter().map(ClaimedScope::try_from).collect()
    }

    /// Changes the limits. Returns false when they were no longer those that the page showed. Rotations that the old limits deferred
    /// are looked at again: if a limit still forbids one, the scheduler defers it again.
    pub(crate) async fn set_limits(&mut self, command: &SetLimits) -> Result<bool, Error> {
        const SQL: &str = "UPDATE environment SET daily_per_type = $2, daily_per_scope = $3 WHERE id = $1 \
                           AND daily_per_type IS NOT DISTINCT FROM $4 AND daily_per_scope IS NOT DISTINCT FROM $5 \
                           AND removed_at IS NULL";
        const DEFERRED: &str = "UPDATE key_version SET deferred_until = NULL WHERE deferred_until IS NOT NULL \
                                AND status = 'active' AND scope_id IN (SELECT id FROM scope WHERE environment_id = $1)";
        let SetLimits { environment, from, to, .. } = command;
        let stored = |limit: Option<u32>| limit.map(i64::from);
        let rows = within!(self.0, c => sqlx::query(SQL).with(environment.id.0)
            .with(stored(to.per_type)).with(stored(to.per_scope)).with(stored(from.per_type)).with(stored(from.per_scope))
            .execute(c).await.map(|r| r.rows_affected()))?;
        within!(self.0, c => sqlx::query(DEFERRED).with(environment.id.0).execute(c).await.map(drop))?;
        Ok(rows == 1)
    }

    /// Locks the countries of an environment, so that none of them gets a version before the commit, and checks whether one has.
    pub(crate) async fn hold_versions(&mut self, id: EnvironmentId) -> Result<bool, Error> {
        const LOCK: &str = "SELECT id FROM scope WHERE environment_id = $1 ORDER BY id";
        let locking = match self.0.0 {
            Inner::Sqlite(_) => "",
            Inner::Postgres(_) => " FOR UPDATE",
        };
        let lock = AssertSqlSafe(format!("{LOCK}{locking}"));
        within!(self.0, c => sqlx::query(lock).with(id.0).execute(c).await.map(drop))?;
        Ok(within!(self.0, c => sqlx::query_scalar(HAS_VERSIONS).with(id.0).fetch_one(c).await)?)
    }

    pub(crate) async fn insert_scope(
        &mut self,
        id: ScopeId,
        environment: EnvironmentId,
        country: Country,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        // Inserts only while the environment exists, because it may have been removed first.
        const SQL: &str = "INSERT INTO scope (id, environment_id, country, created_at) \
                           SELECT $1, id, $3, $4 FROM environment WHERE id = $2 AND removed_at IS NULL";
        let done = within!(self.0, c => sqlx::query(SQL)
            .with(id.0).with(environment.0).with(country.code()).with(now).execute(c).await.map(|r| r.rows_affected()));
        match done {
            Ok(1) => Ok(()),
            Ok(_) => Err(Error::NotFound),
            Err(error) if is_duplicate(&error) => {
                Err(Error::Scopes(ScopesError::CountryTaken(country.name())))
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) async fn delete_scope(&mut self, id: ScopeId) -> Result<(), Error> {
        const SLUG: &str = "UPDATE environment SET keeps_slug = 1 WHERE id = \
                            (SELECT environment_id FROM scope WHERE id = $1 AND numbers_through > 0)";
        const SQL: &str = "DELETE FROM scope WHERE id = $1";
        within!(self.0, c => sqlx::query(SLUG).with(id.0).execute(c).await.map(drop))?;
        let done =
            within!(self.0, c => sqlx::query(SQL).with(id.0).execute(c).await.map(|r| r.rows_affected()));
        if done.map_err(has_keys)? == 1 { Ok(()) } else { Err(Error::NotFound) }
    }
}

fn has_keys(error: sqlx::Error) -> Error {
    match error.as_database_error() {
        Some(error) if error.is_foreign_key_violation() => Error::Scopes(ScopesError::HasKeys),
        _ => error.into(),
    }
}
