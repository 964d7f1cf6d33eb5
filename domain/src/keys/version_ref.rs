//! One version of one scope.

use crate::base::id::ScopeId;

/// Which material: one version of one scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LeaseKey {
    pub scope: ScopeId,
    pub number: u32,
}
