//! Recovery codes: ten of 128 bits, stored as hashes, each valid for one sign-in.

use crate::base::random;
use crate::changes::Changes;
use crate::store::Tx;
use crate::store::authority::RowRef;
use crate::{Error, SecretText};
use data_encoding::BASE32_NOPAD;
use domain::base::id::SessionId;
use domain::base::id::UserId;
use domain::base::typed::is_blank;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

pub const COUNT: usize = 10;

/// Generates ten codes: base32, in groups of four joined by hyphens.
pub fn generate() -> Vec<SecretText> {
    (0..COUNT)
        .map(|_| {
            let text = BASE32_NOPAD.encode(&random::bytes::<16>());
            let groups: Vec<_> = text.as_bytes().chunks(4).map(String::from_utf8_lossy).collect();
            SecretText::new(groups.join("-"))
        })
        .collect()
}

/// Returns the hash that is stored. The codes have full entropy, so a plain hash protects them (unlike
/// passwords). It ignores case, white space and hyphens, because people type the codes from paper or paste them.
/// Every other character counts.
pub fn hash(code: &SecretText) -> Vec<u8> {
    let typed = code.expose().chars().filter(|c| !is_blank(*c) && !is_hyphen(*c));
    let mut clean = Zeroizing::new(String::with_capacity(code.expose().len()));
    clean.extend(typed.map(|c| c.to_ascii_uppercase()));
    Sha256::digest(clean.as_bytes()).to_vec()
}

/// Checks for a hyphen, or a dash that a word processor has put in its place.
pub(crate) fn is_hyphen(c: char) -> bool {
    matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

/// Kind of the note that keeps new codes until the person has seen them.
pub(crate) const NOTE: &str = "recovery codes";

impl Changes {
    /// Stores the hashes and, in the session `show_in`, the sealed codes until the person has seen them.
    pub(crate) async fn store_recovery_codes(
        &self,
        tx: &mut Tx,
        user: UserId,
        show_in: Option<SessionId>,
        codes: &[SecretText],
    ) -> Result<(), Error> {
        let hashes: Vec<_> = codes.iter().map(hash).collect();
        // Locked first: two replacements at once leave the codes of one of them.
        tx.authority().lock(&RowRef::RecoveryCodes(user)).await?;
        tx.users().replace_recovery_codes(user, &hashes).await?;
        self.vault.sign_codes(tx, user, hashes).await?;
        if let Some(session) = show_in {
            let plain: Vec<&str> = codes.iter().map(SecretText::expose).collect();
            let plain = Zeroizing::new(plain.join("\n").into_bytes());
            self.notes.put(tx, session, NOTE, &plain).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_typed_from_paper_is_the_same_code() {
        let codes = generate();
        assert_eq!(codes.len(), COUNT);
        let typed = SecretText::new(codes[0].expose().to_lowercase().replace('-', " "));
        assert_eq!(hash(&typed), hash(&codes[0]));
        for typed in ['\n', '\t', '\u{a0}', '\u{200b}', '\u{2011}', '\u{2013}'] {
            let around = format!("{typed}{}{typed}", codes[0].expose().replace('-', &typed.to_string()));
            assert_eq!(hash(&SecretText::new(around)), hash(&codes[0]), "{typed:?}");
        }
        for not_it in ["!", "é", "\0"].map(|sign| SecretText::new(format!("{}{sign}", codes[0].expose()))) {
            assert_ne!(hash(&not_it), hash(&codes[0]));
        }
        assert_ne!(hash(&codes[0]), hash(&codes[1]));
    }
}
