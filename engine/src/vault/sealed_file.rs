//! A backup's file: encrypted and authenticated as a whole under a key that is derived from the root key.
//!
//! ```text
//! "KSBACKUP" · format (1) · fingerprint of the root key (8) · salt (32) · nonce prefix (7) · pieces
//! ```
//!
//! Pieces are 64 KiB of gzip, encrypted with AES-256-GCM in the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár:
//! Online Authenticated-Encryption, 2015): a piece that is moved, repeated or missing does not open, the last one included. The
//! head is associated data of every piece. Outside the encryption, the file says which root key opens it and nothing else.

use crate::Error;
use crate::base::random;
use crate::vault::envelope::RootKey;
use aead_stream::{DecryptorBE32, EncryptorBE32, Nonce, StreamBE32};
use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{KeyInit, Payload};
use data_encoding::HEXLOWER;
use hkdf::Hkdf;
use sha2::Sha256;
use std::fmt;
use std::io::{self, Read, Write};
use zeroize::Zeroizing;

const MAGIC: &[u8; 8] = b"KSBACKUP";
const FORMAT: u8 = 1;
const SALT: usize = 32;
const PREFIX: usize = 7;
const HEAD: usize = MAGIC.len() + 1 + FINGERPRINT + SALT + PREFIX;
const FINGERPRINT: usize = 8;
const PIECE: usize = 64 << 10;
const TAG: usize = 16;

/// Tells root keys apart without a word about them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint([u8; FINGERPRINT]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl RootKey {
    pub fn fingerprint(&self) -> Fingerprint {
        let mut fingerprint = [0; FINGERPRINT];
        expand(self, None, b"keystead root key fingerprint v1", &mut fingerprint);
        Fingerprint(fingerprint)
    }
}

fn expand(root: &RootKey, salt: Option<&[u8]>, label: &[u8], out: &mut [u8]) {
    Hkdf::<Sha256>::new(salt, root.expose()).expand(label, out).expect("HKDF gives that many bytes");
}

/// Returns the cipher and the nonce of a file with this head.
fn cipher(root: &RootKey, head: &[u8; HEAD]) -> (Aes256Gcm, Nonce<Aes256Gcm, StreamBE32<Aes256Gcm>>) {
    let (salt, prefix) = head[HEAD - SALT - PREFIX..].split_at(SALT);
    let mut key = Zeroizing::new([0; 32]);
    expand(root, Some(salt), b"keystead backup v1", key.as_mut());
    let mut nonce = Nonce::<Aes256Gcm, StreamBE32<Aes256Gcm>>::default();
    nonce.copy_from_slice(prefix);
    (Aes256Gcm::new((&*key).into()), nonce)
}

/// Writes a sealed file.
pub struct Sealer<W: Write> {
    out: W,
    head: [u8; HEAD],
    /// `None` after the last piece.
    pieces: Option<EncryptorBE32<Aes256Gcm>>,
    waiting: Vec<u8>,
    written: u64,
}

impl<W: Write> Sealer<W> {
    /// # Errors
    /// When the head cannot be written.
    pub fn new(root: &RootKey, mut out: W) -> io::Result<Self> {
        let mut head = [0; HEAD];
        let (salt, prefix): ([u8; SALT], [u8; PREFIX]) = (random::bytes(), random::bytes());
        let parts: [&[u8]; 5] = [MAGIC, &[FORMAT], &root.fingerprint().0, &salt, &prefix];
        head.copy_from_slice(&parts.concat());
        let (cipher, nonce) = cipher(root, &head);
        out.write_all(&head)?;
        let pieces = Some(EncryptorBE32::from_aead(cipher, &nonce));
        Ok(Self { out, head, pieces, waiting: Vec::with_capacity(PIECE), written: HEAD as u64 })
    }

    /// Writes the last piece. Without it, the file does not open. Returns the number of bytes.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self) -> io::Result<(W, u64)> {
        let pieces = self.pieces.take().ok_or_else(too_long)?;
        let payload = Payload { msg: &self.waiting, aad: &self.head };
        let piece = pieces.encrypt_last(payload).map_err(|_| too_long())?;
        self.out.write_all(&piece)?;
        self.out.flush()?;
        Ok((self.out, self.written + piece.len() as u64))
    }
}

/// 2³² pieces are 256 TiB.
fn too_long() -> io::Error {
    io::Error::other("the backup is too long")
}

impl<W: Write> Write for Sealer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full piece waits until more comes, because the last piece is marked as such.
        if self.waiting.len() == PIECE {
            let pieces = self.pieces.as_mut().ok_or_else(too_long)?;
            let payload = Payload { msg: &self.waiting, aad: &self.head };
            let piece = pieces.encrypt_next(payload).map_err(|_| too_long())?;
            self.out.write_all(&piece)?;
            self.written += piece.len() as u64;
            self.waiting.clear();
        }
        let taken = bytes.len().min(PIECE - self.waiting.len());
        self.waiting.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Reads a sealed file. It gives out nothing that it has not authenticated.
pub struct Opener<R: Read> {
    from: R,
    head: [u8; HEAD],
    /// `None` after the last piece.
    pieces: Option<DecryptorBE32<Aes256Gcm>>,
    /// The encrypted piece after the present one.
    next: Vec<u8>,
    plain: Vec<u8>,
    given: usize,
}

