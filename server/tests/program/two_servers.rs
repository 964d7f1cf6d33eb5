//! Two real servers on one PostgreSQL, directly and behind PgBouncer in transaction mode.

use crate::process::pooler::Pooler;
use crate::process::{EMAIL, Home, Keystead, PASSWORD, Past, Raw, code};
use engine::store::{Db, Lock, Tx};
use engine::testing::{DatabaseKind, look, scale, transaction};
use rustix::process::Signal;
use std::time::{Duration, Instant};

const DUE: i64 = 200;
const ROTATED: &str = "SELECT COUNT(*) FROM key_version WHERE number = 2";
const AGAIN: &str = "SELECT COUNT(*) FROM key_version WHERE number = 3";

/// Creates two hosts on one new database.
async fn two(pooler: Option<&Pooler>) -> [Home; 2] {
    let mut first = Home::new(DatabaseKind::Postgres).await;
    if let Some(pooler) = pooler {
        first.pool(pooler);
    }
    let second = first.neighbour();
    let mut both = [first, second];
    for home in &mut both {
        // The cookies have the port of the public URL, which all servers of a portal share.
        home.set("KEYSTEAD_PUBLIC_URL", "http://localhost:3000");
    }
    both
}

/// Waits until a number in the database is reached; returns how long that took.
async fn until(db: &Db, sql: &str, at_least: i64, patience: Duration) -> Duration {
    let began = Instant::now();
    while look::number(db, sql).await < at_least {
        assert!(began.elapsed() < patience, "{sql} is {} after {patience:?}", look::number(db, sql).await);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    began.elapsed()
}

/// Stops a server in the middle of the rotations. Another one does the rest, and the stopped one
/// resumes when all are done. Then every key is due once more, for both servers at once.
async fn each_key_rotates_once(pooler: Option<&Pooler>, what: &str) {
    let [mut first, mut second] = two(pooler).await;
    for home in [&mut first, &mut second] {
        home.set("KEYSTEAD_DAILY_LIMIT_PER_TYPE", "2");
    }
    first.is_called("stopped");
    let db = first.db().await;
    Past::of(db.clone()).await.keys(DUE as usize).await;
    let (mut first, mut second) = (Keystead::idle(first), Keystead::idle(second));
    // Until the server is up nothing is due, because PostgreSQL ends a barrier after five seconds.
    let later = "UPDATE key_version SET deferred_until = now() + interval '1 day'";
    look::execute(&db, later).await.expect("nothing is due");
    first.start_again().await;
    let before_first = Barrier::new(&db).await;
    look::execute(&db, "UPDATE key_version SET deferred_until = NULL").await.expect("all are due");
    until(&db, WAITING, 1, Duration::from_secs(4)).await;
    // PostgreSQL serves a row's waiters in turn: the server commits its first rotations, and its next ones wait.
    let (before_second, ()) = tokio::join!(Barrier::new(&db), async {
        until(&db, QUEUED, 2, Duration::from_secs(4)).await;
        before_first.open().await;
    });
    until(&db, WAITING, 1, Duration::from_secs(4)).await;
    first.signal(Signal::STOP);
    before_second.open().await;
    until(&db, HELD, 1, Duration::from_secs(4)).await;
    let stopped_at = look::number(&db, ROTATED).await;
    assert!((1..DUE).contains(&stopped_at), "it was stopped in the middle, not after {stopped_at}");
    second.launch();
    let alone = until(&db, ROTATED, DUE, Duration::from_secs(60)).await;
    first.signal(Signal::CONT);
    first.ready().await;
    second.ready().await;
    let again = "UPDATE key_version SET due_at = created_at WHERE status = 'active'";
    assert_eq!(look::execute(&db, again).await.expect("all are due again"), DUE as u64);
    let together = until(&db, AGAIN, DUE, Duration::from_secs(60)).await;
    // By then the scheduler of each server has run once more.
    tokio::time::sleep(Duration::from_secs(6)).await;
    for (sql, expected) in [
        (ROTATED, DUE),
        (AGAIN, DUE),
        ("SELECT COUNT(*) FROM key_version", 3 * DUE),
        (
            "SELECT COUNT(*) FROM audit_event WHERE action = 'key.rotate_automatic' AND outcome = 'done'",
            2 * DUE,
        ),
        ("SELECT COUNT(*) FROM audit_event WHERE action = 'key.rotate_automatic' AND outcome = 'refused'", 0),
    ] {
        assert_eq!(look::number(&db, sql).await, expected, "{sql}");
    }
    assert_eq!(look::broken(&db).await, [""; 0]);
    println!(
        "figure: {what}: {DUE} keys due, a server stopped after {stopped_at} with a transaction open, \
         another did the rest in {alone:?}; all due again, both together in {together:?}; each rotated once each time"
    );
    db.close().await;
    first.kill().await;
    second.kill().await;
    first.home.end().await;
}

/// The stopped server's transactions that have rotated and wait for the row of the audit numbers.
const WAITING: &str = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() \
                       AND application_name = 'stopped' AND wait_event_type = 'Lock' AND query LIKE 'UPDATE instance SET audit_sequence%'";
/// Everybody's transactions that wait for a row.
const QUEUED: &str =
    "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
/// The stopped server's transactions that hold locks and do nothing.
const HELD: &str = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() \
                    AND application_name = 'stopped' AND state = 'idle in transaction'";

/// Blocks every transaction with an audit line just before its commit, so that a server can be stopped while it holds locks.
/// Without locks it would not block the other one.
struct Barrier(Tx);

impl Barrier {
    async fn new(db: &Db) -> Self {
        transaction::write(db, async |mut tx| {
            transaction::lock(&mut tx, Lock::Instance).await?;
            Ok(Self(tx))
        })
        .await
        .expect("the row of the audit numbers")
    }

    async fn open(self) {
        transaction::commit(self.0).await.expect("a commit");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_due_keys_rotate_once_though_one_server_is_stopped() {
    for _ in 0..scale(1, 10) {
        each_key_rotates_once(None, "PostgreSQL").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_transaction_pooler_they_rotate_once_as_well() {
    let pooler = Pooler::start().await;
    for _ in 0..scale(1, 10) {
        each_key_rotates_once(Some(&pooler), "PgBouncer").await;
    }
}

/// Requests a page until it is as expected, for a second at most; returns how long that took.
async fn seen(
    server: &Keystead,
    path: &str,
    cookie: &str,
    is_so: impl Fn(&crate::process::RawAnswer) -> bool,
) -> Duration {
    let began = Instant::now();
    while !is_so(&Raw::get(server.port, path, cookie).await) {
        assert!(began.elapsed() < Duration::from_secs(1), "{path} is not so after a second");
    }
    began.elapsed()
}

async fn what_one_server_does_the_other_sees(pooler: Option<&Pooler>, what: &str) {
    let [first, second] = two(pooler).await;
    let seed = first.administrator(EMAIL).await;
    let (first, second) = (Keystead::on(first).await, Keystead::on(second).await);
    let db = first.home.db().await;
    // Each code works once; the test forgets used ones, so as not to wait half a minute for the next.
    let next_code = async || {
        look::execute(&db, "DELETE FROM spent_step").await.expect("forgotten");
        code(&seed)
    };
    let keys = "/environments/production/DE/keys";
    let there = first.sign_in_as(EMAIL, &seed).await;
    let began = Instant::now();
    for (path, form) in
        [("/environments", "name=Production&kind=production"), ("/environments/production", "country=DE")]
    {
        assert_eq!(Raw::post(first.port, path, &there, form).await.status, 303, "{path}");
    }
    let prepared =
        Raw::post(first.port, &format!("{keys}/add"), &there, "key_type=managed&rotation_days=30").await;
    let address = prepared.header("location").expect("a prepared change").to_owned();
    // The change is prepared on one server and confirmed on the other, and the version is there on both.
    let made = Raw::post(second.port, &address, &there, &format!("code={}", next_code().await)).await;
    assert_eq!(made.status, 303, "{}", made.text);
    let version = seen(&first, &format!("{keys}/1"), &there, |page| page.status == 200).await;
    println!(
        "figure: {what}: a version made over two servers in {:?}, seen by the other in {version:?}",
        began.elapsed()
    );

    next_code().await;
    let here = second.sign_in_as(EMAIL, &seed).await;
    assert_eq!(Raw::get(second.port, "/profile", &there).await.status, 200);
    assert_eq!(Raw::post(first.port, "/sign-out", &there, "").await.status, 303);
    let ended = seen(&second, "/profile", &there, |page| page.status == 303).await;
    println!("figure: {what}: a session that ended is refused by the other server in {ended:?}");

    assert_eq!(Raw::get(first.port, "/profile", &here).await.status, 200);
    let reset = second
        .home
        .host(&["admin", "reset-password", "--email", EMAIL, "--stdin"], "nine calm herons mend nets\n");
    assert!(reset.await.status.success());
    let changed = seen(&first, "/profile", &here, |page| page.status == 303).await;
    let old = Raw::sign_in(first.port, EMAIL, PASSWORD).await;
    assert_eq!(old.status, 422, "the old password works no more");
    let new = Raw::sign_in(first.port, EMAIL, "nine calm herons mend nets").await;
    assert!(new.cookie().is_some(), "the new one does: {}", new.text);
    println!("figure: {what}: sessions of a changed password are refused by the other server in {changed:?}");
    db.close().await;
    first.home.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_server_does_the_other_sees_within_a_second() {
    what_one_server_does_the_other_sees(None, "PostgreSQL").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_transaction_pooler_the_other_sees_it_as_well() {
    what_one_server_does_the_other_sees(Some(&Pooler::start().await), "PgBouncer").await;
}
