//! Passwords: Argon2id (RFC 9106) in a few threads of its own, and the rules for a password.

use crate::base::look::latin;
use crate::base::random;
use crate::base::shares::{Held, Holder, Shares};
use crate::{Error, SecretText};
use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::password_hash::{self, CustomizedPasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use domain::people::password::{MAX_BYTES, MIN_CHARS, PasswordRefused};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use tokio::sync::oneshot;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;
use zxcvbn::feedback::Warning;

/// 19 MiB, two passes, one lane: the OWASP Password Storage Cheat Sheet's first choice.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
/// Maximum number of checks that wait for a thread, besides those that run; the next gets [`Error::Busy`].
const QUEUE: usize = 64;
/// zxcvbn's scale: 3 is "safely unguessable: moderate protection from offline slow-hash".
const SCORE: u8 = 3;

/// The 12,000 commonest of a million leaked passwords that have 12 characters or more, in lower case
/// (docs/DECISIONS.md names the source).
const LEAKED: &str = include_str!("common_passwords.txt");

/// Phrases that everybody knows, without what stands between their words: from comics, films, songs, prayers, and typing lessons.
const FAMOUS: &str = include_str!("famous_phrases.txt");

type Work = Box<dyn FnOnce() + Send>;

/// The hasher and checker of passwords. Clones share one queue.
#[derive(Clone)]
pub struct Hasher {
    waiting: Shares,
    threads: mpsc::Sender<Work>,
    /// Hash that is checked for an unknown name, so that an unknown name costs the same as a known one.
    decoy: Arc<String>,
}

/// A place in the queue.
pub struct QueueSlot(Held);

impl Hasher {
    pub fn new() -> Result<Self, Error> {
        let count = std::thread::available_parallelism().map_or(1, usize::from);
        let waiting = Shares::new(count + QUEUE);
        let threads = start(count)?;
        // Checking any password against the decoy takes as long as any other check, and fails.
        let decoy =
            phc(&params(), &random::bytes::<16>(), &random::bytes::<{ Params::DEFAULT_OUTPUT_LEN }>());
        let decoy = decoy.map_err(|_| Error::Fault("a password hash cannot be written".into()))?;
        Ok(Self { waiting, threads, decoy: Arc::new(decoy.to_string()) })
    }

    /// Hashes a new password into PHC string form.
    ///
    /// # Errors
    /// [`Error::Busy`] when the queue is full.
    pub async fn hash(&self, password: SecretText, by: Holder) -> Result<String, Error> {
        self.run(self.place(by)?, move || hash(&password)).await?
    }

    /// Takes a place in the queue. Callers take it before they count a try, so that a refusal as busy counts nothing.
    ///
    /// # Errors
    /// [`Error::Busy`] when the holder's share of the queue is full.
    pub fn place(&self, by: Holder) -> Result<QueueSlot, Error> {
        self.waiting.take(by, 1).map(QueueSlot).ok_or(Error::Busy)
    }

    /// Checks whether the password is the one that was hashed. `None` does the same work and is never right.
    ///
    /// # Errors
    /// When the stored hash is damaged.
    pub async fn verify(
        &self,
        place: QueueSlot,
        password: SecretText,
        stored: Option<String>,
    ) -> Result<Verified, Error> {
        let known = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.decoy.to_string());
        self.run(place, move || {
            let parsed =
                PasswordHash::new(&stored).map_err(|_| Error::Fault("a password hash is damaged".into()))?;
            let right = InPlace.verify_password(normal(&password).expose().as_bytes(), &parsed).is_ok();
            let outgrown = !stored.starts_with(&prefix());
            Ok(match right && known {
                false => Verified::Wrong,
                true if outgrown => Verified::RightButOutgrown(hash(&password)?),
                true => Verified::Right,
            })
        })
        .await?
    }

    /// Runs work in a thread. The work owns the place, not the caller: a check cannot be stopped, so a
    /// client that hangs up must not make room for the next.
    async fn run<T: Send + 'static>(
        &self,
        place: QueueSlot,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let interrupted = || Error::Fault("a password check was interrupted".into());
        let (answer, answered) = oneshot::channel();
        let work: Work = Box::new(move || {
            let done = work();
            // Before the answer: the caller that gets it finds the place free.
            drop(place.0);
            let _ = answer.send(done);
        });
        self.threads.send(work).map_err(|_| interrupted())?;
        answered.await.map_err(|_| interrupted())
    }
}

