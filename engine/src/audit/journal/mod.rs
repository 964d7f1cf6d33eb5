//! The journal of the data plane: Keystead writes every request of a service to it before it answers.
//!
//! ```text
//! append ── chained, many to one write ──> file ── full, or a minute old ──> one row, compressed ── too old ──> gone
//! ```
//!
//! Reading order: `chain`, `segment` (the content of a file), `writer` (the file that is being written), this file (many events
//! in one write), `keep` (stores files as rows, and deletes old rows), `search`.

mod chain;
mod keep;
mod reserve;
mod search;
mod segment;
pub mod verify;
mod writer;

use crate::audit::Audit;
use crate::base::error::AuditError;
use crate::base::random;
use crate::store::Db;
use crate::vault::envelope::Keyring;
use crate::{Clock, Error};
use chain::{Head, Key, RunKey};
use domain::data::operation::DataEvent;
use keep::Rounds;
use reserve::Reserve;
pub use search::SegmentState;
use std::future::poll_fn;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::task::Poll;
use std::time::Duration;
use tokio::sync::OwnedMutexGuard;
use uuid::Uuid;
use writer::Writer;

/// Interval of the journal's maintenance, and of its sync.
pub const EVERY: Duration = Duration::from_secs(1);
/// Number of bytes that most events do not exceed.
const LINE: usize = 512;
/// Age at which a segment goes into the database, full or not.
const AGE: Duration = Duration::from_secs(60);

/// The moment from which written events survive a power failure. They always survive the end of the program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sync {
    /// After the next sync, about a second after the answer.
    #[default]
    Second,
    /// Before the answer.
    Answer,
}

/// Settings of the journal that the operator may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    pub sync: Sync,
    /// Number of days for which segments are kept; 0: for ever.
    pub days: u32,
    /// Maximum size of the segments in the database, in bytes, compressed; 0: unlimited.
    pub bytes: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { sync: Sync::Second, days: 400, bytes: 10 << 30 }
    }
}

/// The open journal. Clones share it.
#[derive(Clone)]
pub struct Journal(Arc<Inner>);

struct Inner {
    /// Id of this run of the program. Its sequences are 1, 2, 3, …
    run: Uuid,
    key: Key,
    run_key: RunKey,
    waiting: Mutex<Waiting>,
    writer: Arc<tokio::sync::Mutex<Writer>>,
    reserve: Reserve,
    db: Db,
    clock: Clock,
    settings: Settings,
    /// The run is registered in the database.
    is_known: AtomicBool,
    is_closed: AtomicBool,
    is_on_reserve: AtomicBool,
    /// The last write, or its sync, failed.
    is_failing: AtomicBool,
    /// More full segments wait for the database than the limit allows.
    is_behind: AtomicBool,
    writes: AtomicU64,
    rounds: Mutex<Rounds>,
}

/// Lines that are chained and not written yet.
struct Waiting {
    lines: Vec<u8>,
    /// Head of the chain after the last of them.
    head: Head,
    outcome: Arc<Outcome>,
}

/// Result of writing a batch of lines.
type Outcome = OnceLock<Result<(), Arc<io::Error>>>;

impl Journal {
    /// Opens the journal of this run. A folder that cannot be written does not keep the server from starting; it keeps the data
    /// plane from working until it can be written.
    ///
    /// # Errors
    /// It returns none at present.
    pub async fn open(
        folder: &Path,
        db: Db,
        keyring: &Keyring,
        settings: Settings,
        clock: Clock,
    ) -> Result<Self, Error> {
        let (run, key) = (random::uuid(), Key::new(keyring));
        let run_key = key.run(run);
        let head = run_key.first();
        let journal = Self(Arc::new(Inner {
            run,
            waiting: Mutex::new(Waiting { lines: Vec::new(), head, outcome: Arc::default() }),
            writer: Arc::new(tokio::sync::Mutex::new(Writer::new(folder, run, &run_key))),
            reserve: Reserve::of(folder),
            key,
            run_key,
            db,
            clock,
            settings,
            is_known: AtomicBool::new(false),
            is_closed: AtomicBool::new(false),
            is_on_reserve: AtomicBool::new(true),
            is_failing: AtomicBool::new(false),
            is_behind: AtomicBool::new(false),
            writes: AtomicU64::new(0),
            rounds: Mutex::new(Rounds::default()),
        }));
        // `Writer::open` creates the folder again for each segment, so the journal recovers without a restart.
        if let Err(error) = writer::make_folder(folder) {
            tracing::error!(%error, folder = %folder.display(), "the journal cannot be written");
        }
        journal.make_reserve();
        // `tend` repeats this every second. Until it succeeds, `may_write` refuses events.
        crate::base::log::or_warn(
            journal.make_known().await,
            "the journal could not be registered in the database; it will be retried",
        );
        Ok(journal)
    }

