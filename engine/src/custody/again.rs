//! Asking again. The servers of IAM learn of a new access key or policy one after another, so a KMS may refuse a call that it
//! allows a moment later. Such a refusal is doubtful until it is repeated.
//!
//! ```text
//! no ──── again (200 ms) ──── again (700 ms) ──── the last no holds
//!  └ material set aside    └ a yes puts it back; another refusal, or none of both: it is wiped
//! ```

use crate::SecretBytes;
use crate::custody::Custody;
use crate::custody::kms::{CALL, Failure, FailureKind, For, KmsCredentials};
use crate::store::holders::StoredHolder;
use domain::keys::version_ref::LeaseKey;
use std::time::Duration;

/// Waits before each further call for a version that services use. Its material is set aside for so long.
const IN_USE: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(500)];
/// Waits before each further call for credentials that nobody uses yet, while a person waits.
const NEW: [Duration; 3] = [Duration::from_millis(500), Duration::from_secs(1), Duration::from_millis(1500)];

/// The last word of a KMS about a version's key.
pub(crate) struct Answer {
    pub released: Result<SecretBytes, Failure>,
    /// Number of refusals in this server's lease when the answer was requested, if it was requested again.
    pub refusals: Option<u64>,
}

impl Answer {
    /// Returns the answer without the data key.
    pub fn heard(&self) -> Result<(), Failure> {
        self.released.as_ref().map(drop).map_err(Failure::clone)
    }
}

impl Custody {
    /// Requests a version's data key from the customer's KMS, and applies the answer to this server's lease. After a doubtful
    /// refusal the material is set aside and KMS is asked again within the second. Nobody uses the material until KMS has
    /// allowed it again.
    ///
    /// The caller records the answer (`note_health`).
    pub(crate) async fn ask(
        &self,
        key: LeaseKey,
        stored: &StoredHolder,
        with: &KmsCredentials,
        who: For,
    ) -> Answer {
        let call = || self.kms.decrypt(key.scope, &stored.key, with, who);
        let first = call().await;
        // What is refused already, or has been replaced, is not in use, so a further refusal changes nothing. A person who waits
        // for the answer gets one all the same.
        let is_in_use = !stored.health.state.is_refused() && !self.leases.has_newer(key, stored.revision);
        let is_asked_again = who == For::Preflight || is_in_use;
        let no = match first {
            Err(no) if no.is_doubtful() && is_asked_again => no,
            released => {
                let answer = Answer { released, refusals: None };
                self.apply(key, stored.revision, &answer.heard());
                if let Ok(material) = &answer.released {
                    self.add_fingerprint(stored, material).await;
                }
                return answer;
            }
        };
        tracing::info!(code = %no.code, "KMS refused a call that it may allow in a moment; Keystead asks again");
        let doubt = self.leases.set_aside(key, stored.revision);
        // Uses that begin now wait for this answer. A load that began earlier has the lock and asks KMS by itself.
        let _one = doubt.try_load();
        let released = again(&IN_USE, no, call).await;
        let refusals = doubt.end(released.is_ok());
        let answer = Answer { released, refusals };
        self.apply(key, stored.revision, &answer.heard());
        answer
    }
}

/// Asks with credentials that nobody uses yet, while a person waits.
pub(super) async fn patiently<F>(call: impl Fn() -> F) -> Result<SecretBytes, Failure>
where
    F: Future<Output = Result<SecretBytes, Failure>>,
{
    match call().await {
        Err(no) if no.is_doubtful() => again(&NEW, no, call).await,
        released => released,
    }
}

/// Repeats a refused call until an answer is not doubtful. Only a refusal or a success answers it; after outages the refusal
/// holds.
async fn again<T, F>(waits: &[Duration], mut no: Failure, call: impl Fn() -> F) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    let asking = async {
        for wait in waits {
            tokio::time::sleep(*wait).await;
            match call().await {
                Ok(yes) => return Some(yes),
                Err(failure) if failure.kind == FailureKind::Refused => {
                    let is_final = !failure.is_doubtful();
                    no = failure;
                    if is_final {
                        return None;
                    }
                }
                Err(_) => {}
            }
        }
        None
    };
    // The last call gets its whole time. Waits for a turn of the scope get no time of their own.
    let yes = tokio::time::timeout(waits.iter().sum::<Duration>() + CALL, asking).await.ok().flatten();
    yes.ok_or(no)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::custody::preflight::FailureCode;
    use std::cell::RefCell;

    /// Answers in this order; returns the last word and the number of calls.
    async fn asked(answers: Vec<Result<(), Failure>>) -> (Result<(), Failure>, usize) {
        let (rest, calls) = (RefCell::new(answers.into_iter()), RefCell::new(0));
        let call = || async {
            *calls.borrow_mut() += 1;
            let answer = rest.borrow_mut().next();
            match answer {
                Some(answer) => answer,
                None => std::future::pending().await,
            }
        };
        let first = refused("UnrecognizedClientException");
        let word = again(&[Duration::from_millis(1); 2], first, call).await;
        (word, calls.into_inner())
    }

    fn refused(code: &str) -> Failure {
        Failure::refused(FailureCode::of_kms(code))
    }

    #[tokio::test]
    async fn the_first_word_that_is_not_doubtful_is_the_last() {
        let outage = || Err(Failure::unreachable(FailureCode::TIMEOUT));
        let doubtful = || Err(refused("AccessDeniedException"));
        let disabled = || Err(refused("DisabledException"));
        for (answers, word, calls) in [
            (vec![Ok(())], Ok(()), 1),
            (vec![doubtful(), Ok(())], Ok(()), 2),
            (vec![outage(), Ok(())], Ok(()), 2),
            (vec![disabled(), Ok(())], disabled(), 1),
            (vec![doubtful(), doubtful(), Ok(())], doubtful(), 2),
            (vec![outage(), outage(), Ok(())], Err(refused("UnrecognizedClientException")), 2),
            // A call that is never answered ends with the time-out.
            (vec![doubtful()], doubtful(), 2),
        ] {
            assert_eq!(asked(answers).await, (word, calls));
        }
    }
}
