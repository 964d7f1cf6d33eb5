//! The HTTP server (settings → portal → router → serve) and the command line.
//!
//! Reading order: [`router`] (every address), `web` (the layers around all pages), `pages` (one folder per room, one file per
//! noun), `run` (start and end), `cli`.

#![forbid(unsafe_code)]
// These macros panic when the output is closed. `cli::out` has the others.
#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod api;
mod cli;
pub mod pages;
mod router;
mod run;
pub mod settings;
mod state;
pub mod web;

use engine::base::error::StoreError;
pub use router::{PAGES, Row, Who, router};
pub use state::App;
use std::process::ExitCode;

/// The reason why the program ends, as a sentence.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    #[error("{0}")]
    Sentence(String),
    #[error("{}", domain::Problem::from(.0).message)]
    Refused(engine::Error),
    /// Nobody reads the output any more, like `head` after its last line. That is no failure.
    #[error("nobody reads the output")]
    Closed,
    /// The command has said what it found, and ends with status 1.
    #[error("something needs attention")]
    Findings,
}

impl From<engine::Error> for Stop {
    fn from(error: engine::Error) -> Self {
        match error {
            engine::Error::Fault(sentence) => Self::Sentence(sentence),
            // Whether the change was made is the question then, and not the driver's words.
            error @ engine::Error::Store(StoreError::Unsure(_)) => Self::Refused(error),
            // The operator reads this sentence, so it has the driver's own words. No page shows them.
            engine::Error::Store(StoreError::Database(error)) => {
                Self::Sentence(format!("The database cannot be used: {error}."))
            }
            error if error.is_fault() => Self::Sentence(error.to_string()),
            error => Self::Refused(error),
        }
    }
}

impl Stop {
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self::Sentence(sentence.into())
    }
}

/// Runs the command line, and returns the status with which the program ends. A failure is a sentence on standard error.
pub fn run() -> ExitCode {
    match cli::run() {
        Ok(()) | Err(Stop::Closed) => ExitCode::SUCCESS,
        Err(Stop::Findings) => ExitCode::FAILURE,
        Err(error) => {
            cli::say(format!("keystead: {error}"));
            ExitCode::FAILURE
        }
    }
}