    /// Returns the id of this run of the program. Together with the sequence it identifies an event.
    pub fn server(&self) -> Uuid {
        self.0.run
    }

    /// Checks whether the reserve is missing: given up because the disk was full, or never created.
    pub fn is_on_reserve(&self) -> bool {
        self.0.is_on_reserve.load(Ordering::Relaxed)
    }

    /// Checks whether the last write succeeded and nothing known prevents the next one.
    pub fn is_writable(&self) -> bool {
        self.may_write().is_ok() && !self.0.is_failing.load(Ordering::Relaxed)
    }

    /// Returns the number of writes. Many events share one write.
    pub fn writes(&self) -> u64 {
        self.0.writes.load(Ordering::Relaxed)
    }

    /// Appends an event. When this returns, the operating system has the event, so the end of the program does not lose it.
    ///
    /// # Errors
    /// [`AuditError::Journal`] when the event is not written; the caller must then withhold the result that the event
    /// describes.
    pub async fn append(&self, event: &DataEvent) -> Result<(), Error> {
        if cfg!(feature = "audit-off") {
            return Ok(());
        }
        // The event becomes JSON outside the lock of `waiting`, which every request of a service takes.
        let mut json = Vec::with_capacity(LINE);
        serde_json::to_writer(&mut json, event).map_err(|error| not_written(io::Error::other(error)))?;
        // Nobody can take a chained event back alone, so this check comes before the chain.
        self.may_write()?;
        let outcome = self.0.enqueue(&json);
        // Yields once, so that every task that is ready to run adds its line to the same write.
        let mut has_waited = false;
        poll_fn(|context| match std::mem::replace(&mut has_waited, true) {
            true => Poll::Ready(()),
            false => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
        })
        .await;
        if outcome.get().is_none() {
            let writer = Arc::clone(&self.0.writer).lock_owned().await;
            // The task that had the writer before may have written this event, too.
            if outcome.get().is_none() {
                self.write_waiting(writer).await;
            }
        }
        match outcome.get() {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => Err(Error::Audit(AuditError::Journal(Arc::clone(error)))),
            // The write panicked, or the runtime ended before it began. The caller must not answer then.
            None => Err(not_written(io::Error::other("nobody wrote it"))),
        }
    }

    /// Syncs to the disk what the operating system has, for `Sync::Second`.
    ///
    /// # Errors
    /// [`AuditError::Journal`] when the sync fails; until a sync succeeds, each event is synced before its answer.
    pub async fn sync(&self) -> Result<(), Error> {
        // The writer is free during the sync, so that events do not wait for the disk.
        let unsynced = self.0.writer.lock().await.unsynced();
        let (unsynced, done) = blocking(move || {
            let done = unsynced.sync();
            (unsynced, done)
        })
        .await?;
        self.0.writer.lock().await.synced(&unsynced, &done);
        done.map_err(not_written)
    }

    fn may_write(&self) -> Result<(), Error> {
        let said = match () {
            () if self.0.is_closed.load(Ordering::Relaxed) => "it is closed",
            () if self.0.is_behind.load(Ordering::Relaxed) => "too much of it waits for the database",
            () if !self.0.is_known.load(Ordering::Relaxed) => "its run is not in the database yet",
            () => return Ok(()),
        };
        Err(not_written(io::Error::other(said)))
    }

    /// Writes all waiting lines in one write.
    async fn write_waiting(&self, mut writer: OwnedMutexGuard<Writer>) {
        if self.0.settings.sync == Sync::Second && !writer.is_doubtful {
            // A write without a sync only fills the system's page cache, so it needs no blocking thread.
            self.0.turn(&mut writer, false);
            return;
        }
        let inner = Arc::clone(&self.0);
        // The write completes even when its caller is gone.
        let turn = blocking(move || inner.turn(&mut writer, true));
        crate::base::log::or_warn(turn.await, "journal entries could not be written completely");
    }
}

