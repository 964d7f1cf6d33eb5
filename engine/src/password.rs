//! Passwords: Argon2id (RFC 9106) in a bounded number of threads, and what a password must be.

use crate::{Error, SecretText, random};
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use domain::password::{MAX_BYTES, MIN_CHARS, PasswordRefused};
use std::sync::Arc;
use tokio::sync::Semaphore;
use unicode_normalization::UnicodeNormalization;
use zxcvbn::feedback::Warning;

/// 19 MiB, two passes, one lane: the OWASP Password Storage Cheat Sheet's first choice.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
/// So many may wait for a thread besides those that run; the next is told to come back.
const QUEUE: usize = 32;
/// zxcvbn's scale: 3 is "safely unguessable: moderate protection from offline slow-hash".
const SCORE: u8 = 3;

/// Hashes and checks passwords; clones share one queue.
#[derive(Clone)]
pub struct Hasher {
    running: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    /// Checked when a name is unknown, so that it costs the same as one that is known.
    decoy: Arc<String>,
}

impl Hasher {
    pub fn new() -> Result<Self, Error> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            running: Arc::new(Semaphore::new(threads)),
            waiting: Arc::new(Semaphore::new(threads + QUEUE)),
            decoy: Arc::new(hash(&SecretText::new(data_encoding::HEXLOWER.encode(&random::bytes::<16>())))?),
        })
    }

    /// Hashes a new password into PHC string form.
    ///
    /// # Errors
    /// [`Error::Busy`] when the queue is full.
    pub async fn hash(&self, password: SecretText) -> Result<String, Error> {
        self.run(move || hash(&password)).await?
    }

    /// Whether the password is the one hashed. `None` does the same work and is never right.
    ///
    /// # Errors
    /// [`Error::Busy`] when the queue is full.
    pub async fn verify(&self, password: SecretText, stored: Option<String>) -> Result<Verified, Error> {
        let known = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.decoy.to_string());
        self.run(move || {
            let parsed =
                PasswordHash::new(&stored).map_err(|_| Error::Fault("a password hash is damaged".into()))?;
            let right = argon2().verify_password(normal(&password).expose().as_bytes(), &parsed).is_ok();
            let outgrown = !stored.starts_with(&prefix());
            Ok(match right && known {
                false => Verified::Wrong,
                true if outgrown => Verified::RightButOutgrown(hash(&password)?),
                true => Verified::Right,
            })
        })
        .await?
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        let _place = self.waiting.try_acquire().map_err(|_| Error::Busy)?;
        let _thread = self.running.acquire().await.map_err(|_| Error::Busy)?;
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|_| Error::Fault("a password check was interrupted".into()))
    }
}

/// What a check found.
pub enum Verified {
    Wrong,
    Right,
    /// Right, and here is its hash under the parameters of today.
    RightButOutgrown(String),
}

fn argon2() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).expect("the parameters are within Argon2's bounds");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn prefix() -> String {
    format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p=1$")
}

fn hash(password: &SecretText) -> Result<String, Error> {
    argon2()
        .hash_password_with_salt(normal(password).expose().as_bytes(), &random::bytes::<16>())
        .map(|hash| hash.to_string())
        .map_err(|_| Error::Fault("a password cannot be hashed".into()))
}

/// The same password, however the keyboard composed its letters (SP 800-63B-4, 3.1.1.2).
fn normal(password: &SecretText) -> SecretText {
    SecretText::new(password.expose().nfc().collect::<String>())
}

