//! A server under measurement: starts it on the one core, reads what it takes, ends it.

use crate::wrk::pinned;
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

/// A running server; it is killed when dropped.
pub struct Process {
    pub port: u16,
    child: Child,
    log: PathBuf,
}

/// Returns a port that no process uses.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

impl Process {
    /// Starts `program` with the options that `with` adds, and waits until its port answers. Its output goes into a log file of
    /// its name.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(program: &Path, folder: &Path, port: u16, with: impl FnOnce(&mut Command)) -> Result<Self> {
        let name = program.file_name().context("a program")?.to_string_lossy();
        let log = folder.join(format!("{name}-{port}.log"));
        let out = fs::File::create(&log)?;
        let mut command = pinned(program.to_str().context("a path")?);
        command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out);
        with(&mut command);
        let child = command.spawn().with_context(|| format!("{} could not be started", program.display()))?;
        let mut process = Self { port, child, log };
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if process.child.try_wait()?.is_some() || began.elapsed() > PATIENCE {
                bail!(
                    "{name} did not start; it said\n{}",
                    fs::read_to_string(&process.log).unwrap_or_default()
                );
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(process)
    }

    /// Returns the path of its log.
    pub fn log(&self) -> &Path {
        &self.log
    }

    fn id(&self) -> u32 {
        // taskset becomes the program it starts, so that it has the same process id.
        self.child.id()
    }

    /// Returns the CPU time of all of its threads so far, as the scheduler counts it.
    ///
    /// # Errors
    /// When it has ended.
    pub fn cpu(&self) -> Result<Duration> {
        let mut nanoseconds = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.id()))? {
            // A thread may end meanwhile.
            let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
            nanoseconds += text.split(' ').next().and_then(|word| word.parse::<u64>().ok()).unwrap_or(0);
        }
        ensure!(nanoseconds > 0, "the scheduler counts nothing here");
        Ok(Duration::from_nanos(nanoseconds))
    }

    /// Returns the resident memory, in MiB.
    ///
    /// # Errors
    /// When it has ended.
    pub fn resident(&self) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("its memory")?;
        let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kib / 1024.0)
    }
}

impl Process {
    /// Ends it with SIGTERM and waits until it has ended.
    ///
    /// # Errors
    /// When it does not end.
    pub fn end(mut self) -> Result<()> {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM)?;
        let began = Instant::now();
        while self.child.try_wait()?.is_none() {
            ensure!(began.elapsed() < PATIENCE, "it does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