impl Inner {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().expect("the lock of what waits")
    }

    /// Stops the data plane while the files that wait for the database exceed a quarter of the maximum size kept there, and two
    /// full segments.
    fn look_behind(&self, writer: &Writer) {
        let most = (self.settings.bytes / 4).max(2 * writer::FULL);
        // This estimate asks no file for its length; a segment that was sealed for its age is smaller.
        let waiting = writer.sealed.len() as u64 * writer::FULL;
        let is_behind = self.settings.bytes > 0 && waiting > most;
        if is_behind && !self.is_behind.load(Ordering::Relaxed) {
            tracing::error!(
                waiting_bytes = waiting,
                limit_bytes = most,
                "the database stores the journal too slowly; the data plane is paused until the database catches up"
            );
        }
        self.is_behind.store(is_behind, Ordering::Relaxed);
    }

    /// Appends an event to the chain and to the waiting lines.
    fn enqueue(&self, json: &[u8]) -> Arc<Outcome> {
        // Chain and text change under one lock, so that the lines lie in the order of their sequences.
        let mut waiting = self.waiting();
        let head = self.run_key.next(&waiting.head, json);
        segment::write_line(&mut waiting.lines, &head, json);
        waiting.head = head;
        Arc::clone(&waiting.outcome)
    }

    /// Writes the waiting lines, and passes the outcome to every task that waits for them.
    fn turn(&self, writer: &mut Writer, is_synced: bool) {
        let (lines, head, outcome) = self.waiting().take(Vec::new());
        let now = self.clock.steady();
        self.writes.fetch_add(u64::from(!lines.is_empty()), Ordering::Relaxed);
        if !lines.is_empty()
            && let Err(error) = writer.write(&lines, head, now)
        {
            self.is_failing.store(true, Ordering::Relaxed);
            // Lines that were chained behind these in the meantime fail too, because their predecessor is lost.
            let error = Arc::new(error);
            let mut waiting = self.waiting();
            let (_, _, later) = waiting.take(lines);
            // The next event continues the chain where the file ends, so a failure leaves no gap.
            waiting.head = writer.written();
            drop(waiting);
            for lost in [outcome, later] {
                let _ = lost.set(Err(Arc::clone(&error)));
            }
            return;
        }
        // Written lines stay even when the sync fails: the journal may record more than was done, never less.
        let done = if is_synced { writer.sync() } else { Ok(()) };
        // A turn without lines has tried nothing, so it does not end a known failure.
        if !lines.is_empty() {
            self.is_failing.store(done.is_err(), Ordering::Relaxed);
        }
        writer.seal_if_due(now, AGE);
        self.look_behind(writer);
        let _ = outcome.set(done.map_err(Arc::new));
    }
}

impl Waiting {
    /// Takes out the lines, their head and their outcome. `buffer` is emptied and takes the place of the lines.
    fn take(&mut self, mut buffer: Vec<u8>) -> (Vec<u8>, Head, Arc<Outcome>) {
        buffer.clear();
        let lines = std::mem::replace(&mut self.lines, buffer);
        (lines, self.head, std::mem::take(&mut self.outcome))
    }
}

fn not_written(error: io::Error) -> Error {
    Error::Audit(AuditError::Journal(Arc::new(error)))
}

/// Runs work that waits for a disk or computes for long on a blocking thread.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::Fault(format!("work on the journal did not end: {error}")))
}

impl Audit {
    /// Opens the journal in a folder. The data plane works only with an open journal.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub async fn open_journal(&self, folder: &Path) -> Result<(), Error> {
        let clock = self.vault.clock().clone();
        let journal =
            Journal::open(folder, self.vault.db().clone(), self.vault.keyring(), self.settings, clock)
                .await?;
        self.journal.set(journal).map_err(|_| Error::Fault("the journal is open already".into()))
    }

    /// Returns the journal, to append to.
    ///
    /// # Errors
    /// [`AuditError::Journal`] when no journal is open.
    pub fn journal(&self) -> Result<&Journal, Error> {
        self.journal.get().ok_or_else(|| not_written(io::Error::other("it is not open")))
    }

    /// Checks whether requests of services can be recorded. While they cannot, Keystead refuses them.
    pub fn is_journal_writable(&self) -> bool {
        self.journal.get().is_some_and(Journal::is_writable)
    }

    /// Checks whether the journal's reserve is given up because the disk is full, or was never created.
    pub fn is_journal_on_reserve(&self) -> bool {
        self.journal.get().is_some_and(Journal::is_on_reserve)
    }

    /// Syncs the journal to the disk, for journals that are not synced before each answer.
    ///
    /// # Errors
    /// [`AuditError::Journal`] when the sync fails.
    pub async fn sync_journal(&self) -> Result<(), Error> {
        match self.journal.get() {
            Some(journal) => journal.sync().await,
            None => Ok(()),
        }
    }

    /// Maintains the journal: stores files as rows, and deletes old rows.
    ///
    /// # Errors
    /// When the database or the disk fails; nothing is lost, and the next call continues.
    pub async fn tend_journal(&self) -> Result<(), Error> {
        match self.journal.get() {
            Some(journal) => journal.tend().await,
            None => Ok(()),
        }
    }

    /// Closes the journal. Everything written is a row afterwards, or the next start finds it.
    pub(crate) async fn close(&self) {
        if let Some(journal) = self.journal.get() {
            journal.close().await;
        }
    }
}
