//! Verification codes of authenticator apps: TOTP, SHA-1, six digits, 30 seconds (RFC 6238).

use crate::base::{email, random};
use crate::changes::recovery::is_hyphen;
use crate::store::users::User;
use crate::{Error, SecretBytes, SecretText};
use chrono::{DateTime, Utc};
use data_encoding::BASE32_NOPAD;
use domain::base::typed::is_blank;
use subtle::{Choice, ConstantTimeEq};
use totp_rs::{Builder, Totp};
use zeroize::Zeroizing;

const STEP_SECONDS: i64 = 30;
/// Number of steps on either side of the present one whose codes are accepted (RFC 6238, section 5.2): a slow hand, and a clock of
/// the phone that is a little behind or ahead.
const NEAR: i64 = 1;
/// Number of steps on either side whose codes are recognised: five minutes.
const FAR: i64 = 10;
/// Number of bytes of a seed. RFC 4226, section 4: at least 128 bits, 160 recommended.
const SEED_BYTES: usize = 20;
/// Maximum number of bytes of a seed from elsewhere. HMAC-SHA-1 gains nothing from more than its block of 64 (RFC 2104, section 3).
const LONGEST_SEED: usize = 128;

/// The step whose code somebody typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// A step whose code is accepted now, unless it is spent.
    Near(i64),
    /// A step further off, whose code is refused. It says that the clock of the phone is wrong.
    Far(i64),
    Nowhere,
}

/// The secret that an authenticator app and Keystead share.
pub struct Seed(SecretBytes);

impl Seed {
    pub fn generate() -> Self {
        Self(random::secret(SEED_BYTES))
    }

    pub fn from_bytes(bytes: SecretBytes) -> Self {
        Self(bytes)
    }

    /// Reads base32 as people paste it: any case; white space, hyphens and padding are ignored.
    ///
    /// # Errors
    /// [`Error::Fault`] when the text is not base32, or is shorter than 160 bits or longer than 1,024.
    pub fn from_base32(text: &SecretText) -> Result<Self, Error> {
        let text = text.expose().chars().filter(|c| !is_blank(*c) && !is_hyphen(*c) && *c != '=');
        // One more than the longest has, so that a longer one is refused, and the wiped memory never moves.
        const MOST: usize = LONGEST_SEED * 8 / 5 + 2;
        let mut clean = Zeroizing::new(Vec::with_capacity(MOST));
        // No base32 has a zero byte.
        clean.extend(text.take(MOST).map(|c| u8::try_from(c).unwrap_or_default().to_ascii_uppercase()));
        let bytes = BASE32_NOPAD.decode(&clean).map(SecretBytes::new);
        match bytes {
            Ok(bytes) if (SEED_BYTES..=LONGEST_SEED).contains(&bytes.expose().len()) => Ok(Self(bytes)),
            _ => Err(Error::Fault(
                "The TOTP secret must be base32 of 160 to 1,024 bits (32 to 205 characters).".into(),
            )),
        }
    }

    pub(crate) fn expose(&self) -> &[u8] {
        self.0.expose()
    }

    /// Returns base32 in groups of four, for typing by hand.
    pub fn text(&self) -> String {
        let text = BASE32_NOPAD.encode(self.0.expose());
        let groups: Vec<_> = text.as_bytes().chunks(4).map(|group| String::from_utf8_lossy(group)).collect();
        groups.join(" ")
    }

    fn code_at(&self, step: i64) -> String {
        let totp: Totp = Builder::new().with_secret(self.0.expose().to_vec()).build_noncompliant();
        totp.generate(u64::try_from(step * STEP_SECONDS).unwrap_or(0)).to_string()
    }

    /// Compares a code with those of the steps around now. A code is exactly six ASCII digits; nothing is trimmed. Every step is
    /// compared, in constant time, whatever the code is.
    pub fn find(&self, code: &SecretText, now: DateTime<Utc>) -> Found {
        let typed = code.expose().as_bytes();
        let well_formed = Choice::from(u8::from(is_code(code)));
        let current = step(now);
        // There is no step before 1970.
        let steps = (current - FAR).max(0)..=current + FAR;
        let right: Vec<i64> = steps
            .filter(|step| bool::from(self.code_at(*step).as_bytes().ct_eq(typed) & well_formed))
            .collect();
        // Two steps may have the same code. Spending the later one spends the earlier one, too.
        let near = right.iter().rev().find(|step| (*step - current).abs() <= NEAR);
        match (near, right.last()) {
            (Some(step), _) => Found::Near(*step),
            (None, Some(step)) => Found::Far(*step),
            (None, None) => Found::Nowhere,
        }
    }

    /// Returns the code that an app would show now.
    #[cfg(feature = "testing")]
    pub fn code(&self, now: DateTime<Utc>) -> SecretText {
        SecretText::new(self.code_at(step(now)))
    }
}

/// An authenticator that is set up: its secret, and what the app calls it.
pub struct Enrolment {
    pub seed: Seed,
    email: String,
    number: i64,
}

