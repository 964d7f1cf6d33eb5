//! Keys under a customer's AWS KMS: the pre-flight, the limits, the credentials.

use crate::aws::*;
use crate::support::*;
use chrono::TimeDelta;
use domain::audit::event::{Action, Outcome};
use domain::custody::aws::EncryptedDataKey;
use domain::custody::health::HealthState;
use domain::custody::preflight::{Check, Verdict};
use domain::custody::vendor::Vendor;
use domain::keys::command::Source;
use domain::keys::key_type::KeyType;
use domain::keys::key_version::NotManaged;
use domain::keys::limits::LimitReached;
use domain::keys::rotation::RotationPeriod;
use engine::base::error::ChangesError;
use engine::base::error::CustodyError;
use engine::base::error::KeysError;
use engine::base::error::VaultError;
use engine::testing::kms::{ACCESS_KEY_ID, ARN, FakeKms, data_key};
use engine::testing::{PASSWORD, TestPortal};
use engine::{AwsAsked, Error, Settings};

stories! {
    a_key_is_registered_checked_and_used,
    each_positive_check_blocks,
    a_negative_check_warns_and_needs_a_tick,
    a_managed_key_gives_way_and_its_schedule_ends,
    the_limits_of_the_type_hold_and_are_forecast,
    the_hundred_and_first_is_refused_for_ever,
    credentials_are_replaced_without_a_new_version,
    credentials_replaced_meanwhile_are_not_overwritten,
    check_now_runs_the_preflight_again,
    check_now_says_that_what_is_stored_does_not_open,
    preflights_are_rate_limited_for_each_person,
    the_secret_is_sealed_beside_what_it_is_used_with,
    the_secret_of_before_a_replacement_does_not_open,
    a_database_from_before_gets_its_term_and_a_lost_one_stops_the_start,
    no_event_and_no_prepared_change_shows_the_secret,
    other_types_have_no_credentials,
    what_is_swept_is_no_customers_key,
}

async fn a_key_is_registered_checked_and_used(t: &TestPortal) {
    let house = Customer::new(t.kind()).await;
    let plan = house.register().await;
    assert_eq!((plan.number, plan.customer_supplied_no, plan.due_at), (1, Some(1), None));
    let calls = house.kms.calls();
    let operations: Vec<_> = calls.iter().map(|call| call.operation.as_str()).collect();
    assert_eq!(operations[0], "Decrypt");
    assert!(operations.contains(&"Encrypt") && operations.contains(&"GenerateDataKey"));
    assert!(calls.iter().all(|call| call.body["KeyId"] == ARN), "KeyId is always sent");
    assert!(calls.iter().all(|call| call.operation == "Decrypt" || call.body["DryRun"] == true));
    assert!(calls.iter().all(|call| call.authorization.contains(&format!("{ACCESS_KEY_ID}/"))));
    assert_eq!(house.use_key().await.expect("it is used"), house.kms.plaintext());
    let version = house.t.portal.keys().list(&house.de, 1).await.expect("the page").versions.remove(0);
    assert_eq!((version.key_type, version.period), (KeyType::CustomerHeld(Vendor::Aws), None));
    assert_eq!(version.health.map(|health| health.state), Some(HealthState::Healthy));
    let shown = house.t.portal.custody().aws_key(&house.de, 1).await.expect("a key").expect("of AWS");
    assert_eq!((shown.access_key_id.as_str(), shown.cmk_arn.as_str()), ("AKIA…MPLE", ARN));
    assert_eq!(shown.preflight.summary(), "7 of 7 checks passed");
    let last = house.last().await;
    assert_eq!(last.detail, format!("version 1, Manual: AWS, {ARN}, AKIA…MPLE, 7 of 7 checks passed"));
    house.end().await;
}

