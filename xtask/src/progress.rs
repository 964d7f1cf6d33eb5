//! One line per step, with the time since the start.

use std::sync::LazyLock;
use std::time::Instant;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Prints `[ 12.4 s] step: what` to standard error, where cargo and the test runners write too.
pub fn say(step: &str, what: &str) {
    eprintln!("[{:5.1} s] {step}: {what}", START.elapsed().as_secs_f32());
}
