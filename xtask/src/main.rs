//! Builds, runs and tests Keystead. `cargo xtask help` lists what it does; `make run` and `make test` are fronts of it.

#![forbid(unsafe_code)]

mod bench;
mod checks;
mod crates;
mod database;
mod emulator;
mod interrupt;
mod place;
mod progress;
mod release;
mod sbom;
mod setup;
mod shell;
mod site;
mod task;

use std::process::ExitCode;

fn main() -> ExitCode {
    let outcome = interrupt::watch().and_then(|()| task::parse(std::env::args().skip(1))?.perform());
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) if interrupt::happened() => {
            progress::say("Stopped", "as you asked");
            // Shells report 128 + 2 for a program that SIGINT ended.
            ExitCode::from(130)
        }
        Err(error) => {
            progress::say("Failed", &format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}