async fn each_positive_check_blocks(t: &TestPortal) {
    use Check::{Credentials, Decrypt, Length, NamesKey, Reachable};
    let house = Customer::new(t.kind()).await;
    let error = |code| Decrypts::Error(400, code, "no".to_owned());
    let expired =
        Decrypts::Error(403, "InvalidSignatureException", "Signature expired: 20261122T1155".to_owned());
    for (how, at, code) in [
        (error("UnrecognizedClientException"), Credentials, "UnrecognizedClientException"),
        (error("InvalidSignatureException"), Credentials, "InvalidSignatureException"),
        (expired, Credentials, "ClockOff"),
        (error("AccessDeniedException"), Decrypt, "AccessDeniedException"),
        (error("DisabledException"), Decrypt, "DisabledException"),
        (error("KMSInvalidStateException"), Decrypt, "KMSInvalidStateException"),
        (error("NotFoundException"), Decrypt, "NotFoundException"),
        (error("IncorrectKeyException"), Decrypt, "IncorrectKeyException"),
        (error("InvalidCiphertextException"), Decrypt, "InvalidCiphertextException"),
        (error("ThrottlingException"), Reachable, "ThrottlingException"),
        (Decrypts::Error(500, "KMSInternalException", "no".to_owned()), Reachable, "KMSInternalException"),
        (Decrypts::OtherKey, NamesKey, "WrongKey"),
        (Decrypts::Plaintext(vec![1; 31]), Length, "WrongLength"),
        (Decrypts::Plaintext(vec![1; 33]), Length, "WrongLength"),
        (Decrypts::Plaintext(Vec::new()), Length, "WrongLength"),
        (Decrypts::Hangs, Reachable, "Timeout"),
        (Decrypts::Resets, Reachable, "NotUnderstood"),
        (Decrypts::Garbage, Reachable, "NotUnderstood"),
        (Decrypts::Page(403), Reachable, "NotUnderstood"),
    ] {
        house.kms.decrypts(how.clone());
        let Err(Error::Custody(CustodyError::Preflight(report))) = house.plan().await else {
            panic!("{how:?} did not block")
        };
        let failed = report.first_failure().expect("a line failed");
        let found = (failed.check, failed.code.as_ref().map(|code| code.as_str()));
        let is_right = found == (at, Some(code))
            || matches!(how, Decrypts::Resets) && found == (at, Some("NotConnected"));
        assert!(is_right, "{how:?}: {found:?}");
        assert!(report.blocks() && report.verdict_of(Check::EncryptDenied) == Some(Verdict::NotReached));
    }
    house.kms.decrypts(Decrypts::Well);
    let mut bytes = data_key().bytes().to_vec();
    bytes[100] ^= 1;
    let tampered = AwsAsked { data_key: EncryptedDataKey::from_bytes(bytes).expect("a data key"), ..asked() };
    let planned = house.t.portal.keys().plan_create_aws(&house.ada.session, &house.de, tampered).await;
    let Err(Error::Custody(CustodyError::Preflight(report))) = planned else {
        panic!("a changed data key did not block")
    };
    assert_eq!(report.summary(), "Decrypt works: failed (InvalidCiphertextException)");
    assert!(versions(&house.t, &house.de).await.is_empty(), "nothing was stored");
    house.end().await;
}

async fn a_negative_check_warns_and_needs_a_tick(t: &TestPortal) {
    let house = Customer::new(t.kind()).await;
    for (how, verdict) in [(Forbids::WouldDo, Verdict::Failed), (Forbids::Does, Verdict::Undetermined)] {
        house.kms.forbids(how);
        let Err(Error::Custody(CustodyError::Preflight(report))) = house.plan().await else {
            panic!("{how:?} did not warn")
        };
        assert!(!report.blocks() && report.warns());
        for check in [Check::EncryptDenied, Check::GenerateDenied] {
            assert_eq!(report.verdict_of(check), Some(verdict), "{how:?}");
        }
    }
    let mut ticked = asked();
    ticked.accepts_more = true;
    let command =
        house.t.portal.keys().plan_create_aws(&house.ada.session, &house.de, ticked).await.expect("accepted");
    let Source::Aws(key) = &command.source else { panic!("of AWS") };
    assert!(key.credentials.report.warns(), "what was accepted is written down");
    house.end().await;
}

async fn a_managed_key_gives_way_and_its_schedule_ends(t: &TestPortal) {
    let house = Customer::new(t.kind()).await;
    let (t, portal) = (&house.t, &house.t.portal);
    create(t, &house.ada, &house.de, RotationPeriod::Days30).await;
    let plan = house.register().await;
    assert_eq!((plan.number, plan.deprecates), (2, Some(1)));
    assert_eq!(versions(t, &house.de).await, [(1, "deprecated"), (2, "active")]);
    t.clock.advance(TimeDelta::days(400));
    assert_eq!(portal.keys().rotate_due().await.expect("looked"), 0, "its schedule has ended");
    refused!(
        portal.keys().managed_version(&house.de).await,
        Error::Keys(KeysError::NotManaged(NotManaged::CustomerSupplied))
    );
    portal.material(&house.de, 1).await.expect("the managed one still opens");
    house.end().await;
}

