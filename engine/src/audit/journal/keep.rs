//! Stores files as rows, and deletes old rows.

use crate::Error;
use crate::audit::journal::chain::{Head, RunKey, same};
use crate::audit::journal::segment;
use crate::audit::journal::segment::{Damage, Name};
use crate::audit::journal::writer::Sealed;
use crate::audit::journal::{Inner, Journal, blocking, not_written};
use crate::base::clock::Steady;
use crate::base::entry::{Actor, Entry};
use crate::base::error::AuditError;
use crate::base::files;
use crate::base::log::or_warn;
use crate::store::Lock;
use crate::store::journal::Segment;
use chrono::{DateTime, TimeDelta, Utc};
use domain::audit::event::Action;
use flate2::Compression;
use flate2::write::GzEncoder;
use rustix::fs::{FlockOperation, flock};
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Interval of the search for files that killed runs left.
const ADOPT: Duration = Duration::from_secs(60);
/// Time after which a file without the name of a segment is abandoned.
const UNNAMED: TimeDelta = TimeDelta::minutes(10);
/// Interval of the deletion of old segments. Each deletion is one entry of the audit log.
const EXPIRE: Duration = Duration::from_secs(3600);
/// Fraction of the maximum size (one sixteenth) that may be stored before a deletion comes early. The database may exceed the
/// maximum size by so much for a moment.
const EXCESS: u64 = 16;
/// Maximum segments per deletion, so that other writers do not wait for long.
const EXPIRE_AT_ONCE: u32 = 256;
const EXPIRE_ROUNDS: u32 = 20;
/// Compression level of gzip. One level above the fastest takes hardly longer, and two thirds of the space.
const LEVEL: u32 = 2;
/// Maximum size of a file that is read. A segment is full at a small part of it.
pub(super) const TOO_BIG: u64 = 256 << 20;

/// State of the periodic work.
#[derive(Default)]
pub struct Rounds {
    adopted: Option<Steady>,
    expired: Option<Steady>,
    /// Bytes stored in the database since the last deletion.
    stored: u64,
    /// Damaged files that are recorded, but still have their names.
    damaged: HashSet<PathBuf>,
}

/// A file, prepared for the database.
enum Packed {
    /// Its lock is held: the file is being written or stored.
    Locked,
    Gone,
    /// It holds no event that a caller was told is written.
    Empty(File),
    Damaged(File, Damage),
    Row(File, Box<Segment>, Vec<u8>),
}

/// A row, and its compressed body.
type Row = (Box<Segment>, Vec<u8>);

impl Journal {
    pub(super) async fn tend(&self) -> Result<(), Error> {
        let has_sealed = {
            // Lines whose callers are gone are written all the same, because the chain contains them.
            self.write_waiting(Arc::clone(&self.0.writer).lock_owned().await).await;
            let mut writer = self.0.writer.lock().await;
            writer.seal_if_due(self.0.clock.steady(), super::AGE);
            !writer.sealed.is_empty()
        };
        let journal = self.clone();
        blocking(move || journal.make_reserve()).await?;
        // The sync, even one that fails, lets go of the sealed files and of their locks. Before it, `pack` finds them locked.
        if has_sealed {
            or_warn(self.sync().await, "the journal could not be synced to disk");
        }
        self.make_known().await?;
        let stored = self.store_sealed().await;
        let now = self.0.clock.steady();
        // When storing fails, the database may be full of expired segments, so the deletion comes sooner.
        let every = if stored.is_ok() { EXPIRE } else { ADOPT };
        let is_much = {
            let (rounds, most) = (self.0.rounds(), self.0.settings.bytes);
            is_due(rounds.expired, now, every) || (most > 0 && rounds.stored > most / EXCESS)
        };
        if is_much {
            self.expire().await?;
            let mut rounds = self.0.rounds();
            (rounds.expired, rounds.stored) = (Some(now), 0);
        }
        // The failure is returned only here, because the deletion above may make room for the next attempt.
        stored?;
        if is_due(self.0.rounds().adopted, now, ADOPT) {
            self.adopt().await?;
            self.0.rounds().adopted = Some(now);
        }
        Ok(())
    }

