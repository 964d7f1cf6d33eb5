//! The crates that a build links, as cargo resolves them with the features and the target of that build.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};

use crate::place::Place;
use crate::shell;

/// A crate in one version.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Package {
    pub name: String,
    pub version: String,
}

/// The licence and the dependencies of a crate in the program.
#[derive(Debug, Default, PartialEq)]
pub struct Node {
    pub license: String,
    pub needs: BTreeSet<Package>,
}

/// Every crate in the program.
pub type Tree = BTreeMap<Package, Node>;

/// Asks cargo for the crates of the build that `build` selects. Macros run in the compiler and are not in the program.
pub fn ask(place: &Place, build: &[&str]) -> Result<Tree> {
    let mut cargo = place.cargo();
    // The format begins with a space, because cargo prints the depth directly before it.
    cargo.args(["tree", "--edges", "normal,no-proc-macro", "--prefix", "depth", "--format", " {p}\t{l}\t"]);
    let lines = shell::answer(cargo.args(build))
        .with_context(|| format!("`cargo tree {}` failed: run it to see why", build.join(" ")))?;
    read(&lines)
}

/// Parses the tree. A line is `<depth> <name> v<version> …`, the licence, and a mark where the crate's own dependencies are
/// listed further up.
fn read(lines: &str) -> Result<Tree> {
    let mut tree = Tree::new();
    let mut above: Vec<Package> = vec![];
    for line in lines.lines() {
        let (depth, package, license) =
            parse(line).with_context(|| format!("cargo tree says `{line}`, which is nothing we know"))?;
        tree.entry(package.clone()).or_default().license = license;
        above.truncate(depth);
        if let Some(user) = above.last() {
            tree.get_mut(user).context("a line stands below its user's")?.needs.insert(package.clone());
        }
        above.push(package);
    }
    Ok(tree)
}

fn parse(line: &str) -> Option<(usize, Package, String)> {
    let mut fields = line.split('\t');
    let mut words = fields.next()?.split(' ');
    let depth = words.next()?.parse().ok()?;
    let name = words.next()?.to_owned();
    let version = words.next()?.strip_prefix('v')?.to_owned();
    Some((depth, Package { name, version }, fields.next()?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_crate_needs_is_gathered_from_all_places_it_stands_at() {
        let tree = read(
            "0 server v0.1.0 (/somewhere)\tMIT\t\n\
             1 b v1.0.0\tISC\t\n\
             2 c v2.0.0+x\tMIT/ISC\t\n\
             1 c v2.0.0+x\tMIT/ISC\t (*)",
        )
        .unwrap();
        let package = |name: &str, version: &str| Package { name: name.into(), version: version.into() };
        let (b, c) = (package("b", "1.0.0"), package("c", "2.0.0+x"));
        assert_eq!(tree[&package("server", "0.1.0")].needs, [b.clone(), c.clone()].into());
        assert_eq!(tree[&b], Node { license: "ISC".into(), needs: [c.clone()].into() });
        assert_eq!(tree[&c].license, "MIT/ISC");
        assert_eq!(tree.len(), 3);
    }

    #[test]
    fn a_line_we_do_not_understand_is_an_error() {
        assert!(read("0 server\tMIT\t").unwrap_err().to_string().contains("0 server"));
    }
}
