//! The only source of randomness: the operating system's.

use crate::SecretBytes;
use uuid::Uuid;

/// Fresh random bytes.
///
/// # Panics
/// When the operating system gives none: no work with keys can go on then.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    #[expect(clippy::disallowed_methods, reason = "the one place that may")]
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// Fresh random bytes on the heap, overwritten when dropped.
pub fn secret(length: usize) -> SecretBytes {
    let mut bytes = vec![0; length];
    #[expect(clippy::disallowed_methods, reason = "the one place that may")]
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    SecretBytes::new(bytes)
}

/// A fresh identifier.
pub fn uuid() -> Uuid {
    uuid::Builder::from_random_bytes(bytes()).into_uuid()
}
