//! Ctrl-C and SIGTERM end the steps that are under way instead of ending us, so that what was begun (a database, a
//! temporary folder) is still tidied away on the way out.

use std::process::{Child, Command};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

static HAPPENED: AtomicBool = AtomicBool::new(false);
static UNDER_WAY: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

/// Passes every signal on to the children that are under way. A terminal's Ctrl-C reaches them twice; the test
/// runners take it for one.
pub fn watch() -> Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).context("signals cannot be watched")?;
    std::thread::spawn(move || {
        for number in signals.forever() {
            HAPPENED.store(true, Ordering::SeqCst);
            let Some(signal) = Signal::from_named_raw(number) else { continue };
            for pid in UNDER_WAY.lock().expect("no holder panics").iter() {
                // The child may have ended by itself meanwhile: nothing is lost then.
                let _ = kill_process(*pid, signal);
            }
        }
    });
    Ok(())
}

/// Whether somebody asked us to stop.
pub fn happened() -> bool {
    HAPPENED.load(Ordering::SeqCst)
}

/// Starts a child that hears of interruptions; none is started after one. [`ended`] has to follow.
pub fn start(command: &mut Command) -> Result<Child> {
    let mut under_way = UNDER_WAY.lock().expect("no holder panics");
    ensure!(!happened(), "interrupted");
    let child = command.spawn().with_context(|| {
        format!("{} could not be started: is it installed?", command.get_program().to_string_lossy())
    })?;
    under_way.push(Pid::from_child(&child));
    Ok(child)
}

/// This child has been waited for: its number may belong to somebody else from now on.
pub fn ended(child: &Child) {
    let ended = Pid::from_child(child);
    UNDER_WAY.lock().expect("no holder panics").retain(|pid| *pid != ended);
}