    /// Ends the run: stores all its segments, if the database accepts them.
    pub(crate) async fn close(&self) {
        // The journal refuses events first, so that the sequence that `end_run` stores is the last one.
        self.0.is_closed.store(true, Ordering::Relaxed);
        self.write_waiting(Arc::clone(&self.0.writer).lock_owned().await).await;
        self.0.writer.lock().await.seal();
        or_warn(self.sync().await, "the journal could not be synced to disk");
        let stored = self.store_sealed().await;
        or_warn(
            stored,
            "the last journal segments could not be stored; they will be stored at the next start",
        );
        // This also happens when storing failed: `journal_gaps` reports the events until the next start stores them.
        if self.0.is_known.load(Ordering::Relaxed) {
            or_warn(self.end_run().await, "the end of this journal run could not be recorded");
        }
    }

    /// Registers the run in the database. The journal writes nothing before that, because somebody could remove files of an
    /// unknown run unnoticed.
    pub(super) async fn make_known(&self) -> Result<(), Error> {
        if self.0.is_known.load(Ordering::Relaxed) {
            return Ok(());
        }
        let (run, now) = (self.0.run, self.0.clock.now());
        let made = self.0.db.write(|mut tx| async move {
            // A repetition changes nothing (ON CONFLICT), so an uncertain commit may be tried again.
            tx.journal().insert_run(run, now).await?;
            tx.commit_unaudited("a run of the journal begins").await
        });
        made.await?;
        self.0.is_known.store(true, Ordering::Relaxed);
        Ok(())
    }

    async fn end_run(&self) -> Result<(), Error> {
        let (run, now) = (self.0.run, self.0.clock.now());
        let last = i64_of(self.0.writer.lock().await.written().sequence);
        let ended = self.0.db.write(|mut tx| async move {
            tx.journal().end_run(run, last, now).await?;
            tx.commit_unaudited("a run of the journal ends").await
        });
        ended.await
    }

    pub(super) fn make_reserve(&self) {
        let is_there = self.0.reserve.make().unwrap_or_else(|error| {
            tracing::debug!(%error, "the journal reserve file could not be created");
            false
        });
        if self.0.is_on_reserve.swap(!is_there, Ordering::Relaxed) == is_there {
            match is_there {
                true => tracing::info!("journal reserve file present"),
                false => tracing::info!("journal reserve file missing"),
            }
        }
    }

    /// Stores this run's own full segments, in order.
    async fn store_sealed(&self) -> Result<(), Error> {
        loop {
            let Some(sealed) = self.0.writer.lock().await.sealed.front().copied() else { return Ok(()) };
            // A locked file waits for its sync, or another run in this folder stores it. The next round tries again.
            if !self.store(sealed.name, Some(sealed)).await? {
                return Ok(());
            }
            let mut writer = self.0.writer.lock().await;
            writer.sealed.pop_front();
            self.0.look_behind(&writer);
        }
    }

    /// Stores the segments that killed runs left.
    async fn adopt(&self) -> Result<(), Error> {
        let inner = Arc::clone(&self.0);
        let names = blocking(move || {
            inner.sweep_unnamed()?;
            inner.names()
        });
        let names = names.await?.map_err(not_written)?;
        // `store_sealed` stores this run's own files, because it knows where each of them must end.
        for name in names.into_iter().filter(|name| name.run != self.0.run) {
            match self.store(name, None).await {
                // The disk fails for one file. A failure of the database would meet every file, so it ends the round.
                Err(Error::Audit(AuditError::Journal(error))) => {
                    tracing::error!(%error, %name, "a journal segment could not be stored; it will be retried");
                }
                other => drop(other?),
            }
        }
        Ok(())
    }

    /// Stores a file as a row, or sets it aside when it is damaged. Returns whether the file needs nothing more.
    async fn store(&self, name: Name, ours: Option<Sealed>) -> Result<bool, Error> {
        let inner = Arc::clone(&self.0);
        let packed = blocking(move || inner.pack(name, ours.map(|sealed| sealed.after))).await?;
        // Holds the lock until the file is renamed or removed.
        let _file = match packed.map_err(not_written)? {
            Packed::Locked => return Ok(false),
            Packed::Gone => {
                if let Some(sealed) = ours {
                    self.miss(sealed).await?;
                }
                return Ok(true);
            }
            Packed::Empty(file) => file,
            Packed::Damaged(_file, damage) => {
                self.set_aside(name, &damage).await?;
                return Ok(true);
            }
            Packed::Row(file, row, body) => {
                if !self.insert(&row, &body).await? {
                    let damage = Damage("another one with its number is in the database".into());
                    self.set_aside(name, &damage).await?;
                    return Ok(true);
                }
                self.0.rounds().stored += body.len() as u64;
                file
            }
        };
        // This comes after the commit: a crash between the two leaves both, and `insert` recognises the row.
        std::fs::remove_file(self.0.path(name)).map_err(not_written)?;
        Ok(true)
    }

