//! The rules for the crates that we use: `deny.toml` has them, cargo-deny checks them.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::place::Place;
use crate::{progress, shell};

/// Checks the crates, but not for known flaws (`advisories`): the list of them would have to come from the network.
pub fn check(place: &Place) -> Result<()> {
    progress::say("Crates", "checking versions, licences and sources …");
    shell::quiet(deny(place, &place.root().join("deny.toml")).args(["bans", "licenses", "sources"]))
        .context("a crate is not allowed, see above; deny.toml says what is and why")
}

fn deny(place: &Place, rules: &Path) -> Command {
    let mut cargo = place.cargo();
    cargo.args(["deny", "--offline", "--log-level", "error", "--config"]).arg(rules).arg("check");
    cargo
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use serde_json::Value;

    use super::*;

    #[test]
    fn unsafe_code_is_forbidden_at_the_root_of_every_crate_of_ours() {
        let place = Place::find().unwrap();
        let mut cargo = place.cargo();
        let question = cargo.args(["metadata", "--offline", "--no-deps", "--format-version", "1"]);
        let answer: Value = serde_json::from_str(&shell::answer(question).unwrap()).unwrap();
        let targets = list(&answer, "packages").iter().flat_map(|package| list(package, "targets"));
        let shipped = targets.filter(|it| !["example", "test"].iter().any(|kind| it["kind"][0] == *kind));
        let roots: Vec<_> = shipped.map(|it| it["src_path"].as_str().unwrap()).collect();
        assert!(roots.len() >= 6, "domain, engine, app, xtask; server's library and program: {roots:?}");
        for root in roots {
            let text = fs::read_to_string(root).unwrap();
            assert!(text.lines().any(|line| line == "#![forbid(unsafe_code)]"), "{root} lacks it");
        }
    }

    fn list<'a>(value: &'a Value, key: &str) -> &'a Vec<Value> {
        value[key].as_array().unwrap()
    }

    const FLOORS: [&str; 5] =
        ["aws-lc-sys", "libsqlite3-sys", "rustls", "rustls-webpki", "tracing-subscriber"];

    fn floor(line: &str) -> Option<(&str, &str)> {
        line.split_once("crate = \"")?.1.split_once('"')?.0.split_once(":<")
    }

    /// A misspelt floor is no error to cargo-deny: it never matches.
    #[test]
    fn each_floor_refuses_the_present_version_once_it_is_raised() {
        let place = Place::find().unwrap();
        let rules = fs::read_to_string(place.root().join("deny.toml")).unwrap();
        let floors: Vec<_> = rules.lines().filter_map(floor).collect();
        assert_eq!(floors.iter().map(|(name, _)| *name).collect::<Vec<_>>(), FLOORS);
        let raised = floors.iter().fold(rules.clone(), |rules, (name, version)| {
            rules.replace(&format!("\"{name}:<{version}\""), &format!("\"{name}:<999.0.0\""))
        });
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deny.toml");
        fs::write(&file, raised).unwrap();

        let output = deny(&place, &file).arg("bans").output().unwrap();

        let words = String::from_utf8_lossy(&output.stderr);
        let refused: BTreeSet<_> = words
            .lines()
            .filter_map(|line| line.split_once("error[banned]: crate '")?.1.split_once(" = "))
            .map(|(name, _)| name)
            .collect();
        assert!(!output.status.success());
        assert_eq!(refused, FLOORS.into(), "{words}");
    }
}
