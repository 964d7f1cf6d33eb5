//! The engine against an emulator of AWS KMS and IAM that checks signatures and policies. `make test` starts it; without it
//! these tests fail, they are never skipped.

use domain::custody::aws::{AccessKeyId, EncryptedDataKey, KeyArn};
use domain::custody::preflight::Report;
use domain::keys::rotation::RotationPeriod;
use domain::scopes::scope::{EnvironmentKind, ScopeName, Slug};
use engine::base::error::CustodyError;
use engine::base::error::KeysError;
use engine::custody;
use engine::custody::kms;
use engine::custody::kms::KmsCredentials;
use engine::testing::{DatabaseKind, Person, TestPortal};
use engine::{AwsAsked, Error, SecretText, Settings};
use serde_json::Value;
use std::num::NonZeroU32;
use std::process::Command;

fn url() -> String {
    std::env::var("KEYSTEAD_TEST_KMS_URL")
        .expect("KEYSTEAD_TEST_KMS_URL names an emulator (make test starts one)")
}

/// Runs a command in the customer's account; returns the JSON that it printed.
fn customer(words: &[&str]) -> Value {
    let python = std::env::var("KEYSTEAD_TEST_PYTHON").expect("KEYSTEAD_TEST_PYTHON (make test sets it)");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../end2end/emulator/customer.py");
    let output = Command::new(python).arg(script).arg(url()).args(words).output().expect("Python runs");
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

struct House {
    t: TestPortal,
    ada: Person,
    de: ScopeName,
    made: Value,
}

impl House {
    async fn new(options: &[&str]) -> Self {
        let settings = Settings {
            custody: custody::Settings {
                kms: kms::Settings { endpoint_url: Some(url()), private_endpoints: false },
                preflights_each_minute: NonZeroU32::new(1000).expect("not zero"),
                ..custody::Settings::default()
            },
            ..Settings::default()
        };
        let t = TestPortal::with_settings(DatabaseKind::Sqlite, settings).await;
        let ada = t.administrator().await;
        let environment = Slug::try_from("production".to_owned()).expect("a slug");
        t.portal
            .scopes()
            .add_environment(&ada.session, "Production", "", EnvironmentKind::Production)
            .await
            .expect("an environment");
        let country =
            t.portal.scopes().add_country(&ada.session, &environment, "DE").await.expect("a country");
        let made = customer(&[&["create"], options].concat());
        Self { t, ada, de: ScopeName { environment, country }, made }
    }

    fn text(&self, pointer: &str) -> &str {
        self.made.pointer(pointer).and_then(Value::as_str).expect("the customer made it")
    }

    fn arn(&self) -> &str {
        self.text("/dataKey/KeyId")
    }

    fn user(&self) -> &str {
        self.text("/user")
    }

    fn asked(&self) -> AwsAsked {
        let cmk = KeyArn::parse(self.arn()).expect("an ARN");
        AwsAsked {
            region: cmk.region().clone(),
            cmk,
            data_key: EncryptedDataKey::parse(self.text("/dataKey/CiphertextBlob")).expect("a data key"),
            access_key_id: AccessKeyId::parse(self.text("/accessKey/AccessKey/AccessKeyId")).expect("an id"),
            secret_access_key: SecretText::new(self.text("/accessKey/AccessKey/SecretAccessKey")),
            accepts_more: false,
            accepts_same: false,
        }
    }

    /// Returns the report of the pre-flight, which must block.
    async fn blocked(&self, asked: AwsAsked) -> Report {
        match self.t.portal.keys().plan_create_aws(&self.ada.session, &self.de, asked).await {
            Err(Error::Custody(CustodyError::Preflight(report))) => *report,
            Err(other) => panic!("{other:?}"),
            Ok(_) => panic!("it was accepted"),
        }
    }

    async fn register(&self) {
        let portal = &self.t.portal;
        let command =
            portal.keys().plan_create_aws(&self.ada.session, &self.de, self.asked()).await.expect("a plan");
        let id = portal.changes().prepare(&self.ada.session, &command).await.expect("prepared");
        let proof = portal.proof(&self.ada.session, id, &self.t.code(&self.ada)).await.expect("confirmed");
        portal.keys().create(proof).await.expect("a version");
        self.t.next_code();
    }

    async fn use_key(&self) -> Result<usize, Error> {
        let key = self.t.portal.lease_key(&self.de, 1).await.expect("a key");
        self.t.portal.custody().with_material(key, 1, 1, |material| material.expose().len()).await
    }

    /// Lets the lease be refreshed; returns the code with which KMS refuses. The refusal wipes the lease.
    async fn refused(&self) -> String {
        self.t.clock.advance(chrono::TimeDelta::minutes(5));
        self.t.portal.custody().tend_leases().await;
        match self.use_key().await {
            Err(Error::Custody(CustodyError::KmsRefused(code))) => code.to_string(),
            other => panic!("{other:?}"),
        }
    }

    async fn works_again(&self) {
        self.t.clock.advance(chrono::TimeDelta::minutes(1));
        assert_eq!(self.use_key().await.expect("released"), 32);
    }

    async fn end(self) {
        self.t.end().await;
    }
}

fn failed(report: &Report) -> (&'static str, String) {
    let line = report.first_failure().expect("a line failed");
    (line.check.label(), line.code.as_ref().map(ToString::to_string).unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decrypt_only_user_is_all_that_is_needed() {
    let house = House::new(&[]).await;
    house.register().await;
    assert_eq!(house.use_key().await.expect("released"), 32);
    let checked =
        house.t.portal.custody().check_now(&house.ada.session, &house.de, 1).await.expect("checked");
    assert_eq!(checked.summary(), "7 of 7 checks passed");
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_and_wrong_rights_are_told_apart() {
    let house = House::new(&[]).await;
    let wrong = AwsAsked { secret_access_key: SecretText::new("a".repeat(40)), ..house.asked() };
    let said = failed(&house.blocked(wrong).await);
    assert_eq!(said, ("The credentials are valid", "InvalidSignatureException".to_owned()));
    let unknown = AccessKeyId::parse("AKIAIOSFODNN7EXAMPLE").expect("an id");
    let said = failed(&house.blocked(AwsAsked { access_key_id: unknown, ..house.asked() }).await);
    assert_eq!(said, ("The credentials are valid", "UnrecognizedClientException".to_owned()));
    customer(&["forbid", house.user(), house.arn()]);
    let said = failed(&house.blocked(house.asked()).await);
    assert_eq!(said, ("Decrypt works", "AccessDeniedException".to_owned()));
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_may_do_everything_need_a_tick() {
    let house = House::new(&["--broad"]).await;
    let report = house.blocked(house.asked()).await;
    assert!(!report.blocks() && report.warns(), "this emulator knows no dry run: it could not be determined");
    let ticked = AwsAsked { accepts_more: true, ..house.asked() };
    assert!(house.t.portal.keys().plan_create_aws(&house.ada.session, &house.de, ticked).await.is_ok());
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_not_there_any_more_is_named() {
    // The emulator cannot shorten the waiting period of a deletion; the same key never existed in another region.
    let house = House::new(&["--broad"]).await;
    let cmk = KeyArn::parse(&house.arn().replace("eu-central-1", "eu-west-3")).expect("an ARN");
    let elsewhere = AwsAsked { region: cmk.region().clone(), cmk, ..house.asked() };
    let said = failed(&house.blocked(elsewhere).await);
    assert_eq!(said, ("Decrypt works", "NotFoundException".to_owned()));
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_customer_does_against_it_is_obeyed() {
    let house = House::new(&[]).await;
    house.register().await;
    house.use_key().await.expect("released");
    customer(&["disable", house.arn()]);
    assert_eq!(house.refused().await, "DisabledException");
    customer(&["enable", house.arn()]);
    house.works_again().await;
    customer(&["forbid", house.user(), house.arn()]);
    assert_eq!(house.refused().await, "AccessDeniedException");
    customer(&["allow", house.user(), house.arn()]);
    house.works_again().await;
    customer(&["delete", house.arn()]);
    assert_eq!(house.refused().await, "KMSInvalidStateException");
    customer(&["restore", house.arn()]);
    house.works_again().await;
    customer(&["revoke", house.user(), house.text("/accessKey/AccessKey/AccessKeyId")]);
    assert_eq!(house.refused().await, "UnrecognizedClientException");
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_key_that_was_revoked_is_replaced() {
    let house = House::new(&[]).await;
    house.register().await;
    house.use_key().await.expect("released");
    let other = customer(&["access-key", house.user()]);
    customer(&["revoke", house.user(), house.text("/accessKey/AccessKey/AccessKeyId")]);
    house.refused().await;
    let text = |pointer| other.pointer(pointer).and_then(Value::as_str).expect("made");
    let with = KmsCredentials {
        access_key_id: AccessKeyId::parse(text("/AccessKey/AccessKeyId")).expect("an id"),
        secret_access_key: SecretText::new(text("/AccessKey/SecretAccessKey")),
    };
    let (portal, session) = (&house.t.portal, &house.ada.session);
    let command =
        portal.custody().plan_replace_credentials(session, &house.de, 1, with, false).await.expect("a plan");
    let id = portal.changes().prepare(session, &command).await.expect("prepared");
    let proof = portal.proof(session, id, &house.t.code(&house.ada)).await.expect("confirmed");
    portal.custody().replace_credentials(proof).await.expect("replaced");
    assert_eq!(house.use_key().await.expect("released at once, without waiting for a next try"), 32);
    let rotation = portal.keys().plan_rotate(session, &house.de, RotationPeriod::Days30).await;
    assert!(matches!(rotation, Err(Error::Keys(KeysError::NotManaged(_)))));
    house.end().await;
}
