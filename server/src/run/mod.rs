//! The start, the run and the end of the server.

mod background;
pub(crate) mod connections;
pub(crate) mod opening;
pub(crate) mod readiness;
pub(crate) mod serve;
pub(crate) mod telemetry;
pub(crate) mod workers;
