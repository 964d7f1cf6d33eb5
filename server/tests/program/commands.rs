//! Every command on the host: its help, and its output in an empty folder and in one that is in use.

use crate::process::common::compare;
use crate::process::{Home, Keystead, PASSWORD};
use engine::testing::DatabaseKind;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::ffi::OsStr;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::Duration;

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

/// Runs a command that must end with a sentence, soon, and returns its last line.
async fn refused(home: &Home, arguments: &[&str], input: &str) -> String {
    let output = tokio::time::timeout(Duration::from_secs(20), home.host(arguments, input)).await;
    let output = output.expect("it waits for nothing");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
    said.lines().last().unwrap_or_default().to_owned()
}

/// A named pipe, a device or a folder in the place of a file, a link that leads elsewhere, a folder that everybody may change, an
/// address for everybody, and an input without end.
#[tokio::test]
async fn what_would_wait_or_open_a_door_is_refused_with_a_sentence() {
    let mut home = Home::new(DatabaseKind::Sqlite).await;
    home.administrator("ada@example.com").await;
    let list = ["api-key", "list"];
    let (data, key) = (home.data(), home.data().join("root.key"));
    let pipe = data.join("pipe");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR, 0).expect("a named pipe");
    std::fs::create_dir(data.join("links")).expect("a folder");
    let outside = data.join("links/root.key");
    symlink(&key, &outside).expect("a link");
    for (file, why) in [
        (pipe.as_path(), "is not a regular file"),
        ("/dev/zero".as_ref(), "is not a regular file"),
        (data.as_path(), "is not a regular file"),
        (&outside, "outside its folder"),
    ] {
        home.set("KEYSTEAD_ROOT_KEY_FILE", &file.display().to_string());
        let said = refused(&home, &list, "").await;
        assert!(said.contains("The root key") && said.contains(why), "{said}");
    }
    home.set("KEYSTEAD_ROOT_KEY_FILE", "");
    for file in [pipe.as_path(), "/dev/zero".as_ref(), data.as_path()] {
        home.set("KEYSTEAD_CONFIG", &file.display().to_string());
        let said = refused(&home, &list, "").await;
        assert!(said.contains("The settings file") && said.contains("is not a regular file"), "{said}");
    }
    home.set("KEYSTEAD_CONFIG", "");
    for (name, value) in [
        ("KEYSTEAD_LISTEN", "0.0.0.0:4170"),
        ("KEYSTEAD_LISTEN", "[::]:4170"),
        ("KEYSTEAD_TRUSTED_PROXIES", "0.0.0.0/0"),
        ("KEYSTEAD_TRUSTED_PROXIES", "127.0.0.1,::/0"),
    ] {
        let mut open = home.shared();
        open.set(name, value);
        let said = refused(&open, &["serve"], "").await;
        assert!(said.contains(name), "{said}");
    }
    let bob = ["admin", "create", "--email", "bob@example.com", "--stdin"];
    let seed = "A".repeat(1_000_000);
    let said = refused(&home, &bob, &format!("{PASSWORD}\n{seed}\n")).await;
    assert!(said.contains("longer than"), "{said}");
    let said = refused(&home, &bob, &format!("{PASSWORD}\n{}\n", &seed[..1000])).await;
    assert!(said.contains("The TOTP secret"), "{said}");
    let said = refused(&home, &bob, &seed).await;
    assert!(said.contains("longer than"), "{said}");
    // A folder with the sticky bit is shared with others on purpose.
    for (mode, remedy) in
        [(0o777, "Run: chmod 700"), (0o703, "Run: chmod 700"), (0o1777, "Use a folder inside it")]
    {
        std::fs::set_permissions(&data, std::fs::Permissions::from_mode(mode)).expect("a mode");
        for arguments in [&list[..], &["serve"], &["backup", "-"], &["root-key", "rotate"], &["migrate"]] {
            let said = refused(&home, arguments, "").await;
            assert!(said.contains("may change the folder") && said.contains(remedy), "{arguments:?}: {said}");
        }
    }
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o750)).expect("a mode");
    assert!(home.host(&list, "").await.status.success());
}

/// A number within its bounds lets the server start and serve, the smallest and the largest.
#[tokio::test]
async fn a_server_starts_at_both_ends_of_every_bound() {
    for end in ["least", "most"] {
        let mut home = Home::new(DatabaseKind::Sqlite).await;
        for setting in server::settings::SETTINGS {
            let Some((least, most)) = setting.bounds else { continue };
            let number = if end == "least" { least } else { most };
            home.set(String::leak(setting.variable()), &number.to_string());
        }
        home.log = Some(home.data().with_file_name("log"));
        let mut keystead = Keystead::on(home).await;
        // The background jobs begin within the first second.
        tokio::time::sleep(Duration::from_secs(2)).await;
        keystead.ready().await;
        keystead.kill().await;
        let log = std::fs::read_to_string(keystead.home.log.as_ref().expect("a log")).expect("text");
        assert!(!log.contains("panicked") && !log.contains("ERROR"), "{end}: {log}");
    }
}

#[tokio::test]
async fn a_misspelt_setting_is_told_and_variables_of_others_are_ignored() {
    let home = Home::new(DatabaseKind::Sqlite).await;
    home.administrator("ada@example.com").await;
    let not_utf_8 = OsStr::from_bytes(b"\xa3");
    let list = |name: &str, value: &OsStr| {
        let mut command = home.command();
        command.args(["api-key", "list"]).env(name, value).env(not_utf_8, not_utf_8);
        command.output()
    };
    let output = list("KEYSTEAD_TRUSTED_PROXY", "hunter2".as_ref()).await.expect("it runs");
    let told = String::from_utf8(output.stderr).expect("text");
    assert!(output.status.success(), "{told}");
    let expected = "The variable KEYSTEAD_TRUSTED_PROXY is no setting and is ignored. Did you mean KEYSTEAD_TRUSTED_PROXIES?";
    assert!(told.contains(expected) && !told.contains("hunter2"), "{told}");
    for name in ["BAD", "KEYSTEAD_API_KEY", "KEYSTEAD_SERVICE_HOST", "KEYSTEAD_PORT_3000_TCP"] {
        let output = list(name, not_utf_8).await.expect("it runs");
        assert!(
            output.status.success() && !String::from_utf8_lossy(&output.stderr).contains(name),
            "{name}: {output:?}"
        );
    }
    let output = list("KEYSTEAD_DATA_DIR", not_utf_8).await.expect("it runs");
    let told = String::from_utf8(output.stderr).expect("text");
    let expected =
        "keystead: The value of KEYSTEAD_DATA_DIR is not UTF-8 text. Write it in UTF-8 (ASCII is UTF-8).\n";
    assert_eq!((output.status.code(), &*told), (Some(1), expected));
    let mut command = home.command();
    let output = command.arg("doctor").env("KEYSTEAD_DB_URL", "hunter2").output().await.expect("it runs");
    let told = String::from_utf8(output.stdout).expect("text");
    assert!(told.contains("warning  settings: The variable KEYSTEAD_DB_URL is no setting"), "{told}");
    assert!(!told.contains("hunter2"), "{told}");
}
