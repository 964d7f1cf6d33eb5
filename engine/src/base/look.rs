//! What a reader sees of a text.

use unicode_security::skeleton;

/// Returns a text with foreign letters as the Latin ones that they look like (UTS 39, 4).
pub fn latin(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_ascii() { c.to_string() } else { skeleton(c.encode_utf8(&mut [0; 4])).collect() })
        .collect()
}
