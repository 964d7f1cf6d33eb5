//! Shared by the stories: the runner, people, scopes, proofs, and direct access to the database.

use domain::audit::event::{Action, Event, Outcome};
use domain::keys::key_version::Plan;
use domain::keys::rotation::RotationPeriod;
use domain::scopes::scope::{EnvironmentKind, ScopeName};
use engine::base::error::ChangesError;
use engine::base::error::ScopesError;
use engine::changes::authority::{Authorised, Sensitive};
use engine::changes::totp::Seed;
use engine::store::Db;
pub use engine::testing::look::{bytes, execute, number, texts};
use engine::testing::{DatabaseKind, PASSWORD, Person, TestPortal, from};
use engine::{Error, NewSession, Portal, SecretText, Session};
use sqlx::AssertSqlSafe;
use std::future::Future;

/// Makes two tests of every listed story, one for each database.
macro_rules! stories {
    ($($story:ident,)*) => {
        mod sqlite { $( #[tokio::test(flavor = "multi_thread")] async fn $story() {
            $crate::support::run(engine::testing::DatabaseKind::Sqlite, super::$story).await;
        } )* }
        mod postgres { $( #[tokio::test(flavor = "multi_thread")] async fn $story() {
            $crate::support::run(engine::testing::DatabaseKind::Postgres, super::$story).await;
        } )* }
    };
}

/// Asserts that a call was refused with a certain error.
macro_rules! refused {
    ($result:expr, $error:pat) => {
        match $result {
            Err($error) => {}
            Err(other) => panic!("refused for another reason: {other:?}"),
            Ok(_) => panic!("it was not refused"),
        }
    };
}

pub async fn run(kind: DatabaseKind, story: impl AsyncFnOnce(&TestPortal)) {
    let t = TestPortal::new(kind).await;
    story(&t).await;
    t.end().await;
}

/// Runs all tasks at the same time and waits for each.
pub async fn at_once<T, F>(tasks: impl IntoIterator<Item = F>) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let running: Vec<_> = tasks.into_iter().map(tokio::spawn).collect();
    let mut done = Vec::new();
    for task in running {
        done.push(task.await.expect("a task ends"));
    }
    done
}

pub fn text(text: &str) -> SecretText {
    SecretText::new(text)
}

/// Takes the first step of signing in.
pub async fn password(portal: &Portal, email: &str, password: &str) -> Result<NewSession, Error> {
    portal.people().check_password(email, text(password), from("192.0.2.7"), None).await
}

/// Takes the first step of signing in with the right password.
pub async fn half_way(portal: &Portal, email: &str) -> Session {
    password(portal, email, PASSWORD).await.expect("the password is right").session
}

/// Signs in with password and code; afterwards the app shows another code.
pub async fn sign_in(t: &TestPortal, email: &str, seed: &Seed) -> NewSession {
    let session = half_way(&t.portal, email).await;
    let new = t.portal.people().check_sign_in_code(&session, &seed.code(t.clock.now())).await;
    t.next_code();
    new.expect("the code is right")
}

/// Creates another administrator on the command line and signs them in.
pub async fn colleague(t: &TestPortal, email: &str) -> Person {
    let made = t.portal.administrators().create(email, text(PASSWORD), None, |_, _| Ok(())).await;
    let (seed, codes) = made.expect("an administrator");
    let NewSession { session, token, .. } = sign_in(t, email, &seed).await;
    let recovery_codes = codes.iter().map(|code| code.expose().to_owned()).collect();
    Person { session, token, seed, recovery_codes, email: email.to_owned() }
}

/// Returns a code that the app shows neither now nor a time step ago.
pub fn wrong_code(t: &TestPortal, seed: &Seed) -> SecretText {
    let near: Vec<_> =
        (-10..=10).map(|steps| seed.code(t.clock.now() + chrono::TimeDelta::seconds(30 * steps))).collect();
    let mut some = ["000000", "111111", "222222"].map(text).into_iter();
    some.find(|code| near.iter().all(|right| !right.same_as(code))).expect("one is wrong")
}

/// Takes the step after the password with one of the recovery codes.
pub async fn recovering(t: &TestPortal, ada: &Person, which: usize) -> Result<NewSession, Error> {
    let half = half_way(&t.portal, &ada.email).await;
    t.portal.people().check_recovery_code(&half, &text(&ada.recovery_codes[which])).await
}

