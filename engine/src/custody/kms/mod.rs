//! The customers' AWS KMS: three operations (Decrypt and two dry runs), each with explicit credentials. A [`Failure`] says
//! whether KMS refused or could not be reached.
//!
//! Keystead builds the SDK's configuration itself for every call: it takes nothing from the environment, from profiles, from
//! instance metadata or from a proxy. The calls share only the pool of connections.

mod bounded;
mod classify;
mod endpoint;
pub mod preflight;

use crate::{SecretBytes, SecretText};
use aws_sdk_kms::Client;
use aws_sdk_kms::config::retry::RetryConfig;
use aws_sdk_kms::config::timeout::TimeoutConfig;
use aws_sdk_kms::config::{
    BehaviorVersion, Config, Credentials, Region as SdkRegion, SharedHttpClient,
    StalledStreamProtectionConfig,
};
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::DataKeySpec;
use domain::base::id::ScopeId;
use domain::custody::aws::{AccessKeyId, Region};
use domain::custody::customer_key::CustomerKey;
use domain::custody::preflight::FailureCode;
use endpoint::Endpoint;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes of a data key (AES-256).
pub const DATA_KEY_BYTES: usize = 32;
/// Time-out of making a connection.
const CONNECT: Duration = Duration::from_secs(1);
/// Time-out of a call.
pub(super) const CALL: Duration = Duration::from_secs(2);
/// Maximum concurrent calls of one scope.
const AT_ONCE: usize = 8;
/// Maximum of these that are people's pre-flights. The others are for leases.
const PREFLIGHTS_AT_ONCE: usize = 4;
/// Time-out of a call that waits for its turn in its scope.
const TURN: Duration = Duration::from_secs(4);

/// Settings of the connection to KMS, made by the operator.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Endpoint instead of the region's own host: an emulator, a VPC endpoint.
    pub endpoint_url: Option<String>,
    /// Allows a region's host to have a private address (a VPC endpoint with private DNS).
    pub private_endpoints: bool,
}

/// The credentials with which Keystead calls the customer's KMS.
pub struct KmsCredentials {
    pub access_key_id: AccessKeyId,
    pub secret_access_key: SecretText,
}

/// Whether KMS refused, or gave no answer that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The customer does not allow the use any more: wipe, and answer 403.
    Refused,
    /// KMS cannot be reached: material that it released before may be used until its lease ends.
    Unreachable,
}

/// A call that returned no data key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub kind: FailureKind,
    pub code: FailureCode,
}

impl Failure {
    pub fn refused(code: FailureCode) -> Self {
        Self { kind: FailureKind::Refused, code }
    }

    pub fn unreachable(code: FailureCode) -> Self {
        Self { kind: FailureKind::Unreachable, code }
    }

    /// Checks for a refusal that may be one of a moment, so that KMS is asked again.
    pub fn is_doubtful(&self) -> bool {
        self.kind == FailureKind::Refused && self.code.is_doubtful()
    }
}

/// The result of a dry run of a forbidden operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DryRun {
    Denied,
    /// KMS would have done it.
    Allowed,
    /// The answer does not decide it.
    Undetermined(Option<FailureCode>),
}

/// The purpose of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum For {
    /// A lease, or the probe of one.
    Use,
    /// A person's pre-flight.
    Preflight,
}

/// The queue of a scope's calls.
struct Queue {
    all: Arc<Semaphore>,
    preflights: Arc<Semaphore>,
}

/// A place among the concurrent calls.
struct Turn {
    _of_all: OwnedSemaphorePermit,
    _of_preflights: Option<OwnedSemaphorePermit>,
}

/// The client of the customers' KMS.
pub struct Kms {
    endpoint: Endpoint,
    http: SharedHttpClient,
    scopes: Mutex<HashMap<ScopeId, Arc<Queue>>>,
}

impl Kms {
    pub fn new(settings: &Settings) -> Self {
        let endpoint = Endpoint::new(settings);
        let http = endpoint.http_client();
        Self { endpoint, http, scopes: Mutex::default() }
    }

    /// Returns the data key, released by the customer's KMS.
    ///
    /// # Errors
    /// The reason why there is none: refused, or unreachable. A reply for another key, or of another length than 32 bytes, is a
    /// refusal too.
    pub async fn decrypt(
        &self,
        scope: ScopeId,
        key: &CustomerKey,
        with: &KmsCredentials,
        who: For,
    ) -> Result<SecretBytes, Failure> {
        let _turn = self.turn(scope, who).await?;
        // With KeyId, KMS refuses a ciphertext of another key (AWS KMS API reference, Decrypt: IncorrectKeyException).
        let call = self.client(&key.region, with).decrypt().key_id(key.cmk.as_str());
        let sent = call.ciphertext_blob(Blob::new(key.data_key.bytes())).send().await;
        let mut answer = sent.map_err(|error| classify::failure(&error))?;
        // The plaintext leaves the answer before the checks, so that every way out wipes it.
        let plain = SecretBytes::new(answer.plaintext.take().map(Blob::into_inner).unwrap_or_default());
        // An endpoint that ignores KeyId, such as an emulator, could decrypt with any key.
        if answer.key_id() != Some(key.cmk.as_str()) {
            return Err(Failure::refused(FailureCode::WRONG_KEY));
        }
        if plain.expose().len() != DATA_KEY_BYTES {
            return Err(Failure::refused(FailureCode::WRONG_LENGTH));
        }
        Ok(plain)
    }

