//! Backup and restore on the host's command line.

use crate::Stop;
use crate::cli::Restore;
use crate::cli::commands::{say_adopted, say_where};
use crate::cli::out::{report, say};
use crate::run::opening::{connect, find_root_keys, make_folder, open_database};
use crate::settings::Settings;
use domain::base::typed::trimmed;
use domain::base::words;
use domain::scopes::scope::ScopeName;
use engine::overview::Verified;
use engine::overview::backup::{self, Manifest};
use engine::overview::older::{Numbers, Raised, keep_highest};
use engine::store::Db;
use engine::vault::envelope::RootKey;
use engine::vault::{root_key, root_rotation};
use engine::{Adoption, Clock, Portal, right_root_key};
use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};
use tempfile::TempPath;

/// Beginning of the name that a database has until its restore is complete.
const RESTORING: &str = ".keystead.db.restoring-";

/// The highest number of a version that an operator may name. A larger one is a typing error.
const HIGHEST: u32 = 1_000_000;

const RELEASE: &str = env!("CARGO_PKG_VERSION");

fn is_standard(path: &Path) -> bool {
    path.as_os_str() == "-"
}

pub async fn backup(settings: &Settings, file: &Path) -> Result<(), Stop> {
    if is_standard(file) && io::stdout().is_terminal() {
        return Err(Stop::new("A backup is not for a terminal. Redirect the output, or name a file."));
    }
    let db = open_database(settings).await?;
    let done = write(settings, &db, file).await;
    db.close().await;
    done
}

async fn write(settings: &Settings, db: &Db, file: &Path) -> Result<(), Stop> {
    let root = right_root_key(db, find_root_keys(settings, false)?).await?;
    let (fingerprint, clock) = (root.fingerprint(), Clock::system());
    say_where(settings);
    let (manifest, length) = if is_standard(file) {
        let (manifest, _, length) = backup::write(db, root, RELEASE, clock.now(), io::stdout()).await?;
        (manifest, length)
    } else {
        into_file(db, root, &clock, file).await?
    };
    root_key::is_used_now(&settings.root_key.file);
    if let Err(error) = backup::record(db, &manifest, clock.now()).await {
        say(format!("The backup is complete. That it was made could not be recorded: {}", Stop::from(error)));
    }
    let shown = if is_standard(file) { "standard output".to_owned() } else { file.display().to_string() };
    say(format!(
        "Backup written to {shown}: {} rows in {length} bytes, up to line {} of the audit log.\n\
         It opens only with the root key of now (fingerprint {fingerprint}), which is not in it. Keep a copy of the root key apart.",
        manifest.rows(),
        manifest.audit_sequence
    ));
    Ok(())
}

/// Writes a new file, which appears when it is complete.
async fn into_file(db: &Db, root: RootKey, clock: &Clock, file: &Path) -> Result<(Manifest, u64), Stop> {
    let shown = file.display();
    let failed = |error: io::Error| Stop::new(format!("The backup {shown} cannot be written: {error}."));
    if file.exists() {
        return Err(Stop::new(format!("There is a file at {shown} already. A backup never overwrites one.")));
    }
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Mode 0600, as for every temporary file of this library.
    let temporary =
        tempfile::Builder::new().prefix(".keystead-backup-").tempfile_in(folder).map_err(failed)?;
    let (manifest, temporary, length) = backup::write(db, root, RELEASE, clock.now(), temporary).await?;
    temporary.as_file().sync_all().map_err(failed)?;
    temporary.persist_noclobber(file).map_err(|refused| failed(refused.error))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    Ok((manifest, length))
}

pub async fn restore(settings: &Settings, asked: Restore) -> Result<(), Stop> {
    let roots = root_keys(settings, asked.root_key_file.as_deref())?;
    let from: Box<dyn Read + Send> = if is_standard(&asked.file) {
        Box::new(io::stdin())
    } else {
        let opened = File::open(&asked.file);
        Box::new(opened.map_err(|error| {
            Stop::new(format!("The backup {} cannot be read: {error}.", asked.file.display()))
        })?)
    };
    match asked.check {
        true => check(settings, roots, from).await,
        false => restore_from(settings, roots, from, &asked).await,
    }
}