/// Starts the threads. Only they hash, so that there are never more blocks of Argon2's memory than threads.
fn start(threads: usize) -> Result<mpsc::Sender<Work>, Error> {
    let (sender, receiver) = mpsc::channel::<Work>();
    let receiver = Arc::new(Mutex::new(receiver));
    for _ in 0..threads {
        let receiver = receiver.clone();
        // A closure of its own: in the head of `while let` the guard would live until the work is done, and only one thread
        // would hash.
        let next = move || receiver.lock().unwrap_or_else(PoisonError::into_inner).recv().ok();
        let all = move || {
            while let Some(work) = next() {
                // The caller notices a panic, because its channel closes without an answer.
                let _ = catch_unwind(AssertUnwindSafe(work));
            }
        };
        std::thread::Builder::new()
            .name("password".into())
            .spawn(all)
            .map_err(|error| Error::Fault(format!("a thread cannot be started: {error}")))?;
    }
    Ok(sender)
}

/// The result of a check.
pub enum Verified {
    Wrong,
    Right,
    /// Right, with its hash under the current parameters.
    RightButOutgrown(String),
}

fn params() -> Params {
    Params::new(MEMORY_KIB, PASSES, 1, None).expect("the parameters are within Argon2's bounds")
}

/// Argon2id whose memory is overwritten and freed after each hash, so that a server without sign-ins holds none of it.
struct InPlace;

impl CustomizedPasswordHasher<PasswordHash> for InPlace {
    type Params = Params;

    fn hash_password_customized(
        &self,
        password: &[u8],
        salt: &[u8],
        algorithm: Option<&str>,
        version: Option<u32>,
        params: Params,
    ) -> password_hash::Result<PasswordHash> {
        let algorithm = algorithm.map_or(Ok(Algorithm::Argon2id), Algorithm::try_from)?;
        let version = version.map_or(Ok(Version::V0x13), Version::try_from)?;
        let mut out = vec![0; params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN)];
        let context = Argon2::new(algorithm, version, params.clone());
        let mut blocks = vec![Block::default(); params.block_count()];
        let done = context.hash_password_into_with_memory(password, salt, &mut out, &mut blocks[..]);
        // Before the error is returned, so that the memory of a failed hash is overwritten, too.
        blocks.fill(Block::default());
        done?;
        phc(&params, salt, &out)
    }
}

/// Returns a hash in its stored form.
fn phc(params: &Params, salt: &[u8], out: &[u8]) -> password_hash::Result<PasswordHash> {
    Ok(PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(params)?,
        salt: Some(Salt::new(salt)?),
        hash: Some(Output::new(out)?),
    })
}

fn prefix() -> String {
    format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p=1$")
}

fn hash(password: &SecretText) -> Result<String, Error> {
    InPlace
        .hash_password_with_params(normal(password).expose().as_bytes(), &random::bytes::<16>(), params())
        .map(|hash| hash.to_string())
        .map_err(|_| Error::Fault("a password cannot be hashed".into()))
}

/// Returns the password in NFC, so that it is the same however the keyboard composed its letters (SP 800-63B-4, 3.1.1.2).
fn normal(password: &SecretText) -> SecretText {
    SecretText::new(password.expose().nfc().collect::<String>())
}

