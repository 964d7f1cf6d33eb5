//! Commands for a customer's key that a verification code confirms.

use crate::base::id::HolderId;
use crate::custody::aws::{AccessKeyId, EncryptedDataKey, KeyArn, Region};
use crate::custody::preflight::Report;
use crate::scopes::command::ScopeRef;
use serde::{Deserialize, Serialize};

/// A data key encrypted under a customer's AWS KMS key, and the credentials to decrypt it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwsKey {
    pub id: HolderId,
    pub region: Region,
    pub cmk: KeyArn,
    pub data_key: EncryptedDataKey,
    /// A keyed hash of the key itself, by which Keystead recognises it when it is registered again.
    pub fingerprint: Vec<u8>,
    pub credentials: AwsCredentials,
}

/// Credentials that the pre-flight has checked. The secret is sealed for exactly the row and revision that will hold it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwsCredentials {
    pub access_key_id: AccessKeyId,
    pub sealed_secret: Vec<u8>,
    pub revision: i64,
    pub report: Report,
}

/// "Replace credentials": another IAM user for the same data key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplaceCredentials {
    pub scope: ScopeRef,
    pub number: u32,
    pub from: AccessKeyId,
    pub to: AwsCredentials,
}
