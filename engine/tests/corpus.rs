//! Replays the corpus of the fuzzer (`fuzz/corpus`): inputs that once broke a parser do not break it again.

use engine::testing::foreign::PARSERS;
use std::path::Path;

#[test]
fn every_input_of_the_corpus_is_read_without_a_fault() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    for (name, parse) in PARSERS {
        let entries = std::fs::read_dir(corpus.join(name)).unwrap_or_else(|_| panic!("a corpus of {name}"));
        let inputs: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
        assert!(inputs.len() >= 5, "{name} has inputs");
        for input in inputs {
            parse(&std::fs::read(&input).unwrap_or_else(|_| panic!("{}", input.display())));
        }
    }
}

#[test]
fn every_parser_has_a_target_of_the_fuzzer() {
    let targets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/fuzz_targets");
    let mut found: Vec<_> = std::fs::read_dir(targets)
        .expect("targets")
        .map(|entry| {
            entry.expect("an entry").path().file_stem().expect("a name").to_string_lossy().into_owned()
        })
        .collect();
    found.sort();
    let mut parsers = PARSERS.map(|(name, _)| name.to_owned());
    parsers.sort();
    assert_eq!(found, parsers);
}
