//! The signal that this server has changed something that the data plane caches in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A counter that rooms raise after a commit, and that the data plane compares before it serves from memory. Clones share the
/// counter.
#[derive(Clone, Default)]
pub struct Moved(Arc<AtomicU64>);

impl Moved {
    /// Tells the data plane of this server to read the database before its next answer.
    pub fn raise(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }

    /// Returns how often the counter was raised.
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}
