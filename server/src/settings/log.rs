//! Settings of the log.

use super::source::Source;
use crate::Stop;

pub struct LogSettings {
    /// A level, or a filter.
    pub filter: String,
    pub is_json: bool,
}

impl LogSettings {
    pub(super) fn read(source: &Source) -> Result<Self, Stop> {
        Ok(Self {
            filter: source.required("log", "a log filter, like info")?,
            is_json: source.one_of("log_format", [("text", false), ("json", true)])?,
        })
    }
}
