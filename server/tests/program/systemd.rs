//! The unit of systemd in the README.

use crate::process::balancer::block;
use std::path::Path;
use std::process::{Command, Output};

/// Maximum of `systemd-analyze security`, in tenths.
const EXPOSURE: &str = "25";

fn analyze(arguments: &[&str], unit: &Path) -> Output {
    let mut command = Command::new("/usr/bin/systemd-analyze");
    command.args(arguments).arg(unit).env("SYSTEMD_COLORS", "0");
    command.output().expect("systemd-analyze runs (apt-get install systemd)")
}

#[test]
fn the_unit_of_the_readme_is_valid_and_lets_the_program_do_little() {
    let folder = tempfile::tempdir().expect("a folder");
    let unit = folder.path().join("keystead.service");
    let text = block("systemd");
    let program = "ExecStart=/usr/local/bin/keystead\n";
    assert_eq!(text.matches(program).count(), 1, "the program is not installed here");
    let own = format!("ExecStart={}\n", env!("CARGO_BIN_EXE_keystead"));
    std::fs::write(&unit, text.replace(program, &own)).expect("written");
    let verified = analyze(&["verify"], &unit);
    let said = String::from_utf8_lossy(&verified.stderr);
    assert!(verified.status.success() && !said.contains("keystead.service"), "{said}");
    let rated = analyze(&["security", "--offline=true", &format!("--threshold={EXPOSURE}")], &unit);
    let said = String::from_utf8_lossy(&rated.stdout);
    assert!(rated.status.success() && said.contains("Overall exposure level"), "{said}");
}

/// systemd allows the program the system calls of `@system-service` without two groups. Those that harden the memory are among them.
#[test]
fn the_unit_of_the_readme_lets_the_program_lock_its_memory() {
    let text = block("systemd");
    for line in [
        "LimitMEMLOCK=infinity",
        "SystemCallFilter=@system-service",
        "SystemCallFilter=~@privileged @resources",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}");
    }
    let group = |name: &str| {
        let listed = analyze(&["syscall-filter"], Path::new(name));
        String::from_utf8_lossy(&listed.stdout).into_owned()
    };
    assert!(group("@system-service").contains("@memlock"));
    // rustix sets limits by prlimit64, which glibc's setrlimit calls too.
    for refused in ["@privileged", "@resources"] {
        let listed = group(refused);
        assert!(listed.lines().count() > 3, "{listed}");
        assert!(
            !["mlockall", "prlimit64", "prctl", "umask"]
                .iter()
                .any(|call| listed.lines().any(|line| line.trim() == *call))
        );
    }
}
