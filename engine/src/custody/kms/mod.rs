//! The customers' AWS KMS: three operations, each with explicit credentials, each answered with what was asked for or
//! with a [`Failure`] that says whether KMS refused or could not be reached.
//!
//! The SDK's configuration is built by hand for every call: nothing is taken from the environment, from profiles, from
//! instance metadata or from a proxy. The only thing shared is the pool of connections.

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
/// A connection is made within this time.
const CONNECT: Duration = Duration::from_secs(1);
/// A call is answered within this time.
const CALL: Duration = Duration::from_secs(2);
/// Calls under way for one scope.
const AT_ONCE: usize = 8;
/// Of these, people's pre-flights take so many at most: the others are for leases.
const PREFLIGHTS_AT_ONCE: usize = 4;
/// A scope's calls wait this long for their turn.
const TURN: Duration = Duration::from_secs(4);

/// What the operator says of the way to KMS.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Instead of the region's own host: an emulator, a VPC endpoint.
    pub endpoint_url: Option<String>,
    /// A region's host may have a private address (a VPC endpoint with private DNS).
    pub private_endpoints: bool,
}

/// With what Keystead asks the customer's KMS.
pub struct KmsCredentials {
    pub access_key_id: AccessKeyId,
    pub secret_access_key: SecretText,
}

/// Whether KMS said no, or said nothing that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The customer does not want it any more: wipe, and answer 403.
    Refused,
    /// KMS cannot be reached: what was released before may be used until its time is over.
    Unreachable,
}

/// A call that gave no data key.
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
}

/// What a dry run of a forbidden operation found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DryRun {
    Denied,
    /// It would have been done.
    Allowed,
    /// No answer that decides it.
    Undetermined(Option<FailureCode>),
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum For {
    /// A lease, or the probe of one.
    Use,
    /// A person's pre-flight.
    Preflight,
}

/// Where the calls of a scope wait for their turn.
struct Queue {
    all: Arc<Semaphore>,
    preflights: Arc<Semaphore>,
}

/// A place among the calls that are under way.
struct Turn {
    _of_all: OwnedSemaphorePermit,
    _of_preflights: Option<OwnedSemaphorePermit>,
}

/// The way to KMS.
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

    /// The data key, released by the customer's KMS.
    ///
    /// # Errors
    /// Why there is none: refused, or out of reach. An answer for another key, or of another length than 32 bytes, is a
    /// refusal too.
    pub async fn decrypt(
        &self,
        scope: ScopeId,
        key: &CustomerKey,
        with: &KmsCredentials,
        who: For,
    ) -> Result<SecretBytes, Failure> {
        let _turn = self.turn(scope, who).await?;
        let call = self.client(&key.region, with).decrypt().key_id(key.cmk.as_str());
        let sent = call.ciphertext_blob(Blob::new(key.data_key.bytes())).send().await;
        let mut answer = sent.map_err(|error| classify::failure(&error))?;
        let plain = SecretBytes::new(answer.plaintext.take().map(Blob::into_inner).unwrap_or_default());
        if answer.key_id() != Some(key.cmk.as_str()) {
            return Err(Failure::refused(FailureCode::WRONG_KEY));
        }
        if plain.expose().len() != DATA_KEY_BYTES {
            return Err(Failure::refused(FailureCode::WRONG_LENGTH));
        }
        Ok(plain)
    }

    /// Whether the credentials may encrypt under the CMK. Nothing is encrypted where KMS knows dry runs.
    pub async fn may_encrypt(&self, scope: ScopeId, key: &CustomerKey, with: &KmsCredentials) -> DryRun {
        let _turn = match self.turn(scope, For::Preflight).await {
            Ok(turn) => turn,
            Err(busy) => return DryRun::Undetermined(Some(busy.code)),
        };
        let call = self.client(&key.region, with).encrypt().key_id(key.cmk.as_str());
        classify::dry_run(call.plaintext(Blob::new([0; 16])).dry_run(true).send().await)
    }

    /// Whether the credentials may generate data keys under the CMK.
    pub async fn may_generate(&self, scope: ScopeId, key: &CustomerKey, with: &KmsCredentials) -> DryRun {
        let _turn = match self.turn(scope, For::Preflight).await {
            Ok(turn) => turn,
            Err(busy) => return DryRun::Undetermined(Some(busy.code)),
        };
        let call = self.client(&key.region, with).generate_data_key().key_id(key.cmk.as_str());
        let sent = call.key_spec(DataKeySpec::Aes256).dry_run(true).send().await;
        // An endpoint that knows no dry run has sent a data key nobody asked for.
        classify::dry_run(sent.map(|mut answer| {
            drop(SecretBytes::new(answer.plaintext.take().map(Blob::into_inner).unwrap_or_default()));
        }))
    }

    /// Where the calls for a region go.
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
            .retry_config(RetryConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .build();
        Client::from_conf(config)
    }

    /// At most eight calls of a scope are under way, at most four of them for pre-flights.
    async fn turn(&self, scope: ScopeId, who: For) -> Result<Turn, Failure> {
        let queue = {
            let mut scopes = self.scopes.lock().unwrap_or_else(PoisonError::into_inner);
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
            // First among its like, so that none of them stands in the way of a lease.
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
        // The client of a server without any setting, called with a name that is this machine's.
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
