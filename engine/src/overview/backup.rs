//! Backups: all rows of the database at one moment, in one file that only the root key opens.
//!
//! The text in the file is one JSON value a line: the manifest, then each table and its rows, then the end. The text does not
//! depend on the kind of the database, so a backup of SQLite can be restored into PostgreSQL, and the other way round.

use crate::Error;
use crate::base::entry::{Actor, Entry};
use crate::changes::totp;
use crate::store::Db;
use crate::store::dump::{Table, Value};
use crate::store::migrate;
use crate::vault::envelope::RootKey;
use crate::vault::keyring::{instance_if_any, is_adopted, prove};
use crate::vault::opened::NOT_ADOPTED;
use crate::vault::sealed_file::{Opener, Sealer};
use chrono::{DateTime, Utc};
use domain::audit::event::Action;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use uuid::Uuid;

/// Number of pieces of text that wait for the disk or the database.
const WAITING: usize = 16;

/// Time without progress after which a backup is given up.
const STUCK: Duration = Duration::from_secs(600);

/// The first schema in which rows that give authority carry codes.
const WITH_CODES: i64 = 18;

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub instance: Uuid,
    /// Number of the database's schema.
    pub schema: i64,
    pub made_at: DateTime<Utc>,
    /// The release that made it.
    pub release: String,
    /// Number of the last line of the audit log.
    pub audit_sequence: i64,
    tables: Vec<Table>,
}

impl Manifest {
    /// Returns each table that has rows, and their number. Lists of words are not among them.
    pub fn counts(&self) -> impl Iterator<Item = (&str, u64)> {
        let told = self.tables.iter().filter(|table| table.rows > 0 && table.columns.len() > 1);
        told.map(|table| (table.name.as_str(), table.rows))
    }

    /// Checks whether the rows that give authority carry codes in it.
    pub fn has_codes(&self) -> bool {
        self.schema >= WITH_CODES
    }

    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.rows).sum()
    }
}

/// A line of the text.
#[derive(Serialize, Deserialize)]
enum Line {
    #[serde(rename = "manifest")]
    Manifest(Manifest),
    #[serde(rename = "table")]
    Table(String),
    #[serde(rename = "rows")]
    Rows(Vec<Vec<Value>>),
    #[serde(rename = "end")]
    End(u64),
}

fn stopped(error: &io::Error) -> Error {
    Error::Fault(format!("The backup cannot be written: {error}."))
}

fn damaged(why: impl std::fmt::Display) -> Error {
    Error::Fault(format!("The backup cannot be read: {why}."))
}

/// Writes a backup of a database that Keystead may be serving. Returns what it holds, what it was written to, and its length.
///
/// # Errors
/// A sentence when the root key is not the right one, or the backup cannot be written. What was written then does not open.
pub async fn write<W: Write + Send + 'static>(
    db: &Db,
    root: RootKey,
    release: &str,
    now: DateTime<Utc>,
    to: W,
) -> Result<(Manifest, W, u64), Error> {
    if instance_if_any(db).await?.is_none() {
        return Err(Error::Fault(
            "This database has no Keystead data yet, so there is nothing to back up.".into(),
        ));
    }
    let mut snapshot = db.snapshot().await?;
    // Within the snapshot: the root key may be rotated, or the schema raised, at any other moment.
    let (instance, schema, audit_sequence) = snapshot.state().await?;
    if schema > migrate::newest() {
        return Err(Error::Fault(migrate::newer_schema(schema)));
    }
    prove(&root, &instance)?;
    if schema >= WITH_CODES && !is_adopted(&root, &instance) {
        return Err(Error::Fault(NOT_ADOPTED.into()));
    }
    let manifest = Manifest {
        instance: instance.uuid,
        schema,
        made_at: now,
        release: release.to_owned(),
        audit_sequence,
        tables: snapshot.tables().await?,
    };
    let (lines, mut waiting) = mpsc::channel::<Line>(WAITING);
    let written = spawn_blocking(move || {
        let mut out = GzEncoder::new(Sealer::new(&root, to)?, Compression::fast());
        while let Some(line) = waiting.blocking_recv() {
            serde_json::to_writer(&mut out, &line)?;
            out.write_all(b"\n")?;
            if matches!(line, Line::End(_)) {
                return out.finish()?.finish().map(Some);
            }
        }
        // The reader of the rows has failed, and knows why.
        Ok(None)
    });
    let is_stuck = AtomicBool::new(false);
    let read = async {
        // When the writer has failed, it has the cause.
        let send = async |line| match tokio::time::timeout(STUCK, lines.send(line)).await {
            Ok(sent) => sent.map_err(|_| stopped(&io::Error::other("it was given up"))),
            // The snapshot keeps the database from discarding what is old.
            Err(_) => {
                is_stuck.store(true, Ordering::Relaxed);
                Err(stopped(&io::Error::other("nothing could be written for ten minutes")))
            }
        };
        send(Line::Manifest(manifest.clone())).await?;
        for table in &manifest.tables {
            send(Line::Table(table.name.clone())).await?;
            snapshot.rows(table, async |rows| send(Line::Rows(rows)).await).await?;
        }
        send(Line::End(manifest.rows())).await
    };
    let read = read.await;
    drop(lines);
    if is_stuck.load(Ordering::Relaxed) {
        // The writer hangs in a write, so nobody waits for it.
        return Err(read.err().unwrap_or(Error::Busy));
    }
    match written.await.map_err(|error| Error::Fault(format!("the backup stopped: {error}")))? {
        Ok(Some((to, length))) => read.map(|()| (manifest, to, length)),
        Ok(None) => Err(read.err().unwrap_or(Error::Busy)),
        Err(error) => Err(stopped(&error)),
    }
}

