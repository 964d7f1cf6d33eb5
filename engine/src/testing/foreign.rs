//! Every parser of bytes that strangers send, each with the checks that any input must pass: for the fuzzer (`fuzz/`), and
//! for its corpus, which the tests replay.

use crate::SecretBytes;
use crate::custody::material::Material;
use crate::data::context::Context;
use crate::data::edek::{self, Edek};
use crate::data::message::{self, Message};
use crate::services::api_keys;

/// A parser and its name, which is also the name of its corpus.
pub type Parser = (&'static str, fn(&[u8]));

pub const PARSERS: [Parser; 4] =
    [("api_key", api_key), ("message", message), ("edek", edek), ("paste", paste)];

fn material() -> Material {
    Material::new(SecretBytes::new(vec![7; 32]))
}

/// Checks that a key that can be read begins with its id.
///
/// # Panics
/// When it does not.
pub fn api_key(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Some(presented) = api_keys::read(text) {
        assert!(text.starts_with(&presented.id.seen()));
    }
}

/// Checks that only a message of Keystead's version opens, and that an encrypted message opens again.
///
/// # Panics
/// When one of these does not hold.
pub fn message(bytes: &[u8]) {
    if let Ok(read) = Message::read(bytes) {
        assert!(
            read.open(&mut material().ciphers(), &Context::new()).is_err() || read.version == 3,
            "nobody else made it"
        );
    }
    let plain = &bytes[..bytes.len().min(message::LARGEST)];
    let sealed = message::seal(&mut material().ciphers(), 3, plain, &Context::new());
    let opened =
        Message::read(&sealed).expect("ours is read").open(&mut material().ciphers(), &Context::new());
    assert_eq!(opened.expect("ours opens").expose(), plain);
}

/// Checks the bounds of a wrapped data key that can be read, and that a data key that was wrapped opens again.
///
/// # Panics
/// When one of these does not hold.
pub fn edek(bytes: &[u8]) {
    if let Ok(read) = Edek::read(bytes) {
        assert!(read.version <= i32::MAX as u32 && bytes.len() >= 80);
        let _ = read.open(&mut material().ciphers(), &Context::new());
    }
    let mut dek = [0; edek::DEK];
    dek.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    let sealed = edek::seal(&mut material().ciphers(), 3, &dek, &Context::new());
    let opened = Edek::read(&sealed).expect("ours is read").open(&mut material().ciphers(), &Context::new());
    assert_eq!(opened.expect("ours opens").expose(), dek);
}

/// Reads a text as people paste it; the parser must not panic.
pub fn paste(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = domain::custody::aws::paste(text);
    }
}
