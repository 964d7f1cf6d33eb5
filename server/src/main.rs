//! The `keystead` binary.

#![forbid(unsafe_code)]

use std::process::ExitCode;
use tikv_jemallocator::Jemalloc;

/// The C library's takes half as long again for a request of a service, and keeps twice as much (docs/PERFORMANCE.md).
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    match server::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("keystead: {error}");
            ExitCode::FAILURE
        }
    }
}
