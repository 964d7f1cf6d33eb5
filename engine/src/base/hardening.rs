//! Protection of the process's memory: no core dumps, no debugger, no swap.

use crate::Error;
use rustix::fs::Mode;
use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit, umask,
};

/// The optional protections, and whether the process has them.
pub struct Hardened {
    /// Memory is locked: the system writes none of it to swap.
    pub is_locked: bool,
}

/// Hardens this process. Without a protection against core dumps it must not run.
///
/// # Errors
/// [`Error::Fault`] with a sentence when debugging or core dumps cannot be forbidden.
pub fn harden() -> Result<Hardened, Error> {
    let fatal =
        |what: &str, error| Error::Fault(format!("{what} cannot be forbidden for this process: {error}."));
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(|error| fatal("Debugging", error))?;
    // The kernel ignores this limit for dumps that it pipes to a program (core(5)); the flag above stops those, too.
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })
        .map_err(|error| fatal("Core dumps", error))?;
    // Only the owner can access files that are created from here on.
    umask(Mode::RWXG | Mode::RWXO);
    // With a small limit later allocations would fail: lock everything or nothing.
    let is_unlimited = getrlimit(Resource::Memlock).current.is_none();
    // ONFAULT locks a page when it is first used. Otherwise reserved memory, such as threads' stacks, would become resident.
    let flags = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT;
    Ok(Hardened { is_locked: is_unlimited && mlockall(flags).is_ok() })
}