    /// Checks whether the credentials may encrypt under the CMK. Nothing is encrypted where KMS supports dry runs.
    pub async fn may_encrypt(&self, scope: ScopeId, key: &CustomerKey, with: &KmsCredentials) -> DryRun {
        let _turn = match self.turn(scope, For::Preflight).await {
            Ok(turn) => turn,
            Err(busy) => return DryRun::Undetermined(Some(busy.code)),
        };
        let call = self.client(&key.region, with).encrypt().key_id(key.cmk.as_str());
        classify::dry_run(call.plaintext(Blob::new([0; 16])).dry_run(true).send().await)
    }

    /// Checks whether the credentials may generate data keys under the CMK.
    pub async fn may_generate(&self, scope: ScopeId, key: &CustomerKey, with: &KmsCredentials) -> DryRun {
        let _turn = match self.turn(scope, For::Preflight).await {
            Ok(turn) => turn,
            Err(busy) => return DryRun::Undetermined(Some(busy.code)),
        };
        let call = self.client(&key.region, with).generate_data_key().key_id(key.cmk.as_str());
        let sent = call.key_spec(DataKeySpec::Aes256).dry_run(true).send().await;
        // An endpoint without support for dry runs has sent a real data key, which is wiped here.
        classify::dry_run(sent.map(|mut answer| {
            drop(SecretBytes::new(answer.plaintext.take().map(Blob::into_inner).unwrap_or_default()));
        }))
    }

    /// Returns the address of the calls for a region.
    pub fn address(&self, region: &Region) -> String {
        self.endpoint.url(region)
    }

    fn client(&self, region: &Region, with: &KmsCredentials) -> Client {
        let times = TimeoutConfig::builder()
            .connect_timeout(CONNECT)
            .operation_attempt_timeout(CALL)
            .operation_timeout(CALL)
            .build();
        let credentials = Credentials::new(
            with.access_key_id.as_str(),
            with.secret_access_key.expose(),
            None,
            None,
            "keystead",
        );
        let config = Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(SdkRegion::new(region.as_str().to_owned()))
            .endpoint_url(self.endpoint.url(region))
            .credentials_provider(credentials)
            .http_client(self.http.clone())
            .timeout_config(times)
            // Leases and probes have waits of their own. A retry here would come on top of them.
            .retry_config(RetryConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .build();
        Client::from_conf(config)
    }

    /// Waits for a turn: at most eight calls of a scope are under way, at most four of them for pre-flights.
    async fn turn(&self, scope: ScopeId, who: For) -> Result<Turn, Failure> {
        let queue = {
            let mut scopes = self.scopes.lock().unwrap_or_else(PoisonError::into_inner);
            // A `Turn` keeps its semaphores but not its queue, so calls under way show only in the permits.
            scopes.retain(|_, queue| {
                Arc::strong_count(queue) > 1
                    || queue.all.available_permits() < AT_ONCE
                    || queue.preflights.available_permits() < PREFLIGHTS_AT_ONCE
            });
            Arc::clone(scopes.entry(scope).or_insert_with(|| {
                Arc::new(Queue {
                    all: Arc::new(Semaphore::new(AT_ONCE)),
                    preflights: Arc::new(Semaphore::new(PREFLIGHTS_AT_ONCE)),
                })
            }))
        };
        let waiting = async {
            // Pre-flights wait for each other first, so that none of them blocks a lease.
            let of_preflights = match who {
                For::Preflight => Some(Arc::clone(&queue.preflights).acquire_owned().await.ok()?),
                For::Use => None,
            };
            let of_all = Arc::clone(&queue.all).acquire_owned().await.ok()?;
            Some(Turn { _of_all: of_all, _of_preflights: of_preflights })
        };
        let turn = tokio::time::timeout(TURN, waiting).await.ok().flatten();
        turn.ok_or(Failure::unreachable(FailureCode::BUSY))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::kms::{SECRET, access_key_id, arn, data_key, region};

    #[tokio::test]
    async fn a_host_with_a_private_address_is_told_from_one_that_does_not_answer() {
        // The client of a server with default settings, called with a name that resolves to this machine.
        let http = Endpoint::new(&Settings::default()).http_client();
        let endpoint = Endpoint::new(&Settings {
            endpoint_url: Some("https://localhost:9".into()),
            private_endpoints: false,
        });
        let kms = Kms { endpoint, http, scopes: Mutex::default() };
        let key = CustomerKey { region: region(), cmk: arn(), data_key: data_key() };
        let with =
            KmsCredentials { access_key_id: access_key_id(), secret_access_key: SecretText::new(SECRET) };
        let refused = kms.decrypt(ScopeId(uuid::Uuid::nil()), &key, &with, For::Use).await;
        assert_eq!(refused.err(), Some(Failure::unreachable(FailureCode::NOT_PUBLIC)));
    }
}
