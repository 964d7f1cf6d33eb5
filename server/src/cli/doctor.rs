//! `keystead doctor`: examines the installation. Each finding says what is wrong and what to do about it.

use crate::Stop;
use crate::cli::Doctor;
use crate::cli::backups::{numbers, say_raised};
use crate::cli::commands::open_portal;
use crate::cli::out::{report, say};
use crate::run::opening::{connect, database_name, is_new_folder};
use crate::settings::Settings;
use chrono::{NaiveDate, TimeDelta};
use domain::base::words;
use engine::base::disk::network_file_system;
use engine::overview::older::keep_highest;
use engine::overview::times::{Corrected, describe};
use engine::store::Db;
use engine::vault::envelope::RootKey;
use engine::vault::root_key;
use engine::{Clock, Portal, right_root_key};
use serde::Serialize;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// Maximum difference of clocks.
const CLOCK: TimeDelta = TimeDelta::seconds(2);
/// Free bytes of the disk below which it is nearly full, and full.
const LITTLE: u64 = 1 << 30;
const FULL: u64 = 100 << 20;
/// Maximum number of rows that are named one by one.
const NAMED: usize = 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Warning,
    Error,
}

#[derive(Serialize)]
struct Finding {
    check: &'static str,
    state: State,
    finding: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

#[derive(Serialize)]
struct Report {
    state: State,
    findings: Vec<Finding>,
}

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn ok(&mut self, check: &'static str, finding: impl Into<String>) {
        self.0.push(Finding { check, state: State::Ok, finding: finding.into(), remedy: None });
    }

    fn warn(&mut self, check: &'static str, finding: impl Into<String>, remedy: impl Into<String>) {
        let (finding, remedy) = (finding.into(), Some(remedy.into()));
        self.0.push(Finding { check, state: State::Warning, finding, remedy });
    }

    fn error(&mut self, check: &'static str, finding: impl Into<String>, remedy: impl Into<String>) {
        let (finding, remedy) = (finding.into(), Some(remedy.into()));
        self.0.push(Finding { check, state: State::Error, finding, remedy });
    }
}

pub async fn doctor(settings: &Settings, asked: Doctor) -> Result<(), Stop> {
    if asked.accept_older_database {
        return accept(settings, &asked.numbers).await;
    }
    if let Some(today) = asked.correct_times {
        return correct_times(settings, today).await;
    }
    let mut findings = Findings::default();
    unknown_settings(settings, &mut findings);
    let keys = root_keys(settings, &mut findings);
    files(settings, &mut findings);
    disk(settings, &mut findings);
    addresses(settings, &mut findings);
    database(settings, keys, &mut findings).await;
    let state = findings.0.iter().map(|finding| finding.state).max().unwrap_or(State::Ok);
    let all = Report { state, findings: findings.0 };
    if asked.json {
        report(serde_json::to_string_pretty(&all).map_err(|error| Stop::new(error.to_string()))?)?;
    } else {
        for Finding { check, state, finding, remedy } in &all.findings {
            let word = match state {
                State::Ok => "ok     ",
                State::Warning => "warning",
                State::Error => "error  ",
            };
            report(format!("{word}  {check}: {finding}"))?;
            if let Some(remedy) = remedy {
                report(format!("         {remedy}"))?;
            }
        }
    }
    if state == State::Ok { Ok(()) } else { Err(Stop::Findings) }
}

async fn accept(settings: &Settings, given: &[String]) -> Result<(), Stop> {
    let given = numbers(given)?;
    let portal = open_portal(settings).await?;
    let accepted = async {
        let overview = portal.overview();
        let mut known = overview.numbers_in_journal().await?;
        keep_highest(&mut known, overview.numbers_in_folder(&settings.data_dir).await?);
        keep_highest(&mut known, given);
        overview.accept_older(&settings.data_dir, known).await
    };
    let accepted = accepted.await;
    portal.close().await;
    say_raised(&accepted?);
    say("The database is accepted as it is. Running servers create versions again within a second.");
    Ok(())
}

async fn correct_times(settings: &Settings, today: NaiveDate) -> Result<(), Stop> {
    let now = Clock::system().now();
    if now.date_naive() != today {
        return Err(Stop::new(format!(
            "The clock of this host says {}, which is not on {today}. Nothing was changed. Correct the clock first (chrony, \
             systemd-timesyncd), or give today's date in UTC.",
            words::moment(now)
        )));
    }
    let portal = open_portal(settings).await?;
    let corrected = portal.overview().correct_times().await;
    portal.close().await;
    let Corrected { rows, left } = corrected?;
    if rows.is_empty() {
        say("No row carries a time of the future.");
    } else {
        say(format!("Corrected: {}.", describe(&rows)));
        say(
            "Their times are those of this moment now. Sessions and attempt counters of the future have ended. Keys rotate and limits count as usual.",
        );
    }
    for name in left {
        say(format!("Left as it is, because it does not verify: {name}"));
    }
    Ok(())
}

