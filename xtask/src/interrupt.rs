//! Ctrl-C and SIGTERM end the running steps instead of this process, so that it still cleans up on the way out (a database, a
//! temporary folder).

use std::process::{Child, Command};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

static HAPPENED: AtomicBool = AtomicBool::new(false);
static UNDER_WAY: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

/// Passes every signal on to the running children. Ctrl-C in a terminal reaches them twice; the test runners take it for one.
pub fn watch() -> Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).context("signals cannot be watched")?;
    std::thread::spawn(move || {
        for number in signals.forever() {
            // The flag comes before the list: `start` checks it under the lock, so a child is in the list or does not start.
            HAPPENED.store(true, Ordering::SeqCst);
            let Some(signal) = Signal::from_named_raw(number) else { continue };
            for pid in UNDER_WAY.lock().expect("no holder panics").iter() {
                // This fails only when the child has ended by itself, and then nothing is lost.
                let _ = kill_process(*pid, signal);
            }
        }
    });
    Ok(())
}

/// Checks whether a signal has asked this process to stop.
pub fn happened() -> bool {
    HAPPENED.load(Ordering::SeqCst)
}

/// Starts a child that gets the signals; starts none after an interruption. The caller must call [`ended`] afterwards.
pub fn start(command: &mut Command) -> Result<Child> {
    // The lock is held until the child is in the list, so that no signal misses it.
    let mut under_way = UNDER_WAY.lock().expect("no holder panics");
    ensure!(!happened(), "interrupted");
    let child = command.spawn().with_context(|| {
        format!("{} could not be started: is it installed?", command.get_program().to_string_lossy())
    })?;
    under_way.push(Pid::from_child(&child));
    Ok(child)
}

/// Removes a child that has been waited for: its process id may belong to another process from now on.
pub fn ended(child: &Child) {
    let ended = Pid::from_child(child);
    UNDER_WAY.lock().expect("no holder panics").retain(|pid| *pid != ended);
}
