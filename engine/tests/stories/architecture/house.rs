//! Which crate ("floor") may name which, and which module ("room") of the engine may name which. The tests read the source
//! files, so that the rules also hold for names in macros and re-exports.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each floor, and the floors that it may name.
const FLOORS: [(&str, &[&str]); 4] = [
    ("domain", &[]),
    ("engine", &["domain"]),
    ("app", &["domain"]),
    ("server", &["domain", "engine", "app"]),
];

/// The rooms of the engine in their order: each names only rooms of the lines above its own, and itself.
const ORDER: [&[&str]; 12] = [
    &["base"],
    &["store"],
    &["vault"],
    &["changes"],
    &["people", "scopes", "services"],
    &["audit"],
    &["custody"],
    &["data", "keys"],
    &["overview"],
    &["portal"],
    &["testing"],
    // The crate's root names them all.
    &["lib"],
];

/// The nine rooms of every floor.
const ROOMS: [&str; 9] =
    ["audit", "changes", "custody", "data", "keys", "overview", "people", "scopes", "services"];

/// Maximum number of methods of a type.
const METHODS: usize = 40;

/// Source files: their paths below `src`, and their text without their tests.
type Sources = BTreeMap<String, String>;

/// A room, the room that it names, and the file.
type Arrow = (String, String, String);

fn floor(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

/// Returns every source file of a floor.
pub fn sources(name: &str) -> Sources {
    fn walk(folder: &Path, root: &Path, found: &mut Sources) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(&path, root, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root).expect("below the root").display().to_string();
                let text = fs::read_to_string(&path).expect("a source file");
                let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
                found.insert(name, code.to_owned());
            }
        }
    }
    let root = floor(name).join("src");
    let mut found = BTreeMap::new();
    walk(&root, &root, &mut found);
    assert!(found.len() > 25, "the sources of {name} were found");
    found
}

fn tokens(file: &str, text: &str) -> TokenStream {
    text.parse().unwrap_or_else(|error| panic!("{file} cannot be read: {error}"))
}

/// Returns the module path of a file: `data/mod.rs` is `data`, `lib.rs` the root.
fn module_of(file: &str) -> Vec<String> {
    let path = file.strip_suffix(".rs").unwrap_or(file);
    let path = path.strip_suffix("/mod").unwrap_or(path);
    let segments = path.split('/').map(str::to_owned);
    segments.filter(|segment| !matches!(segment.as_str(), "lib" | "main")).collect()
}

fn is_colon(token: Option<&TokenTree>) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == ':')
}

/// Collects every path of at least two segments in a stream, in a `use` or elsewhere; trees of a `use` are expanded.
fn paths(stream: TokenStream, found: &mut Vec<Vec<String>>) {
    let tokens: Vec<TokenTree> = stream.into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            TokenTree::Ident(_) => at = path(&tokens, at, Vec::new(), found),
            TokenTree::Group(group) => {
                paths(group.stream(), found);
                at += 1;
            }
            _ => at += 1,
        }
    }
}

/// Reads a path from its first segment on; returns the index behind it.
fn path(tokens: &[TokenTree], mut at: usize, mut begun: Vec<String>, found: &mut Vec<Vec<String>>) -> usize {
    while let Some(TokenTree::Ident(ident)) = tokens.get(at) {
        begun.push(ident.to_string());
        at += 1;
        if !(is_colon(tokens.get(at)) && is_colon(tokens.get(at + 1))) {
            break;
        }
        at += 2;
        if let Some(TokenTree::Group(group)) = tokens.get(at)
            && group.delimiter() == Delimiter::Brace
        {
            let inside: Vec<TokenTree> = group.stream().into_iter().collect();
            let mut next = 0;
            while next < inside.len() {
                next = match &inside[next] {
                    TokenTree::Ident(_) => path(&inside, next, begun.clone(), found),
                    _ => next + 1,
                };
            }
            return at + 1;
        }
    }
    if begun.len() > 1 {
        found.push(begun);
    }
    at
}