impl<R: Read> Opener<R> {
    /// Opens a file with the one of these root keys that it names.
    ///
    /// # Errors
    /// [`Error::Fault`] with a sentence.
    pub fn new(mut from: R, roots: &[RootKey]) -> Result<Self, Error> {
        let mut head = [0; HEAD];
        let read = from.read_exact(&mut head);
        if read.is_err() || !head.starts_with(MAGIC) {
            return Err(Error::Fault("This is not a backup of Keystead.".into()));
        }
        if head[MAGIC.len()] != FORMAT {
            return Err(Error::Fault(
                "A newer Keystead made this backup. Use that release, or a later one.".into(),
            ));
        }
        let stated = &head[MAGIC.len() + 1..][..FINGERPRINT];
        let Some(root) = roots.iter().find(|root| root.fingerprint().0 == stated) else {
            return Err(Error::Fault(format!(
                "This backup opens with another root key (fingerprint {}). After a rotation of the root key, the old one is \
                 beside the new one, as root.key.before-<date>. Name its file with --root-key-file.",
                HEXLOWER.encode(stated)
            )));
        };
        let (cipher, nonce) = cipher(root, &head);
        let pieces = Some(DecryptorBE32::from_aead(cipher, &nonce));
        let mut opener = Self { from, head, pieces, next: Vec::new(), plain: Vec::new(), given: 0 };
        opener.next = opener.piece().map_err(|error| cannot_be_read(&error))?;
        Ok(opener)
    }

    /// Returns the fingerprint of the root key that opens the file.
    pub fn fingerprint(&self) -> Fingerprint {
        let mut fingerprint = [0; FINGERPRINT];
        fingerprint.copy_from_slice(&self.head[MAGIC.len() + 1..][..FINGERPRINT]);
        Fingerprint(fingerprint)
    }

    fn piece(&mut self) -> io::Result<Vec<u8>> {
        let mut piece = Vec::with_capacity(PIECE + TAG);
        Read::by_ref(&mut self.from).take((PIECE + TAG) as u64).read_to_end(&mut piece)?;
        Ok(piece)
    }

    /// Decrypts the next piece. The one after it tells whether it is the last.
    fn advance(&mut self) -> io::Result<()> {
        let damaged =
            || io::Error::new(io::ErrorKind::InvalidData, "the backup is damaged, or it ends too early");
        let piece = std::mem::take(&mut self.next);
        let following = if piece.len() == PIECE + TAG { self.piece()? } else { Vec::new() };
        let payload = Payload { msg: &piece, aad: &self.head };
        self.plain = if following.is_empty() {
            let pieces = self.pieces.take().ok_or_else(damaged)?;
            pieces.decrypt_last(payload).map_err(|_| damaged())?
        } else {
            let pieces = self.pieces.as_mut().ok_or_else(damaged)?;
            pieces.decrypt_next(payload).map_err(|_| damaged())?
        };
        self.next = following;
        self.given = 0;
        Ok(())
    }
}

fn cannot_be_read(error: &io::Error) -> Error {
    Error::Fault(format!("The backup cannot be read: {error}."))
}

impl<R: Read> Read for Opener<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.plain.len() {
            if self.pieces.is_none() {
                return Ok(0);
            }
            self.advance()?;
        }
        let given = buffer.len().min(self.plain.len() - self.given);
        buffer[..given].copy_from_slice(&self.plain[self.given..self.given + given]);
        self.given += given;
        Ok(given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SecretBytes;

    fn root(byte: u8) -> RootKey {
        RootKey::new(SecretBytes::new(vec![byte; 32])).expect("32 bytes")
    }

    fn sealed(plain: &[u8]) -> Vec<u8> {
        let mut sealer = Sealer::new(&root(1), Vec::new()).expect("it begins");
        sealer.write_all(plain).expect("it is written");
        let (file, length) = sealer.finish().expect("it ends");
        assert_eq!(file.len() as u64, length);
        file
    }

    fn opened(file: &[u8], roots: &[RootKey]) -> Result<Vec<u8>, String> {
        let mut plain = Vec::new();
        let mut opener = Opener::new(file, roots).map_err(|error| error.to_string())?;
        opener.read_to_end(&mut plain).map_err(|error| error.to_string())?;
        Ok(plain)
    }

    #[test]
    fn every_length_opens_again() {
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 3 * PIECE + 5] {
            let plain: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            assert_eq!(opened(&sealed(&plain), &[root(2), root(1)]).expect("it opens"), plain, "{length}");
        }
    }

    #[test]
    fn what_is_changed_cut_or_moved_does_not_open() {
        let plain = vec![7; 2 * PIECE + 100];
        let file = sealed(&plain);
        for at in (0..file.len()).step_by(997).chain([8, HEAD - 1, file.len() - 1]) {
            let mut changed = file.clone();
            changed[at] ^= 1;
            assert!(opened(&changed, &[root(1)]).is_err(), "byte {at}");
        }
        for cut in [0, HEAD - 1, HEAD, HEAD + 5, HEAD + PIECE + TAG, HEAD + 2 * (PIECE + TAG), file.len() - 1]
        {
            assert!(opened(&file[..cut], &[root(1)]).is_err(), "{cut} bytes");
        }
        let mut longer = file.clone();
        longer.push(0);
        assert!(opened(&longer, &[root(1)]).is_err(), "one more byte");
        let (first, second) = (HEAD..HEAD + PIECE + TAG, HEAD + PIECE + TAG..HEAD + 2 * (PIECE + TAG));
        let swapped =
            [&file[..HEAD], &file[second], &file[first], &file[HEAD + 2 * (PIECE + TAG)..]].concat();
        assert!(opened(&swapped, &[root(1)]).is_err(), "swapped pieces");
    }

    #[test]
    fn another_root_key_is_named_by_its_fingerprint() {
        let refused = opened(&sealed(b"x"), &[root(2)]).expect_err("another key");
        assert!(refused.contains(&root(1).fingerprint().to_string()), "{refused}");
        assert!(opened(b"PK\x03\x04", &[root(1)]).expect_err("a ZIP").contains("not a backup"));
    }
}
