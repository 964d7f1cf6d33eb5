//! What a command prints. A line that cannot be written never ends in a panic: the result of a command goes to standard output, and
//! its loss is an error; what the command says about it goes to standard error, and its loss changes nothing.

use crate::Stop;
use engine::Error;
use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

fn write(text: impl Display) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    // Without a flush, the line may wait in a buffer, and fail after the command has ended.
    out.flush()
}

/// Prints a line of the result on standard output.
///
/// # Errors
/// [`Stop::Closed`] when nobody reads any more; a sentence when the output cannot be written.
pub fn print(text: impl Display) -> Result<(), Stop> {
    write(text).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Stop::Closed,
        _ => Stop::new(format!("The output cannot be written: {error}.")),
    })
}

/// Prints a line of a report, whose status matters more than its text: nobody need read it to the end.
///
/// # Errors
/// A sentence when the output cannot be written.
pub fn report(text: impl Display) -> Result<(), Stop> {
    match print(text) {
        Err(Stop::Closed) => Ok(()),
        printed => printed,
    }
}

/// Prints a secret that is shown once, before it works.
///
/// # Errors
/// A sentence when the output cannot be written, also when nobody reads any more.
pub fn show(text: impl Display) -> Result<(), Error> {
    write(text).map_err(|error| {
        Error::Fault(format!(
            "The secret cannot be written to standard output: {error}. Nothing was changed."
        ))
    })
}

/// Says something on standard error.
pub fn say(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