/// Returns the named root key, or every root key of this installation, also those that rotations have kept.
fn root_keys(settings: &Settings, named: Option<&Path>) -> Result<Vec<RootKey>, Stop> {
    if let Some(file) = named {
        let missing = || Stop::new(format!("There is no root key at {}.", file.display()));
        return Ok(vec![root_key::read(file)?.ok_or_else(missing)?]);
    }
    let file = &settings.root_key.file;
    let mut roots = Vec::new();
    if let Some(text) = &settings.root_key.text {
        roots.push(root_key::from_text(text)?);
    }
    roots.extend(root_key::read_all(file)?);
    for old in root_key::old_copies(file).unwrap_or_default() {
        match root_key::read(&old) {
            Ok(root) => roots.extend(root),
            Err(error) => say(format!("{} It is not tried.", Stop::from(error))),
        }
    }
    if roots.is_empty() {
        return Err(Stop::new(format!(
            "There is no root key at {}. Copy the root key of the backup there, or name its file with --root-key-file.",
            file.display()
        )));
    }
    Ok(roots)
}

async fn check(settings: &Settings, roots: Vec<RootKey>, from: Box<dyn Read + Send>) -> Result<(), Stop> {
    let failed = |error: io::Error| Stop::new(format!("A temporary folder cannot be created: {error}."));
    let folder = tempfile::Builder::new().prefix("keystead-check-").tempdir().map_err(failed)?;
    let db = Db::sqlite(&folder.path().join("keystead.db")).await?;
    let checked = async {
        let (manifest, root) = backup::read_into(&db, roots, Clock::system().now(), from).await?;
        describe(&manifest)?;
        // The backup is authenticated as a whole, so rows of an earlier release in it are genuine.
        let (wanted, adoption) = (settings.engine.clone(), adoption(&manifest));
        let (portal, _) = Portal::adopt(db.clone(), &root, Clock::system(), wanted, adoption).await?;
        tell(&portal.overview().verify().await?)
    };
    let checked = checked.await;
    db.close().await;
    checked.map_err(|error| match error {
        Stop::Findings => error,
        error => {
            Stop::new(format!("{error} (The backup was checked in the folder {}.)", folder.path().display()))
        }
    })
}

/// Returns what to do with rows that carry no codes. Only a backup of a release before the codes may have them.
fn adoption(manifest: &Manifest) -> Adoption<'static> {
    if manifest.has_codes() { Adoption::Never } else { Adoption::OfBackup }
}

fn describe(manifest: &Manifest) -> Result<(), Stop> {
    report(format!(
        "Backup of {}, made by Keystead {} (schema {}), up to line {} of the audit log. Rows:",
        words::moment(manifest.made_at),
        manifest.release,
        manifest.schema,
        manifest.audit_sequence
    ))?;
    manifest
        .counts()
        .filter(|(_, rows)| *rows > 0)
        .try_for_each(|(table, rows)| report(format!("  {table}: {rows}")))
}

/// Prints what was verified.
fn tell(verified: &Verified) -> Result<(), Stop> {
    let Verified { unopened, unproved, journal, .. } = verified;
    report(format!("The journal has {} segments with {} events.", journal.segments, journal.events))?;
    for what in &journal.damaged {
        report(format!("Damaged: {what}"))?;
    }
    for gap in &journal.gaps {
        report(format!("Missing in the journal of {}: events {} to {}", gap.server, gap.first, gap.last))?;
    }
    for what in unopened {
        report(format!("Does not open: {what}"))?;
    }
    for what in unproved {
        report(format!("Not written by Keystead: {what}"))?;
    }
    // A running server has events in files that are not in its database yet, so a gap is no damage.
    if unopened.is_empty() && unproved.is_empty() && journal.damaged.is_empty() {
        return report(
            "Everything sealed opens, every row that gives authority verifies, and the journal is as it was written.",
        );
    }
    Err(Stop::Findings)
}

