//! The only source of randomness: the operating system's.

use crate::SecretBytes;
use std::cell::RefCell;
use uuid::Uuid;

/// Number of bytes of an AES-GCM nonce (SP 800-38D, 8.2.2).
pub const NONCE: usize = 12;
/// Number of nonces fetched at a time, because fetching one takes longer than encrypting a data key.
const POOLED: usize = 256;

/// Returns fresh random bytes.
///
/// # Panics
/// When the operating system gives none, because no work with keys is possible then.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    #[expect(clippy::disallowed_methods, reason = "the one place that may")]
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// Returns a fresh nonce. A nonce is no secret: the ciphertext contains it.
pub fn nonce() -> [u8; NONCE] {
    thread_local! {
        static POOL: RefCell<Vec<[u8; NONCE]>> = RefCell::default();
    }
    // Each thread has a pool of its own, so encrypting takes no lock.
    POOL.with_borrow_mut(|pool| {
        if pool.is_empty() {
            let many: [u8; NONCE * POOLED] = bytes();
            pool.extend(many.as_chunks().0);
        }
        pool.pop().unwrap_or_else(bytes)
    })
}

/// Returns fresh random bytes on the heap, overwritten when dropped.
pub fn secret(length: usize) -> SecretBytes {
    let mut bytes = vec![0; length];
    #[expect(clippy::disallowed_methods, reason = "the one place that may")]
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    SecretBytes::new(bytes)
}

/// Returns a random number from 1 to 2³¹ − 1, which every field of an id can hold, signed or not.
pub fn id() -> i32 {
    loop {
        let number = i32::from_ne_bytes(bytes()) & i32::MAX;
        if number > 0 {
            return number;
        }
    }
}

/// Returns a fresh identifier.
pub fn uuid() -> Uuid {
    uuid::Builder::from_random_bytes(bytes()).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_nonce_comes_twice_from_however_many_threads() {
        let threads: Vec<_> = (0..4)
            .map(|_| std::thread::spawn(|| (0..3 * POOLED).map(|_| nonce()).collect::<Vec<_>>()))
            .collect();
        let all: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().expect("nonces")).collect();
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), 4 * 3 * POOLED);
    }
}
