//! The start, the run and the end of the server.

mod background;
pub(crate) mod connections;
mod ending;
pub(crate) mod opening;
mod postgres;
pub(crate) mod readiness;
mod reception;
pub(crate) mod serve;
pub(crate) mod telemetry;
mod unparsed;
pub(crate) mod workers;