    /// Inserts a row. Returns whether it is in the database now; it may have been there since before a crash.
    async fn insert(&self, row: &Segment, body: &[u8]) -> Result<bool, Error> {
        let inserted = self.0.db.write(|mut tx| async move {
            if let Some(there) = tx.journal().segment(row.server, row.first_sequence).await? {
                return Ok(there.last_sequence == row.last_sequence && same(&there.mac_after, &row.mac_after));
            }
            // Each run is registered before its first event. Only a database that was restored to an earlier state lacks it.
            tx.journal().insert_run(row.server, row.first_at).await?;
            tx.journal().insert_segment(row, body).await?;
            tx.commit_unaudited("a segment of the journal is stored").await?;
            Ok(true)
        });
        inserted.await
    }

    /// Handles a segment of this run whose file is gone: another run has stored it, or somebody removed it.
    async fn miss(&self, sealed: Sealed) -> Result<(), Error> {
        let there = self.0.db.journal().segment(sealed.name.run, i64_of(sealed.name.first)).await?;
        if there.is_some_and(|row| same(&row.mac_after, &sealed.after.code)) {
            return Ok(());
        }
        self.record_damage(sealed.name, &Damage("somebody took it away".into())).await
    }

    /// Renames a damaged file, for an administrator to examine, and records the damage once.
    async fn set_aside(&self, name: Name, damage: &Damage) -> Result<(), Error> {
        let path = self.0.path(name);
        // The record comes before the rename: a crash in between may repeat it, but never loses it.
        if !self.0.rounds().damaged.contains(&path) {
            self.record_damage(name, damage).await?;
            self.0.rounds().damaged.insert(path.clone());
        }
        let mut aside = path.clone().into_os_string();
        aside.push(".damaged");
        std::fs::rename(&path, aside).map_err(not_written)
    }

    async fn record_damage(&self, name: Name, damage: &Damage) -> Result<(), Error> {
        tracing::error!(%name, %damage, "a journal segment is damaged");
        let entry = Entry::refused(self.0.clock.now(), Actor::Scheduler, Action::JournalDamaged);
        let entry = &entry.with(format!("{name}: {damage}"));
        self.0.db.write(|tx| async move { tx.commit(entry.clone()).await }).await
    }

    /// Deletes segments that are too old or exceed the maximum size.
    async fn expire(&self) -> Result<(), Error> {
        let (settings, now) = (self.0.settings, self.0.clock.now());
        let cutoff = (settings.days > 0).then(|| now - TimeDelta::days(i64::from(settings.days)));
        let bytes = (settings.bytes > 0).then(|| i64_of(settings.bytes));
        // The journal stores nothing meanwhile, so the number of rounds is limited.
        for _ in 0..EXPIRE_ROUNDS {
            let Some(until) = self.0.db.journal().expired_until(cutoff, bytes, EXPIRE_AT_ONCE).await? else {
                break;
            };
            let removed = self.0.db.write(|mut tx| async move {
                // One server deletes at a time; otherwise a slower one could set `removed_through` back.
                tx.lock(Lock::Instance).await?;
                let count = tx.journal().remove_segments(until).await?;
                let segments = if count == 1 { "segment" } else { "segments" };
                let entry = Entry::done(now, Actor::Scheduler, Action::JournalExpired);
                let until = until.format("%Y-%m-%d %H:%M:%S UTC");
                match count {
                    // Another server deleted them first.
                    0 => Ok(()),
                    _ => tx.commit(entry.with(format!("{count} {segments}, until {until}"))).await,
                }
            });
            removed.await?;
        }
        Ok(())
    }
}