/// Checks whether a new password may be used.
///
/// # Errors
/// The first rule that the password breaks.
pub fn check(password: &SecretText, again: &SecretText, email: &str) -> Result<(), PasswordRefused> {
    let normalised = normal(password);
    let text = normalised.expose();
    // SP 800-63B-4, 3.1.1.2 counts each code point as one character, so the minimum is not one of bytes.
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
    if LEAKED.lines().any(|leaked| leaked == lower) || is_famous(&lower) {
        return Err(PasswordRefused::Common);
    }
    guessable(text, email)?;
    if !password.same_as(again) {
        return Err(PasswordRefused::Mismatch);
    }
    Ok(())
}

/// Returns a text in lower case as it is compared with [`FAMOUS`]: letters alone, without accents, foreign ones as the Latin ones that
/// they look like, and digits and signs that people write for letters as these letters. The letter l counts as i, because 1 stands
/// for both.
fn letters(lower: &str) -> Zeroizing<String> {
    let letter = |c| match c {
        '0' => Some('o'),
        '1' | '!' | '|' | 'l' => Some('i'),
        '3' => Some('e'),
        '4' | '@' => Some('a'),
        '5' | '$' => Some('s'),
        '7' => Some('t'),
        c => Some(c).filter(|c| c.is_alphabetic()),
    };
    let plain = Zeroizing::new(lower.nfd().collect::<String>());
    let latin = Zeroizing::new(latin(&plain));
    Zeroizing::new(latin.chars().filter_map(letter).collect())
}

/// Checks whether a password is a phrase that everybody knows, with too little around it to be a password of its own: whatever
/// stands between, before and after its words.
fn is_famous(lower: &str) -> bool {
    let text = letters(lower);
    // Digits that stand for no letter count as well.
    let all = lower.chars().filter(|c| c.is_alphanumeric()).count().max(text.len());
    FAMOUS.lines().any(|phrase| {
        let phrase = phrase.replace('l', "i");
        let known = text.matches(&phrase).count() * phrase.len();
        known > 0 && all - known.min(all) < MIN_CHARS
    })
}