async fn the_limits_of_the_type_hold_and_are_forecast(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    match house.plan().await {
        Err(Error::Keys(KeysError::Limit { limit: LimitReached::DailyOfType { key_type, .. }, .. })) => {
            assert_eq!(key_type, KeyType::CustomerHeld(Vendor::Aws));
        }
        _ => panic!("a second one the same day"),
    }
    assert_eq!(house.kms.decrypt_calls(), 0, "no call is made for what a limit forbids");
    create(&house.t, &house.ada, &house.de, RotationPeriod::Days30).await;
    let (limits, _) = house.t.portal.keys().limits(&house.de).await.expect("the limits");
    assert_eq!(
        (
            limits.usage(KeyType::CustomerHeld(Vendor::Aws)).of_type_today,
            limits.today,
            limits.customer_supplied_used
        ),
        (1, 2, 1)
    );
    let runs_out = limits.runs_out_at.expect("a forecast");
    assert_eq!((runs_out - house.t.clock.now()).num_days(), 99 * 90);
    house.end().await;
}

async fn the_hundred_and_first_is_refused_for_ever(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    house.wait(24 * 3600);
    let ada = sign_in(&house.t, &house.ada.email, &house.ada.seed).await.session;
    let again = async || house.t.portal.keys().plan_create_aws(&ada, &house.de, house.asked()).await;
    execute(house.t.db(), "UPDATE key_version SET customer_supplied_no = 100").await.expect("as if");
    assert!(again().await.is_ok(), "one is counted, whatever its number");
    for number in 2..=100 {
        let copy = format!(
            "INSERT INTO key_version (id, scope_id, number, key_type, status, customer_supplied_no, created_at, created_by) \
             SELECT id + {number}, scope_id, {number}, key_type, 'deprecated', {}, created_at, created_by FROM key_version WHERE number = 1",
            number - 1
        );
        execute(house.t.db(), &copy).await.expect("as if made on other days");
    }
    refused!(
        again().await,
        Error::Keys(KeysError::Limit { limit: LimitReached::CustomerSupplied { limit: 100, used: 100 }, .. })
    );
    let one_more = "UPDATE key_version SET customer_supplied_no = 101 WHERE number = 100";
    assert!(execute(house.t.db(), one_more).await.is_err(), "the database holds the line too");
    house.end().await;
}

async fn credentials_are_replaced_without_a_new_version(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    let portal = &house.t.portal;
    house.kms.fails(400, "AccessDeniedException");
    let refused =
        portal.custody().plan_replace_credentials(&house.ada.session, &house.de, 1, others(), false).await;
    assert!(matches!(refused, Err(Error::Custody(CustodyError::Preflight(_)))), "the same pre-flight");
    house.kms.decrypts(Decrypts::Well);
    let command = portal
        .custody()
        .plan_replace_credentials(&house.ada.session, &house.de, 1, others(), false)
        .await
        .expect("a plan");
    portal
        .custody()
        .replace_credentials(proof(&house.t, &house.ada, &command).await)
        .await
        .expect("replaced");
    assert_eq!(versions(&house.t, &house.de).await, [(1, "active")]);
    let last = house.last().await;
    assert_eq!(
        (last.action, last.detail.as_str()),
        (Action::KeyCredentials, "version 1: AKIA…MPLE → AKIA…MPLE")
    );
    house.kms.forget_calls();
    house.use_key().await.expect("it works with them");
    assert!(house.kms.calls()[0].authorization.contains("AKIAI44QH8DHBEXAMPLE/"));
    house.end().await;
}

async fn credentials_replaced_meanwhile_are_not_overwritten(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    let portal = &house.t.portal;
    let plan = async || {
        portal.custody().plan_replace_credentials(&house.ada.session, &house.de, 1, others(), false).await
    };
    let (first, second) = (plan().await.expect("a plan"), plan().await.expect("a plan"));
    portal.custody().replace_credentials(proof(&house.t, &house.ada, &first).await).await.expect("replaced");
    let late = portal.custody().replace_credentials(proof(&house.t, &house.ada, &second).await).await;
    refused!(late, Error::Changes(ChangesError::Outdated(_)));
    house.use_key().await.expect("the first ones are whole");
    house.end().await;
}