impl Inner {
    pub(super) fn rounds(&self) -> std::sync::MutexGuard<'_, Rounds> {
        self.rounds.lock().expect("the lock of the rounds")
    }

    pub(super) fn path(&self, name: Name) -> PathBuf {
        self.reserve.folder().join(name.to_string())
    }

    /// Lists every segment in the folder, by run and sequence.
    pub(super) fn names(&self) -> io::Result<Vec<Name>> {
        let mut names = Vec::new();
        let entries = match std::fs::read_dir(self.reserve.folder()) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(names),
            entries => entries?,
        };
        for entry in entries {
            names.extend(entry?.file_name().to_str().and_then(|text| text.parse::<Name>().ok()));
        }
        names.sort();
        Ok(names)
    }

    /// Removes files that were created a while ago and never got the name of a segment. They are empty.
    fn sweep_unnamed(&self) -> io::Result<()> {
        let entries = match std::fs::read_dir(self.reserve.folder()) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_some_and(|ending| ending == "new") {
                // A file that has got its name in the meantime no longer exists under this one.
                let Ok(made) = path.metadata().and_then(|meta| meta.modified()) else { continue };
                if self.clock.now() - DateTime::<Utc>::from(made) > UNNAMED {
                    std::fs::remove_file(path)?;
                }
            }
        }
        Ok(())
    }

    /// Verifies a file and makes a row of it.
    fn pack(&self, name: Name, end: Option<Head>) -> io::Result<Packed> {
        let mut file = match files::open(&self.path(name)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Packed::Gone),
            file => file?,
        };
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(rustix::io::Errno::WOULDBLOCK) => return Ok(Packed::Locked),
            locked => locked?,
        }
        let meta = file.metadata()?;
        // Another run may have stored and removed the file between its opening and its lock.
        if meta.nlink() == 0 {
            return Ok(Packed::Gone);
        }
        if meta.len() > TOO_BIG {
            return Ok(Packed::Damaged(file, Damage("it is too big for a segment".into())));
        }
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        Ok(match row(name, &text, end, &self.key.run(name.run)) {
            Ok(Some((row, body))) => Packed::Row(file, row, body),
            Ok(None) => Packed::Empty(file),
            Err(damage) => Packed::Damaged(file, damage),
        })
    }
}

/// Returns the row of a file that ends where it should.
fn row(name: Name, text: &[u8], end: Option<Head>, key: &RunKey) -> Result<Option<Row>, Damage> {
    let segment = segment::read(name, text, key)?;
    // A file that is cut at a line break verifies by itself. Only its own run knows where it must end.
    if end.is_some_and(|end| segment.as_ref().is_none_or(|segment| segment.after != end)) {
        return Err(Damage("it does not end where it was written to".into()));
    }
    let Some(segment::Segment { before, after, events }) = segment else { return Ok(None) };
    let times = events.iter().map(|event| segment::time(event));
    let times: Option<Vec<_>> = times.collect();
    let times = times.ok_or_else(|| Damage("an event has no time".into()))?;
    // Events take their times before they join the chain, so the first one need not be the oldest.
    let (Some(first_at), Some(last_at)) = (times.iter().min(), times.iter().max()) else {
        return Ok(None);
    };
    let body = compress(&events).map_err(|error| Damage(error.to_string()))?;
    let mut row = Segment {
        server: name.run,
        first_sequence: i64_of(name.first),
        last_sequence: i64_of(after.sequence),
        first_at: whole_micros(*first_at),
        last_at: whole_micros(*last_at),
        plain_bytes: i64_of(events.iter().map(|event| event.len() as u64 + 1).sum()),
        stored_bytes: i64_of(body.len() as u64),
        mac_before: before.code.to_vec(),
        mac_after: after.code.to_vec(),
        seal: Vec::new(),
    };
    row.seal = row_seal(key, &row, &body).to_vec();
    Ok(Some((Box::new(row), body)))
}

/// Returns the code over everything in a row.
pub fn row_seal(key: &RunKey, row: &Segment, body: &[u8]) -> super::chain::Code {
    let numbers = [
        row.first_sequence,
        row.last_sequence,
        row.first_at.timestamp_micros(),
        row.last_at.timestamp_micros(),
        row.plain_bytes,
        row.stored_bytes,
    ];
    key.row(numbers, [&row.mac_before, &row.mac_after], body)
}

fn compress(events: &[&[u8]]) -> io::Result<Vec<u8>> {
    let mut out = BufWriter::new(GzEncoder::new(Vec::new(), Compression::new(LEVEL)));
    segment::write_events(&mut out, events)?;
    out.into_inner()?.finish()
}

