//! The encryption context: a map of strings that is authenticated and not stored. The caller must give the same map to decrypt.

use std::collections::BTreeMap;

pub type Context = BTreeMap<String, String>;

/// Encodes a context. Each part is preceded by its length, in the order of the keys' bytes, so that no two contexts have the
/// same encoding.
pub fn bytes(context: &Context) -> Vec<u8> {
    let size = context.iter().map(|(key, value)| key.len() + value.len() + 16).sum();
    let mut bytes = Vec::with_capacity(size);
    for part in context.iter().flat_map(|(key, value)| [key, value]) {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_two_contexts_read_alike(
            a in proptest::collection::btree_map("[ab]{0,2}", "[ab]{0,2}", 0..4),
            b in proptest::collection::btree_map("[ab]{0,2}", "[ab]{0,2}", 0..4),
        ) {
            prop_assert_eq!(bytes(&a) == bytes(&b), a == b);
        }
    }
}