/// Appends the code of a stream without spaces, comments and literals.
fn without_texts(stream: TokenStream, code: &mut String) {
    for token in stream {
        match token {
            TokenTree::Group(group) => {
                let (begin, end) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    _ => ("{", "}"),
                };
                code.push_str(begin);
                without_texts(group.stream(), code);
                code.push_str(end);
            }
            TokenTree::Ident(ident) => code.push_str(&ident.to_string()),
            TokenTree::Punct(punct) => code.push(punct.as_char()),
            TokenTree::Literal(_) => {}
        }
    }
}

/// Returns a path from the root of its crate, with `crate`, `self` and `super` resolved.
fn absolute(path: &[String], module: &[String]) -> Option<Vec<String>> {
    match path.first()?.as_str() {
        "crate" => Some(path[1..].to_vec()),
        "self" => Some([module, &path[1..]].concat()),
        "super" => {
            let up = path.iter().take_while(|segment| *segment == "super").count();
            let above = &module[..module.len().checked_sub(up)?];
            Some([above, &path[up..]].concat())
        }
        _ => None,
    }
}

/// Returns the names that the root re-exports, each with the room that it comes from.
fn re_exports(root: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for statement in root.split(';').filter_map(|statement| statement.trim_start().strip_prefix("pub use ")) {
        let mut all = Vec::new();
        paths(tokens("lib.rs", statement), &mut all);
        for path in all {
            found.insert(path[path.len() - 1].clone(), path[0].clone());
        }
    }
    found
}

/// Finds which room names which. `portal.keys()` and `self.keys()` name the room `keys`.
fn arrows(sources: &Sources) -> BTreeSet<Arrow> {
    let known: BTreeSet<&str> = ORDER.iter().flat_map(|rooms| rooms.iter().copied()).collect();
    let exported = re_exports(&sources["lib.rs"]);
    let mut arrows = BTreeSet::new();
    for (file, text) in sources {
        let module = module_of(file);
        let from = module.first().cloned().unwrap_or_else(|| "lib".to_owned());
        let mut all = Vec::new();
        paths(tokens(file, text), &mut all);
        let named = all.iter().filter_map(|path| absolute(path, &module)?.into_iter().next());
        let named = named.map(|first| exported.get(&first).cloned().unwrap_or(first));
        let mut bare = String::new();
        without_texts(tokens(file, text), &mut bare);
        // In the store, `self.keys()` is a table with the name of a room.
        let who: &[&str] = if from == "store" { &["portal"] } else { &["portal", "self"] };
        let called =
            known.iter().filter(|room| who.iter().any(|who| bare.contains(&format!("{who}.{room}()"))));
        for to in named.chain(called.map(|room| (*room).to_owned())) {
            if known.contains(to.as_str()) {
                arrows.insert((from.clone(), to, file.clone()));
            }
        }
    }
    arrows
}

/// Returns the arrows to a room on the same line of [`ORDER`] or a later one.
fn wrong_arrows(sources: &Sources) -> Vec<Arrow> {
    let place = |room: &str| {
        let found = ORDER.iter().position(|rooms| rooms.contains(&room));
        found.unwrap_or_else(|| panic!("{room} has no place in the order of rooms"))
    };
    let wrong = |(from, to, _): &Arrow| from != to && place(to) >= place(from);
    arrows(sources).into_iter().filter(wrong).collect()
}

/// Returns the floors that a floor names, each with the file.
fn floors_named(name: &str, sources: &Sources) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for (file, text) in sources {
        let mut all = Vec::new();
        paths(tokens(file, text), &mut all);
        for path in all {
            if path[0] != name && FLOORS.iter().any(|(floor, _)| *floor == path[0]) {
                found.insert((path[0].clone(), file.clone()));
            }
        }
    }
    found
}

/// Counts the functions in the `impl` blocks of each type of a stream.
fn methods(stream: TokenStream, found: &mut BTreeMap<String, usize>) {
    let tokens: Vec<TokenTree> = stream.into_iter().collect();
    for (at, token) in tokens.iter().enumerate() {
        if let TokenTree::Group(group) = token {
            methods(group.stream(), found);
        }
        let is_impl = matches!(token, TokenTree::Ident(ident) if ident == "impl");
        // An `impl` in a type has no brace behind it, or the body of a function.
        let head: Vec<&TokenTree> = match is_impl {
            true => tokens[at + 1..].iter().take_while(|token| !is_brace(token)).collect(),
            false => continue,
        };
        let Some(TokenTree::Group(body)) = tokens.get(at + 1 + head.len()) else { continue };
        let count =
            body.stream().into_iter().filter(|token| matches!(token, TokenTree::Ident(i) if i == "fn"));
        if let Some(name) = implementor(&head) {
            *found.entry(name).or_default() += count.count();
        }
    }
}