async fn check_now_runs_the_preflight_again(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    let portal = &house.t.portal;
    house.use_key().await.expect("a lease is held");
    let check = async || portal.custody().check_now(&house.ada.session, &house.de, 1).await.expect("checked");
    assert_eq!(check().await.summary(), "7 of 7 checks passed");
    assert_eq!(logged(&house.t, Action::KeyCheck, Outcome::Done).await, 1);
    house.kms.fails(400, "DisabledException");
    assert!(check().await.blocks());
    assert_eq!(logged(&house.t, Action::KeyCheck, Outcome::Refused).await, 1);
    refused!(house.use_key().await, Error::Custody(CustodyError::KmsRefused(_)));
    let shown = portal.custody().aws_key(&house.de, 1).await.expect("a key").expect("of AWS");
    assert_eq!(shown.preflight.summary(), "Decrypt works: failed (DisabledException)");
    house.end().await;
}

async fn check_now_says_that_what_is_stored_does_not_open(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    house.use_key().await.expect("a lease is held");
    house.kms.forget_calls();
    put_bytes(house.t.db(), "UPDATE holder SET secret = $1", &[7; 100]).await;
    let report =
        house.t.portal.custody().check_now(&house.ada.session, &house.de, 1).await.expect("a report");
    assert!(report.blocks());
    assert_eq!(report.summary(), "The credentials are valid: failed (Sealed)");
    assert_eq!(house.kms.calls().len(), 0, "nobody was asked");
    assert_eq!(logged(&house.t, Action::KeyCheck, Outcome::Refused).await, 1);
    assert_eq!(house.health().await, (HealthState::Damaged, Some("Sealed".to_owned())));
    refused!(house.use_key().await, Error::Vault(VaultError::Sealed(_)));
    house.end().await;
}

async fn preflights_are_rate_limited_for_each_person(t: &TestPortal) {
    let kms = FakeKms::start().await;
    let mut settings = kms.settings();
    settings.custody.preflights_each_minute = Settings::default().custody.preflights_each_minute;
    let house = Customer::with_settings(t.kind(), kms, settings).await;
    house.register().await;
    let portal = &house.t.portal;
    for _ in 1..10 {
        portal.custody().check_now(&house.ada.session, &house.de, 1).await.expect("within the limit");
    }
    let before = house.kms.calls().len();
    refused!(
        portal.custody().check_now(&house.ada.session, &house.de, 1).await,
        Error::Custody(CustodyError::PreflightsTooMany { .. })
    );
    assert_eq!(house.kms.calls().len(), before, "KMS hears nothing of it");
    let eve = colleague(&house.t, "eve@example.com").await;
    portal.custody().check_now(&eve.session, &house.de, 1).await.expect("another person has their own");
    house.end().await;
}

async fn the_secret_is_sealed_beside_what_it_is_used_with(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    let other_arn = ARN.replace("1234abcd-", "ffffabcd-");
    for (column, to) in [
        ("location", "'eu-west-3'".to_owned()),
        ("reference", format!("'{other_arn}'")),
        ("credential_id", "'AKIAI44QH8DHBEXAMPLE'".to_owned()),
    ] {
        execute(house.t.db(), "CREATE TABLE older AS SELECT * FROM holder").await.expect("copied");
        execute(house.t.db(), &format!("UPDATE holder SET {column} = {to}")).await.expect("changed");
        refused!(house.t.portal.material(&house.de, 1).await, Error::Vault(VaultError::Sealed(_)));
        execute(house.t.db(), &format!("UPDATE holder SET {column} = (SELECT {column} FROM older)"))
            .await
            .expect("back");
        execute(house.t.db(), "DROP TABLE older").await.expect("dropped");
    }
    let right = bytes(house.t.db(), "SELECT wrapped_key FROM holder").await;
    let mut other = right.clone();
    other[100] ^= 1;
    put_bytes(house.t.db(), "UPDATE holder SET wrapped_key = $1", &other).await;
    refused!(house.t.portal.material(&house.de, 1).await, Error::Vault(VaultError::Sealed(_)));
    assert_eq!(house.kms.calls().len(), 0, "nothing was asked of anybody's KMS");
    put_bytes(house.t.db(), "UPDATE holder SET wrapped_key = $1", &right).await;
    house.t.portal.material(&house.de, 1).await.expect("as it was, it opens");
    let right = bytes(house.t.db(), "SELECT secret FROM holder").await;
    for bit in (0..right.len() * 8).step_by(engine::testing::scale(61, 1)) {
        let mut changed = right.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        put_bytes(house.t.db(), "UPDATE holder SET secret = $1", &changed).await;
        refused!(house.t.portal.material(&house.de, 1).await, Error::Vault(VaultError::Sealed(_)));
    }
    house.end().await;
}

