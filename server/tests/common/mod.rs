//! Shared by the tests in process and those of the real binary.

#![allow(dead_code, unused_imports, unused_macros, reason = "each of the two programs uses its part")]

use engine::SecretText;
use engine::changes::totp::Seed;

/// Makes two tests of every listed function, one for each database.
macro_rules! on_both {
    ($($test:ident,)*) => {
        mod sqlite { $( #[tokio::test(flavor = "multi_thread")] async fn $test() {
            super::$test(engine::testing::DatabaseKind::Sqlite).await;
        } )* }
        mod postgres { $( #[tokio::test(flavor = "multi_thread")] async fn $test() {
            super::$test(engine::testing::DatabaseKind::Postgres).await;
        } )* }
    };
}
pub(crate) use on_both;

/// Reads the secret that an enrolment page shows in groups.
pub fn shown_seed(page: &str) -> Seed {
    let code = page.split("<code").nth(1).and_then(|rest| rest.split("</code>").next()).expect("a secret");
    let text: String = code.split('<').filter_map(|part| part.split('>').nth(1)).collect();
    Seed::from_base32(&SecretText::new(text)).expect("base32")
}

/// Returns a random number below `end`.
pub fn random(end: usize) -> usize {
    use std::hash::{BuildHasher, Hasher, RandomState};
    let word = RandomState::new().build_hasher().finish();
    usize::try_from(word % u64::try_from(end).expect("a number")).expect("a number")
}

/// Compares a text with the snapshot of this name, after it replaces every random value. An intended change shows up in review
/// as a difference in the snapshots; `INSTA_UPDATE=always cargo nextest run --package server` writes them anew.
pub fn compare(name: &str, text: &str) {
    let replaced = [
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "[id]"),
        (r"'nonce-[^']+'", "'nonce-[nonce]'"),
        (r"/assets/[0-9a-f]+/", "/assets/[hash]/"),
        (r"\bkeystead-\d+=[A-Za-z0-9_-]{20,}", "keystead-[port]=[token]"),
        // The keys of the furnished house are always the same.
        (r"\bkstd[A-Za-z0-9+/]{40}", "[API key]"),
        (r"secret=[A-Z2-7]{32,}", "secret=[seed]"),
        (r"\b[A-Z2-7]{4}(-[A-Z2-7]{2,4}){5,7}\b", "[recovery code]"),
        (r"\.before-\d{4}-\d\d-\d\d(-\d+)?", ".before-[date]"),
        (r"/tmp/\.tmp[A-Za-z0-9]+", "[folder]"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", "[time]"),
    ];
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for (pattern, word) in replaced {
        settings.add_filter(pattern, word);
    }
    settings.bind(|| insta::assert_snapshot!(name, text));
}
