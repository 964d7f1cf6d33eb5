//! The journal of the data plane: every request of a service, written down before its answer leaves.
//!
//! ```text
//! append ── chained, many to one write ──> file ── full, or a minute old ──> one row, compressed ── too old ──> gone
//! ```
//!
//! Reading order: `chain`, `segment` (what a file holds), `writer` (the file that is written now), this file (many events to
//! one write), `keep` (from files to rows, and out again), `search`.

mod chain;
mod keep;
mod reserve;
mod search;
mod segment;
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

/// How often the server tends the journal.
pub const EVERY: Duration = Duration::from_secs(1);
/// Most events take no more bytes.
const LINE: usize = 512;
/// A segment of this age goes into the database, full or not.
const AGE: Duration = Duration::from_secs(60);

/// When what was written is safe from a power failure. From the end of the program it always is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sync {
    /// A second after the answer.
    #[default]
    Second,
    /// Before the answer.
    Answer,
}

/// What the operator may set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    pub sync: Sync,
    /// Segments are kept so many days; 0: for ever.
    pub days: u32,
    /// And at most so many bytes of them, compressed; 0: any number.
    pub bytes: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { sync: Sync::Second, days: 400, bytes: 10 << 30 }
    }
}

/// The open journal; clones are the same one.
#[derive(Clone)]
pub struct Journal(Arc<Inner>);

struct Inner {
    /// One run of the program: its sequences are 1, 2, 3, …
    run: Uuid,
    key: Key,
    run_key: RunKey,
    waiting: Mutex<Waiting>,
    writer: Arc<tokio::sync::Mutex<Writer>>,
    reserve: Reserve,
    db: Db,
    clock: Clock,
    settings: Settings,
    /// The database knows of this run.
    is_known: AtomicBool,
    is_closed: AtomicBool,
    is_on_reserve: AtomicBool,
    /// The last lines could not be written.
    is_failing: AtomicBool,
    /// More is full and not in the database yet than there is room for.
    is_behind: AtomicBool,
    writes: AtomicU64,
    rounds: Mutex<Rounds>,
}

/// Lines that are chained and not written yet.
struct Waiting {
    lines: Vec<u8>,
    /// After the last of them.
    head: Head,
    outcome: Arc<Outcome>,
}

/// What became of the lines that were written together.
type Outcome = OnceLock<Result<(), Arc<io::Error>>>;

impl Journal {
    /// Opens the journal of this run. That nothing can be written in the folder does not keep a server from starting: it
    /// keeps the data plane from working, until it can.
    ///
    /// # Errors
    /// None so far.
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
        if let Err(error) = writer::make_folder(folder) {
            tracing::error!(%error, folder = %folder.display(), "the journal cannot be written");
        }
        journal.make_reserve();
        crate::base::log::or_warn(journal.make_known().await, "the journal is not in the database yet");
        Ok(journal)
    }

    /// One run of the program; with the sequence it names an event.
    pub fn server(&self) -> Uuid {
        self.0.run
    }

    /// Whether the disk was so full that its reserve is given up, or was never had.
    pub fn is_on_reserve(&self) -> bool {
        self.0.is_on_reserve.load(Ordering::Relaxed)
    }

    /// Whether the last line was written, and nothing known keeps the next one from it.
    pub fn is_writable(&self) -> bool {
        self.may_write().is_ok() && !self.0.is_failing.load(Ordering::Relaxed)
    }

    /// How often something was written: many events share a write.
    pub fn writes(&self) -> u64 {
        self.0.writes.load(Ordering::Relaxed)
    }

    /// Writes an event down. When this answers, the operating system has it: the end of the program does not lose it.
    ///
    /// # Errors
    /// [`AuditError::Journal`] when it is not written: then what it tells of must not be done.
    pub async fn append(&self, event: &DataEvent) -> Result<(), Error> {
        if cfg!(feature = "audit-off") {
            return Ok(());
        }
        let mut json = Vec::with_capacity(LINE);
        serde_json::to_writer(&mut json, event).map_err(|error| not_written(io::Error::other(error)))?;
        self.may_write()?;
        let outcome = self.0.enqueue(&json);
        // Everybody who is ready to run comes along in the same write.
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
            if outcome.get().is_none() {
                self.write_waiting(writer).await;
            }
        }
        match outcome.get() {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => Err(Error::Audit(AuditError::Journal(Arc::clone(error)))),
            None => Err(not_written(io::Error::other("nobody wrote it"))),
        }
    }

    /// Puts on the disk what the operating system has: for `Sync::Second`.
    ///
    /// # Errors
    /// [`AuditError::Journal`] when it cannot; until it can, each event is synced before its answer.
    pub async fn sync(&self) -> Result<(), Error> {
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

    /// Writes everything that waits, in one write.
    async fn write_waiting(&self, mut writer: OwnedMutexGuard<Writer>) {
        if self.0.settings.sync == Sync::Second && !writer.is_doubtful {
            self.0.turn(&mut writer, false);
            return;
        }
        let inner = Arc::clone(&self.0);
        // It goes on to its end, also when nobody waits for it any more.
        let turn = blocking(move || inner.turn(&mut writer, true));
        crate::base::log::or_warn(turn.await, "the journal was not written to its end");
    }
}

