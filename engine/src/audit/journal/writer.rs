//! The file that is being written. All functions block; their callers choose the thread.

use crate::audit::journal::chain::{Head, RunKey};
use crate::audit::journal::reserve::Reserve;
use crate::audit::journal::segment;
use crate::audit::journal::segment::Name;
use crate::base::clock::Steady;
use rustix::fs::{FlockOperation, flock};
use std::collections::VecDeque;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use uuid::Uuid;

/// Size at which a segment is full, in bytes.
pub const FULL: u64 = 2 << 20;

pub struct Writer {
    pub folder: PathBuf,
    run: Uuid,
    reserve: Reserve,
    live: Option<Live>,
    /// End of the chain in the files.
    written: Head,
    /// Segments that are complete and wait for the database, oldest first.
    pub sealed: VecDeque<Sealed>,
    /// Files whose bytes the operating system may not have put on the disk yet.
    unsynced: Vec<Arc<File>>,
    /// At least one of them has a name that may not be on the disk yet.
    is_name_new: bool,
    /// A sync failed: nothing counts as written before a sync has succeeded again.
    pub is_doubtful: bool,
    /// Number of syncs that failed. A sync that began before the last of them proves nothing.
    failed: u64,
}

struct Live {
    file: Arc<File>,
    name: Name,
    opened: Steady,
    /// Number of bytes in complete lines.
    length: u64,
    /// The file may hold more than those.
    is_torn: bool,
}

/// A segment that gets no more lines, and the end of its chain.
#[derive(Clone, Copy)]
pub struct Sealed {
    pub name: Name,
    pub after: Head,
}

impl Writer {
    pub fn new(folder: &Path, run: Uuid, key: &RunKey) -> Self {
        Self {
            folder: folder.to_owned(),
            run,
            reserve: Reserve::of(folder),
            live: None,
            written: key.first(),
            sealed: VecDeque::new(),
            unsynced: Vec::new(),
            is_name_new: false,
            is_doubtful: false,
            failed: 0,
        }
    }

    pub fn written(&self) -> Head {
        self.written
    }

    /// Hands lines to the operating system: all of them or none. `after` is the head behind the last line.
    ///
    /// # Errors
    /// When the lines are not written, also because there is no disk space and no reserve any more.
    pub fn write(&mut self, lines: &[u8], after: Head, now: Steady) -> io::Result<()> {
        if let Err(error) = self.try_write(lines, now) {
            if !is_no_room(&error) || !self.reserve.give_up() {
                return Err(error);
            }
            tracing::error!(
                "the disk is full and the journal now uses its reserve file; free disk space immediately"
            );
            // `mend` cuts off what the first attempt wrote, so no line is there twice.
            self.try_write(lines, now)?;
        }
        self.written = after;
        Ok(())
    }

    fn try_write(&mut self, lines: &[u8], now: Steady) -> io::Result<()> {
        let mut live = match self.live.take() {
            Some(live) => live,
            None => self.open(now)?,
        };
        let done = live.mend().and_then(|()| {
            // `open` does not write the first line, because after a failed write the same file needs it again.
            if live.length == 0 {
                let mut head = Vec::new();
                segment::write_head(&mut head, self.run, &self.written);
                live.append(&head)?;
            }
            live.append(lines)
        });
        self.live = Some(live);
        done
    }

    /// Opens a new segment. The file gets its name once it is locked, so that no server takes it for one that a killed run
    /// left.
    fn open(&mut self, now: Steady) -> io::Result<Live> {
        make_folder(&self.folder)?;
        let name = Name { run: self.run, first: self.written.sequence + 1 };
        let path = self.folder.join(name.to_string());
        let unnamed = path.with_extension("new");
        let mut how = OpenOptions::new();
        // With O_APPEND, the next write after `mend` begins at the file's new end.
        let file = how.append(true).create(true).mode(0o600).open(&unnamed)?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        file.set_len(0)?;
        std::fs::rename(&unnamed, &path)?;
        let file = Arc::new(file);
        self.unsynced.push(Arc::clone(&file));
        self.is_name_new = true;
        Ok(Live { file, name, opened: now, length: 0, is_torn: false })
    }

    /// Ends the segment if it holds events. The next line begins another one.
    pub fn seal(&mut self) {
        let written = self.written.sequence;
        // A torn file does not end at `written`, and a file without events has the name that the next one would get.
        if let Some(live) = self.live.take_if(|live| !live.is_torn && written >= live.name.first) {
            self.sealed.push_back(Sealed { name: live.name, after: self.written });
        }
    }

    /// Ends the segment when it is full, or older than `age`.
    pub fn seal_if_due(&mut self, now: Steady, age: std::time::Duration) {
        if self.live.as_ref().is_some_and(|live| live.length >= FULL || now.since(live.opened) >= age) {
            self.seal();
        }
    }

    /// Returns what must be synced for everything written so far to be on the disk.
    pub fn unsynced(&self) -> Unsynced {
        let folder = self.is_name_new.then(|| self.folder.clone());
        Unsynced { files: self.unsynced.clone(), folder, failed: self.failed }
    }