/// Whether a new password may be used.
///
/// # Errors
/// The first rule it breaks, in words.
pub fn check(password: &SecretText, again: &SecretText, email: &str) -> Result<(), PasswordRefused> {
    let normalised = normal(password);
    let text = normalised.expose();
    if text.chars().count() < MIN_CHARS {
        return Err(PasswordRefused::TooShort);
    }
    if text.len() > MAX_BYTES {
        return Err(PasswordRefused::TooLong);
    }
    let lower = text.to_lowercase();
    let local = email.split('@').next().unwrap_or_default();
    if lower.contains("keystead") || (local.len() >= 4 && lower.contains(local)) {
        return Err(PasswordRefused::ContainsContext);
    }
    guessable(text, email)?;
    if !password.same_as(again) {
        return Err(PasswordRefused::Mismatch);
    }
    Ok(())
}

fn guessable(text: &str, email: &str) -> Result<(), PasswordRefused> {
    // zxcvbn's time grows with the square of the length; its verdict is made by the first part.
    let head: String = text.chars().take(100).collect();
    let estimate = zxcvbn::zxcvbn(&head, &[email, "keystead"]);
    if u8::from(estimate.score()) >= SCORE {
        return Ok(());
    }
    let feedback = estimate.feedback();
    match feedback.and_then(|feedback| feedback.warning()) {
        Some(
            Warning::ThisIsATop10Password | Warning::ThisIsATop100Password | Warning::ThisIsACommonPassword,
        ) => Err(PasswordRefused::Common),
        _ => {
            let advice =
                feedback.and_then(|feedback| feedback.suggestions().first().map(ToString::to_string));
            Err(PasswordRefused::Guessable(advice.unwrap_or_else(|| "Add another word or two.".into())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(password: &str) -> Result<(), PasswordRefused> {
        let password = SecretText::new(password);
        let again = SecretText::new(password.expose());
        check(&password, &again, "grace@example.com")
    }

    #[test]
    fn passwords_are_refused_in_words() {
        assert_eq!(checked("short"), Err(PasswordRefused::TooShort));
        assert_eq!(checked(&"é".repeat(600)), Err(PasswordRefused::TooLong));
        assert_eq!(checked("my keystead portal"), Err(PasswordRefused::ContainsContext));
        assert_eq!(checked("grace is my name"), Err(PasswordRefused::ContainsContext));
        assert!(matches!(checked("aaaaaaaaaaaaaa"), Err(PasswordRefused::Guessable(_))));
        assert!(matches!(
            checked("passwordpassword"),
            Err(PasswordRefused::Guessable(_) | PasswordRefused::Common)
        ));
        assert_eq!(checked("copper violet harbour tin"), Ok(()));
    }

    #[test]
    fn the_repetition_must_be_the_same() {
        let refused = check(
            &SecretText::new("copper violet harbour tin"),
            &SecretText::new("copper violet harbour tim"),
            "grace@example.com",
        );
        assert_eq!(refused, Err(PasswordRefused::Mismatch));
    }

    #[tokio::test]
    async fn a_password_is_right_however_its_letters_are_composed() {
        let hasher = Hasher::new().expect("a hasher");
        let stored = hasher.hash(SecretText::new("caf\u{e9} harbour violet")).await.expect("a hash");
        let decomposed = SecretText::new("cafe\u{301} harbour violet");
        assert!(matches!(hasher.verify(decomposed, Some(stored.clone())).await, Ok(Verified::Right)));
        let wrong = SecretText::new("cafe harbour violet");
        assert!(matches!(hasher.verify(wrong, Some(stored)).await, Ok(Verified::Wrong)));
    }

    #[tokio::test]
    async fn a_hash_of_smaller_parameters_is_renewed() {
        let hasher = Hasher::new().expect("a hasher");
        let small = Argon2::new(
            Algorithm::Argon2id,
            Version::V0x13,
            Params::new(8192, 1, 1, None).expect("parameters"),
        );
        let stored =
            small.hash_password_with_salt(b"violet", b"0123456789abcdef").expect("a hash").to_string();
        let verified = hasher.verify(SecretText::new("violet"), Some(stored)).await.expect("a verdict");
        assert!(matches!(verified, Verified::RightButOutgrown(new) if new.starts_with(&prefix())));
    }
}
