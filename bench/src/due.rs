//! Many managed keys due at the same moment: how long until each has rotated, and what services notice of it.

use crate::home::Home;
use crate::load::{PLAIN, Work, plain};
use crate::wrk::{self, Run, Target};
use anyhow::{Context, Result, ensure};
use chrono::TimeDelta;
use data_encoding::BASE64;
use domain::api_key::{Lifetime, Reach};
use domain::data::Operation;
use domain::rotation::RotationPeriod;
use domain::scope::ScopeName;
use engine::store::Db;
use engine::testing::look::number;
use engine::{Clock, Portal};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Connections of the services.
const CONNECTIONS: u32 = 16;
/// Scopes that services use meanwhile.
const USED: usize = 1000;
/// Seconds of a look at the data plane.
const LOOK: u32 = 2;
/// So long everything may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// What came of it.
#[derive(Clone, Debug)]
pub struct Figures {
    pub keys: usize,
    /// From the moment at which all were due.
    pub since_due: Duration,
    /// From the first rotation to the last.
    pub took: Duration,
    /// The data plane before, and in the middle of it.
    pub before: Run,
    pub meanwhile: Run,
}

/// Makes so many keys that become due at the same moment, and watches a server rotate them.
///
/// # Errors
/// When anything fails; when a key did not rotate exactly once.
pub async fn measure(program: &Path, folder: &Path, postgres: Option<&str>, keys: usize) -> Result<Figures> {
    let home = Home::new(folder, "due", postgres).await?;
    let portal = home.portal(Clock::system()).await?;
    // Time to fill the database, to start, and to look at the data plane before.
    let ahead = TimeDelta::seconds(20) + TimeDelta::milliseconds(i64::try_from(keys)? / 2);
    let due_at = portal.now() + ahead;
    let period = TimeDelta::days(RotationPeriod::Days30.days());
    let names = portal.crowd(keys, 1, period - ahead).await?;
    let (key, requests) = services(&portal, &names, home.folder()).await?;
    portal.close().await;
    let server = home.start(program)?;
    let db = home.db().await?;
    let headers =
        [("Authorization".to_owned(), key), ("Content-Type".to_owned(), "application/json".to_owned())];
    let folder = home.folder().to_owned();
    let port = server.port;
    let look = move || {
        let (folder, requests, headers) = (folder.clone(), requests.clone(), headers.clone());
        tokio::task::spawn_blocking(move || {
            let target = Target { port, headers: &headers, requests: &requests };
            wrk::run(&folder, &target, CONNECTIONS, LOOK)
        })
    };
    look().await??;
    let before = look().await??;
    let lines = lines(&db).await;
    let left = (due_at - Clock::system().now()).to_std().context("the keys were due too early")?;
    tokio::time::sleep(left).await;
    let due = Instant::now();
    until(&db, lines + 1).await?;
    let first = Instant::now();
    let meanwhile = look();
    until(&db, lines + i64::try_from(keys)?).await?;
    let (since_due, took) = (due.elapsed(), first.elapsed());
    let meanwhile = meanwhile.await??;
    ensure!(
        took > Duration::from_secs(LOOK.into()),
        "it was over before the data plane was looked at: {took:?}"
    );
    once(&db, keys).await?;
    server.end()?;
    db.close().await;
    home.end().await?;
    Ok(Figures { keys, since_due, took, before, meanwhile })
}

/// An API key, and a file of requests to some of the scopes.
async fn services(portal: &Portal, names: &[ScopeName], folder: &Path) -> Result<(String, PathBuf)> {
    let environments: BTreeSet<_> = names.iter().map(|name| name.environment.clone()).collect();
    let reach = environments.into_iter().map(|environment| Reach { environment, country: None });
    let reach: Vec<Reach> = reach.collect();
    let key =
        portal.create_api_key_on_host("bench", &reach, Operation::ALL.to_vec(), Lifetime::Days30).await?;
    let path = Work::Encrypt.file(folder);
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path)?);
    let every = names.len().div_ceil(USED);
    for (number, name) in names.iter().step_by(every).enumerate() {
        let plain = BASE64.encode(&plain(number, PLAIN));
        writeln!(file, "POST /api/v1/scopes/{name}/encrypt\t{{\"plaintext\":\"{plain}\"}}")?;
    }
    file.flush()?;
    Ok((format!("ApiKey {}", key.expose()), path))
}

/// Lines of the audit log.
async fn lines(db: &Db) -> i64 {
    number(db, "SELECT audit_sequence FROM instance").await
}

async fn until(db: &Db, wanted: i64) -> Result<()> {
    let began = Instant::now();
    while lines(db).await < wanted {
        ensure!(began.elapsed() < PATIENCE, "the keys do not rotate");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// Each scope has its second version, nobody has a third, and each has its line.
async fn once(db: &Db, keys: usize) -> Result<()> {
    let keys = i64::try_from(keys)?;
    for sql in [
        "SELECT COUNT(*) FROM key_version WHERE number = 2 AND status = 'active' AND rotated_for_due IS NOT NULL",
        "SELECT COUNT(*) FROM key_version WHERE number = 1 AND status = 'deprecated'",
        "SELECT COUNT(DISTINCT place) FROM audit_event WHERE action = 'key.rotate_automatic' AND outcome = 'done'",
    ] {
        ensure!(number(db, sql).await == keys, "not so many: {sql}");
    }
    ensure!(number(db, "SELECT COUNT(*) FROM key_version").await == 2 * keys, "some rotated more than once");
    ensure!(
        number(db, "SELECT audit_sequence FROM instance").await
            == number(db, "SELECT COUNT(*) FROM audit_event").await,
        "the numbers of the audit log have gaps"
    );
    Ok(())
}