/// Parses numbers like `production/DE=7`.
pub(super) fn numbers(texts: &[String]) -> Result<Numbers, Stop> {
    let read = |text: &String| {
        let (scope, number) = trimmed(text).split_once('=')?;
        Some((
            scope.parse::<ScopeName>().ok()?,
            number.parse::<u32>().ok().filter(|number| *number <= HIGHEST)?,
        ))
    };
    let mut numbers = Numbers::new();
    for text in texts {
        let (name, number) = read(text).ok_or_else(|| {
            Stop::new(format!(
                "“{text}” is not a scope and its highest version. Write it like production/DE=7."
            ))
        })?;
        keep_highest(&mut numbers, [(name, number)]);
    }
    Ok(numbers)
}

/// Says which version numbers are left out.
pub(super) fn say_raised(raised: &Raised) {
    for (name, number) in &raised.raised {
        say(format!("{name}: version numbers up to {number} are left out, because they were used."));
    }
    for (name, number) in &raised.missing {
        say(format!("There is no scope {name} in this database. Versions up to {number} were used there."));
    }
}

async fn restore_from(
    settings: &Settings,
    roots: Vec<RootKey>,
    from: Box<dyn Read + Send>,
    asked: &Restore,
) -> Result<(), Stop> {
    let given = numbers(&asked.numbers)?;
    if let Some(folder) = &asked.old_data
        && !folder.join("journal").exists()
        && !folder.join("keystead.db").exists()
    {
        return Err(Stop::new(format!(
            "The folder {} is not a data folder of Keystead: it has neither keystead.db nor journal.",
            folder.display()
        )));
    }
    say_where(settings);
    // Before the rows come: the key of the backup gets its file at the end.
    if settings.root_key.text.is_none()
        && let Some(folder) = settings.root_key.file.parent()
    {
        make_folder(folder)?;
    }
    let (db, temporary) = match &settings.database.url {
        Some(_) => (connect(settings).await?, None),
        None => {
            check_empty(settings)?;
            make_folder(&settings.data_dir)?;
            // The database gets its name when it is complete.
            let name = format!("{RESTORING}{}", std::process::id());
            let temporary = settings.data_dir.join(name);
            (Db::sqlite(&temporary).await?, Some(temporary))
        }
    };
    let filled = backup::read_into(&db, roots, Clock::system().now(), from).await;
    let is_filled = filled.is_ok();
    let done = match filled {
        Ok((manifest, root)) => {
            complete(settings, &db, &manifest, root, given, asked.old_data.as_deref()).await
        }
        Err(error) => Err(error.into()),
    };
    // What waits in SQLite's log must be in the file before the file gets its name.
    let whole = db.close_whole().await.map_err(Stop::from);
    let done = done.and_then(|(root, verified)| {
        whole?;
        // First the key: a database without it would be of no use.
        store_root_key(settings, &root)?;
        if let Some(temporary) = &temporary {
            put_in_place(temporary, &settings.data_dir)?;
        }
        Ok(verified)
    });
    match done {
        Ok(verified) => {
            say("Restored. Everybody must sign in again, with a verification code that is new.\n\
                 Everything is as it was at the time of the backup, also administrators, API keys, customers' credentials: disable, \
                 revoke and replace again what was changed since. Recovery codes that were used since work again: replace them.");
            tell(&verified)
        }
        // PostgreSQL has the rows already.
        Err(error) if is_filled && temporary.is_none() => Err(Stop::new(format!(
            "The restore is not complete: {error} Keystead creates no versions on this database. Drop the database and restore again."
        ))),
        Err(error) => {
            for ending in ["", "-wal", "-shm"] {
                if let Some(mut file) = temporary.clone().map(PathBuf::into_os_string) {
                    file.push(ending);
                    let _ = std::fs::remove_file(file);
                }
            }
            Err(error)
        }
    }
}

/// Checks whether the process of a temporary name still runs.
fn is_running(id: &str) -> bool {
    Path::new("/proc").join(id).exists()
}

