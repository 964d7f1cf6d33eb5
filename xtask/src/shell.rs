//! Running other programs.

use std::fs::File;
use std::io::{IsTerminal, Seek};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};

use crate::interrupt;

/// Runs a command whose output matters only when it fails.
pub fn quiet(command: &mut Command) -> Result<()> {
    // Both streams share one file and its position, so that the lines keep their order.
    let mut log = tempfile::tempfile().context("no temporary file could be made")?;
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log.try_clone()?);
    let status = wait(command)?;
    if !status.success() && !interrupt::happened() {
        show(&mut log)?;
    }
    check(command, status)
}

/// Runs a command whose output is the point of it: a test runner.
pub fn loud(command: &mut Command) -> Result<()> {
    let status = wait(command)?;
    check(command, status)
}

/// Runs a compiler: a person at a terminal sees its progress; elsewhere its messages are shown only when it fails.
pub fn compile(command: &mut Command) -> Result<()> {
    if std::io::stderr().is_terminal() { loud(command) } else { quiet(command) }
}

/// Returns the output of a command, without the line's end; `None` when it is missing or fails.
pub fn answer(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

fn wait(command: &mut Command) -> Result<ExitStatus> {
    let mut child = interrupt::start(command)?;
    let status = child.wait();
    // The `?` comes last: a process id that stays in the list may later belong to another process.
    interrupt::ended(&child);
    Ok(status?)
}

fn show(log: &mut File) -> Result<()> {
    log.rewind()?;
    std::io::copy(log, &mut std::io::stderr())?;
    Ok(())
}

fn check(command: &Command, status: ExitStatus) -> Result<()> {
    if !status.success() {
        let arguments: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
        bail!("`{} {}` ended with {status}", command.get_program().to_string_lossy(), arguments.join(" "));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_command_is_named_in_the_error() {
        let error = quiet(Command::new("sh").args(["-c", "exit 3"])).unwrap_err();
        assert_eq!(error.to_string(), "`sh -c exit 3` ended with exit status: 3");
    }

    #[test]
    fn a_missing_program_answers_nothing_and_is_named_when_needed() {
        assert_eq!(answer(&mut Command::new("keystead-is-not-a-program")), None);
        let error = quiet(&mut Command::new("keystead-is-not-a-program")).unwrap_err();
        assert!(error.to_string().starts_with("keystead-is-not-a-program could not be started"));
    }

    #[test]
    fn an_answer_has_no_line_end() {
        assert_eq!(answer(Command::new("echo").arg("yes")).as_deref(), Some("yes"));
    }
}
