//! Every command on the host: its help, and its output in an empty folder and in one that is in use.

use crate::process::common::compare;
use crate::process::{Home, PASSWORD};
use engine::testing::DatabaseKind;
use std::fmt::Write;

/// Returns the commands that a help page lists.
fn commands(help: &str) -> Vec<String> {
    let listed = help.split("Commands:\n").nth(1).unwrap_or_default();
    let lines = listed.lines().take_while(|line| line.starts_with("  "));
    let words = lines.filter_map(|line| line.split_whitespace().next());
    words.filter(|word| *word != "help").map(str::to_owned).collect()
}

async fn run(home: &Home, arguments: &[&str], input: &str, text: &mut String) {
    let output = home.host(arguments, input).await;
    let _ = writeln!(text, "keystead {} → {}", arguments.join(" "), output.status.code().unwrap_or(-1));
    for (name, bytes) in [("out", &output.stdout), ("err", &output.stderr)] {
        for line in String::from_utf8_lossy(bytes).lines() {
            let _ = writeln!(text, "    {name}: {}", line.trim_end());
        }
    }
}

#[tokio::test]
async fn every_command_has_the_help_it_had() {
    let home = Home::new(DatabaseKind::Sqlite).await;
    let (mut text, mut open) = (String::new(), vec![Vec::<String>::new()]);
    while let Some(words) = open.pop() {
        let arguments: Vec<_> = words.iter().map(String::as_str).chain(["--help"]).collect();
        let help = home.host(&arguments, "").await;
        let help = String::from_utf8(help.stdout).expect("text");
        let _ = writeln!(text, "keystead {}\n{}", arguments.join(" "), help.trim_end());
        for command in commands(&help).into_iter().rev() {
            open.push(words.iter().cloned().chain([command]).collect());
        }
    }
    compare("help", &text);
}

#[tokio::test]
async fn every_command_answers_as_before() {
    let mut text = String::new();
    let two_lines = format!("{PASSWORD}\nJBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP\n");
    let empty: &[&[&str]] = &[
        &["api-key", "list"],
        &["admin", "reset-totp", "--email", "ada@example.com"],
        &["root-key", "rotate"],
        &["migrate"],
    ];
    for arguments in empty {
        let home = Home::new(DatabaseKind::Sqlite).await;
        let _ = writeln!(text, "in an empty folder:");
        run(&home, arguments, "", &mut text).await;
    }
    let home = Home::new(DatabaseKind::Sqlite).await;
    let _ = writeln!(text, "one after the other in one folder:");
    let ada = ["--email", "ada@example.com"];
    for (arguments, input) in [
        (vec!["root-key", "init"], ""),
        (vec!["root-key", "init"], ""),
        (vec!["admin", "create", "--email", "ada", "--stdin"], &*two_lines),
        (vec!["admin", "create", ada[0], ada[1], "--stdin"], "short\n"),
        (vec!["admin", "create", ada[0], ada[1], "--stdin"], &two_lines),
        (vec!["admin", "create", ada[0], ada[1], "--stdin"], &two_lines),
        (vec!["admin", "create", ada[0], ada[1]], &two_lines),
        (vec!["admin", "reset-totp", ada[0], ada[1]], ""),
        (vec!["admin", "reset-password", ada[0], ada[1], "--stdin"], &two_lines),
        (vec!["admin", "sign-out", ada[0], ada[1]], ""),
        (vec!["admin", "disable", ada[0], ada[1]], ""),
        (vec!["admin", "enable", ada[0], ada[1]], ""),
        (vec!["admin", "unblock", ada[0], ada[1]], ""),
        (vec!["admin", "unblock", ada[0], "bob@example.com"], ""),
        (vec!["api-key", "create", "--name", "x", "--scope", "production/DE", "--operations", "wrap"], ""),
        (vec!["api-key", "create", "--name", "x", "--scope", "production", "--operations", "wrap"], ""),
        (vec!["api-key", "create", "--name", "x", "--scope", "production/DE", "--operations", "fly"], ""),
        (
            vec![
                "api-key",
                "create",
                "--name",
                "x",
                "--scope",
                "a/DE",
                "--operations",
                "wrap",
                "--expires-days",
                "31",
            ],
            "",
        ),
        (vec!["api-key", "list"], ""),
        (vec!["api-key", "revoke", "--key", "x"], ""),
        (vec!["api-key", "revoke", "--key", "kstdAAAAAAAA"], ""),
        (vec!["tenant-secret", "rotate", "--scope", "production/DE", "begin"], ""),
        (vec!["tenant-secret", "rotate", "--scope", "x", "finish"], ""),
        (vec!["root-key", "rotate"], ""),
        (vec!["migrate"], ""),
        (vec!["nothing"], ""),
    ] {
        run(&home, &arguments, input, &mut text).await;
    }
    compare("commands", &text);
}
