//! A portal for tests: a standing clock, a fresh database of either kind, an authenticator app.

use crate::envelope::RootKey;
use crate::store::Db;
use crate::totp::Seed;
use crate::{Clock, Error, From, Portal, SecretBytes, SecretText, Session, Settings};
use chrono::{DateTime, TimeDelta, Utc};
use domain::limits::DailyLimits;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnectOptions;
use std::path::PathBuf;
use std::str::FromStr;

/// Which database a story runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

/// The password of everybody in stories.
pub const PASSWORD: &str = "copper violet harbour tin";

/// A portal on a database of its own.
pub struct TestPortal {
    pub portal: Portal,
    pub clock: Clock,
    place: Place,
}

#[derive(Clone)]
enum Place {
    Sqlite(PathBuf),
    Postgres(PgConnectOptions),
}

/// Somebody signed in, with the app that makes the codes.
pub struct Person {
    pub session: Session,
    pub seed: Seed,
    pub recovery_codes: Vec<String>,
    pub email: String,
}

pub fn root_key() -> RootKey {
    RootKey::new(SecretBytes::new(vec![42; 32])).expect("32 bytes")
}

pub fn from(address: &str) -> From {
    From { address: address.to_owned(), agent: "test".to_owned() }
}

/// Midday, so that a story can wait a few hours within the day.
fn midday() -> DateTime<Utc> {
    "2026-11-22T12:00:00Z".parse().expect("a time")
}

/// A fresh database of the kind; Postgres without a server to run on is a failure, never a skip.
async fn fresh(kind: Kind) -> Place {
    let name = format!("story_{}", crate::random::uuid().simple());
    match kind {
        Kind::Sqlite => {
            let folder = std::env::temp_dir().join(format!("keystead-{name}"));
            std::fs::create_dir_all(&folder).expect("a folder");
            Place::Sqlite(folder.join("keystead.db"))
        }
        Kind::Postgres => {
            let url = std::env::var("KEYSTEAD_TEST_POSTGRES_URL")
                .expect("KEYSTEAD_TEST_POSTGRES_URL names a PostgreSQL server (make test starts one)");
            let options = PgConnectOptions::from_str(&url).expect("a PostgreSQL URL");
            let admin = sqlx::PgPool::connect_with(options.clone()).await.expect("PostgreSQL answers");
            sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}")))
                .execute(&admin)
                .await
                .expect("a database");
            admin.close().await;
            Place::Postgres(options.database(&name))
        }
    }
}

async fn connect(place: &Place) -> Db {
    match place {
        Place::Sqlite(path) => Db::sqlite(path).await,
        Place::Postgres(options) => Db::postgres(options.clone()).await,
    }
    .expect("the database opens")
}

impl TestPortal {
    pub async fn new(kind: Kind) -> Self {
        Self::with(kind, DailyLimits::default()).await
    }

    pub async fn with(kind: Kind, daily: DailyLimits) -> Self {
        let place = fresh(kind).await;
        let clock = Clock::standing_at(midday());
        let portal = Self::open(&place, &clock, daily).await.expect("the portal opens");
        Self { portal, clock, place }
    }

    async fn open(place: &Place, clock: &Clock, daily: DailyLimits) -> Result<Portal, Error> {
        Portal::open(connect(place).await, &root_key(), clock.clone(), Settings { daily }).await
    }

    /// A second server on the same database, with the same clock.
    pub async fn second(&self) -> Portal {
        let daily = self.portal.settings().daily;
        Self::open(&self.place, &self.clock, daily).await.expect("the second server opens")
    }

    /// The database itself, for tests that look under the hood.
    pub async fn db(&self) -> Db {
        connect(&self.place).await
    }

    /// Waits until the app shows another code.
    pub fn next_code(&self) {
        self.clock.advance(TimeDelta::seconds(30));
    }

    /// The code the person's app shows now.
    pub fn code(&self, person: &Person) -> SecretText {
        person.seed.code(self.clock.now())
    }

    /// Sets the portal up and signs the first administrator in.
    pub async fn administrator(&self) -> Person {
        let token = self.portal.issue_setup_token(None).await.expect("issued").expect("a token");
        let setup =
            self.portal.enter_setup(&token, from("192.0.2.1")).await.expect("the token is right").session;
        let email = "ada@example.com";
        let again = SecretText::new(PASSWORD);
        self.portal
            .choose_account(&setup, email, SecretText::new(PASSWORD), &again)
            .await
            .expect("the account is accepted");
        let (_, seed) = self.portal.chosen_account(&setup).await.expect("a seed");
        let code = seed.code(self.clock.now());
        let session = self.portal.finish_setup(&setup, &code).await.expect("the code is right").session;
        let recovery_codes = self.portal.recovery_codes(&session).await.expect("recovery codes");
        self.next_code();
        Person { session, seed, recovery_codes, email: email.to_owned() }
    }
}

impl Drop for TestPortal {
    fn drop(&mut self) {
        if let Place::Sqlite(path) = &self.place
            && let Some(folder) = path.parent()
        {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}
