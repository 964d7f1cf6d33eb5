//! Shared by the stories of customers' keys: a portal with a fake KMS that answers as instructed.

use crate::support::*;
use domain::custody::aws::AccessKeyId;
use domain::custody::command::ReplaceCredentials;
use domain::custody::health::HealthState;
use domain::keys::command::CreateKey;
use domain::keys::key_version::Plan;
use domain::scopes::scope::ScopeName;
use engine::changes::authority::Authorised;
use engine::custody::kms::KmsCredentials;
pub use engine::testing::kms::{Decrypts, Forbids, SECRET};
use engine::testing::kms::{FakeKms, access_key_id, arn, data_key, other_data_key, region};
use engine::testing::{DatabaseKind, Person, TestPortal};
use engine::{AwsAsked, Error, Settings};
use std::sync::atomic::{AtomicU8, Ordering};

pub struct Customer {
    pub t: TestPortal,
    pub kms: FakeKms,
    pub ada: Person,
    pub de: ScopeName,
    /// Number of the next data key.
    next: AtomicU8,
}

/// Returns the form of a customer's key, filled in.
pub fn asked() -> AwsAsked {
    AwsAsked {
        region: region(),
        cmk: arn(),
        data_key: data_key(),
        access_key_id: access_key_id(),
        secret_access_key: text(SECRET),
        accepts_more: false,
        accepts_same: false,
    }
}

/// Returns credentials of another IAM user.
pub fn others() -> KmsCredentials {
    let access_key_id = AccessKeyId::parse("AKIAI44QH8DHBEXAMPLE").expect("an id");
    KmsCredentials { access_key_id, secret_access_key: text("je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY") }
}

impl Customer {
    pub async fn new(kind: DatabaseKind) -> Self {
        let kms = FakeKms::start().await;
        let settings = kms.settings();
        Self::with_settings(kind, kms, settings).await
    }

    pub async fn with_settings(kind: DatabaseKind, kms: FakeKms, settings: Settings) -> Self {
        let t = TestPortal::with_settings(kind, settings).await;
        let ada = t.administrator().await;
        let de = scope(&t, &ada, "DE").await;
        Self { t, kms, ada, de, next: AtomicU8::new(0) }
    }

    /// Creates a portal with a key that is already registered.
    pub async fn with_key(kind: DatabaseKind) -> Self {
        let house = Self::new(kind).await;
        house.register().await;
        house.kms.forget_calls();
        house
    }

    /// Returns the form of a key that nobody has registered yet. The first one is that of [`asked`].
    pub fn asked(&self) -> AwsAsked {
        AwsAsked { data_key: other_data_key(self.next.fetch_add(1, Ordering::SeqCst), 0), ..asked() }
    }

    pub async fn plan(&self) -> Result<CreateKey, Error> {
        self.t.portal.keys().plan_create_aws(&self.ada.session, &self.de, self.asked()).await
    }

    pub async fn register(&self) -> Plan {
        let command = self.plan().await.expect("a plan");
        self.t.portal.keys().create(proof(&self.t, &self.ada, &command).await).await.expect("a version")
    }

    /// Uses the first version's key once; returns the material.
    pub async fn use_key(&self) -> Result<Vec<u8>, Error> {
        let key = self.t.portal.lease_key(&self.de, 1).await?;
        self.t.portal.custody().with_material(key, 1, 16, |material| material.expose().to_vec()).await
    }

    /// Returns the health of the newest version and the code of its failure.
    pub async fn health(&self) -> (HealthState, Option<String>) {
        let newest = self.t.portal.keys().list(&self.de, 1).await.expect("the page").versions.remove(0);
        let health = newest.health.expect("it has a health");
        (health.state, health.code.map(|code| code.as_str().to_owned()))
    }

    /// Plans and confirms a replacement of the credentials.
    pub async fn replacement(&self) -> Authorised<ReplaceCredentials> {
        let planned = self
            .t
            .portal
            .custody()
            .plan_replace_credentials(&self.ada.session, &self.de, 1, others(), false)
            .await;
        proof(&self.t, &self.ada, &planned.expect("a plan")).await
    }

    pub async fn last(&self) -> domain::audit::event::Event {
        log(&self.t).await.pop().expect("an event")
    }

    pub fn wait(&self, seconds: i64) {
        self.t.clock.advance(chrono::TimeDelta::seconds(seconds));
    }

    pub async fn end(self) {
        self.t.end().await;
    }
}