/// Checks whether a token still has a session.
pub async fn is_alive(t: &TestPortal, token: &SecretText) -> bool {
    match t.portal.people().session(token, from("192.0.2.7")).await {
        Ok(_) => true,
        Err(Error::Changes(ChangesError::SignedOut)) => false,
        Err(other) => panic!("{other:?}"),
    }
}

/// Prepares a change and confirms it with the code the app shows.
pub async fn proof<C: Sensitive>(t: &TestPortal, who: &Person, command: &C) -> Authorised<C> {
    let id = t.portal.changes().prepare(&who.session, command).await.expect("it is prepared");
    let proof = t.portal.proof(&who.session, id, &t.code(who)).await.expect("it is confirmed");
    t.next_code();
    proof
}

/// Adds a country to the environment `production`, which is created when it does not exist yet.
pub async fn scope(t: &TestPortal, who: &Person, country: &str) -> ScopeName {
    let added =
        t.portal.scopes().add_environment(&who.session, "Production", "", EnvironmentKind::Production).await;
    assert!(matches!(added, Ok(_) | Err(Error::Scopes(ScopesError::LooksLike(_)))));
    let environment = slug("production");
    let country =
        t.portal.scopes().add_country(&who.session, &environment, country).await.expect("a country");
    ScopeName { environment, country }
}

pub fn slug(text: &str) -> domain::scopes::scope::Slug {
    domain::scopes::scope::Slug::try_from(text.to_owned()).expect("a slug")
}

/// Runs "Add encryption key", from the plan to the version.
pub async fn create(t: &TestPortal, who: &Person, scope: &ScopeName, period: RotationPeriod) -> Plan {
    let command = t.portal.keys().plan_create(&who.session, scope, period).await.expect("a plan");
    t.portal.keys().create(proof(t, who, &command).await).await.expect("a version")
}

/// Runs "Add version", from the plan to the version.
pub async fn rotate(t: &TestPortal, who: &Person, scope: &ScopeName) -> Plan {
    let command =
        t.portal.keys().plan_rotate(&who.session, scope, RotationPeriod::Days30).await.expect("a plan");
    t.portal.keys().rotate(proof(t, who, &command).await).await.expect("a version")
}

/// Returns number and status of every version, oldest first.
pub async fn versions(t: &TestPortal, scope: &ScopeName) -> Vec<(u32, &'static str)> {
    let view = t.portal.keys().list(scope, 1).await.expect("the keys page");
    view.versions.iter().rev().map(|version| (version.number, version.status.word())).collect()
}

/// Returns the whole audit log, oldest first.
pub async fn log(t: &TestPortal) -> Vec<Event> {
    let mut events = Vec::new();
    let mut before = None;
    loop {
        let page = t.portal.audit().log(before).await.expect("the audit log");
        events.extend(page.events);
        before = page.older;
        if before.is_none() {
            events.reverse();
            return events;
        }
    }
}

/// Counts the events of an action with a certain outcome.
pub async fn logged(t: &TestPortal, action: Action, outcome: Outcome) -> usize {
    log(t).await.iter().filter(|event| (event.action, event.outcome) == (action, outcome)).count()
}

/// Steps of a transaction that can be made to fail (`store::failpoints`).
pub const STEPS: [&str; 4] = ["begin", "statement", "commit", "committed"];

/// Lets one step fail, after `skip` others of its name have succeeded.
pub fn fail_after(step: &str, skip: usize) {
    fail::cfg(step, &format!("{skip}*off->1*return->off")).expect("a failpoint");
}

/// Writes bytes past the engine; they are `$1` in the statement.
pub async fn put_bytes(db: &Db, sql: &str, bytes: &[u8]) {
    let query = AssertSqlSafe(sql.to_owned());
    let rows = match db {
        Db::Sqlite { write, .. } => {
            sqlx::query(query).bind(bytes).execute(write).await.map(|r| r.rows_affected())
        }
        Db::Postgres(pool, _) => {
            sqlx::query(query).bind(bytes).execute(pool).await.map(|r| r.rows_affected())
        }
    };
    assert_eq!(rows.expect("bytes are written"), 1);
}
