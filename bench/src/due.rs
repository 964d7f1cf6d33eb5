//! Measures many managed keys that are due at the same moment: how long until each has rotated, and how much slower services
//! are served meanwhile.

use crate::home::Home;
use crate::load::{self, Work};
use crate::report::Side::AtMost;
use crate::report::{self, Measure};
use crate::rounds::{MANY, median};
use crate::wrk::Run;
use anyhow::{Context, Result, ensure};
use chrono::TimeDelta;
use domain::keys::rotation::RotationPeriod;
use engine::Clock;
use engine::store::Db;
use engine::testing::look::number;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Number of scopes that services use meanwhile.
const USED: usize = 1000;
/// Duration of one measurement of the data plane, in seconds.
const LOOK: u32 = 2;
/// Number of measurements before any key is due.
const LOOKS: usize = 3;
/// Time-out of the rotations.
const PATIENCE: Duration = Duration::from_secs(300);

/// The results.
#[derive(Clone, Debug)]
pub struct Figures {
    pub keys: usize,
    /// Time from the moment at which all were due.
    pub since_due: Duration,
    /// Time from the first rotation to the last.
    pub took: Duration,
    /// The data plane's p99 in milliseconds, before and during the rotations.
    pub before: f64,
    pub meanwhile: f64,
}

impl Figures {
    pub fn measures(&self) -> Vec<Measure> {
        let (since, took) = (self.since_due.as_secs_f64(), self.took.as_secs_f64());
        let slower = self.meanwhile / self.before;
        vec![
            report::measure(
                format!("{} managed keys due at once, each rotated once", self.keys),
                (AtMost, 10.0, Some(5.0), "s"),
                &[since],
                format!("{since:.1} s after they were due, {took:.1} s from the first to the last"),
            ),
            report::measure(
                "p99 of the data plane meanwhile, against before",
                (AtMost, 2.0, None, "×"),
                &[slower],
                format!("{slower:.1} × ({:.1} ms)", self.meanwhile),
            ),
        ]
    }
}

/// Makes `keys` keys that become due at the same moment, and watches a server rotate them.
///
/// # Errors
/// When anything fails; when a key did not rotate exactly once.
pub async fn measure(program: &Path, folder: &Path, postgres: Option<&str>, keys: usize) -> Result<Figures> {
    let home = Home::new(folder, "due", postgres).await?;
    let portal = home.portal(Clock::system()).await?;
    // Time to fill the database, to start the server, and to measure the data plane before.
    let ahead = TimeDelta::seconds(30) + TimeDelta::milliseconds(i64::try_from(keys)? / 2);
    let due_at = portal.now() + ahead;
    let period = TimeDelta::days(RotationPeriod::Days30.days());
    let names = portal.bulk(keys, 1, period - ahead).await?;
    let used: Vec<_> = names.iter().step_by(keys.div_ceil(USED)).cloned().collect();
    let data = load::ask_for(&portal, &used, &[Work::Encrypt], home.folder()).await?;
    portal.close().await;
    let server = home.start(program)?;
    let db = home.db().await?;
    let (data, port) = (Arc::new(data), server.port);
    let look = move || {
        let data = Arc::clone(&data);
        tokio::task::spawn_blocking(move || data.run(port, Work::Encrypt, MANY, LOOK))
    };
    look().await??;
    let mut before = Vec::new();
    for _ in 0..LOOKS {
        before.push(look().await??);
    }
    let lines = lines(&db).await;
    let left = (due_at - Clock::system().now()).to_std().context("the keys were due too early")?;
    tokio::time::sleep(left).await;
    let due = Instant::now();
    until(&db, lines + 1).await?;
    let first = Instant::now();
    let is_over = Arc::new(AtomicBool::new(false));
    let over = Arc::clone(&is_over);
    let looking = tokio::spawn(async move {
        let mut runs = Vec::new();
        loop {
            let run = look().await??;
            if over.load(Ordering::Relaxed) {
                return Ok::<_, anyhow::Error>(runs);
            }
            runs.push(run);
        }
    });
    until(&db, lines + i64::try_from(keys)?).await?;
    let (since_due, took) = (due.elapsed(), first.elapsed());
    is_over.store(true, Ordering::Relaxed);
    let meanwhile = looking.await??;
    ensure!(!meanwhile.is_empty(), "it was over before the data plane was looked at: {took:?}");
    let [before, meanwhile] = [before, meanwhile].map(p99);
    once(&db, keys).await?;
    server.end()?;
    db.close().await;
    home.end().await?;
    Ok(Figures { keys, since_due, took, before, meanwhile })
}

/// Returns the median of the p99 of several measurements, in milliseconds.
fn p99(runs: Vec<Run>) -> f64 {
    median(runs.iter().map(|run| run.p99.as_secs_f64() * 1e3))
}

/// Returns the number of lines of the audit log.
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

/// Checks that each scope has its second version, none has a third, and each has its line.
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
