//! IronCore's published clients, unchanged, against the real binary: `end2end/clients` runs the whole cycle of each. `make
//! test` installs them; without one these tests fail, they are never skipped.

use crate::process::{Home, Keystead, PASSWORD};
use chrono::TimeDelta;
use domain::audit::journal::JournalQuery;
use domain::custody::aws::{AccessKeyId, EncryptedDataKey, KeyArn};
use domain::data::operation::{Deed, Door, Operation};
use domain::keys::rotation::RotationPeriod;
use domain::scopes::scope::{Country, EnvironmentKind, ScopeName, Slug};
use domain::services::api_key::Lifetime;
use engine::changes::authority::{Authorised, Sensitive};
use engine::changes::totp::Seed;
use engine::custody;
use engine::custody::kms;
use engine::testing::{DatabaseKind, from, root_key};
use engine::{AwsAsked, Clock, Portal, SecretText, Session, Settings};
use serde_json::Value;
use std::path::PathBuf;
use std::process::Output;
use tokio::process::Command;

const EMAIL: &str = "ada@example.com";
const ALIAS: &str = "acme-berlin";

fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is set by make test"))
}

fn end2end(path: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../end2end")).join(path)
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

/// Runs a program, which must succeed; returns its output.
async fn run(program: &str, script: PathBuf, arguments: &[&str]) -> String {
    let output = Command::new(program).arg(script).args(arguments).output().await;
    let output = output.unwrap_or_else(|error| panic!("{program} does not run: {error}"));
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    said(&output)
}

/// A server with a managed key in `production/DE` (with an alias) and a customer's key in `production/AT`, created the day
/// before yesterday.
struct House {
    keystead: Keystead,
    key: String,
}

/// A portal in process whose clock stands two days before the server's start. Each verification code has its own minute.
struct Before {
    portal: Portal,
    clock: Clock,
    session: Session,
    seed: Seed,
}

impl Before {
    async fn on(home: &Home) -> Self {
        let seed = home.administrator(EMAIL).await;
        let clock = Clock::standing_at(Clock::system().now() - TimeDelta::days(2));
        let settings = Settings {
            custody: custody::Settings {
                kms: kms::Settings {
                    endpoint_url: Some(setting("KEYSTEAD_TEST_KMS_URL")),
                    private_endpoints: false,
                },
                ..custody::Settings::default()
            },
            ..Settings::default()
        };
        let portal = Portal::open(home.db().await, &root_key(), clock.clone(), settings).await;
        let portal = portal.expect("the portal opens");
        let half =
            portal.people().check_password(EMAIL, SecretText::new(PASSWORD), from("192.0.2.1"), None).await;
        let half = half.expect("the password is right").session;
        let session = portal.people().check_sign_in_code(&half, &seed.code(clock.now())).await;
        let session = session.expect("the code is right").session;
        Self { portal, clock, session, seed }
    }

    async fn confirm<C: Sensitive>(&self, command: C) -> Authorised<C> {
        self.clock.advance(TimeDelta::minutes(1));
        let id = self.portal.changes().prepare(&self.session, &command).await.expect("prepared");
        let code = self.seed.code(self.clock.now());
        self.portal.proof(&self.session, id, &code).await.expect("confirmed")
    }

    async fn country(&self, code: &str) -> ScopeName {
        let environment = Slug::try_from("production".to_owned()).expect("a slug");
        self.portal.scopes().add_country(&self.session, &environment, code).await.expect("a country");
        ScopeName { environment, country: Country::from_code(code).expect("a country") }
    }

    async fn customers_key(&self, scope: &ScopeName) {
        let url = setting("KEYSTEAD_TEST_KMS_URL");
        let script = end2end("emulator/customer.py");
        let made = run(&setting("KEYSTEAD_TEST_PYTHON"), script, &[&url, "create"]).await;
        let made: Value = serde_json::from_str(&made).expect("JSON");
        let text = |pointer| made.pointer(pointer).and_then(Value::as_str).expect("the customer made it");
        let cmk = KeyArn::parse(text("/dataKey/KeyId")).expect("an ARN");
        let asked = AwsAsked {
            region: cmk.region().clone(),
            cmk,
            data_key: EncryptedDataKey::parse(text("/dataKey/CiphertextBlob")).expect("a data key"),
            access_key_id: AccessKeyId::parse(text("/accessKey/AccessKey/AccessKeyId")).expect("an id"),
            secret_access_key: SecretText::new(text("/accessKey/AccessKey/SecretAccessKey")),
            accepts_more: false,
            accepts_same: false,
        };
        let plan = self.portal.keys().plan_create_aws(&self.session, scope, asked).await.expect("a plan");
        self.portal.keys().create(self.confirm(plan).await).await.expect("a version");
    }
}

impl House {
    async fn new() -> Self {
        let mut home = Home::new(DatabaseKind::Sqlite).await;
        home.make_root_key();
        let before = Before::on(&home).await;
        let (portal, session) = (&before.portal, &before.session);
        portal
            .scopes()
            .add_environment(session, "Production", "", EnvironmentKind::Production)
            .await
            .expect("an environment");
        let (de, at) = (before.country("DE").await, before.country("AT").await);
        before.country("JP").await;
        let plan = portal.keys().plan_create(session, &de, RotationPeriod::Days360).await.expect("a plan");
        portal.keys().create(before.confirm(plan).await).await.expect("a version");
        before.customers_key(&at).await;
        let alias = portal.scopes().plan_alias(session, &de, ALIAS).await.expect("a plan");
        portal.scopes().set_alias(before.confirm(alias).await).await.expect("an alias");
        let reach = ["production/DE", "production/AT"].map(|text| text.parse().expect("a scope"));
        let operations = vec![Operation::Wrap, Operation::Unwrap];
        let key = portal
            .services()
            .create_api_key_on_host("End to end", &reach, operations, Lifetime::Days30, |_| Ok(()))
            .await;
        let key = key.expect("a key").expose().to_owned();
        portal.close().await;
        home.set("KEYSTEAD_KMS_ENDPOINT_URL", &setting("KEYSTEAD_TEST_KMS_URL"));
        Self { keystead: Keystead::on(home).await, key }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.keystead.port)
    }

    /// Kills the server; returns the events of the TSP API in its journal.
    async fn journal(mut self) -> Vec<domain::data::operation::DataEvent> {
        self.keystead.kill().await;
        let db = self.keystead.home.db().await;
        let portal = Portal::open(db, &root_key(), Clock::system(), Settings::default()).await;
        let portal = portal.expect("the portal opens");
        portal
            .audit()
            .open_journal(&self.keystead.home.data().join("journal"))
            .await
            .expect("the journal opens");
        portal.audit().tend_journal().await.expect("what the killed run left is found");
        let found = portal.audit().export_journal(&JournalQuery::default()).await.expect("the journal");
        let events = found.events.into_iter().map(|line| line.event);
        events.filter(|event| event.door == Door::Tsp).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_for_node_runs_its_whole_cycle() {
    let house = House::new().await;
    let script = || end2end("clients/tsp.mjs");
    for (tenant, other) in
        [("production/DE", "production/AT"), ("production/AT", "production/DE"), (ALIAS, "production/AT")]
    {
        println!("{}", run("node", script(), &[&house.url(), &house.key, tenant, other]).await);
    }
    let events = house.journal().await;
    let logins = events.iter().filter(|event| event.event.as_deref() == Some("USER_LOGIN"));
    assert_eq!(logins.filter(|event| event.scope == "production/DE").count(), 2, "also under its alias");
    let rekeys = events.iter().filter(|event| event.deed == Deed::Rekey);
    assert_eq!(rekeys.count(), 9, "two lines where two scopes are meant");
    assert!(events.iter().any(|event| event.told.custom.get("ticket").is_some_and(|text| text == "K-1")));
}

#[tokio::test(flavor = "multi_thread")]
async fn alloy_runs_its_whole_cycle_and_moves_its_fields_while_secrets_rotate() {
    let house = House::new().await;
    let python = setting("KEYSTEAD_TEST_PYTHON");
    let note = house.keystead.home.data().join("alloy.json").display().to_string();
    let url = house.url();
    let alloy = async |tenant: &str, other: &str, more: &[&str]| {
        let arguments = [&[&url, &house.key, tenant, other, &note], more].concat();
        println!("{}", run(&python, end2end("clients/alloy.py"), &arguments).await);
    };
    for (tenant, other) in
        [("production/AT", "production/DE"), (ALIAS, "production/AT"), ("production/DE", "production/AT")]
    {
        alloy(tenant, other, &[]).await;
    }
    let rotate = async |more: &[&str]| {
        let arguments = [&["tenant-secret", "rotate", "--scope", "production/DE"], more].concat();
        let output = house.keystead.home.host(&arguments, "").await;
        // Running servers read changes of keys and secrets twice a second.
        tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
        output
    };
    let begun = rotate(&["begin"]).await;
    assert!(begun.status.success(), "{}", said(&begun));
    alloy("production/DE", "production/AT", &["--rotating"]).await;
    // The command waits until running servers have written their counts.
    let used = rotate(&["finish"]).await;
    let why = "services have received keys of the previous secrets: ";
    assert!(!used.status.success() && said(&used).contains(why), "{}", said(&used));
    let finished = rotate(&["finish", "--accept-uses"]).await;
    assert!(finished.status.success() && said(&finished).contains(why), "{}", said(&finished));
    alloy("production/DE", "production/AT", &[]).await;
    let again = house
        .keystead
        .home
        .host(&["tenant-secret", "rotate", "--scope", "production/DE", "finish"], "")
        .await;
    assert!(!again.status.success() && said(&again).contains("No rotation is under way."));
    for (scope, why) in [
        ("nowhere", "“nowhere” is not a scope. Write it like production/DE."),
        ("atlantis/DE", "There is no scope atlantis/DE."),
    ] {
        let nowhere =
            house.keystead.home.host(&["tenant-secret", "rotate", "--scope", scope, "begin"], "").await;
        assert!(!nowhere.status.success() && said(&nowhere).contains(why), "{scope}");
    }
}