fn unknown_settings(settings: &Settings, findings: &mut Findings) {
    for unknown in &settings.unknown {
        findings.warn("settings", unknown.sentence(), "Correct its name, or remove it.");
    }
}

fn root_keys(settings: &Settings, findings: &mut Findings) -> Vec<RootKey> {
    const CHECK: &str = "root key";
    if let Some(text) = &settings.root_key.text {
        findings.warn(
            CHECK,
            "It comes from KEYSTEAD_ROOT_KEY, which other programs of this user can read.",
            "Move it to a file, and name the file in KEYSTEAD_ROOT_KEY_FILE.",
        );
        return root_key::from_text(text).into_iter().collect();
    }
    let file = &settings.root_key.file;
    let shown = file.display();
    let keys = match root_key::read_all(file) {
        Ok(keys) if keys.is_empty() => {
            findings.error(
                CHECK,
                format!("There is none at {shown}."),
                "Copy the root key of this database there, or set KEYSTEAD_ROOT_KEY_FILE.",
            );
            return keys;
        }
        Ok(keys) => keys,
        Err(error) => {
            findings.error(CHECK, error.to_string(), "Without it, nothing can be decrypted.");
            return Vec::new();
        }
    };
    match &keys[..] {
        [key] => findings.ok(CHECK, format!("It is at {shown} (fingerprint {}).", key.fingerprint())),
        _ => findings.warn(
            CHECK,
            format!("A rotation was interrupted: there is a new key beside {shown}."),
            "Run keystead root-key rotate again. It completes the rotation.",
        ),
    }
    old_root_keys(&root_key::old_copies(file).unwrap_or_default(), findings);
    keys
}

fn old_root_keys(old: &[PathBuf], findings: &mut Findings) {
    const CHECK: &str = "old root keys";
    for error in old.iter().filter_map(|file| root_key::read(file).err()) {
        findings.warn(CHECK, error.to_string(), "Backups that need it cannot be restored with this file.");
    }
    if !old.is_empty() {
        let names: Vec<_> = old.iter().map(|file| file.display().to_string()).collect();
        let names = names.join(", ");
        findings.ok(
            CHECK,
            format!(
                "Backups from before a rotation need them: {names}. Delete a key when no backup needs it."
            ),
        );
    }
}

/// Checks who may read the files.
fn files(settings: &Settings, findings: &mut Findings) {
    const CHECK: &str = "file modes";
    let data = &settings.data_dir;
    let mut private =
        vec![data.clone(), data.join("keystead.db"), data.join("keystead.db-wal"), data.join("journal")];
    private.extend(settings.config.clone());
    private.extend(root_key::old_copies(&settings.root_key.file).unwrap_or_default());
    let mut is_private = true;
    for path in private {
        let Ok(meta) = path.metadata() else { continue };
        if meta.mode() & 0o077 != 0 {
            is_private = false;
            let (shown, mode) = (path.display(), if meta.is_dir() { "700" } else { "600" });
            findings.warn(
                CHECK,
                format!("Others may use {shown} (mode {:o}).", meta.mode() & 0o777),
                format!("Run: chmod {mode} {shown}"),
            );
        }
    }
    if is_private {
        findings.ok(CHECK, "Only this user may read the data folder and the settings.");
    }
}

fn disk(settings: &Settings, findings: &mut Findings) {
    const CHECK: &str = "disk";
    let Ok(space) = rustix::fs::statvfs(&settings.data_dir) else {
        let shown = settings.data_dir.display();
        findings.warn(
            CHECK,
            format!("The folder {shown} does not exist."),
            "Set KEYSTEAD_DATA_DIR to the data folder.",
        );
        return;
    };
    // With SQLite, the database is refused there.
    if let Some(kind) = network_file_system(&settings.data_dir)
        && settings.database.url.is_some()
    {
        findings.warn(
            CHECK,
            format!(
                "The journal is on a network file system ({kind}), in {}. Services wait for the network, and get no answer while it is away.",
                settings.data_dir.display()
            ),
            "Use a local disk for KEYSTEAD_DATA_DIR.",
        );
    }
    let free = space.f_bavail.saturating_mul(space.f_frsize);
    let finding = format!("{} MiB are free in {}.", free >> 20, settings.data_dir.display());
    let remedy =
        "Make room: without it, Keystead refuses the requests of services, because it cannot record them.";
    match free {
        free if free < FULL => findings.error(CHECK, finding, remedy),
        free if free < LITTLE => findings.warn(CHECK, finding, remedy),
        _ => findings.ok(CHECK, finding),
    }
}

