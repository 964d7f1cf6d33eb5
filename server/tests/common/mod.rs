//! What the tests in process and those of the real binary share.

use engine::SecretText;
use engine::totp::Seed;

/// Makes two tests of every one that is listed, one for each database.
macro_rules! on_both {
    ($($test:ident,)*) => {
        mod sqlite { $( #[tokio::test(flavor = "multi_thread")] async fn $test() {
            super::$test(engine::testing::Kind::Sqlite).await;
        } )* }
        mod postgres { $( #[tokio::test(flavor = "multi_thread")] async fn $test() {
            super::$test(engine::testing::Kind::Postgres).await;
        } )* }
    };
}
pub(crate) use on_both;

/// The secret that an enrolment page shows, in groups.
pub fn shown_seed(page: &str) -> Seed {
    let code = page.split("<code").nth(1).and_then(|rest| rest.split("</code>").next()).expect("a secret");
    let text: String = code.split('<').filter_map(|part| part.split('>').nth(1)).collect();
    Seed::from_base32(&SecretText::new(text)).expect("base32")
}

/// A number of which nobody knows beforehand, below `end`.
pub fn random(end: usize) -> usize {
    use std::hash::{BuildHasher, Hasher, RandomState};
    let word = RandomState::new().build_hasher().finish();
    usize::try_from(word % u64::try_from(end).expect("a number")).expect("a number")
}