impl Enrolment {
    /// The first authenticator of a person.
    pub(crate) fn first(email: &str, seed: Seed) -> Self {
        Self { seed, email: email::shown(email), number: 1 }
    }

    /// The authenticator that replaces those of a person.
    pub(crate) fn next(user: &User, seed: Seed) -> Self {
        // A seed of an early release has no revision.
        let number = user.totp_seed.as_ref().map_or(1, |_| user.seed_revision.max(1) + 1);
        Self { number, ..Self::first(&user.email, seed) }
    }

    /// Checks whether another authenticator works until this one is confirmed.
    pub fn replaces(&self) -> bool {
        self.number > 1
    }

    /// Returns the name of the account in the app: the e-mail, and the number of the authenticator from the second on. Some apps
    /// replace an entry by a new one of the same name, and the old one works until the new one is confirmed.
    pub fn account(&self) -> String {
        if self.replaces() { format!("{} ({})", self.email, self.number) } else { self.email.clone() }
    }

    /// Returns the `otpauth://totp/…` address for the QR code; `issuer` names the installation.
    ///
    /// # Errors
    /// When the library refuses the issuer.
    pub fn url(&self, issuer: &str) -> Result<String, Error> {
        // A colon separates issuer and account in the label, and totp-rs refuses one in either.
        let account = self.account().replace(':', "");
        let url = Builder::new()
            .with_secret(self.seed.expose().to_vec())
            .with_account_name(account)
            .with_issuer(Some(issuer))
            .build()
            .and_then(|totp| totp.to_url());
        url.map_err(|_| Error::Fault("the otpauth address cannot be made".into()))
    }
}

/// Checks whether a text is exactly six ASCII digits.
pub(super) fn is_code(text: &SecretText) -> bool {
    let typed = text.expose().as_bytes();
    typed.len() == 6 && typed.iter().all(u8::is_ascii_digit)
}

/// Returns the number of the 30-second step.
pub fn step(now: DateTime<Utc>) -> i64 {
    now.timestamp().div_euclid(STEP_SECONDS)
}

/// Returns the number of seconds until the code of a step is over and the next one begins.
pub(super) fn over_in_seconds(step: i64, now: DateTime<Utc>) -> i64 {
    (step + 1) * STEP_SECONDS - now.timestamp()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rfc_seed() -> Seed {
        Seed::from_bytes(SecretBytes::new(b"12345678901234567890".to_vec()))
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).expect("a time")
    }

    #[test]
    fn codes_are_those_of_rfc_6238_appendix_b() {
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(rfc_seed().find(&SecretText::new(code), at(seconds)), Found::Near(seconds / 30));
        }
    }

    #[test]
    fn one_step_either_way_is_accepted_and_no_other() {
        let code = rfc_seed().code_at(100);
        let found = |step: i64| rfc_seed().find(&SecretText::new(&code), at(step * 30));
        for step in 0..=200 {
            let right = match step {
                99..=101 => Found::Near(100),
                90..=110 => Found::Far(100),
                _ => Found::Nowhere,
            };
            assert_eq!(found(step), right, "in step {step}");
        }
    }

    #[test]
    fn no_step_is_before_1970() {
        let code = SecretText::new(rfc_seed().code_at(0));
        assert_eq!(rfc_seed().find(&code, at(29)), Found::Near(0));
        assert_eq!(rfc_seed().find(&code, at(60)), Found::Far(0));
    }

    #[test]
    fn only_six_ascii_digits_are_a_code() {
        for not_a_code in [" 287082", "287082 ", "287 082", "+87082", "28708", "2870822", "２８７０８２", ""]
        {
            assert_eq!(
                rfc_seed().find(&SecretText::new(not_a_code), at(59)),
                Found::Nowhere,
                "{not_a_code:?}"
            );
        }
    }

    #[test]
    fn a_pasted_secret_is_read_as_people_write_it() {
        let text = rfc_seed().text();
        assert_eq!(text, "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ");
        let read = Seed::from_base32(&SecretText::new(text.to_lowercase())).expect("base32");
        assert_eq!(read.expose(), rfc_seed().expose());
        let pasted = format!("\u{a0}{}\u{200b}\n", rfc_seed().text().replace(' ', "\u{2011}"));
        assert_eq!(
            Seed::from_base32(&SecretText::new(pasted)).expect("base32").expose(),
            rfc_seed().expose()
        );
        assert!(Seed::from_base32(&SecretText::new(format!("{}é", rfc_seed().text()))).is_err());
        let is_read = |text: String| Seed::from_base32(&SecretText::new(text)).is_ok();
        for (bits, is_right) in [(152, false), (160, true), (1024, true), (1032, false), (8_000_000, false)] {
            assert_eq!(is_read(BASE32_NOPAD.encode(&vec![7; bits / 8])), is_right, "{bits} bits");
        }
        assert!(!is_read("0189".repeat(8)), "no base32");
    }
}
