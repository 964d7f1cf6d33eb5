//! Failures of versions, limits and rotation periods.

use super::Row;
use chrono::{DateTime, Utc};
use domain::base::words;
use domain::keys::key_version::NotManaged;
use domain::keys::limits::LimitReached;

#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    #[error("{}", words::limit_reached(limit, *now))]
    Limit { limit: LimitReached, now: DateTime<Utc> },
    #[error(transparent)]
    NotManaged(#[from] NotManaged),
    #[error("the rotation period is unchanged")]
    PeriodUnchanged { days: i64 },
}

impl KeysError {
    pub(super) fn row(&self) -> Row {
        match self {
            Self::Limit { limit, now } => Row::limit(words::limit_reached(limit, *now)),
            Self::NotManaged(why) => Row::conflict(why.to_string()),
            Self::PeriodUnchanged { days } => {
                Row::invalid(format!("The rotation period is already {days} days. Choose a different one."))
                    .at("rotation_days")
            }
        }
    }
}