fn is_due(last: Option<Steady>, now: Steady, every: Duration) -> bool {
    last.is_none_or(|last| now.since(last) >= every)
}

/// Truncates a time to microseconds, the precision of both databases.
pub fn whole_micros(at: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(at.timestamp_micros()).unwrap_or(at)
}

/// Converts to a signed number, because the databases have no unsigned ones.
pub fn i64_of(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::search::in_row;
    use super::super::segment::tests::{NAME, key, key_of, written};
    use super::*;
    use uuid::Uuid;

    /// A file of five events, a second apart, the third of which is the oldest.
    fn file() -> Vec<u8> {
        let event = |second| {
            format!(
                r#"{{"at":"2026-11-28T01:03:{second}.398738Z","who":"orders","key":"k","door":"native","deed":"data.encrypt","scope":"production/DE","items":1,"outcome":"done","address":"192.0.2.7"}}"#
            )
        };
        written(&[11, 12, 10, 13, 14].map(|second| event(second).into_bytes()))
    }

    fn packed(text: &[u8]) -> Row {
        row(NAME, text, None, &key()).expect("whole").expect("events")
    }

    /// Seals a changed row again, as somebody with the key of the run could.
    fn sealed((mut row, body): Row) -> Row {
        row.stored_bytes = i64_of(body.len() as u64);
        row.seal = row_seal(&key(), &row, &body).to_vec();
        (row, body)
    }

    fn seconds((row, body): &Row) -> Result<Vec<i64>, Damage> {
        let events = in_row(row, body, &key())?;
        assert!(events.iter().map(|(sequence, _)| *sequence).eq(1..=events.len() as u64));
        Ok(events.iter().map(|(_, event)| event.at.timestamp() % 60).collect())
    }

    #[test]
    fn what_was_packed_is_unpacked_with_its_numbers() {
        let file = file();
        let (row, body) = packed(&file);
        assert_eq!((row.first_sequence, row.last_sequence), (1, 5));
        assert_eq!((row.first_at.timestamp() % 60, row.last_at.timestamp() % 60), (10, 14));
        assert!(row.plain_bytes < i64_of(file.len() as u64) - 5 * 64, "without codes");
        assert_eq!(seconds(&(row, body)), Ok(vec![11, 12, 10, 13, 14]));
        // Torn before its last line break, or in its last line.
        assert_eq!(seconds(&packed(&file[..file.len() - 1])), Ok(vec![11, 12, 10, 13, 14]));
        assert_eq!(seconds(&packed(&file[..file.len() - 2])), Ok(vec![11, 12, 10, 13]));
    }

    #[test]
    fn a_row_of_before_is_read_as_it_is() {
        let file = file();
        let (row, _) = packed(&file);
        let mut old = GzEncoder::new(Vec::new(), Compression::fast());
        std::io::Write::write_all(&mut old, &file).expect("memory");
        let old = sealed((row, old.finish().expect("memory")));
        assert_eq!(seconds(&old), Ok(vec![11, 12, 10, 13, 14]));
        // It has to end where its row says, too.
        let (mut row, body) = old;
        row.last_sequence = 4;
        assert!(seconds(&sealed((row, body))).is_err());
    }

    #[test]
    fn a_row_must_lead_from_its_begin_to_its_end_even_if_its_seal_is_right() {
        type Change = fn(&mut Segment);
        let changes: [Change; 5] = [
            |row| row.mac_after[0] ^= 1,
            |row| row.mac_before[31] ^= 1,
            |row| row.mac_before.truncate(31),
            |row| row.last_sequence = 6,
            |row| (row.first_sequence, row.last_sequence) = (2, 6),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let (mut row, body) = packed(&file());
            change(&mut row);
            let (row, body) = sealed((row, body));
            assert!(in_row(&row, &body, &key()).is_err(), "change {number}");
        }
        let (row, body) = packed(&file());
        assert!(in_row(&row, &body, &key_of(Uuid::from_u128(8))).is_err(), "lent to another run");
        let file = file();
        let events = segment::read(NAME, &file, &key()).expect("whole").expect("events").events;
        for other in [&events[..4], &events[1..], &[&events[..], &events[4..]].concat(), &[]] {
            let (row, _) = packed(&file);
            assert!(seconds(&sealed((row, compress(other).expect("memory")))).is_err());
        }
    }
}
