//! One version of one scope.

use crate::base::id::ScopeId;
use crate::scopes::scope::ScopeName;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The key of a lease: the scope and the version number of the leased material.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LeaseKey {
    pub scope: ScopeId,
    pub number: u32,
}

/// A version as people name it: "version 3 of production/DE".
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct VersionName {
    pub scope: ScopeName,
    pub number: u32,
}

impl fmt::Display for VersionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "version {} of {}", self.number, self.scope)
    }
}
