//! Keys that stay under a customer's AWS KMS key: their registration, their checks, the replacement of their credentials, the
//! release of their material.

use crate::base::error::ChangesError;
use crate::base::error::CustodyError;
use crate::base::error::StoreError;
use crate::base::random;
use crate::changes::authority::Authorised;
use crate::custody::kms::{Failure, FailureKind, For, KmsCredentials, preflight};
use crate::custody::lease::{AskedWith, Released};
use crate::custody::{Custody, again};
use crate::store::Lock;
use crate::store::holders::StoredHolder;
use crate::vault::envelope::{Purpose, SealContext};
use crate::{Error, SecretBytes, SecretText, Session, Stage};
use chrono::{DateTime, TimeDelta, Utc};
use domain::audit::event::Action;
use domain::base::id::{HolderId, ScopeId, UserId};
use domain::custody::aws::{AccessKeyId, EncryptedDataKey, KeyArn, Region, decrypt_only_policy};
use domain::custody::command::{AwsCredentials, AwsKey, ReplaceCredentials};
use domain::custody::customer_key::CustomerKey;
use domain::custody::preflight::Report;
use domain::custody::vendor::Vendor;
use domain::custody::view::{AwsKeyView, LeaseView};
use domain::keys::key_type::KeyType;
use domain::keys::key_version::Status;
use domain::keys::version_ref::LeaseKey;
use domain::scopes::scope::ScopeName;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use sha2::{Digest, Sha256};
use std::num::NonZeroU32;

/// The column of the secret, also as named in `sealed_revision`.
pub(crate) const SECRET: &str = "secret";

/// Maximum revisions tried to find a lost one. Nobody had replaced credentials more often while revisions could be lost.
const REVISIONS_TRIED: i64 = 64;

/// Limits how often each person calls customers' KMS.
pub(crate) struct Preflights(DefaultKeyedRateLimiter<UserId>);

impl Preflights {
    pub fn new(each_minute: NonZeroU32) -> Self {
        Self(RateLimiter::hashmap(Quota::per_minute(each_minute)))
    }

    fn allow(&self, user: UserId) -> Result<(), Error> {
        self.0.check_key(&user).map_err(|until| {
            let wait = until.wait_time_from(DefaultClock::default().now());
            Error::Custody(CustodyError::PreflightsTooMany {
                seconds: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX).saturating_add(1),
            })
        })
    }
}

/// The input for a new version.
pub struct AwsAsked {
    pub region: Region,
    pub cmk: KeyArn,
    pub data_key: EncryptedDataKey,
    pub access_key_id: AccessKeyId,
    pub secret_access_key: SecretText,
    /// The person accepts credentials that may do more than decrypt.
    pub accepts_more: bool,
    /// The person accepts a key that versions of other scopes have, too.
    pub accepts_same: bool,
}

