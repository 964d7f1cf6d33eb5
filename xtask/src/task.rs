//! The command line.

use std::ffi::OsString;

use anyhow::{Result, bail};

use crate::checks::{self, Part};
use crate::place::Place;
use crate::{bench, emulator, release, setup, site};

const USAGE: &str = "\
cargo xtask setup [--browser]          make this machine ready to build (with --browser: and to test)
cargo xtask site                       what the browser gets, into target/site
cargo xtask build                      the finished program, target/release/keystead, and what is in it
cargo xtask run [-- ARGUMENTS]         build it and start it
cargo xtask test [PART]                every test, or one part: crates, unit, doc, browser or speed
cargo xtask kms [customer|disable|enable]   an emulator of AWS KMS to try Keystead with, and a customer of it
cargo xtask bench [PART]               how fast it is, beside the machine's limit and OpenBao: into docs/PERFORMANCE.md, or one part of
                                       it shown (data, counts, start, two, due, pages, pages-postgres, scopes, browser)
cargo xtask soak                       the long forms of the tests, with what they measured (`figure: …`)
cargo xtask ci                         format, lints and every test";

/// A task that the command line requests.
#[derive(Debug, PartialEq)]
pub enum Task {
    Setup { for_tests: bool },
    Site,
    Build,
    Run { arguments: Vec<OsString> },
    Test { parts: Vec<Part> },
    Kms { customer: Option<&'static str> },
    Bench { part: Option<String> },
    Soak,
    Ci,
    Help,
}

/// # Errors
/// When the words name no task; the message lists the tasks.
pub fn parse(words: impl Iterator<Item = String>) -> Result<Task> {
    let words: Vec<String> = words.collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    Ok(match words.as_slice() {
        ["setup"] => Task::Setup { for_tests: false },
        ["setup", "--browser"] => Task::Setup { for_tests: true },
        ["site"] => Task::Site,
        ["build"] => Task::Build,
        ["run"] => Task::Run { arguments: vec![] },
        ["run", "--", rest @ ..] => Task::Run { arguments: rest.iter().map(Into::into).collect() },
        ["test"] => Task::Test { parts: Part::ALL.to_vec() },
        ["test", "crates"] => Task::Test { parts: vec![Part::Crates] },
        ["test", "unit"] => Task::Test { parts: vec![Part::Unit] },
        ["test", "doc"] => Task::Test { parts: vec![Part::Doc] },
        ["test", "browser"] => Task::Test { parts: vec![Part::Browser] },
        ["test", "speed"] => Task::Test { parts: vec![Part::Speed] },
        ["kms"] => Task::Kms { customer: None },
        ["kms", "customer"] => Task::Kms { customer: Some("create") },
        ["kms", "disable"] => Task::Kms { customer: Some("disable") },
        ["kms", "enable"] => Task::Kms { customer: Some("enable") },
        ["bench"] => Task::Bench { part: None },
        ["bench", part] => Task::Bench { part: Some((*part).to_owned()) },
        ["soak"] => Task::Soak,
        ["ci"] => Task::Ci,
        [] | ["help" | "--help" | "-h"] => Task::Help,
        _ => bail!("`{}` is nothing this tool does; it does\n{USAGE}", words.join(" ")),
    })
}

impl Task {
    pub fn perform(self) -> Result<()> {
        let place = Place::find()?;
        match self {
            Self::Setup { for_tests } => {
                setup::take_heart(&place);
                setup::for_building(&place)?;
                if for_tests { setup::for_testing(&place, || Ok(())) } else { Ok(()) }
            }
            Self::Site => site::make(&place),
            Self::Build => release::build(&place),
            Self::Run { arguments } => release::run(&place, &arguments),
            Self::Test { parts } => checks::test(&place, &parts),
            Self::Kms { customer: None } => emulator::run(&place),
            Self::Kms { customer: Some(verb) } => emulator::customer(&place, verb),
            Self::Bench { part } => bench::full(&place, part.as_deref()),
            Self::Soak => checks::soak(&place),
            Self::Ci => checks::ci(&place),
            Self::Help => {
                println!("{USAGE}");
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_line(line: &str) -> Result<Task> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn everything_after_the_dashes_goes_to_the_program() {
        let task = parse_line("run -- --port 1 --help").unwrap();
        assert_eq!(task, Task::Run { arguments: ["--port", "1", "--help"].map(Into::into).to_vec() });
    }

    #[test]
    fn a_test_run_can_be_narrowed_to_one_part() {
        assert_eq!(parse_line("test doc").unwrap(), Task::Test { parts: vec![Part::Doc] });
        assert_eq!(parse_line("test").unwrap(), Task::Test { parts: Part::ALL.to_vec() });
    }

    #[test]
    fn the_emulator_and_its_customer_have_words_of_their_own() {
        assert_eq!(parse_line("kms").unwrap(), Task::Kms { customer: None });
        assert_eq!(parse_line("kms customer").unwrap(), Task::Kms { customer: Some("create") });
        assert!(parse_line("kms destroy").is_err());
    }

    #[test]
    fn the_bench_measures_everything_or_a_part() {
        assert_eq!(parse_line("bench").unwrap(), Task::Bench { part: None });
        assert_eq!(parse_line("bench start").unwrap(), Task::Bench { part: Some("start".into()) });
        assert!(parse_line("bench start due").is_err());
    }

    #[test]
    fn an_unknown_word_is_answered_with_the_known_ones() {
        let error = parse_line("tset").unwrap_err().to_string();
        assert!(error.contains("tset") && error.contains("cargo xtask test"), "{error}");
    }
}
