//! Checks that every test named in docs/asvs.md exists, because a claim without its test proves nothing.

use std::path::Path;

#[test]
fn every_test_that_is_named_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = std::fs::read_to_string(root.join("docs/asvs.md")).expect("the list");
    let (mut named, mut missing) = (0, Vec::new());
    for quoted in text.split('`').skip(1).step_by(2) {
        let (file, test) = quoted.split_once(": ").unwrap_or((quoted, ""));
        let is_file = file.contains('/') && (file.ends_with(".rs") || file.ends_with(".ts"));
        if !is_file {
            continue;
        }
        named += 1;
        let there =
            std::fs::read_to_string(root.join(file)).is_ok_and(|source| match file.ends_with(".rs") {
                true => {
                    test.is_empty()
                        || source.contains(&format!("fn {test}("))
                        || source.contains(&format!("fn {test}<"))
                }
                false => source.contains(test),
            });
        if !there {
            missing.push(quoted);
        }
    }
    assert!(named > 200, "only {named} were found");
    assert_eq!(missing, [""; 0]);
}
