//! A portal for tests: a clock that stands still, a fresh database of either kind, an authenticator app.

pub mod bulk;
pub mod foreign;
pub mod kms;
pub mod look;
pub mod transaction;

use crate::base::entry::{Actor, Entry};
use crate::changes::authority::{Authorised, Sensitive};
use crate::changes::prepare::Prepared;
use crate::changes::throttle::Subject;
use crate::changes::totp::Seed;
use crate::data::access::{Caller, KnownScope};
use crate::store::authority::{Kind, RowRef};
use crate::store::changes::Binding;
use crate::store::tenant_secrets::SecretName;
use crate::store::{Db, Pooler};
use crate::vault::envelope::RootKey;
use crate::{
    Adoption, Client, Clock, Error, NewSession, Portal, SecretBytes, SecretText, Session, Settings, Waiting,
};
use chrono::{DateTime, TimeDelta, Utc};
use domain::audit::event::Action;
use domain::base::id::{ChangeId, SessionId, UserId};
use domain::data::operation::Operation;
use domain::data::tenant_secret::SecretType;
use domain::keys::limits::DailyLimits;
use domain::keys::version_ref::LeaseKey;
use domain::scopes::scope::ScopeName;
use domain::services::api_key::{ApiKeyId, Lifetime};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use uuid::Uuid;

/// The database that a story runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseKind {
    Sqlite,
    Postgres,
}

/// The password of every administrator in stories.
pub const PASSWORD: &str = "copper violet harbour tin";

/// A portal on a database of its own.
pub struct TestPortal {
    pub portal: Portal,
    pub clock: Clock,
    place: Place,
    /// Folders of the journals of its servers, once there are any.
    folders: Mutex<Vec<TempDir>>,
}

/// An empty database, before a portal is opened on it.
#[derive(Clone)]
pub struct Place(At);

#[derive(Clone)]
enum At {
    Sqlite(PathBuf),
    /// A schema of its own, because PostgreSQL makes it ten times as fast as a database.
    Postgres(Box<PgConnectOptions>, String, Pooler),
}

/// A signed-in administrator, with the app that makes the codes.
pub struct Person {
    pub session: Session,
    pub token: SecretText,
    pub seed: Seed,
    pub recovery_codes: Vec<String>,
    pub email: String,
}

/// Returns the short form of an amount, which runs always, or the long one (`KEYSTEAD_SOAK=1`).
pub fn scale<T>(short: T, long: T) -> T {
    if std::env::var_os("KEYSTEAD_SOAK").is_some_and(|soak| soak == "1") { long } else { short }
}

/// The root key of stories, as the text of its file.
pub const ROOT_KEY_TEXT: &str = "KioqKioqKioqKioqKioqKioqKioqKioqKioqKioqKio=\n";

pub fn root_key() -> RootKey {
    RootKey::new(SecretBytes::new(vec![42; 32])).expect("32 bytes")
}

/// Returns every kind of change.
pub fn kinds() -> Vec<&'static str> {
    crate::portal::kinds::kinds()
}

pub fn from(address: &str) -> Client {
    Client { address: address.to_owned(), agent: "test".to_owned(), ..Client::default() }
}

/// Returns midday, so that a story can wait a few hours within the day.
fn midday() -> DateTime<Utc> {
    "2026-11-22T12:00:00Z".parse().expect("a time")
}

impl Place {
    /// Makes a fresh database of the kind. Without a PostgreSQL server the test fails; it is never skipped.
    pub async fn fresh(kind: DatabaseKind) -> Self {
        match kind {
            DatabaseKind::Sqlite => {
                let name = format!("story_{}", crate::base::random::uuid().simple());
                let folder = std::env::temp_dir().join(format!("keystead-{name}"));
                std::fs::create_dir_all(&folder).expect("a folder");
                Self(At::Sqlite(folder.join("keystead.db")))
            }
            DatabaseKind::Postgres => Self::postgres(&[], Pooler::None).await,
        }
    }