async fn the_secret_of_before_a_replacement_does_not_open(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    let portal = &house.t.portal;
    execute(house.t.db(), "CREATE TABLE older AS SELECT * FROM holder").await.expect("copied");
    let command = portal
        .custody()
        .plan_replace_credentials(&house.ada.session, &house.de, 1, others(), false)
        .await
        .expect("a plan");
    portal
        .custody()
        .replace_credentials(proof(&house.t, &house.ada, &command).await)
        .await
        .expect("replaced");
    let back = "UPDATE holder SET (credential_id, secret) = (SELECT credential_id, secret FROM older)";
    execute(house.t.db(), back).await.expect("put back");
    refused!(portal.material(&house.de, 1).await, Error::Vault(VaultError::Sealed(_)));
    house.end().await;
}

async fn a_database_from_before_gets_its_term_and_a_lost_one_stops_the_start(t: &TestPortal) {
    let house = Customer::new(t.kind()).await;
    let forget = "DELETE FROM keyring WHERE purpose = 'credentials'";
    execute(house.t.db(), forget).await.expect("as if from before");
    house.t.second().await.close().await;
    assert_eq!(number(house.t.db(), "SELECT COUNT(*) FROM keyring WHERE purpose = 'credentials'").await, 1);
    // The first server still has the deleted keyring term in memory, so a server with the new term registers the key.
    let after = house.t.second().await;
    let command = after.keys().plan_create_aws(&house.ada.session, &house.de, asked()).await.expect("a plan");
    let id = after.changes().prepare(&house.ada.session, &command).await.expect("prepared");
    let proof = after.proof(&house.ada.session, id, &house.t.code(&house.ada)).await.expect("confirmed");
    after.keys().create(proof).await.expect("registered");
    execute(house.t.db(), forget).await.expect("lost");
    refused!(house.t.try_second(&engine::testing::root_key()).await, Error::Fault(_));
    house.end().await;
}

async fn no_event_and_no_prepared_change_shows_the_secret(t: &TestPortal) {
    let house = Customer::new(t.kind()).await;
    // The fake KMS echoes the secret in its message, and the second time in its code too.
    for code in ["AccessDeniedException", SECRET] {
        house.kms.decrypts(Decrypts::Error(400, code, format!("bad credentials: {SECRET}")));
        let Err(Error::Custody(CustodyError::Preflight(report))) = house.plan().await else {
            panic!("refused")
        };
        assert!(!format!("{report:?}").contains(SECRET));
    }
    house.kms.decrypts(Decrypts::Well);
    let command = house.plan().await.expect("a plan");
    assert!(!format!("{command:?}").contains(SECRET));
    let written = serde_json::to_string(&command).expect("JSON");
    assert!(!written.contains(SECRET), "the command itself carries it sealed");
    house.register().await;
    for event in log(&house.t).await {
        assert!(!event.detail.contains(SECRET) && !event.detail.contains(ACCESS_KEY_ID), "{}", event.detail);
        assert!(!event.detail.contains(PASSWORD));
    }
    house.end().await;
}

async fn other_types_have_no_credentials(t: &TestPortal) {
    let house = Customer::new(t.kind()).await;
    let portal = &house.t.portal;
    create(&house.t, &house.ada, &house.de, RotationPeriod::Days30).await;
    let replace =
        portal.custody().plan_replace_credentials(&house.ada.session, &house.de, 1, others(), false).await;
    refused!(replace, Error::Custody(CustodyError::NotHeld));
    refused!(
        portal.custody().check_now(&house.ada.session, &house.de, 1).await,
        Error::Custody(CustodyError::NotHeld)
    );
    assert_eq!(portal.custody().aws_key(&house.de, 1).await.expect("looked"), None);
    let half = half_way(portal, &house.ada.email).await;
    refused!(
        portal.keys().plan_create_aws(&half, &house.de, asked()).await,
        Error::Changes(ChangesError::SignedOut)
    );
    refused!(
        portal.custody().check_now(&half, &house.de, 1).await,
        Error::Changes(ChangesError::SignedOut) | Error::Custody(CustodyError::NotHeld)
    );
    house.end().await;
}

async fn what_is_swept_is_no_customers_key(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    let before = house.t.portal.material(&house.de, 1).await.expect("released");
    house.t.clock.advance(TimeDelta::days(2));
    house.t.portal.sweep().await.expect("swept");
    let after = house.t.portal.material(&house.de, 1).await.expect("released still");
    assert_eq!(after.expose(), before.expose());
    house.end().await;
}