fn guessable(text: &str, email: &str) -> Result<(), PasswordRefused> {
    // zxcvbn's time grows with the square of the length, and the first part decides its verdict.
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
    use argon2::password_hash::PasswordHasher;

    fn checked(password: &str) -> Result<(), PasswordRefused> {
        let password = SecretText::new(password);
        let again = SecretText::new(password.expose());
        check(&password, &again, "grace@example.com")
    }

    #[test]
    fn the_list_of_leaked_passwords_holds_what_could_be_chosen() {
        let mut usable = 0;
        for leaked in LEAKED.lines() {
            assert_eq!(leaked, leaked.to_lowercase(), "it is compared in lower case");
            usable += usize::from(leaked.chars().count() >= MIN_CHARS);
        }
        assert_eq!(usable, 12_000);
    }

    #[test]
    fn a_phrase_that_everybody_knows_is_refused_however_it_is_written() {
        for phrase in FAMOUS.lines() {
            assert_eq!(*letters(phrase), phrase.replace('l', "i"), "it has letters alone, in lower case");
            assert!(phrase.len() >= 6, "{phrase} would be found in words");
        }
        for famous in [
            "correct horse battery staple",
            "CorrectHorseBatteryStaple",
            "correct-horse-battery-staple-1",
            "c0rrect h0rse b4ttery st4ple!",
            "The quick brown fox jumps over the lazy dog.",
            "Tr0ub4dor&3 Tr0ub4dor&3",
            "May the Force be with you!",
            "to be or not to be, that is the question",
            "hunter2 hunter2 hunter2",
            "1 correct horse battery staple",
            "2024 correct horse battery staple",
            "123correcthorsebatterystaple",
            "correct h0r53 b4773ry st4p1e",
            "correct horse battery staples",
            "my correct horse battery staple",
            "correct horse battery staple correct horse battery staple",
            "\u{441}orrect horse battery staple",
            "MayTheFourthBeWithYou2026",
            "The quick brown fox jumps over a lazy dog",
            "Franz jagt im komplett verwahrlosten Taxi quer durch Bayern",
        ] {
            assert_eq!(checked(famous), Err(PasswordRefused::Common), "{famous}");
        }
        for own in [
            "correct harbour battery violet",
            "illbeback-9926-8862-0029-6698-2289",
            "Winter is coming 8291760346829",
            "my precious copper violet harbour tin",
        ] {
            assert_eq!(checked(own), Ok(()), "{own}");
        }
    }

    #[test]
    fn passwords_are_refused_in_words() {
        assert_eq!(checked("short"), Err(PasswordRefused::TooShort));
        // It looks hard to guess, but is leaked.
        assert_eq!(checked("Mailcreated5240"), Err(PasswordRefused::Common));
        assert_eq!(checked("polniypizdec0211"), Err(PasswordRefused::Common));
        assert_eq!(checked(&"é".repeat(600)), Err(PasswordRefused::TooLong));
        assert_eq!(checked("my keystead portal"), Err(PasswordRefused::ContainsContext));
        assert_eq!(checked("grace is my name"), Err(PasswordRefused::ContainsContext));
        assert!(matches!(checked("abababababababab"), Err(PasswordRefused::Guessable(_))));
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

    async fn verified(hasher: &Hasher, password: SecretText, stored: &str) -> Verified {
        let place = hasher.place(Holder::Host).expect("a place");
        hasher.verify(place, password, Some(stored.to_owned())).await.expect("a verdict")
    }

    #[tokio::test]
    async fn whoever_hangs_up_makes_no_room_for_another_check() {
        let hasher = Hasher::new().expect("a hasher");
        let (release, blocked) = mpsc::channel::<()>();
        let check = hasher.run(hasher.place(Holder::Host).expect("a place"), move || blocked.recv().is_ok());
        let gave_up = tokio::time::timeout(std::time::Duration::from_millis(50), check).await;
        assert!(gave_up.is_err(), "the check still runs");
        let all_places = hasher.waiting.close();
        tokio::pin!(all_places);
        let free = tokio::time::timeout(std::time::Duration::from_millis(20), all_places.as_mut()).await;
        assert!(free.is_err(), "its place is not free");
        release.send(()).expect("the check waits");
        all_places.await;
    }

    #[tokio::test]
    async fn a_check_that_panics_takes_no_thread_and_no_place_with_it() {
        let hasher = Hasher::new().expect("a hasher");
        for _ in 0..2 * (QUEUE + 16) {
            let failed =
                hasher.run(hasher.place(Holder::Host).expect("a place"), || panic!("on purpose")).await;
            assert!(matches!(failed, Err::<(), _>(Error::Fault(_))));
        }
        assert_eq!(hasher.run(hasher.place(Holder::Host).expect("a place"), || 7).await.expect("it runs"), 7);
    }

    #[tokio::test]
    async fn a_password_is_right_however_its_letters_are_composed() {
        let hasher = Hasher::new().expect("a hasher");
        let stored =
            hasher.hash(SecretText::new("caf\u{e9} harbour violet"), Holder::Host).await.expect("a hash");
        let decomposed = SecretText::new("cafe\u{301} harbour violet");
        assert!(matches!(verified(&hasher, decomposed, &stored).await, Verified::Right));
        let wrong = SecretText::new("cafe harbour violet");
        assert!(matches!(verified(&hasher, wrong, &stored).await, Verified::Wrong));
    }

    #[tokio::test]
    async fn a_hash_of_smaller_parameters_is_renewed() {
        let hasher = Hasher::new().expect("a hasher");
        // The library alone makes this hash: it shows that the stored format is Argon2id and not something similar.
        let small = Argon2::new(
            Algorithm::Argon2id,
            Version::V0x13,
            Params::new(8192, 1, 1, None).expect("parameters"),
        );
        let stored =
            small.hash_password_with_salt(b"violet", b"0123456789abcdef").expect("a hash").to_string();
        let verified = verified(&hasher, SecretText::new("violet"), &stored).await;
        assert!(matches!(verified, Verified::RightButOutgrown(new) if new.starts_with(&prefix())));
    }
}