    /// Makes one on PostgreSQL whose connections have these parameters.
    pub async fn postgres(parameters: &[(&str, &str)], pooler: Pooler) -> Self {
        let name = format!("story_{}", crate::base::random::uuid().simple());
        let url = std::env::var("KEYSTEAD_TEST_POSTGRES_URL")
            .expect("KEYSTEAD_TEST_POSTGRES_URL names a PostgreSQL server (make test starts one)");
        let options = PgConnectOptions::from_str(&url).expect("a PostgreSQL URL");
        administer(&options, format!("CREATE SCHEMA {name}")).await;
        let options = options.options([("search_path", name.as_str())]).options(parameters.iter().copied());
        Self(At::Postgres(Box::new(options), name, pooler))
    }

    /// Makes one on SQLite with the content of a database file.
    pub async fn of_sqlite(content: &[u8]) -> Self {
        let place = Self::fresh(DatabaseKind::Sqlite).await;
        if let At::Sqlite(path) = &place.0 {
            std::fs::write(path, content).expect("the file is written");
        }
        place
    }

    /// Makes one on PostgreSQL by the statements of a dump.
    pub async fn of_postgres(dump: &str) -> Self {
        let place = Self::postgres(&[], Pooler::None).await;
        if let At::Postgres(options, ..) = &place.0 {
            let mut connection = PgConnection::connect_with(options).await.expect("PostgreSQL");
            sqlx::raw_sql(AssertSqlSafe(dump)).execute(&mut connection).await.expect("the dump is read");
            connection.close().await.expect("it closes");
        }
        place
    }

    /// Opens another server's connections to it.
    pub async fn connect(&self) -> Db {
        match &self.0 {
            At::Sqlite(path) => Db::sqlite(path).await,
            At::Postgres(options, _, pooler) => Db::postgres((**options).clone(), *pooler).await,
        }
        .expect("the database opens")
    }

    /// Removes it. A story that fails does not get here, and leaves its PostgreSQL schema for inspection.
    pub async fn remove(&self) {
        match &self.0 {
            At::Sqlite(path) => remove_folder_of(path),
            At::Postgres(options, name, _) => {
                administer(options, format!("DROP SCHEMA {name} CASCADE")).await
            }
        }
    }
}

async fn administer(options: &PgConnectOptions, sql: String) {
    let mut admin = PgConnection::connect_with(options).await.expect("PostgreSQL answers");
    sqlx::query(AssertSqlSafe(sql)).execute(&mut admin).await.expect("PostgreSQL obeys");
}

fn remove_folder_of(path: &Path) {
    if let Some(folder) = path.parent() {
        let _ = std::fs::remove_dir_all(folder);
    }
}

impl Portal {
    /// Returns the material of a version as its holder releases it now, without the leases.
    ///
    /// # Errors
    /// As [`Custody::with_material`](crate::custody::Custody::with_material).
    pub async fn material(&self, name: &ScopeName, number: u32) -> Result<SecretBytes, Error> {
        Ok(self.custody().release(self.lease_key(name, number).await?).await?.material)
    }

    /// Returns a change of one kind that waits for its code.
    ///
    /// # Errors
    /// [`ChangesError::ChangeGone`](crate::base::error::ChangesError::ChangeGone) as when it is confirmed.
    pub async fn prepared<C: Sensitive>(&self, who: &Session, id: ChangeId) -> Result<Prepared<C>, Error> {
        self.changes().open(who, id).await?.read()
    }

    /// Returns the proof that a code gives, without executing its command.
    ///
    /// # Errors
    /// As [`Portal::confirm`].
    pub async fn proof<C: Sensitive>(
        &self,
        who: &Session,
        id: ChangeId,
        code: &SecretText,
    ) -> Result<Authorised<C>, Error> {
        let prepared = self.prepared(who, id).await?;
        self.changes().confirm(who, &prepared, code).await
    }