impl Inner {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().expect("the lock of what waits")
    }

    /// Files that wait for the database are no more than a quarter of what is kept in it.
    fn look_behind(&self, writer: &Writer) {
        let most = (self.settings.bytes / 4).max(2 * writer::FULL);
        let waiting = writer.sealed.len() as u64 * writer::FULL;
        let is_behind = self.settings.bytes > 0 && waiting > most;
        if is_behind && !self.is_behind.load(Ordering::Relaxed) {
            tracing::error!(
                waiting,
                most,
                "the journal is written faster than the database takes it; until it has caught up, \
                                            the data plane stops"
            );
        }
        self.is_behind.store(is_behind, Ordering::Relaxed);
    }

    /// Chains an event behind all others.
    fn enqueue(&self, json: &[u8]) -> Arc<Outcome> {
        let mut waiting = self.waiting();
        let head = self.run_key.next(&waiting.head, json);
        segment::write_line(&mut waiting.lines, &head, json);
        waiting.head = head;
        Arc::clone(&waiting.outcome)
    }

    /// Writes what waits, and says what became of it to everybody who waits for it.
    fn turn(&self, writer: &mut Writer, is_synced: bool) {
        let (lines, head, outcome) = self.waiting().take(Vec::new());
        let now = self.clock.steady();
        self.writes.fetch_add(u64::from(!lines.is_empty()), Ordering::Relaxed);
        if !lines.is_empty()
            && let Err(error) = writer.write(&lines, head, now)
        {
            self.is_failing.store(true, Ordering::Relaxed);
            // Whoever was chained behind these lines meanwhile is chained behind nothing.
            let error = Arc::new(error);
            let mut waiting = self.waiting();
            let (_, _, later) = waiting.take(lines);
            waiting.head = writer.written();
            drop(waiting);
            for lost in [outcome, later] {
                let _ = lost.set(Err(Arc::clone(&error)));
            }
            return;
        }
        // What is written stays, also when it cannot be synced: it tells of more than was done, never of less.
        let done = if is_synced { writer.sync() } else { Ok(()) };
        if !lines.is_empty() {
            self.is_failing.store(done.is_err(), Ordering::Relaxed);
        }
        writer.seal_if_due(now, AGE);
        self.look_behind(writer);
        let _ = outcome.set(done.map_err(Arc::new));
    }
}

impl Waiting {
    /// Takes everything out; an emptied buffer comes back in.
    fn take(&mut self, mut buffer: Vec<u8>) -> (Vec<u8>, Head, Arc<Outcome>) {
        buffer.clear();
        let lines = std::mem::replace(&mut self.lines, buffer);
        (lines, self.head, std::mem::take(&mut self.outcome))
    }
}

fn not_written(error: io::Error) -> Error {
    Error::Audit(AuditError::Journal(Arc::new(error)))
}

/// Work that waits for a disk or computes for long.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::Fault(format!("work on the journal did not end: {error}")))
}

impl Audit {
    /// Opens the journal in a folder; the data plane works only with one.
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

    /// The journal, to write into.
    ///
    /// # Errors
    /// [`AuditError::Journal`] when none was opened.
    pub fn journal(&self) -> Result<&Journal, Error> {
        self.journal.get().ok_or_else(|| not_written(io::Error::other("it is not open")))
    }

    /// Whether requests of services can be written down; while they cannot, they are refused.
    pub fn is_journal_writable(&self) -> bool {
        self.journal.get().is_some_and(Journal::is_writable)
    }

    /// Whether the disk under the journal is so full that its reserve is given up.
    pub fn is_journal_on_reserve(&self) -> bool {
        self.journal.get().is_some_and(Journal::is_on_reserve)
    }

    /// Syncs the journal, where that is not done before each answer.
    ///
    /// # Errors
    /// [`AuditError::Journal`] when it cannot.
    pub async fn sync_journal(&self) -> Result<(), Error> {
        match self.journal.get() {
            Some(journal) => journal.sync().await,
            None => Ok(()),
        }
    }

    /// Looks after the journal: files become rows, old rows go.
    ///
    /// # Errors
    /// When the database or the disk fails; nothing is lost then, and the next time goes on.
    pub async fn tend_journal(&self) -> Result<(), Error> {
        match self.journal.get() {
            Some(journal) => journal.tend().await,
            None => Ok(()),
        }
    }

    /// Ends the journal: what is written is a row afterwards, or found at the next start.
    pub(crate) async fn close(&self) {
        if let Some(journal) = self.journal.get() {
            journal.close().await;
        }
    }
}
