//! What a verification code confirms of a scope.

use crate::base::id::ScopeId;
use crate::scopes::alias::Alias;
use crate::scopes::scope::ScopeName;
use serde::{Deserialize, Serialize};

/// A scope as a command names it: the row, and the name people read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopeRef {
    pub id: ScopeId,
    pub name: ScopeName,
}

/// "Alias": the name under which services may ask for the scope besides its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetAlias {
    pub scope: ScopeRef,
    /// What the page showed; refused if it is another one now.
    pub from: Option<Alias>,
    /// `None`: it has none any more.
    pub to: Option<Alias>,
}
