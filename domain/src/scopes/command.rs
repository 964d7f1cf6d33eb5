//! Commands for a scope that a verification code confirms.

use crate::base::id::{EnvironmentId, ScopeId};
use crate::scopes::alias::Alias;
use crate::scopes::scope::{EnvironmentKind, ScopeName, Slug};
use serde::{Deserialize, Serialize};

/// A scope in a command: the id of its row, and the name that people read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopeRef {
    pub id: ScopeId,
    pub name: ScopeName,
}

/// An environment in a command: the id of its row, and its slug.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvironmentRef {
    pub id: EnvironmentId,
    pub slug: Slug,
}

/// "Change kind" of an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetKind {
    pub environment: EnvironmentRef,
    /// The kind that the page showed. Keystead refuses the command when the kind has changed since.
    pub from: EnvironmentKind,
    pub to: EnvironmentKind,
}

/// "Alias": a second name under which services can address the scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetAlias {
    pub scope: ScopeRef,
    /// The alias that the page showed. Keystead refuses the command when the alias has changed since.
    pub from: Option<Alias>,
    /// `None` removes the alias.
    pub to: Option<Alias>,
}