/// Records a backup that is complete. A database of an earlier release has no place for it.
///
/// # Errors
/// When the database fails.
pub async fn record(db: &Db, manifest: &Manifest, now: DateTime<Utc>) -> Result<(), Error> {
    if manifest.schema < migrate::newest() {
        return Ok(());
    }
    db.write(|mut tx| async move {
        tx.instance().set_backup_at(manifest.made_at).await?;
        let detail = format!("{} rows, up to line {} of this log", manifest.rows(), manifest.audit_sequence);
        tx.commit(Entry::done(now, Actor::Host, Action::BackupMake).with(detail)).await
    })
    .await
}

/// Fills an empty database with a backup. Returns what it holds.
///
/// # Errors
/// A sentence when the backup is damaged, opens with another root key, or is of a newer release; when the database fails. The
/// database is empty then.
pub async fn read_into<R: Read + Send + 'static>(
    db: &Db,
    roots: Vec<RootKey>,
    now: DateTime<Utc>,
    from: R,
) -> Result<(Manifest, RootKey), Error> {
    let (lines, mut waiting) = mpsc::channel::<Line>(WAITING);
    let read = spawn_blocking(move || {
        let opener = Opener::new(from, &roots)?;
        let right = opener.fingerprint();
        let mut text = BufReader::new(GzDecoder::new(opener));
        let mut line = String::new();
        loop {
            line.clear();
            match text.read_line(&mut line) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => return Err(damaged(error)),
            }
            // A line that this release does not know is one of a later release.
            let line = serde_json::from_str(&line)
                .map_err(|_| damaged("a line in it is not known to this release"))?;
            if lines.blocking_send(line).is_err() {
                break;
            }
        }
        // The last piece proves that nothing is missing.
        io::copy(&mut text, &mut io::sink()).map_err(damaged)?;
        let root = roots.into_iter().find(|root| root.fingerprint() == right);
        root.ok_or_else(|| damaged("its root key is gone"))
    });
    let filled = fill(db, now, &mut waiting).await;
    drop(waiting);
    let root = read.await.map_err(|error| Error::Fault(format!("the restore stopped: {error}")))??;
    let (manifest, filling) = filled?;
    filling.commit().await?;
    Ok((manifest, root))
}

async fn fill(
    db: &Db,
    now: DateTime<Utc>,
    lines: &mut mpsc::Receiver<Line>,
) -> Result<(Manifest, crate::store::dump::Filling), Error> {
    let early = || damaged("it ends too early");
    let Some(Line::Manifest(manifest)) = lines.recv().await else { return Err(early()) };
    if manifest.schema > migrate::newest() {
        return Err(Error::Fault(migrate::newer_schema(manifest.schema)));
    }
    let mut filling = db.fill(manifest.schema).await?;
    let (mut table, mut rows) = (None::<(&Table, Vec<String>)>, 0);
    loop {
        match (lines.recv().await.ok_or_else(early)?, &table) {
            (Line::Table(name), _) => {
                let known = manifest.tables.iter().find(|table| table.name == name);
                let known = known.ok_or_else(|| damaged("a table in it is not in its manifest"))?;
                table = Some((known, filling.types(known).await?));
            }
            (Line::Rows(some), Some((table, types))) => {
                rows += some.len() as u64;
                filling.insert(table, types, some).await?;
            }
            (Line::End(all), _) if all == rows && rows == manifest.rows() => break,
            _ => return Err(damaged("its rows are not those of its manifest")),
        }
    }
    // One step either way of the present one is accepted, so that one must be spent as well.
    filling.revive_nothing(totp::step(now) + 1).await?;
    Ok((manifest, filling))
}
