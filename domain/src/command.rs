//! What a verification code confirms: each command says exactly what will be done.

use crate::base::id::{AwsKeyId, ScopeId, SessionId, UserId};
use crate::custody::aws::{AccessKeyId, EncryptedDataKey, KeyArn, Region};
use crate::custody::preflight::Report;
use crate::data::operation::Operation;
use crate::data::tenant_secret::RotationStep;
use crate::keys::key_version::Plan;
use crate::keys::rotation::RotationPeriod;
use crate::scopes::alias::Alias;
use crate::scopes::scope::ScopeName;
use crate::services::api_key::{ApiKeyId, Grant, Lifetime};
use serde::{Deserialize, Serialize};

/// A scope as a command names it: the row, and the name people read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopeRef {
    pub id: ScopeId,
    pub name: ScopeName,
}

/// "Add encryption key".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateKey {
    pub scope: ScopeRef,
    /// What the page showed; refused if it is no longer what would happen.
    pub plan: Plan,
    pub source: Source,
}

/// Where the material of a new version comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// Generated here.
    Generated,
    /// Released by the customer's AWS KMS.
    Aws(Box<AwsKey>),
}

/// A data key under a customer's AWS KMS key, and with what it is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwsKey {
    pub id: AwsKeyId,
    pub region: Region,
    pub cmk: KeyArn,
    pub data_key: EncryptedDataKey,
    pub credentials: AwsCredentials,
}

/// Credentials that were checked. The secret is sealed for the very row, and the revision of it, where it will lie.
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

/// "Rotate encryption key".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotateKey {
    pub scope: ScopeRef,
    pub plan: Plan,
}

/// "Edit encryption key".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EditKey {
    pub scope: ScopeRef,
    /// The Active version whose period changes.
    pub number: u32,
    pub from: RotationPeriod,
    pub to: RotationPeriod,
}

/// A new password; the hash, never the password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangePassword {
    pub user: UserId,
    /// Argon2id in PHC string form. The command is sealed while it waits.
    pub password_hash: String,
}

/// Leave to enrol another authenticator app; the new one proves itself with a code of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplaceAuthenticator {
    pub user: UserId,
}

/// One other session of the same administrator ends, or all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndSessions {
    pub user: UserId,
    /// `None`: all others.
    pub only: Option<SessionId>,
}

/// Ten new recovery codes; the old ones stop working.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplaceRecoveryCodes {
    pub user: UserId,
}

/// "Create API key". Its secret is drawn when it is made, and shown once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateApiKey {
    pub name: String,
    pub grants: Vec<Grant>,
    pub operations: Vec<Operation>,
    pub lifetime: Lifetime,
}

/// "Revoke": the key stops working, on every server, for ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokeApiKey {
    pub id: ApiKeyId,
    pub name: String,
}

/// "Alias": the name under which services may ask for the scope besides its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetAlias {
    pub scope: ScopeRef,
    /// What the page showed; refused if it is another one now.
    pub from: Option<Alias>,
    /// `None`: it has none any more.
    pub to: Option<Alias>,
}

/// A step of rotating the secrets that a scope's keys are derived from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotateTenantSecrets {
    pub scope: ScopeRef,
    pub step: RotationStep,
    /// The newest secret that was followed by another when this was planned: a rotation since then is another one.
    pub followed: Option<u32>,
}
