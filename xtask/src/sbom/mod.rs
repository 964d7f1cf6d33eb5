//! The bill of materials: every crate in the program, in the form of CycloneDX.
//!
//! It contains no time, no random value and nothing of the machine: the same sources give the same bytes.

mod tree;

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::place::Place;
use crate::progress;
use tree::{Node, Package, Tree};

const SERVER: [&str; 2] = ["--package", "server"];

const BROWSER: [&str; 7] = [
    "--package",
    "app",
    "--no-default-features",
    "--features",
    "hydrate",
    "--target",
    "wasm32-unknown-unknown",
];

/// Our own crates that make up the program.
const PARTS: [&str; 2] = ["app", "server"];

type Checksums = BTreeMap<Package, Option<String>>;

/// Writes the bill of materials beside the program.
pub fn write(place: &Place) -> Result<()> {
    let file = place.bill_of_materials();
    fs::write(&file, document(place)?).with_context(|| file.display().to_string())?;
    progress::say("Program", &format!("{} says what is in it", file.display()));
    Ok(())
}

fn document(place: &Place) -> Result<String> {
    let checksums = checksums(place)?;
    let tree = together([tree::ask(place, &SERVER)?, tree::ask(place, &BROWSER)?]);
    let components: Vec<Value> =
        tree.iter().map(|(package, node)| component(package, node, &checksums)).collect::<Result<_>>()?;
    let parts = tree.keys().filter(|package| PARTS.contains(&package.name.as_str()));
    let version = env!("CARGO_PKG_VERSION");
    let whole = format!("keystead@{version}");
    let mut dependencies = vec![json!({ "ref": whole, "dependsOn": references(parts, &checksums) })];
    for (package, node) in &tree {
        dependencies.push(json!({
            "ref": reference(package, &checksums),
            "dependsOn": references(node.needs.iter(), &checksums),
        }));
    }
    let document = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "component": {
            "type": "application",
            "bom-ref": whole,
            "name": "keystead",
            "version": version,
            "licenses": [{ "expression": env!("CARGO_PKG_LICENSE") }],
        } },
        "components": components,
        "dependencies": dependencies,
    });
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

fn together(trees: [Tree; 2]) -> Tree {
    let mut all = Tree::new();
    for (package, node) in trees.into_iter().flatten() {
        let one = all.entry(package).or_default();
        one.license = node.license;
        // A crate that both builds use may have other features in each, and therefore need other crates.
        one.needs.extend(node.needs);
    }
    all
}

fn component(package: &Package, node: &Node, checksums: &Checksums) -> Result<Value> {
    let mut component = json!({
        "type": "library",
        "bom-ref": reference(package, checksums),
        "name": package.name,
        "version": package.version,
        "licenses": [{ "expression": expression(&node.license) }],
    });
    let checksum = checksums.get(package).with_context(|| format!("Cargo.lock has no {}", package.name))?;
    if let Some(checksum) = checksum {
        component["purl"] = url(package).into();
        component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
    }
    Ok(component)
}

/// Returns the reference of a package. The crates of this workspace have no package URL: at the registry, `engine` and `server`
/// belong to other people.
fn reference(package: &Package, checksums: &Checksums) -> String {
    match checksums.get(package) {
        Some(None) => format!("keystead/{}@{}", package.name, package.version),
        _ => url(package),
    }
}

fn references<'a>(packages: impl Iterator<Item = &'a Package>, checksums: &Checksums) -> Vec<String> {
    packages.map(|package| reference(package, checksums)).collect()
}

fn url(package: &Package) -> String {
    // A package URL percent-encodes its version. Of the characters that Cargo allows there, only `+` needs that.
    format!("pkg:cargo/{}@{}", package.name, package.version.replace('+', "%2B"))
}

/// Converts a licence to an expression. Before there were expressions, a slash meant "or".
fn expression(license: &str) -> String {
    license.split('/').map(str::trim).collect::<Vec<_>>().join(" OR ")
}