fn addresses(settings: &Settings, findings: &mut Findings) {
    const CHECK: &str = "proxies";
    let web = &settings.web;
    if web.is_proxy_missing() {
        findings.warn(
            CHECK,
            "The public URL is https, so a proxy ends TLS, but KEYSTEAD_TRUSTED_PROXIES is empty. All visitors count as one address.",
            "Set KEYSTEAD_TRUSTED_PROXIES to the address of the proxy.",
        );
    } else if web.is_insecure() {
        findings.warn(
            CHECK,
            format!(
                "Keystead listens on {} at {} over plain HTTP: passwords and codes cross the network unencrypted.",
                web.listen, web.public_url
            ),
            "Put a proxy with TLS before Keystead, and set KEYSTEAD_PUBLIC_URL to its https address.",
        );
    } else {
        findings.ok(CHECK, format!("The public URL is {}.", web.public_url));
    }
}

async fn database(settings: &Settings, keys: Vec<RootKey>, findings: &mut Findings) {
    const CHECK: &str = "database";
    if is_new_folder(settings) {
        let shown = settings.data_dir.display();
        findings.error(
            CHECK,
            format!("There is none in {shown}."),
            "Set KEYSTEAD_DATA_DIR to the right folder, or restore a backup.",
        );
        return;
    }
    let db = match connect(settings).await {
        Ok(db) => db,
        Err(error) => {
            findings.error(CHECK, error.to_string(), remedy(settings));
            return;
        }
    };
    if let Some(portal) = opened(settings, &db, keys, findings).await
        && let Err(error) = examine(settings, &portal, findings).await
    {
        findings.error(
            CHECK,
            error.to_string(),
            "Check that the database runs, then run keystead doctor again.",
        );
    }
    db.close().await;
}

/// Returns what to do about a database that cannot be used.
fn remedy(settings: &Settings) -> &'static str {
    match settings.database.url {
        Some(_) => "Check KEYSTEAD_DATABASE_URL, and that PostgreSQL runs.",
        None => {
            "Check who owns the file and its folder, and that there is room on the disk. If the file is damaged, restore a backup."
        }
    }
}

/// Opens the portal on a database of this release. An earlier one would be changed by that.
async fn opened(settings: &Settings, db: &Db, keys: Vec<RootKey>, findings: &mut Findings) -> Option<Portal> {
    const CHECK: &str = "database";
    let name = database_name(settings);
    match engine::schema(db).await {
        Ok((0, _)) => {
            findings.error(
                CHECK,
                format!("It is empty: {name}."),
                "Set KEYSTEAD_DATA_DIR or KEYSTEAD_DATABASE_URL, or restore a backup.",
            );
            return None;
        }
        Ok((found, known)) if found < known => {
            findings.warn(
                CHECK,
                format!("It has schema {found}, and this release needs {known}: {name}."),
                "Stop all servers, make a backup, run keystead migrate, start them.",
            );
            return None;
        }
        Ok((found, known)) if found > known => {
            findings.error(
                CHECK,
                format!("A newer Keystead made it (schema {found}; this release knows {known}): {name}."),
                "Start that release, or restore the backup from before the upgrade.",
            );
            return None;
        }
        Ok((schema, _)) => findings.ok(CHECK, format!("{name} (schema {schema}).")),
        Err(error) => {
            findings.error(CHECK, Stop::from(error).to_string(), remedy(settings));
            return None;
        }
    }
    if keys.is_empty() {
        return None;
    }
    let portal = async {
        let key = right_root_key(db, keys).await?;
        Portal::open(db.clone(), &key, Clock::system(), settings.engine.clone()).await
    };
    match portal.await {
        Ok(portal) => Some(portal),
        Err(error) => {
            findings.error("root key", Stop::from(error).to_string(), "Use the root key of this database.");
            None
        }
    }
}