fn is_brace(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
}

/// Returns the type of an `impl`: the last name outside angle brackets, behind `for` where there is one.
fn implementor(head: &[&TokenTree]) -> Option<String> {
    let (mut depth, mut name) = (0, None);
    for token in head {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == '<' => depth += 1,
            TokenTree::Punct(punct) if punct.as_char() == '>' => depth -= 1,
            TokenTree::Ident(ident) if depth == 0 && ident == "where" => break,
            TokenTree::Ident(ident) if depth == 0 => name = Some(ident.to_string()),
            _ => {}
        }
    }
    name
}

#[test]
fn a_floor_names_only_the_floors_below_it() {
    for (name, may) in FLOORS {
        let wrong: Vec<_> = floors_named(name, &sources(name))
            .into_iter()
            .filter(|(floor, _)| !may.contains(&floor.as_str()))
            .collect();
        assert!(wrong.is_empty(), "{name} names {wrong:?}");
        let manifest = fs::read_to_string(floor(name).join("Cargo.toml")).expect("a manifest");
        for (other, _) in FLOORS.iter().filter(|(other, _)| *other != name && !may.contains(other)) {
            let needs =
                |line: &str| line.starts_with(&format!("{other}.")) || line.starts_with(&format!("{other} "));
            assert!(!manifest.lines().any(needs), "{name}/Cargo.toml names {other}");
        }
    }
}

#[test]
fn a_room_of_the_engine_names_only_rooms_before_it() {
    let wrong = wrong_arrows(&sources("engine"));
    assert!(wrong.is_empty(), "the order of rooms is broken by {wrong:#?}");
}

/// A single wrong path is found in every notation.
#[test]
fn a_wrong_arrow_is_found() {
    for (file, line, to) in [
        ("store/keys.rs", "use crate::keys::Keys;", "keys"),
        ("store/keys.rs", "use crate::{Error, people::{People, password}};", "people"),
        ("store/keys.rs", "use super::super::custody::lease;", "custody"),
        ("base/clock.rs", "fn f(session: &crate::Session) {}", "changes"),
        ("base/clock.rs", "macro_rules! m { () => { $crate::vault::envelope::seal() } }", "vault"),
        ("keys/versions.rs", "use crate::data::access::Access;", "data"),
        ("people/setup.rs", "use crate::services::Services;", "services"),
        ("people/setup.rs", "fn f(portal: P) { portal\n    .audit(); }", "audit"),
        ("data/mod.rs", "use crate::Portal;", "portal"),
    ] {
        let mut sources = sources("engine");
        let text = sources.get_mut(file).expect("a file of the engine");
        text.push_str(line);
        let from = file.split('/').next().unwrap_or_default();
        assert_eq!(wrong_arrows(&sources), [(from.to_owned(), to.to_owned(), file.to_owned())], "{line}");
    }
    let sources = BTreeMap::from([("x.rs".to_owned(), "use engine::Portal;".to_owned())]);
    assert_eq!(floors_named("app", &sources).len(), 1);
}

#[test]
fn only_the_store_names_sqlx() {
    let names = |(file, text): &(String, String)| {
        let mut all = Vec::new();
        paths(tokens(file, text), &mut all);
        all.iter().any(|path| path[0].starts_with("sqlx"))
    };
    for (floor, _) in FLOORS {
        let outside: Vec<_> = sources(floor).into_iter().filter(names).map(|(file, _)| file).collect();
        // Support for tests reads the database directly.
        let may =
            |file: &String| floor == "engine" && (file.starts_with("store/") || file.starts_with("testing"));
        let wrong: Vec<_> = outside.iter().filter(|file| !may(file)).collect();
        assert!(wrong.is_empty(), "{floor} names sqlx in {wrong:?}");
        assert_eq!(outside.is_empty(), floor != "engine", "the store names sqlx, and that is found");
    }
}

