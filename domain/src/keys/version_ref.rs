//! One version of one scope.

use crate::base::id::ScopeId;

/// The key of a lease: the scope and the version number of the leased material.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LeaseKey {
    pub scope: ScopeId,
    pub number: u32,
}
