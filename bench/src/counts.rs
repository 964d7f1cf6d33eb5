//! Counts SQL statements and calls of KMS for a million operations; it measures no times.

use crate::home::{Home, sign_in};
use crate::load::{self, Data, Work};
use crate::process::Process;
use crate::report::Side::AtMost;
use crate::report::{self, Measure};
use crate::rounds::MANY;
use anyhow::{Context, Result};
use chrono::TimeDelta;
use domain::scopes::scope::ScopeName;
use engine::testing::kms::{FakeKms, SECRET, access_key_id, arn, data_key, region};
use engine::{AwsAsked, Clock, NewSession, Portal, SecretText};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

const OPERATIONS: u64 = 1_000_000;
/// Duration of one run of the generator, in seconds.
const RUN: u32 = 5;
/// Number of scopes whose statements are counted, and of scopes whose keys customers hold.
const SCOPES: usize = 1_000;
const CUSTOMERS: usize = 10;
/// Time, in seconds, after which the KMS has to release a used customer's key again.
const LEASE: u64 = 5;

/// Beginnings of the statements for sums of use and for the journal's segments.
const APART: [&str; 4] = [
    "INSERT INTO journal_run",
    "INSERT INTO journal_segment",
    "INSERT INTO version_usage",
    "SELECT server, first_sequence, last_sequence,",
];
/// Beginnings of the statements of periodic jobs, which run with or without requests: the check for changes by other servers,
/// leases that a customer may have ended, health, keys that are due, the last use of API keys.
const WITH_TIME: [&str; 5] = [
    "SELECT data_epoch, audit_sequence FROM",
    "SELECT k.scope_id, k.number, a.refusals,",
    "SELECT a.id, k.scope_id, k.number,",
    "SELECT k.due_at, k.id, k.scope_id",
    "UPDATE api_key SET last_used_at",
];

/// Numbers of SQL statements during the operations.
#[derive(Clone, Debug, Default)]
pub struct Statements {
    /// Sums of use, and the rows of the journal's segments.
    pub apart: u64,
    /// Checks for changes by other servers, and other periodic jobs.
    pub with_time: u64,
    /// Everything else.
    pub on_the_path: u64,
}

/// Number of calls of the customers' KMS during the operations.
#[derive(Clone, Debug)]
pub struct Calls {
    pub found: u64,
    /// Maximum: scopes × servers × time / lease.
    pub most: f64,
    pub took: Duration,
}

impl Statements {
    pub fn measures(&self) -> Vec<Measure> {
        let Self { apart, with_time, on_the_path } = self;
        let what = "SQL statements for 1,000,000 cached operations";
        let found = format!(
            "{on_the_path}; {apart} for sums of use and segment rows, {with_time} that come with time"
        );
        vec![report::measure(what, (AtMost, 0.0, None, ""), &[*on_the_path as f64], found)]
    }
}

impl Calls {
    pub fn measures(&self) -> Vec<Measure> {
        let what = "calls of KMS for 1,000,000 operations, against scopes × servers × time / lease";
        let found = format!("{} in {:.0} s", self.found, self.took.as_secs_f64());
        vec![report::measure(what, (AtMost, self.most, None, ""), &[self.found as f64], found)]
    }
}

/// # Errors
/// When anything fails.
pub async fn statements(program: &Path, folder: &Path) -> Result<Statements> {
    let home = Home::new(folder, "statements", None).await?;
    let data = load::fill(&home, SCOPES, &[Work::Encrypt]).await?;
    let server = home.start_with(program, &[("KEYSTEAD_LOG", "info,sqlx::query=debug")])?;
    data.fill_memory(&server, Work::Encrypt)?;
    let before = fs::metadata(server.log())?.len();
    million(&data, &server)?;
    let log = fs::read_to_string(server.log())?;
    let mut statements = Statements::default();
    for line in log.get(usize::try_from(before)?..).context("the log grows")?.lines() {
        let Some((_, rest)) = line.split_once("summary=\"") else { continue };
        let text = rest.split_once('"').map_or(rest, |(text, _)| text);
        let is_one_of = |begins: &[&str]| begins.iter().any(|begin| text.starts_with(begin));
        match () {
            () if is_one_of(&APART) => statements.apart += 1,
            () if is_one_of(&WITH_TIME) => statements.with_time += 1,
            () => {
                statements.on_the_path += 1;
                eprintln!("a statement on the path: {text}");
            }
        }
    }
    server.end()?;
    home.end().await?;
    Ok(statements)
}

/// # Errors
/// When anything fails.
pub async fn calls(program: &Path, folder: &Path) -> Result<Calls> {
    let kms = FakeKms::start().await;
    let home = Home::new(folder, "customers", None).await?;
    let clock = Clock::standing_at(Clock::system().now() - TimeDelta::hours(1));
    let portal = home.portal_with(clock.clone(), kms.settings()).await?;
    let names = portal.bulk(CUSTOMERS, 0, TimeDelta::zero()).await?;
    register(&portal, &clock, &names).await?;
    let data = load::ask_for(&portal, &names, &[Work::Encrypt], home.folder()).await?;
    portal.close().await;
    let (url, lease) = (kms.url(), LEASE.to_string());
    let server = home.start_with(
        program,
        &[
            ("KEYSTEAD_KMS_ENDPOINT_URL", &url),
            ("KEYSTEAD_LEASE_REFRESH_SECONDS", &lease),
            ("KEYSTEAD_HEALTH_PROBE_SECONDS", "0"),
        ],
    )?;
    kms.forget_calls();
    let began = Instant::now();
    tokio::task::block_in_place(|| million(&data, &server))?;
    let took = began.elapsed();
    let found = u64::try_from(kms.decrypt_calls())?;
    let leases = took.div_duration_f64(Duration::from_secs(LEASE)).ceil();
    let most = names.len() as f64 * leases;
    server.end()?;
    home.end().await?;
    Ok(Calls { found, most, took })
}

/// Runs until `OPERATIONS` operations were answered.
fn million(data: &Data, server: &Process) -> Result<()> {
    let mut done = 0;
    while done < OPERATIONS {
        done += data.run(server.port, Work::Encrypt, MANY, RUN)?.requests;
    }
    Ok(())
}

/// Registers the key of the fake KMS for each of these scopes, each with a code of its own.
async fn register(portal: &Portal, clock: &Clock, names: &[ScopeName]) -> Result<()> {
    let (NewSession { session: ada, .. }, seed) = sign_in(portal).await?;
    for name in names {
        clock.advance(TimeDelta::seconds(30));
        let asked = AwsAsked {
            region: region(),
            cmk: arn(),
            data_key: data_key(),
            access_key_id: access_key_id(),
            secret_access_key: SecretText::new(SECRET),
            accepts_more: false,
            accepts_same: true,
        };
        let command = portal.keys().plan_create_aws(&ada, name, asked).await?;
        let prepared = portal.changes().prepare(&ada, &command).await?;
        let confirmed = portal.proof(&ada, prepared, &seed.code(portal.now())).await?;
        portal.keys().create(confirmed).await?;
    }
    Ok(())
}
