//! Identifiers, each its own type, so that one cannot be passed for another.

use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

macro_rules! uuid_ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )*};
}

uuid_ids! {
    /// An administrator.
    UserId,
    /// An environment.
    EnvironmentId,
    /// A scope: one country of one environment.
    ScopeId,
    /// A session of a browser. Not its token: the token is a secret, this id is not.
    SessionId,
    /// A prepared change that waits for its verification code.
    ChangeId,
    /// A customer's key that holds a version.
    HolderId,
}

/// The portal-wide number of a key version, from 1 (the `kmsConfigId` of the data plane).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyVersionId(pub i64);