    /// Returns a change as it is in the database, whichever session prepared it.
    ///
    /// # Errors
    /// [`ChangesError::ChangeGone`](crate::base::error::ChangesError::ChangeGone) when it does not wait any more.
    pub async fn stored_change(&self, id: ChangeId) -> Result<Waiting, Error> {
        let sql = "SELECT id, session_id, user_id FROM prepared_change";
        let all: Vec<(Uuid, Uuid, Uuid)> = look::rows(self.vault().db(), sql).await;
        let (_, session, user) = all.into_iter().find(|row| row.0 == id.0).ok_or(Error::NotFound)?;
        let bound = Binding { id, session: SessionId(session), user: UserId(user) };
        Waiting::read(&self.changes().open_bound(bound).await?)
    }

    /// Returns the key under which stories ask for a lease.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown scope.
    pub async fn lease_key(&self, name: &ScopeName, number: u32) -> Result<LeaseKey, Error> {
        let (scope, _) = self.vault().scope(name).await?;
        Ok(LeaseKey { scope: scope.id, number })
    }
}

impl Portal {
    /// Opens the stored secrets of a scope's vectors without the cache; makes them when there are none.
    ///
    /// # Errors
    /// [`VaultError::Sealed`](crate::base::error::VaultError::Sealed) when a secret was changed.
    pub async fn open_tenant_secrets(&self, scope: &ScopeName, path: &str) -> Result<(), Error> {
        let (scope, _) = self.vault().scope(scope).await?;
        let (secret_type, path) = (SecretType::Vector, path.to_owned());
        let name = SecretName { scope: scope.id, secret_type, path };
        if self.vault().db().tenant_secrets().of(&name).await?.is_empty() {
            self.secrets().get(&name, &mut 0).await?;
        }
        for stored in self.vault().db().tenant_secrets().of(&name).await? {
            self.secrets().open(&name, &stored.unproved())?;
        }
        Ok(())
    }

    /// Returns a scope, as a service's request finds it.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a scope that the caller may not know of.
    pub async fn scope_of(&self, caller: &Caller, name: &ScopeName) -> Result<Arc<KnownScope>, Error> {
        self.access().scope_for(caller, &name.to_string()).await.1
    }

    /// Closes the journal as a server does at its end; the database stays open for the story.
    pub async fn close_journal_only(&self) {
        if let Ok(journal) = self.audit().journal() {
            journal.close().await;
        }
    }
}

impl TestPortal {
    pub async fn new(kind: DatabaseKind) -> Self {
        Self::with(kind, DailyLimits::default()).await
    }

    pub async fn with(kind: DatabaseKind, daily: DailyLimits) -> Self {
        Self::on(Place::fresh(kind).await, daily).await
    }

    pub async fn on(place: Place, daily: DailyLimits) -> Self {
        let clock = Clock::standing_at(midday());
        let portal = Self::open(&place, &clock, daily).await.expect("the portal opens");
        Self { portal, clock, place, folders: Mutex::default() }
    }

    async fn open(place: &Place, clock: &Clock, daily: DailyLimits) -> Result<Portal, Error> {
        Self::open_with(place, clock, Settings { daily, ..Settings::default() }).await
    }

    async fn open_with(place: &Place, clock: &Clock, settings: Settings) -> Result<Portal, Error> {
        Portal::open(place.connect().await, &root_key(), clock.clone(), settings).await
    }

    /// Makes a portal whose settings a story chooses.
    pub async fn with_settings(kind: DatabaseKind, settings: Settings) -> Self {
        let (place, clock) = (Place::fresh(kind).await, Clock::standing_at(midday()));
        let portal = Self::open_with(&place, &clock, settings).await.expect("the portal opens");
        Self { portal, clock, place, folders: Mutex::default() }
    }

    /// Starts a second server on the same database, with the same clock and settings.
    pub async fn second(&self) -> Portal {
        let settings = self.portal.settings().clone();
        Self::open_with(&self.place, &self.clock, settings).await.expect("the second server opens")
    }

    /// Starts a second server with other settings.
    pub async fn second_set(&self, settings: Settings) -> Portal {
        Self::open_with(&self.place, &self.clock, settings).await.expect("the second server opens")
    }

