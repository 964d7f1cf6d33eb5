//! The hash chain: each event's code (an HMAC) covers the code before it, so that Keystead detects a changed, moved, inserted
//! or removed event.
//!
//! ```text
//! key of a run  = HMAC(journal key, "run" ‖ run)      key of its rows = HMAC(journal key, "row" ‖ run)
//! code 0        = HMAC(key of the run, "first")
//! code n        = HMAC(key of the run, code n-1 ‖ n ‖ event n)
//! ```
//! Each run has its own key, so that a segment cannot pass for one of another run.

use crate::vault::envelope::{Keyring, Purpose};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use uuid::Uuid;
use zeroize::Zeroizing;

/// The journal key of an instance.
pub struct Key(Zeroizing<[u8; 32]>);

/// The keys of a run as HMAC states, prepared once because this is the busiest path of Keystead.
pub struct RunKey {
    lines: Hmac<Sha256>,
    rows: Hmac<Sha256>,
}

pub type Code = [u8; 32];

/// The end of a chain so far: the sequence and the code of its last event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub sequence: u64,
    pub code: Code,
}

impl Key {
    pub fn new(keyring: &Keyring) -> Self {
        Self(Zeroizing::new(keyring.keyed_hash(Purpose::Audit, b"journal")))
    }

    pub fn run(&self, run: Uuid) -> RunKey {
        RunKey { lines: self.derive(b"run", run), rows: self.derive(b"row", run) }
    }

    fn derive(&self, what: &[u8], run: Uuid) -> Hmac<Sha256> {
        // Both labels have three bytes and a run has sixteen, so no two inputs are the same bytes.
        let code = ready(&*self.0).chain_update(what).chain_update(run.as_bytes()).finalize();
        ready(&*Zeroizing::new(<Code>::from(code.into_bytes())))
    }
}

fn ready(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

impl RunKey {
    /// Returns the head before the first event.
    pub fn first(&self) -> Head {
        Head { sequence: 0, code: self.lines.clone().chain_update(b"first").finalize().into_bytes().into() }
    }

    /// Returns the head after one more event.
    pub fn next(&self, head: &Head, event: &[u8]) -> Head {
        let sequence = head.sequence.wrapping_add(1);
        let mut mac = self.lines.clone();
        // The parts before the event have fixed lengths, so the event needs no length of its own.
        mac.update(&head.code);
        mac.update(&sequence.to_be_bytes());
        mac.update(event);
        Head { sequence, code: mac.finalize().into_bytes().into() }
    }

    /// Returns the code over a row: numbers, codes, body. Numbers have a fixed length, and each code is preceded by its length.
    pub fn row(&self, numbers: [i64; 6], codes: [&[u8]; 2], body: &[u8]) -> Code {
        let mut mac = self.rows.clone();
        numbers.iter().for_each(|number| mac.update(&number.to_be_bytes()));
        for code in codes {
            mac.update(&(code.len() as u64).to_be_bytes());
            mac.update(code);
        }
        mac.update(body);
        mac.finalize().into_bytes().into()
    }
}

pub fn same(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}