    /// Applies the result of a sync. After a failure the operating system counts the bytes as clean, so the same sync would
    /// succeed. Therefore the segment ends, and goes into the database from the system's memory.
    pub fn synced(&mut self, what: &Unsynced, done: &io::Result<()>) {
        let live = self.live.as_ref().map(|live| Arc::clone(&live.file));
        // More may have been written to the live file in the meantime.
        let is_live = |file: &Arc<File>| live.as_ref().is_some_and(|live| Arc::ptr_eq(live, file));
        // The folder's sync may have missed the name of a file that was opened meanwhile.
        let is_name_newer = self.unsynced.len() > what.files.len();
        self.is_name_new &= is_name_newer || done.is_err();
        self.unsynced.retain(|file| is_live(file) || !what.files.iter().any(|one| Arc::ptr_eq(one, file)));
        match done {
            // A sync of nothing proves nothing.
            Ok(()) => self.is_doubtful &= what.files.is_empty() || what.failed < self.failed,
            Err(_) => {
                self.is_doubtful = true;
                self.failed += 1;
                self.end_live();
                self.unsynced.clear();
                // A file that cannot be mended now gets more lines later, and those must be synced.
                self.unsynced.extend(self.live.as_ref().map(|live| Arc::clone(&live.file)));
            }
        }
    }

    /// Ends the segment whose bytes may be lost. One without events is opened anew.
    fn end_live(&mut self) {
        if let Some(live) = &mut self.live {
            let _ = live.mend();
        }
        self.seal();
        self.live.take_if(|live| !live.is_torn);
    }

    /// Syncs everything that is unsynced.
    ///
    /// # Errors
    /// When what was written may not be on the disk.
    pub fn sync(&mut self) -> io::Result<()> {
        let unsynced = self.unsynced();
        let done = unsynced.sync();
        self.synced(&unsynced, &done);
        done
    }
}

/// Files to sync.
pub struct Unsynced {
    files: Vec<Arc<File>>,
    folder: Option<PathBuf>,
    /// Number of failed syncs when this one began.
    failed: u64,
}

impl Unsynced {
    /// # Errors
    /// When what was written may not be on the disk.
    pub fn sync(&self) -> io::Result<()> {
        #[cfg(feature = "failpoints")]
        fail::fail_point!("journal_sync", |_| Err(io::Error::from_raw_os_error(5)));
        // fdatasync also writes the new length of a file, because reading needs it (fdatasync(2)).
        self.files.iter().try_for_each(|file| file.sync_data())?;
        // The sync of a file does not put its name on the disk; that of its folder does (fsync(2)).
        match &self.folder {
            Some(folder) => File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    }
}

impl Live {
    fn append(&mut self, text: &[u8]) -> io::Result<()> {
        // The text belongs to the file only once all of it is written.
        self.is_torn = true;
        let written = write_all(&self.file, text);
        if written.is_ok() {
            self.length += text.len() as u64;
            self.is_torn = false;
        } else {
            // If this fails, it is repeated before the next line.
            let _ = self.mend();
        }
        written
    }

    /// Cuts off an incomplete line.
    fn mend(&mut self) -> io::Result<()> {
        if self.is_torn {
            self.file.set_len(self.length)?;
            self.is_torn = false;
        }
        Ok(())
    }
}

fn write_all(mut file: &File, text: &[u8]) -> io::Result<()> {
    #[cfg(feature = "failpoints")]
    fail::fail_point!("journal_write", |_| Err(io::Error::from_raw_os_error(28)));
    #[cfg(feature = "failpoints")]
    fail::fail_point!("journal_torn", |_| {
        file.write_all(&text[..text.len() / 2])?;
        Err(io::Error::from_raw_os_error(5))
    });
    file.write_all(text)
}

pub fn is_no_room(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

/// Creates a folder that only this user can open.
pub fn make_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Clock;
    use crate::SecretBytes;
    use crate::audit::journal::chain::Key;
    use crate::vault::envelope::{Keyring, Purpose};

    struct Run {
        writer: Writer,
        key: RunKey,
        head: Head,
        _folder: tempfile::TempDir,
    }

    impl Run {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let terms = [(Purpose::Audit, SecretBytes::new(vec![7; 32]))].into_iter().collect();
            let run = Uuid::from_u128(1);
            let key = Key::new(&Keyring::new(Uuid::nil(), terms)).run(run);
            let head = key.first();
            Self { writer: Writer::new(folder.path(), run, &key), key, head, _folder: folder }
        }

        fn write(&mut self) {
            let (json, mut line) = (b"{}", Vec::new());
            self.head = self.key.next(&self.head, json);
            segment::write_line(&mut line, &self.head, json);
            self.writer.write(&line, self.head, Clock::system().steady()).expect("written");
        }

        fn failed(&mut self) {
            let what = self.writer.unsynced();
            self.writer.synced(&what, &Err(io::Error::from_raw_os_error(5)));
        }
    }

    #[test]
    fn after_a_failed_sync_what_is_written_next_is_synced() {
        // In a file with events, and in one that has none yet.
        for events in [1, 0] {
            let mut run = Run::new();
            let live = run.writer.open(Clock::system().steady()).expect("a file");
            run.writer.live = Some(live);
            (0..events).for_each(|_| run.write());
            run.failed();
            assert!(run.writer.is_doubtful);
            run.write();
            assert_eq!(run.writer.unsynced().files.len(), 1, "{events} events before");
            assert!(run.writer.sync().is_ok() && !run.writer.is_doubtful);
        }
    }

    #[test]
    fn a_torn_file_that_stays_is_synced_again() {
        let mut run = Run::new();
        run.write();
        let live = run.writer.live.as_mut().expect("a file");
        // A file that is open for reading alone cannot be mended.
        live.file = Arc::new(File::open("/dev/null").expect("a file"));
        live.is_torn = true;
        run.failed();
        assert_eq!(run.writer.unsynced().files.len(), 1);
    }

    #[test]
    fn a_sync_that_began_before_one_that_failed_proves_nothing() {
        let mut run = Run::new();
        run.write();
        let early = run.writer.unsynced();
        run.failed();
        run.writer.synced(&early, &Ok(()));
        assert!(run.writer.is_doubtful);
        run.write();
        assert!(run.writer.sync().is_ok() && !run.writer.is_doubtful);
    }
}