    /// Starts a second server with another clock.
    pub async fn second_at(&self, clock: &Clock) -> Portal {
        let settings = self.portal.settings().clone();
        Self::open_with(&self.place, clock, settings).await.expect("the second server opens")
    }

    /// Starts a second server with other limits.
    pub async fn second_with(&self, daily: DailyLimits) -> Portal {
        Self::open(&self.place, &self.clock, daily).await.expect("the second server opens")
    }

    /// Starts a second server with a root key that may be wrong.
    ///
    /// # Errors
    /// As [`Portal::open`].
    pub async fn try_second(&self, root: &RootKey) -> Result<Portal, Error> {
        let settings = self.portal.settings().clone();
        Portal::open(self.place.connect().await, root, self.clock.clone(), settings).await
    }

    /// Opens the database as `keystead migrate` does on a host with this data folder.
    ///
    /// # Errors
    /// As [`Portal::adopt`].
    pub async fn adopt(&self, folder: &Path) -> Result<(), Error> {
        let (db, settings) = (self.place.connect().await, self.portal.settings().clone());
        Portal::adopt(db, &root_key(), self.clock.clone(), settings, Adoption::In(folder)).await.map(drop)
    }

    /// Returns the canary that a release before the codes has written into this database.
    pub async fn old_canary(&self) -> Vec<u8> {
        let instance = self.db().instance().get().await.expect("an instance").expect("one");
        crate::vault::keyring::old_canary(&root_key(), instance.uuid)
    }

    /// Returns the kind of database that it runs on.
    pub fn kind(&self) -> DatabaseKind {
        if self.db().is_sqlite() { DatabaseKind::Sqlite } else { DatabaseKind::Postgres }
    }

    /// Opens the stored seed of an administrator, and does not return it.
    ///
    /// # Errors
    /// [`VaultError::Sealed`](crate::base::error::VaultError::Sealed) when the seed was changed.
    pub async fn open_stored_seed(&self, email: &str) -> Result<(), Error> {
        let user = self.db().users().by_email(email).await?.ok_or(Error::NotFound)?.unproved();
        self.portal.changes().open_seed(&user).map(drop)
    }

    /// Signs every row as it is, like the adoption of a database of an earlier release.
    pub async fn sign_everything(&self) {
        let vault = self.portal.vault();
        for kind in Kind::ALL {
            let claims = self.db().authority().page(kind, None).await.expect("rows");
            let macs: Vec<_> = claims
                .into_iter()
                .map(|claim| {
                    let code = vault.code(&claim, claim.revision);
                    (claim.key, code)
                })
                .collect();
            let macs = &macs;
            let signed = self.db().write(|mut tx| async move {
                tx.authority().set_macs(kind, macs).await?;
                transaction::commit(tx).await
            });
            signed.await.expect("signed");
        }
    }

    /// Returns the database itself, for tests that inspect it directly.
    pub fn db(&self) -> &Db {
        self.portal.vault().db()
    }

    /// Returns the number of rows of every table in which a request may insert or delete.
    pub async fn rows(&self) -> Vec<(String, i64)> {
        const TABLES: [&str; 13] = [
            "administrator",
            "api_key",
            "api_key_grant",
            "audit_event",
            "environment",
            "holder",
            "key_version",
            "prepared_change",
            "recovery_code",
            "scope",
            "session",
            "tenant_secret",
            "throttle",
        ];
        let parts: Vec<_> =
            TABLES.iter().map(|table| format!("SELECT '{table}' AS name, COUNT(*) FROM {table}")).collect();
        let sql = format!("{} ORDER BY name", parts.join(" UNION ALL "));
        look::rows(self.db(), &sql).await
    }

    /// Returns every counter of a person, or that of a name which nobody has.
    async fn counters(&self, name: &str) -> Vec<Subject> {
        let changes = self.portal.changes();
        match self.db().users().by_email(name).await.expect("it looks") {
            Some(found) => changes.subjects(self.portal.vault().checked(found).0.id(), name).into(),
            None => vec![changes.name_subject(name)],
        }
    }