async fn examine(settings: &Settings, portal: &Portal, findings: &mut Findings) -> Result<(), Stop> {
    clock(portal, findings).await?;
    let overview = portal.overview();
    let upkeep = overview.upkeep().await?;
    let is_late = upkeep.is_backup_late();
    let older = match upkeep.older_than {
        Some(why) => Some(why),
        None => overview.lost_since(&settings.data_dir).await?,
    };
    match older {
        Some(why) => findings.error(
            "older database",
            format!("The database is older than it was: {why}. Keystead creates no versions."),
            "Bring back the newest database if it exists. Otherwise run keystead doctor --accept-older-database.",
        ),
        None => findings.ok("older database", "Nothing that this host knows is newer than the database."),
    }
    match upkeep.backup_at {
        None => findings.warn(
            "backup",
            "No backup was made yet.",
            "Run keystead backup FILE every day, and keep the root key apart.",
        ),
        Some(at) if is_late => findings.warn(
            "backup",
            format!("The last one was made at {}.", words::moment(at)),
            "Run keystead backup FILE every day.",
        ),
        Some(at) => findings.ok("backup", format!("The last one was made at {}.", words::moment(at))),
    }
    let verified = overview.verify().await?;
    rows(
        findings,
        "sealed values",
        &verified.unopened,
        [
            "This does not open",
            "It was changed in the database, or damaged.",
            "Everything opens with the root key.",
        ],
    );
    rows(
        findings,
        "authority rows",
        &verified.unproved,
        [
            "Keystead did not write this row",
            "Nothing uses it. Somebody can write your database, or it was put back: change its password, and compare its audit log with your backups.",
            "Keystead wrote every row that gives authority.",
        ],
    );
    for name in verified.dates.iter().take(NAMED) {
        findings.error(
            "due dates",
            format!("The due date does not follow from creation and rotation period: {name}."),
            "Somebody has changed it in the database. Change the rotation period of that key (Settings) and back, which sets the date anew.",
        );
    }
    if verified.dates.is_empty() {
        findings.ok("due dates", "Every managed key rotates when its period says.");
    }
    let journal = verified.journal;
    for damage in journal.damaged.iter().take(NAMED) {
        findings.error(
            "journal",
            format!("It was changed or damaged: {damage}."),
            "Compare it with a backup.",
        );
    }
    if journal.damaged.is_empty() {
        findings.ok(
            "journal",
            format!("{} segments with {} events are as they were written.", journal.segments, journal.events),
        );
    }
    Ok(())
}

/// Reports rows of the database by their names: what is wrong with each, what that means, and what it means when there are none.
fn rows(findings: &mut Findings, check: &'static str, names: &[String], [wrong, why, none]: [&str; 3]) {
    for name in names.iter().take(NAMED) {
        findings.error(check, format!("{wrong}: {name}."), format!("{why} {}", remedy_of(name)));
    }
    if names.len() > NAMED {
        findings.error(check, format!("{} more.", names.len() - NAMED), "See above.");
    }
    if names.is_empty() {
        findings.ok(check, none);
    }
}

/// Returns what to do about a row that cannot be used, by its name.
fn remedy_of(name: &str) -> &'static str {
    let is = |kind: &str| name.starts_with(kind);
    if is("administrator") {
        "Run keystead admin create with this e-mail address: it replaces the account as a whole. Or restore a backup."
    } else if is("API key") {
        "Revoke the key and create another. Or restore a backup."
    } else if is("a recovery code") {
        "Its owner makes new recovery codes in the profile."
    } else if is("session") || is("a setup token") {
        "It ends by itself within 12 hours."
    } else {
        "Restore a backup (keystead restore --check tells which one is whole). A new version of the country's key encrypts until then."
    }
}

async fn clock(portal: &Portal, findings: &mut Findings) -> Result<(), Stop> {
    const CHECK: &str = "clock";
    portal.compare_clock().await?;
    let off = portal.overview().clock_off();
    let ahead = portal.overview().ahead().await?;
    if off > CLOCK {
        findings.error(
            CHECK,
            format!("It differs from the database's by {} s.", off.num_seconds()),
            "Synchronise both clocks (chrony, systemd-timesyncd).",
        );
    }
    if !ahead.is_empty() {
        let (rows, now) = (describe(&ahead), portal.now());
        findings.error(
            CHECK,
            format!(
                "A server's clock was ahead, or that of this host is behind. These rows carry times of the future: {rows}."
            ),
            format!(
                "Correct the clock if it is wrong. If it is right ({}), run: keystead doctor --correct-times {}",
                words::moment(now),
                now.date_naive()
            ),
        );
    }
    if off <= CLOCK && ahead.is_empty() {
        findings.ok(CHECK, format!("It says {}.", words::moment(portal.now())));
    }
    Ok(())
}