/// Returns the checksum of every crate in `Cargo.lock`; our own crates have none.
fn checksums(place: &Place) -> Result<Checksums> {
    let lock: toml::Table = fs::read_to_string(place.root().join("Cargo.lock"))?.parse()?;
    let packages = lock.get("package").and_then(toml::Value::as_array).context("Cargo.lock lists nothing")?;
    let text = |package: &toml::Value, key| package.get(key).and_then(toml::Value::as_str).map(str::to_owned);
    packages
        .iter()
        .map(|it| {
            Some((Package { name: text(it, "name")?, version: text(it, "version")? }, text(it, "checksum")))
        })
        .collect::<Option<_>>()
        .context("Cargo.lock has a package without name or version")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn made() -> (String, Value) {
        let text = document(&Place::find().unwrap()).unwrap();
        let value = serde_json::from_str(&text).unwrap();
        (text, value)
    }

    fn list<'a>(value: &'a Value, key: &str) -> &'a Vec<Value> {
        value[key].as_array().unwrap()
    }

    fn names(document: &Value) -> BTreeSet<&str> {
        list(document, "components").iter().map(|it| it["name"].as_str().unwrap()).collect()
    }

    #[test]
    fn the_program_and_what_the_browser_gets_are_in_it() {
        let (_, document) = made();
        for name in ["axum", "console_error_panic_hook", "engine", "libsqlite3-sys", "rustls", "sqlx"] {
            assert!(names(&document).contains(name), "{name} is missing");
        }
    }

    #[test]
    fn what_only_builds_or_tests_is_not() {
        let (_, document) = made();
        for name in ["cc", "leptos_macro", "proptest", "serde_derive", "wasm-bindgen-cli-support", "xtask"] {
            assert!(!names(&document).contains(name), "{name} is not in the program");
        }
    }

    #[test]
    fn versions_and_checksums_are_those_of_the_lock_file() {
        let lock = fs::read_to_string(Place::find().unwrap().root().join("Cargo.lock")).unwrap();
        let (_, document) = made();
        for component in list(&document, "components") {
            let (name, version) =
                (component["name"].as_str().unwrap(), component["version"].as_str().unwrap());
            let source = "source = \"registry+https://github.com/rust-lang/crates.io-index\"\n";
            let own = format!("name = \"{name}\"\nversion = \"{version}\"\n");
            let entry = match component["hashes"][0]["content"].as_str() {
                Some(checksum) => format!("{own}{source}checksum = \"{checksum}\"\n"),
                None => format!("{own}dependencies"),
            };
            assert!(lock.contains(&entry), "{name} {version}");
        }
    }

    #[test]
    fn only_crates_of_the_registry_have_an_address() {
        let (_, document) = made();
        let own: BTreeSet<_> = list(&document, "components")
            .iter()
            .filter(|it| it.get("purl").is_none())
            .map(|it| it["name"].as_str().unwrap())
            .collect();
        assert_eq!(own, ["app", "domain", "engine", "server"].into());
    }

    #[test]
    fn every_component_is_reached_from_the_program_and_all_that_is_needed_is_listed() {
        let (_, document) = made();
        let text = |it: &Value| it.as_str().unwrap().to_owned();
        let needs: BTreeMap<String, Vec<String>> = list(&document, "dependencies")
            .iter()
            .map(|it| (text(&it["ref"]), list(it, "dependsOn").iter().map(text).collect()))
            .collect();
        let mut reached = BTreeSet::new();
        let mut ahead = vec![text(&document["metadata"]["component"]["bom-ref"])];
        while let Some(next) = ahead.pop() {
            ahead.extend(needs[&next].iter().filter(|it| !reached.contains(*it)).cloned());
            reached.insert(next);
        }
        let components = list(&document, "components").iter().map(|it| text(&it["bom-ref"]));
        let whole = text(&document["metadata"]["component"]["bom-ref"]);
        assert_eq!(reached, components.chain([whole]).collect());
    }

    #[test]
    fn two_of_them_are_the_same_to_the_byte_and_know_nothing_of_the_machine() {
        let (text, document) = made();
        assert_eq!(text, made().0);
        assert!(!text.contains(Place::find().unwrap().root().to_str().unwrap()));
        assert!(document.get("serialNumber").is_none());
        assert!(document["metadata"].get("timestamp").is_none());
    }

    #[test]
    fn old_licences_become_expressions_and_odd_versions_addresses() {
        assert_eq!(expression("MIT / Apache-2.0"), "MIT OR Apache-2.0");
        assert_eq!(expression("(MIT OR ISC) AND Zlib"), "(MIT OR ISC) AND Zlib");
        let odd = Package { name: "toml".into(), version: "1.2.1+spec".into() };
        assert_eq!(url(&odd), "pkg:cargo/toml@1.2.1%2Bspec");
    }
}
