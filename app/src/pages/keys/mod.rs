//! Encryption keys: the list, one version, the forms.

pub mod active;
pub mod environment_limits;
pub mod forms;
pub mod limits_card;
pub mod limits_today;
pub mod list;
pub mod rotation_period;
pub mod status_badge;
pub mod timeline;
pub mod usage;
pub mod version;
