//! What a reader sees of a text.

use unicode_security::skeleton;

/// Returns a text with foreign letters as the Latin ones that they look like (UTS 39, 4).
pub fn latin(text: &str) -> String {
    // The text may be a password: it is written once, and not moved to a larger buffer.
    let mut latin = String::with_capacity(4 * text.len());
    for c in text.chars() {
        match c.is_ascii() {
            true => latin.push(c),
            false => latin.extend(skeleton(c.encode_utf8(&mut [0; 4]))),
        }
    }
    latin
}
