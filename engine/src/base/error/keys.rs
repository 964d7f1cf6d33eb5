//! Failures of versions, limits and rotation periods.

use super::Row;
use chrono::{DateTime, Utc};
use domain::base::words;
use domain::keys::key_version::NotManaged;
use domain::keys::limits::{LimitReached, LimitsRefused};

#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    #[error("{}", words::limit_reached(limit, *now))]
    Limit { limit: LimitReached, now: DateTime<Utc> },
    #[error(transparent)]
    NotManaged(#[from] NotManaged),
    #[error("the rotation period is unchanged")]
    PeriodUnchanged { days: i64 },
    #[error("no daily limit is reached")]
    LimitNotReached,
    #[error("limits refused: {0}")]
    Limits(LimitsRefused),
    #[error("the limits are unchanged")]
    LimitsUnchanged,
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
            Self::LimitNotReached => Row::conflict(
                "The daily limit is not reached, so there is no limit to pass. Rotate the key in the usual way.",
            ),
            Self::Limits(refused) => Row::invalid(refused.to_string()).at("per_scope"),
            Self::LimitsUnchanged => {
                Row::invalid("These are already the limits. Change at least one number.").at("per_type")
            }
        }
    }
}