/// Hashes everything the secret is used with, so that the secret opens with nothing else.
fn bound_to(id: HolderId, number: u32, key: &CustomerKey, access_key_id: &AccessKeyId) -> [u8; 32] {
    let number = number.to_be_bytes();
    let parts: [&[u8]; 6] = [
        id.0.as_bytes(),
        &number,
        key.region.as_str().as_bytes(),
        key.cmk.as_str().as_bytes(),
        key.data_key.bytes(),
        access_key_id.as_str().as_bytes(),
    ];
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

fn place<'a>(scope: &'a ScopeId, row: &'a [u8; 32], revision: i64) -> SealContext<'a> {
    SealContext {
        // The name of the table in the release that sealed the first of these secrets. It is part of every seal.
        table: "aws_key",
        column: SECRET,
        row,
        scope: scope.0.as_bytes(),
        number: revision.unsigned_abs(),
    }
}

pub(crate) fn json(report: &Report) -> Result<String, Error> {
    serde_json::to_string(report).map_err(|_| Error::Fault("a pre-flight cannot be written".into()))
}

impl Custody {
    /// Checks the entered key against the real KMS, and seals its secret for the row that will store it.
    ///
    /// # Errors
    /// [`CustodyError::SameKey`] when a version of the scope has this key; [`CustodyError::Preflight`] with every line when the key
    /// cannot be used, or when its credentials may do more than decrypt, or another scope has the key, and that was not accepted.
    pub(crate) async fn prepare_aws_key(
        &self,
        who: &Session,
        scope: ScopeId,
        number: u32,
        asked: AwsAsked,
    ) -> Result<AwsKey, Error> {
        let key = CustomerKey { region: asked.region, cmk: asked.cmk, data_key: asked.data_key };
        let with =
            KmsCredentials { access_key_id: asked.access_key_id, secret_access_key: asked.secret_access_key };
        let (mut report, released) = self.preflight(who, scope, &key, &with).await?;
        let fingerprint = released.map(|material| self.fingerprint(material));
        if let Some(fingerprint) = &fingerprint {
            report.also = self.same_key(scope, &key.data_key, Some(fingerprint)).await?;
        }
        let report = accepted(report, asked.accepts_more, asked.accepts_same)?;
        // A report that is accepted has a release.
        let fingerprint = fingerprint.ok_or_else(|| Error::Fault("a pre-flight released no key".into()))?;
        // `revisions().next` gives 1 to a row whose id is new.
        let (id, revision) = (HolderId(random::uuid()), 1);
        let sealed_secret = self.seal_secret(scope, number, id, &key, &with, revision);
        let credentials =
            AwsCredentials { access_key_id: with.access_key_id, sealed_secret, revision, report };
        let CustomerKey { region, cmk, data_key } = key;
        Ok(AwsKey { id, region, cmk, data_key, fingerprint, credentials })
    }

    /// Plans "Replace credentials" of a version.
    ///
    /// # Errors
    /// [`CustodyError::Preflight`] as for a new key; [`CustodyError::NotHeld`] for a version of another type.
    pub async fn plan_replace_credentials(
        &self,
        who: &Session,
        name: &ScopeName,
        number: u32,
        with: KmsCredentials,
        accepts_more: bool,
    ) -> Result<ReplaceCredentials, Error> {
        who.require(Stage::Full)?;
        let (scope, _) = self.vault.scope(name).await?;
        let stored = self.vault.db().holders().get(scope.id, number).await?;
        let (report, _) = self.preflight(who, scope.id, &stored.key, &with).await?;
        let report = accepted(report, accepts_more, false)?;
        let revision = stored.revision + 1;
        let sealed_secret = self.seal_secret(scope.id, number, stored.id, &stored.key, &with, revision);
        let to = AwsCredentials { access_key_id: with.access_key_id, sealed_secret, revision, report };
        Ok(ReplaceCredentials { scope, number, from: stored.access_key_id, to })
    }

    /// Replaces the credentials. The data key and the version stay.
    ///
    /// # Errors
    /// [`ChangesError::Outdated`] when they were replaced in the meantime.
    pub async fn replace_credentials(&self, proof: Authorised<ReplaceCredentials>) -> Result<(), Error> {
        let ReplaceCredentials { scope, number, from, to } = proof.command();
        let key = LeaseKey { scope: scope.id, number: *number };
        let stored = self.vault.db().holders().get(scope.id, *number).await?;
        let (id, preflight) = (stored.id, &json(&to.report)?);
        let detail = &format!("version {number}: {} → {}", from.masked(), to.access_key_id.masked());
        let proof = &proof;
        let done = self.vault.db().write(|mut tx| async move {
            tx.lock(Lock::Scope(scope.id)).await?;
            // The secret is sealed for the revision that came next when it was planned.
            // A refusal drops the transaction and with it this revision.
            if tx.revisions().next(id.0, SECRET).await? != to.revision {
                return Err(Error::Changes(ChangesError::Outdated(
                    "The credentials were replaced in the meantime.".into(),
                )));
            }
            tx.holders().set_credentials(id, to, preflight, self.vault.now()).await?;
            tx.commit(proof.entry(detail.clone())).await
        });
        self.vault.db().or_refuse(done.await, proof.refusal("")).await?;
        // Every earlier result was for the old credentials. Only the pre-flight has tried the new ones.
        self.leases.forgive(key, to.revision);
        crate::base::log::or_warn(self.probe(key, For::Preflight).await, "a health probe failed to run");
        Ok(())
    }

    /// "Check now": repeats the pre-flight with the stored credentials. Keystead stores the result and shows it with the
    /// version.
    ///
    /// # Errors
    /// [`CustodyError::NotHeld`] for a version of another type; [`CustodyError::PreflightsTooMany`].
    pub async fn check_now(&self, who: &Session, name: &ScopeName, number: u32) -> Result<Report, Error> {
        who.require(Stage::Full)?;
        let (scope, _) = self.vault.scope(name).await?;
        let key = LeaseKey { scope: scope.id, number };
        let stored = match self.vault.db().holders().get(scope.id, number).await {
            Ok(stored) => Some(stored),
            Err(Error::Store(StoreError::Corrupt { .. })) => None,
            Err(error) => return Err(error),
        };
        let with = stored.as_ref().and_then(|stored| self.credentials(key, stored).ok());
        let report = match (&stored, with) {
            (Some(stored), Some(with)) => {
                self.preflights.allow(who.user()?)?;
                let heard = self.ask(key, stored, &with, For::Preflight).await.heard();
                let report = preflight::run(&self.kms, scope.id, &stored.key, &with, &heard).await;
                self.note_health(key, stored, heard).await?;
                report
            }
            (Some(stored), None) => {
                let heard = self.refuse_sealed(key, stored);
                self.note_health(key, stored, heard).await?;
                preflight::does_not_open()
            }
            (None, _) => {
                self.note_unreadable(key).await?;
                preflight::does_not_open()
            }
        };
        let (preflight, now) = (&json(&report)?, self.vault.now());
        let detail = format!("version {number}: {}", report.summary());
        let entry = match report.blocks() {
            true => crate::base::entry::Entry::refused(now, who.actor(), Action::KeyCheck),
            false => crate::base::entry::Entry::done(now, who.actor(), Action::KeyCheck),
        };
        let entry = &entry.at_place(&scope).of_version(number).with(detail);
        let id = stored.map(|stored| stored.id);
        self.vault
            .db()
            .write(|mut tx| async move {
                if let Some(id) = id {
                    tx.holders().set_preflight(id, preflight, now).await?;
                }
                tx.commit(entry.clone()).await
            })
            .await?;
        Ok(report)
    }

    /// Returns what the page of a version shows of its key; `None` for a version of another type.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown scope.
    pub async fn aws_key(&self, name: &ScopeName, number: u32) -> Result<Option<AwsKeyView>, Error> {
        let (scope, _) = self.vault.scope(name).await?;
        let version = self.vault.shown(self.vault.db().keys().version(scope.id, number).await?);
        if version.key_type != KeyType::CustomerHeld(Vendor::Aws) {
            return Ok(None);
        }
        let stored = self.vault.db().holders().get(scope.id, number).await?;
        let every = self.probe_every.and_then(|every| TimeDelta::from_std(every).ok());
        let probe_at =
            every.filter(|_| version.status == Status::Active).map(|every| stored.probed_at + every);
        Ok(Some(view(stored, probe_at)))
    }

    /// Returns the address at which Keystead calls KMS for a region: the region's own host, or the operator's setting.
    pub fn kms_address(&self, region: &Region) -> String {
        self.kms.address(region)
    }

    /// Returns what this server holds in memory of a version.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown scope.
    pub async fn lease(&self, name: &ScopeName, number: u32) -> Result<LeaseView, Error> {
        let (scope, _) = self.vault.scope(name).await?;
        let key = LeaseKey { scope: scope.id, number };
        Ok(self.leases.view(key, self.vault.steady(), self.vault.now()))
    }

    /// Requests the material of a version from its holder. Only `lease` calls this.
    pub(crate) async fn release(&self, key: LeaseKey) -> Result<Released, Error> {
        let version = self.vault.proved(self.vault.db().keys().version(key.scope, key.number).await?)?;
        match version.key_type {
            KeyType::Managed | KeyType::Imported => {
                let material = self.managed_material(key).await?;
                Ok(Released { material, seen: AskedWith::default(), refusals: None })
            }
            KeyType::CustomerHeld(Vendor::Aws) => {
                let stored = self.vault.db().holders().get(key.scope, key.number).await?;
                let with = match self.credentials(key, &stored) {
                    Ok(with) => with,
                    Err(error) => {
                        let heard = self.refuse_sealed(key, &stored);
                        let noted = self.note_health(key, &stored, heard).await;
                        crate::base::log::or_warn(noted, "the health of a version could not be saved");
                        return Err(error);
                    }
                };
                let answer = self.ask(key, &stored, &with, For::Use).await;
                let heard = answer.heard();
                // The probes find out whether an outage is one of KMS or of this server's network path to it.
                if heard.as_ref().err().is_none_or(|failure| failure.kind == FailureKind::Refused) {
                    let noted = self.note_health(key, &stored, heard).await;
                    crate::base::log::or_warn(noted, "the health of a version could not be saved");
                }
                // Both numbers are from before the call, so `apply_remote_refusals` notices a refusal during it.
                let StoredHolder { revision, refusals, .. } = stored;
                let seen = AskedWith { revision, refusals };
                Ok(Released { material: answer.released?, seen, refusals: answer.refusals })
            }
        }
    }

    /// Opens the stored credentials.
    pub(crate) fn credentials(&self, key: LeaseKey, stored: &StoredHolder) -> Result<KmsCredentials, Error> {
        let row = bound_to(stored.id, key.number, &stored.key, &stored.access_key_id);
        let opened = self.vault.keyring().open(
            Purpose::Credentials,
            place(&key.scope, &row, stored.revision),
            &stored.secret,
        )?;
        let text = std::str::from_utf8(opened.expose())
            .map_err(|_| Error::Fault("a secret key is not text".into()))?;
        Ok(KmsCredentials {
            access_key_id: stored.access_key_id.clone(),
            secret_access_key: SecretText::new(text),
        })
    }

    /// Restores lost revisions, which the sweep of an early version deleted. The seal covers the revision, so trying revisions
    /// finds it. Somebody who could hide a revision could as well set it.
    pub(crate) async fn find_lost_revisions(&self) -> Result<(), Error> {
        for key in self.vault.db().holders().without_revision().await? {
            let mut stored = match self.vault.db().holders().get(key.scope, key.number).await {
                Ok(stored) => stored,
                Err(error) => {
                    tracing::error!(%error, "a customer's key that lacks its revision could not be read");
                    continue;
                }
            };
            let opens = |revision: &i64| {
                stored.revision = *revision;
                self.credentials(key, &stored).is_ok()
            };
            let Some(revision) = (1..=REVISIONS_TRIED).find(opens) else {
                tracing::error!("the revision of a customer's key is lost; replace the key's credentials");
                continue;
            };
            let id = stored.id.0;
            self.vault
                .db()
                .write(|mut tx| async move {
                    tx.revisions().insert(id, SECRET, revision).await?;
                    tx.commit_unaudited("a lost revision was found again").await
                })
                .await?;
        }
        Ok(())
    }

    fn seal_secret(
        &self,
        scope: ScopeId,
        number: u32,
        id: HolderId,
        key: &CustomerKey,
        with: &KmsCredentials,
        revision: i64,
    ) -> Vec<u8> {
        let row = bound_to(id, number, key, &with.access_key_id);
        let secret = with.secret_access_key.expose().as_bytes();
        self.vault.keyring().seal(Purpose::Credentials, place(&scope, &row, revision), secret)
    }

    /// Runs a pre-flight with credentials that nobody uses yet. Also returns the data key, if KMS has released it.
    async fn preflight(
        &self,
        who: &Session,
        scope: ScopeId,
        key: &CustomerKey,
        with: &KmsCredentials,
    ) -> Result<(Report, Option<SecretBytes>), Error> {
        who.require(Stage::Full)?;
        self.preflights.allow(who.user()?)?;
        let released = again::patiently(|| self.kms.decrypt(scope, key, with, For::Preflight)).await;
        let heard = released.as_ref().map(drop).map_err(Failure::clone);
        let report = preflight::run(&self.kms, scope, key, with, &heard).await;
        Ok((report, released.ok()))
    }
}

/// Returns the report if the key may be used.
fn accepted(report: Report, accepts_more: bool, accepts_same: bool) -> Result<Report, Error> {
    let is_open = report.warns() && !accepts_more || !report.also.is_empty() && !accepts_same;
    if report.blocks() || is_open {
        return Err(Error::Custody(CustodyError::Preflight(Box::new(report))));
    }
    Ok(report)
}

fn view(stored: StoredHolder, probe_at: Option<DateTime<Utc>>) -> AwsKeyView {
    AwsKeyView {
        region: stored.key.region.to_string(),
        policy: decrypt_only_policy(&stored.key.cmk),
        cmk_arn: stored.key.cmk.to_string(),
        encrypted_key: stored.key.data_key.to_base64(),
        access_key_id: stored.access_key_id.masked(),
        credentials_at: stored.credentials_at,
        preflight: stored.preflight,
        preflight_at: stored.preflight_at,
        probe_at,
    }
}