    /// Returns the failures counted for a name, and for the browsers and sessions of its person.
    pub async fn failures(&self, name: &str) -> i64 {
        let subjects = &self.counters(name).await;
        // The transaction ends without a commit, so that the look makes no counter.
        let counted = self.db().write(|mut tx| async move {
            let mut failures = 0;
            for subject in subjects {
                failures += tx.throttle().hold(subject.hash(), self.clock.now()).await?.failures;
            }
            Ok(failures)
        });
        counted.await.expect("counters")
    }

    /// Opens the journal of a server; without it the server's data plane does not work.
    pub async fn open_journal(&self, server: &Portal) {
        let folder = tempfile::tempdir().expect("a folder");
        server.audit().open_journal(&folder.path().join("journal")).await.expect("a journal");
        self.folders.lock().expect("the folders").push(folder);
    }

    /// Makes an API key with this id, for tests that must know it beforehand.
    pub async fn api_key(
        &self,
        id: [u8; 6],
        name: &str,
        reach: &str,
        operations: &[Operation],
    ) -> SecretText {
        let reach = [reach.parse().expect("a scope")];
        let asked =
            self.portal.services().asked_api_key(name, &reach, operations.to_vec(), Lifetime::Days365).await;
        let (id, command, now) = (ApiKeyId(id), &asked.expect("it can be made"), self.clock.now());
        let key = SecretText::new(format!("{}{}", id.seen(), "s".repeat(32)));
        let hash = crate::services::api_keys::read(key.expose()).expect("a key of ours").hash;
        let made = self.db().write(|mut tx| async move {
            tx.api_keys().insert(id, &hash, command, "ada@example.com", now).await?;
            self.portal.vault().sign_new(&mut tx, RowRef::ApiKey(id)).await?;
            tx.commit(Entry::done(now, Actor::Host, Action::ApiKeyCreate)).await
        });
        made.await.expect("a key");
        self.portal.access().refresh().await.expect("it looks");
        key
    }

    /// Clears the failures of a name and of its person, so that a test may go on without waiting.
    pub async fn forgive(&self, name: &str) {
        self.portal.changes().clear_counters(&self.counters(name).await).await.expect("cleared");
    }

    /// Clears the failures of the network of an address.
    pub async fn forgive_network(&self, address: &str) {
        let changes = self.portal.changes();
        changes.clear_counters(&[changes.network_subject(address)]).await.expect("cleared");
    }

    /// Closes the portal and removes its database.
    pub async fn end(self) {
        self.portal.close().await;
        self.place.remove().await;
    }

    /// Advances the clock until the app shows another code.
    pub fn next_code(&self) {
        self.clock.advance(TimeDelta::seconds(30));
    }

    /// Returns the code that the person's app shows now.
    pub fn code(&self, person: &Person) -> SecretText {
        person.seed.code(self.clock.now())
    }

    /// Sets the portal up and signs the first administrator in.
    pub async fn administrator(&self) -> Person {
        let setup_token =
            self.portal.people().issue_setup_token(None).await.expect("issued").expect("a token");
        let setup = self
            .portal
            .people()
            .enter_setup(&setup_token, from("192.0.2.1"))
            .await
            .expect("the token is right")
            .session;
        let email = "ada@example.com";
        let again = SecretText::new(PASSWORD);
        self.portal
            .people()
            .choose_account(&setup, email, SecretText::new(PASSWORD), &again)
            .await
            .expect("the account is accepted");
        let seed = self.portal.people().chosen_account(&setup).await.expect("a seed").seed;
        let code = seed.code(self.clock.now());
        let NewSession { session, token, .. } =
            self.portal.people().finish_setup(&setup, &code).await.expect("the code is right");
        let recovery_codes = self.portal.people().recovery_codes(&session).await.expect("recovery codes");
        // The set-up has spent the code of this step.
        self.next_code();
        Person { session, token, seed, recovery_codes, email: email.to_owned() }
    }
}

impl Drop for TestPortal {
    fn drop(&mut self) {
        if let At::Sqlite(path) = &self.place.0 {
            remove_folder_of(path);
        }
    }
}