/// A backup is restored into a folder that holds no other Keystead. A root key alone counts as empty.
fn check_empty(settings: &Settings) -> Result<(), Stop> {
    let Ok(entries) = std::fs::read_dir(&settings.data_dir) else { return Ok(()) };
    let key = settings.root_key.file.file_name().map(|name| name.to_string_lossy().into_owned());
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some(rest) = name.strip_prefix(RESTORING) {
            if is_running(rest.split('-').next().unwrap_or_default()) {
                return Err(Stop::new("Another restore into this folder is running."));
            }
            // What an interrupted restore has left is of no use.
            let _ = std::fs::remove_file(entry.path());
            continue;
        }
        // The root key, its new and its old copies.
        let is_key = name.starts_with("root.key") || key.as_ref().is_some_and(|key| name.starts_with(key));
        if !is_key && name != "lost+found" {
            return Err(Stop::new(format!(
                "The folder {} is not empty: it has {name}. A backup is restored into an empty folder. Move the old one aside, and \
                 name it with --old-data.",
                settings.data_dir.display()
            )));
        }
    }
    Ok(())
}

fn put_in_place(temporary: &Path, folder: &Path) -> Result<(), Stop> {
    let renamed = TempPath::try_from_path(temporary).and_then(|whole| {
        whole.persist_noclobber(folder.join("keystead.db")).map_err(|refused| refused.error)?;
        File::open(folder)?.sync_all()
    });
    renamed.map_err(|error| {
        Stop::new(format!("The restored database {} cannot get its name: {error}.", temporary.display()))
    })
}

/// Completes a restore after the rows are there. Returns the root key that opens the database, and what was verified.
async fn complete(
    settings: &Settings,
    db: &Db,
    manifest: &Manifest,
    root: RootKey,
    mut numbers: Numbers,
    old_data: Option<&Path>,
) -> Result<(RootKey, Verified), Stop> {
    let clock = Clock::system();
    // Nobody need read it, and what is half done must be completed.
    let _ = describe(manifest);
    let root = match present_key(settings)? {
        // The database is sealed under the key that this installation uses now.
        Some(present) if !present.is(&root) => {
            root_rotation::reseal(db, &root, &present, &clock).await?;
            say("The database is sealed under the present root key, which is not that of the backup.");
            present
        }
        _ => root,
    };
    // The backup was authenticated as a whole, so rows of an earlier release in it are genuine.
    let (wanted, adoption) = (settings.engine.clone(), adoption(manifest));
    let (portal, adopted) = Portal::adopt(db.clone(), &root, clock, wanted, adoption).await?;
    say_adopted(&adopted);
    let overview = portal.overview();
    let verified = overview.verify().await?;
    keep_highest(&mut numbers, verified.journal.numbers());
    for folder in old_data.into_iter().chain([&*settings.data_dir]) {
        keep_highest(&mut numbers, overview.numbers_in_folder(folder).await?);
    }
    let raised = overview.restored(manifest, numbers, Some(&settings.data_dir)).await?;
    say_raised(&raised);
    if let Some(why) = &raised.older_than {
        say(format!(
            "This host saw a newer database ({why}). Until you run keystead doctor --accept-older-database, Keystead creates no versions."
        ));
    }
    Ok((root, verified))
}

/// Returns the root key that this installation has already.
fn present_key(settings: &Settings) -> Result<Option<RootKey>, Stop> {
    Ok(match &settings.root_key.text {
        Some(text) => Some(root_key::from_text(text)?),
        None => root_key::read(&settings.root_key.file)?,
    })
}

/// Gives the root key of the backup its file, in an installation that has none.
fn store_root_key(settings: &Settings, root: &RootKey) -> Result<(), Stop> {
    let file = &settings.root_key.file;
    if present_key(settings)?.is_some() {
        root_key::is_used_now(file);
        return Ok(());
    }
    if let Some(folder) = file.parent() {
        make_folder(folder)?;
    }
    root_key::store(file, root)?;
    say(format!("The root key of the backup is now at {}.", file.display()));
    Ok(())
}