#[test]
fn every_floor_has_the_same_rooms() {
    let folders = |path: PathBuf| {
        let entries = fs::read_dir(path).expect("a folder").map(|entry| entry.expect("an entry").path());
        let names = entries
            .filter(|path| path.is_dir())
            .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()));
        names.collect::<BTreeSet<String>>()
    };
    let rooms = |with: &[&str]| ROOMS.iter().chain(with).map(|room| (*room).to_owned()).collect();
    assert_eq!(folders(floor("domain/src")), rooms(&["base"]));
    assert_eq!(folders(floor("engine/src")), rooms(&["base", "portal", "store", "testing", "vault"]));
    for floor_of_pages in ["app/src/pages", "server/src/pages"] {
        let more: Vec<_> = folders(floor(floor_of_pages)).into_iter().collect();
        let more: Vec<_> = more.iter().filter(|folder| !ROOMS.contains(&folder.as_str())).collect();
        assert!(more.is_empty(), "{floor_of_pages}: {more:?}");
    }
}

/// Counts the methods of each type of a floor. Room and name identify a type; file and name do where a room has several types
/// of one name, as the tables of the store.
fn methods_of(sources: &Sources) -> BTreeMap<(String, String), usize> {
    let room = |file: &str| module_of(file).first().cloned().unwrap_or_default();
    let is_defined_in = |text: &str, name: &str| {
        let literally = ["struct", "enum"].iter().any(|word| {
            let wanted = format!("{word} {name}");
            let mut ends = text.match_indices(&wanted).map(|(at, _)| at + wanted.len());
            ends.any(|end| !text[end..].starts_with(|next: char| next.is_alphanumeric()))
        });
        literally || text.contains("table!(") && ["Read", "Write"].contains(&name)
    };
    let mut all = BTreeMap::new();
    for (file, text) in sources {
        let mut of_file = BTreeMap::new();
        methods(tokens(file, text), &mut of_file);
        for (name, count) in of_file {
            let of_room = sources.iter().filter(|(other, _)| room(other) == room(file));
            let definitions = of_room.filter(|(_, text)| is_defined_in(text, &name)).count();
            let place = if definitions > 1 { file.clone() } else { room(file) };
            *all.entry((place, name)).or_default() += count;
        }
    }
    all
}

#[test]
fn no_type_has_more_methods_than_one_can_look_over() {
    for (name, _) in FLOORS {
        let all = methods_of(&sources(name));
        let largest = all.iter().max_by_key(|(_, count)| **count).expect("a type");
        println!("figure: largest type of {name} by methods: {largest:?}");
        assert!(*largest.1 <= METHODS, "{largest:?}");
    }
}

/// Collects every literal of a stream.
fn texts(stream: TokenStream, found: &mut Vec<String>) {
    for token in stream {
        match token {
            TokenTree::Group(group) => texts(group.stream(), found),
            TokenTree::Literal(literal) => found.push(literal.to_string()),
            _ => {}
        }
    }
}

#[test]
fn pages_take_their_addresses_from_one_module() {
    let all_of = |file: &str, text: &str| {
        let mut all = Vec::new();
        texts(tokens(file, text), &mut all);
        all
    };
    let known = all_of("base/address.rs", &sources("domain")["base/address.rs"]);
    // "/environments/{env}" begins with "/environments, and so does every address below it.
    let begin =
        |text: &String| text.trim_end_matches('"').split('/').nth(1).map(|first| format!("\"/{first}"));
    let begins: BTreeSet<_> =
        known.iter().filter_map(begin).filter(|begin| !["\"/", "\"/api"].contains(&&**begin)).collect();
    assert!(begins.contains("\"/environments") && begins.len() > 8, "{begins:?}");
    for floor in ["app", "server"] {
        for (file, text) in sources(floor) {
            let all = all_of(&file, &text);
            let written: Vec<_> =
                all.iter().filter(|text| begins.iter().any(|begin| text.starts_with(begin))).collect();
            assert!(written.is_empty(), "{floor}/{file} writes an address out: {written:?}");
        }
    }
}
