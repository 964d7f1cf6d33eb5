//! The data plane: operations of services, their authorisation, and the journal entries.

use crate::aws::Customer;
use crate::support::*;
use chrono::TimeDelta;
use domain::Problem;
use domain::audit::event::Outcome;
use domain::audit::journal::{JournalQuery, Recorded};
use domain::data::operation::{AuditNote, Deed, Door, Operation};
use domain::keys::limits::DailyLimits;
use domain::keys::rotation::RotationPeriod;
use domain::scopes::scope::ScopeName;
use engine::base::error::AuditError;
use engine::base::error::CustodyError;
use engine::base::error::ServicesError;
use engine::base::error::StoreError;
use engine::base::refused::Refused;
use engine::data::context::Context;
use engine::data::{Call, ToEncrypt, ToOpen, ToWrap};
use engine::testing::kms::FakeKms;
use engine::testing::{Person, TestPortal};
use engine::{Error, Portal, SecretBytes, SecretText, Settings};

stories! {
    what_is_encrypted_decrypts_with_its_own_context_only,
    a_deprecated_version_decrypts_and_the_newest_encrypts,
    what_belongs_elsewhere_does_not_open_and_nothing_more_is_said,
    reencrypting_moves_to_the_newest_version_without_showing_anything,
    data_keys_are_wrapped_unwrapped_and_rewrapped,
    a_batch_keeps_its_order_and_fails_item_by_item,
    unknown_and_forbidden_scopes_are_answered_alike,
    a_key_does_what_it_may_and_no_more,
    a_scope_without_a_key_encrypts_nothing,
    a_first_version_made_elsewhere_encrypts_at_once,
    every_request_is_written_down_with_what_was_told,
    without_a_journal_nothing_is_done,
    a_version_made_elsewhere_a_moment_ago_opens_here,
    a_rotation_leaves_other_scopes_in_memory,
    a_rotation_hides_nothing_else_that_happened,
    a_line_that_the_log_lacks_makes_everything_be_read_anew,
    a_move_that_no_line_tells_of_makes_everything_be_read_anew,
    a_database_that_went_back_is_read_anew,
    a_customers_key_encrypts_until_it_is_refused,
    the_versions_of_a_batch_are_asked_for_at_once,
    too_much_is_refused_in_words,
    use_is_counted_by_version_and_survives_a_database_that_is_away,
    sums_of_long_ago_become_one_and_nothing_issued_is_forgotten,
}

const ID: [u8; 6] = [9; 6];

/// Creates `production/DE` with a key, and an API key with every operation there.
async fn with_service(t: &TestPortal) -> (Person, ScopeName, SecretText) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    create(t, &ada, &de, RotationPeriod::Days30).await;
    t.open_journal(&t.portal).await;
    let key = t.api_key(ID, "Orders", "production/DE", Operation::ALL).await;
    (ada, de, key)
}

async fn call(portal: &Portal, key: &SecretText, scope: &str) -> Call {
    let caller = portal.access().caller(key, "192.0.2.9").await.expect("it comes in");
    Call { caller, door: Door::Native, scope: scope.to_owned(), told: AuditNote::default() }
}

fn context(pairs: &[(&str, &str)]) -> Context {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn plain(text: &str, context: Context) -> Result<ToEncrypt, Refused> {
    Ok(ToEncrypt { plaintext: SecretBytes::new(text.as_bytes().to_vec()), context })
}

fn sealed(bytes: &[u8], context: Context) -> Result<ToOpen, Refused> {
    Ok(ToOpen { sealed: bytes.to_vec(), context })
}

async fn encrypt(portal: &Portal, call: &Call, text: &str) -> (Vec<u8>, u32) {
    let done = portal.data().encrypt(call, &[plain(text, Context::new())]).await.expect("allowed");
    let sealed = done.into_iter().next().expect("one answer").expect("encrypted");
    (sealed.bytes, sealed.version)
}

async fn decrypt(portal: &Portal, call: &Call, bytes: &[u8], with: Context) -> Result<String, Error> {
    let opened =
        portal.data().decrypt(call, &[sealed(bytes, with)]).await?.into_iter().next().expect("one answer")?;
    Ok(String::from_utf8(opened.bytes.expose().to_vec()).expect("text"))
}

async fn journal(portal: &Portal) -> Vec<Recorded> {
    portal.audit().export_journal(&JournalQuery::default()).await.expect("the journal").events
}

async fn what_is_encrypted_decrypts_with_its_own_context_only(t: &TestPortal) {
    let (_, _, key) = with_service(t).await;
    let call = call(&t.portal, &key, "production/DE").await;
    let order = context(&[("order", "17")]);
    let done = t.portal.data().encrypt(&call, &[plain("a secret", order.clone())]).await.expect("allowed");
    let made = done.into_iter().next().expect("one answer").expect("encrypted");
    assert_eq!(made.version, 1);
    assert_eq!(decrypt(&t.portal, &call, &made.bytes, order).await.expect("it opens"), "a secret");
    for other in [context(&[]), context(&[("order", "18")]), context(&[("order", "17"), ("more", "")])] {
        refused!(decrypt(&t.portal, &call, &made.bytes, other).await, Error::Data(Refused::NotOpened));
    }
}

async fn a_deprecated_version_decrypts_and_the_newest_encrypts(t: &TestPortal) {
    let (ada, de, key) = with_service(t).await;
    let call = call(&t.portal, &key, "production/DE").await;
    let (first, version) = encrypt(&t.portal, &call, "old").await;
    assert_eq!(version, 1);
    t.clock.advance(TimeDelta::days(1));
    let ada = Person { session: sign_in(t, &ada.email, &ada.seed).await.session, ..ada };
    rotate(t, &ada, &de).await;
    t.portal.access().refresh().await.expect("it looks");
    let (second, version) = encrypt(&t.portal, &call, "new").await;
    assert_eq!(version, 2);
    assert_eq!(decrypt(&t.portal, &call, &first, Context::new()).await.expect("it opens"), "old");
    assert_eq!(decrypt(&t.portal, &call, &second, Context::new()).await.expect("it opens"), "new");
}

async fn what_belongs_elsewhere_does_not_open_and_nothing_more_is_said(t: &TestPortal) {
    let (ada, _, key) = with_service(t).await;
    let fr = scope(t, &ada, "FR").await;
    create(t, &ada, &fr, RotationPeriod::Days30).await;
    let other = t.api_key([8; 6], "Elsewhere", "production/FR", Operation::ALL).await;
    let (here, there) =
        (call(&t.portal, &key, "production/DE").await, call(&t.portal, &other, "production/FR").await);
    let (made, _) = encrypt(&t.portal, &here, "a secret").await;
    let mut said = Vec::new();
    let elsewhere = decrypt(&t.portal, &there, &made, Context::new()).await.expect_err("another scope");
    said.push(Problem::from(&elsewhere));
    let last = made.len() - 1;
    // Version id, salt, nonce, body, tag.
    for index in [7, 8, 24, 36, last] {
        let mut changed = made.clone();
        changed[index] ^= 1;
        said.push(Problem::from(
            &decrypt(&t.portal, &here, &changed, Context::new()).await.expect_err("changed"),
        ));
    }
    let mut unknown = made.clone();
    unknown[4..8].copy_from_slice(&9_999_u32.to_be_bytes());
    said.push(Problem::from(
        &decrypt(&t.portal, &here, &unknown, Context::new()).await.expect_err("unknown"),
    ));
    let wrong = context(&[("a", "b")]);
    said.push(Problem::from(&decrypt(&t.portal, &here, &made, wrong).await.expect_err("another context")));
    said.dedup();
    assert_eq!(said.len(), 1, "{said:?}");
    for nothing in [&b""[..], b"KSD", &made[1..], &made[..50]] {
        refused!(decrypt(&t.portal, &here, nothing, Context::new()).await, Error::Data(Refused::Malformed));
    }
}

async fn reencrypting_moves_to_the_newest_version_without_showing_anything(t: &TestPortal) {
    let (ada, de, key) = with_service(t).await;
    let here = call(&t.portal, &key, "production/DE").await;
    let (first, _) = encrypt(&t.portal, &here, "moved").await;
    t.clock.advance(TimeDelta::days(1));
    let ada = Person { session: sign_in(t, &ada.email, &ada.seed).await.session, ..ada };
    rotate(t, &ada, &de).await;
    t.portal.access().refresh().await.expect("it looks");
    let items = [sealed(&first, Context::new()), sealed(b"rubbish", Context::new())];
    let mut answers = t.portal.data().reencrypt(&here, &items).await.expect("allowed");
    refused!(answers.pop().expect("two"), Error::Data(Refused::Malformed));
    let moved = answers.pop().expect("one").expect("moved");
    assert_eq!(moved.version, 2);
    assert_eq!(decrypt(&t.portal, &here, &moved.bytes, Context::new()).await.expect("it opens"), "moved");
}

async fn data_keys_are_wrapped_unwrapped_and_rewrapped(t: &TestPortal) {
    let (ada, de, key) = with_service(t).await;
    let here = call(&t.portal, &key, "production/DE").await;
    let order = context(&[("order", "17")]);
    let items = vec![
        Ok(ToWrap { dek: None, context: order.clone() }),
        Ok(ToWrap { dek: Some(SecretBytes::new(vec![5; 32])), context: order.clone() }),
        Ok(ToWrap { dek: Some(SecretBytes::new(vec![5; 31])), context: order.clone() }),
    ];
    let mut wrapped = t.portal.data().wrap(&here, items).await.expect("allowed");
    refused!(wrapped.pop().expect("three"), Error::Data(Refused::NotADek));
    let given = wrapped.pop().expect("two").expect("wrapped");
    let new = wrapped.pop().expect("one").expect("wrapped");
    assert_eq!((given.dek.expose(), given.version), (&[5; 32][..], 1));
    assert!(new.dek.expose() != given.dek.expose() && new.dek.expose().len() == 32);
    t.clock.advance(TimeDelta::days(1));
    let ada = Person { session: sign_in(t, &ada.email, &ada.seed).await.session, ..ada };
    rotate(t, &ada, &de).await;
    t.portal.access().refresh().await.expect("it looks");
    let again = t.portal.data().rewrap(&here, &[sealed(&given.edek, order.clone())]).await.expect("allowed");
    let again = again.into_iter().next().expect("one").expect("rewrapped");
    assert_eq!(again.version, 2);
    let items =
        [sealed(&given.edek, order.clone()), sealed(&again.bytes, order), sealed(&new.edek, Context::new())];
    let mut opened = t.portal.data().unwrap(&here, &items).await.expect("allowed");
    refused!(opened.pop().expect("three"), Error::Data(Refused::NotOpened));
    let versions: Vec<_> = opened.iter().flatten().map(|one| (one.version, one.bytes.expose())).collect();
    assert_eq!(versions, [(1, &[5; 32][..]), (2, &[5; 32][..])]);
    // A ciphertext is no EDEK, and an EDEK no ciphertext.
    let (message, _) = encrypt(&t.portal, &here, "x").await;
    let crossed = t.portal.data().unwrap(&here, &[sealed(&message, Context::new())]).await.expect("allowed");
    refused!(crossed.into_iter().next().expect("one"), Error::Data(Refused::Malformed));
    refused!(decrypt(&t.portal, &here, &given.edek, Context::new()).await, Error::Data(Refused::Malformed));
}

async fn a_batch_keeps_its_order_and_fails_item_by_item(t: &TestPortal) {
    let (_, _, key) = with_service(t).await;
    let here = call(&t.portal, &key, "production/DE").await;
    let items: Vec<_> = (0..1000).map(|index| plain(&format!("text {index}"), Context::new())).collect();
    let made = t.portal.data().encrypt(&here, &items).await.expect("allowed");
    let mut to_open: Vec<_> = made.iter().flatten().map(|one| sealed(&one.bytes, Context::new())).collect();
    assert_eq!(to_open.len(), 1000);
    if let Ok(item) = &mut to_open[500] {
        item.sealed[40] ^= 1;
    }
    to_open.swap(3, 997);
    let opened = t.portal.data().decrypt(&here, &to_open).await.expect("allowed");
    for (index, opened) in opened.iter().enumerate() {
        let expected = match index {
            3 => 997,
            997 => 3,
            index => index,
        };
        match opened {
            Ok(one) => assert_eq!(one.bytes.expose(), format!("text {expected}").as_bytes()),
            Err(error) => assert!(index == 500 && matches!(error, Error::Data(Refused::NotOpened))),
        }
    }
    assert!(opened[500].is_err());
    let line = journal(&t.portal).await.pop().expect("a line").event;
    assert_eq!((line.items, line.failed, line.outcome), (1000, 1, Outcome::Done));
    assert_eq!(line.code.as_deref(), Some("not_opened"));
}

async fn unknown_and_forbidden_scopes_are_answered_alike(t: &TestPortal) {
    let (ada, _, key) = with_service(t).await;
    let fr = scope(t, &ada, "FR").await;
    create(t, &ada, &fr, RotationPeriod::Days30).await;
    t.portal.access().refresh().await.expect("it looks");
    let mut said = Vec::new();
    for scope in
        ["production/FR", "production/JP", "nowhere/DE", "rubbish", "", "production/DE/x", "Production/DE"]
    {
        let call = call(&t.portal, &key, scope).await;
        let error =
            t.portal.data().encrypt(&call, &[plain("x", Context::new())]).await.err().expect("refused");
        said.push((Problem::from(&error), error.word()));
    }
    said.dedup();
    assert_eq!(said.len(), 1, "{said:?}");
    let lines = journal(&t.portal).await;
    assert!(lines.iter().all(|line| line.event.outcome == Outcome::Refused));
    assert_eq!(lines[0].event.scope, "production/FR");
}

async fn a_key_does_what_it_may_and_no_more(t: &TestPortal) {
    let (_, _, _) = with_service(t).await;
    let writer = t.api_key([7; 6], "Writer", "production/DE", &[Operation::Encrypt]).await;
    let here = call(&t.portal, &writer, "production/DE").await;
    let (made, _) = encrypt(&t.portal, &here, "x").await;
    let item = || [sealed(&made, Context::new())];
    refused!(
        t.portal.data().decrypt(&here, &item()).await,
        Error::Services(ServicesError::NotAllowed(Operation::Decrypt))
    );
    refused!(
        t.portal.data().reencrypt(&here, &item()).await,
        Error::Services(ServicesError::NotAllowed(Operation::Reencrypt))
    );
    refused!(
        t.portal.data().unwrap(&here, &item()).await,
        Error::Services(ServicesError::NotAllowed(Operation::Unwrap))
    );
    refused!(
        t.portal.data().rewrap(&here, &item()).await,
        Error::Services(ServicesError::NotAllowed(Operation::Rewrap))
    );
    refused!(
        t.portal.data().wrap(&here, vec![]).await,
        Error::Services(ServicesError::NotAllowed(Operation::Wrap))
    );
    let codes: Vec<_> = journal(&t.portal).await.into_iter().map(|line| line.event.code).collect();
    assert_eq!(codes.iter().filter(|code| code.as_deref() == Some("not_allowed")).count(), 5);
}

async fn a_scope_without_a_key_encrypts_nothing(t: &TestPortal) {
    let ada = t.administrator().await;
    scope(t, &ada, "DE").await;
    t.open_journal(&t.portal).await;
    let key = t.api_key(ID, "Orders", "production/*", Operation::ALL).await;
    let here = call(&t.portal, &key, "production/DE").await;
    refused!(
        t.portal.data().encrypt(&here, &[plain("x", Context::new())]).await,
        Error::Data(Refused::NoKey)
    );
    let foreign = [sealed(b"rubbish", Context::new())];
    refused!(t.portal.data().reencrypt(&here, &foreign).await, Error::Data(Refused::NoKey));
    refused!(t.portal.data().rewrap(&here, &foreign).await, Error::Data(Refused::NoKey));
}

async fn a_first_version_made_elsewhere_encrypts_at_once(t: &TestPortal) {
    let (ada, _, _) = with_service(t).await;
    let fr = scope(t, &ada, "FR").await;
    let key = t.api_key([7; 6], "Billing", "production/FR", Operation::ALL).await;
    let second = t.second().await;
    t.open_journal(&second).await;
    let there = call(&second, &key, "production/FR").await;
    let item = || [plain("x", Context::new())];
    refused!(second.data().encrypt(&there, &item()).await, Error::Data(Refused::NoKey));
    create(t, &ada, &fr, RotationPeriod::Days30).await;
    encrypt(&second, &there, "x").await;
}

async fn every_request_is_written_down_with_what_was_told(t: &TestPortal) {
    let (_, _, key) = with_service(t).await;
    let mut here = call(&t.portal, &key, "production/DE").await;
    here.told = AuditNote {
        requesting_id: Some("billing".into()),
        object_id: Some("order 17\n\"quoted\"".into()),
        custom: context(&[("ticket", "K-1")]),
        ..AuditNote::default()
    };
    let (made, _) = encrypt(&t.portal, &here, "never written down").await;
    decrypt(&t.portal, &here, &made, Context::new()).await.expect("it opens");
    t.portal.data().versions_for(&here, None).await.expect("the versions");
    let lines: Vec<_> = journal(&t.portal).await.into_iter().map(|line| line.event).collect();
    assert_eq!(
        lines.iter().map(|line| line.deed).collect::<Vec<_>>(),
        [Deed::Encrypt, Deed::Decrypt, Deed::Keys]
    );
    let first = &lines[0];
    assert_eq!((first.who.as_str(), first.key.as_str()), ("Orders", &key.expose()[..12]));
    assert_eq!((first.versions.as_slice(), first.items, first.address.as_str()), (&[1][..], 1, "192.0.2.9"));
    assert_eq!(first.told, here.told);
    let text = format!("{lines:?}");
    assert!(!text.contains("never written down") && !text.contains(&key.expose()[12..]));
}

async fn without_a_journal_nothing_is_done(t: &TestPortal) {
    let (_, _, key) = with_service(t).await;
    let other = t.second().await;
    let here = call(&other, &key, "production/DE").await;
    refused!(
        other.data().encrypt(&here, &[plain("x", Context::new())]).await,
        Error::Audit(AuditError::Journal(_))
    );
    let here = call(&t.portal, &key, "production/DE").await;
    let (made, _) = encrypt(&t.portal, &here, "x").await;
    t.portal.close_journal_only().await;
    refused!(decrypt(&t.portal, &here, &made, Context::new()).await, Error::Audit(AuditError::Journal(_)));
}

async fn a_version_made_elsewhere_a_moment_ago_opens_here(t: &TestPortal) {
    let (ada, de, key) = with_service(t).await;
    let other = t.second().await;
    t.open_journal(&other).await;
    let (here, there) =
        (call(&t.portal, &key, "production/DE").await, call(&other, &key, "production/DE").await);
    encrypt(&other, &there, "so that it knows the scope").await;
    t.clock.advance(TimeDelta::days(1));
    let ada = Person { session: sign_in(t, &ada.email, &ada.seed).await.session, ..ada };
    rotate(t, &ada, &de).await;
    t.portal.access().refresh().await.expect("it looks");
    let (made, version) = encrypt(&t.portal, &here, "new").await;
    assert_eq!(version, 2);
    assert_eq!(decrypt(&other, &there, &made, Context::new()).await.expect("it opens"), "new");
}

/// Creates `production/DE` and `production/FR` with a key each, and an API key that encrypts in both a day later.
async fn with_two_scopes(t: &TestPortal) -> (Person, [ScopeName; 2], SecretText) {
    let (ada, de, _) = with_service(t).await;
    let fr = scope(t, &ada, "FR").await;
    create(t, &ada, &fr, RotationPeriod::Days30).await;
    let key = t.api_key([8; 6], "Both", "production/*", Operation::ALL).await;
    t.clock.advance(TimeDelta::days(1));
    for name in [&de, &fr] {
        assert_eq!(encrypt_in(t, &key, name).await, 1);
    }
    let ada = Person { session: sign_in(t, &ada.email, &ada.seed).await.session, ..ada };
    (ada, [de, fr], key)
}

/// Encrypts in a scope; returns the version that Keystead used.
async fn encrypt_in(t: &TestPortal, key: &SecretText, scope: &ScopeName) -> u32 {
    encrypt(&t.portal, &call(&t.portal, key, &scope.to_string()).await, "a secret").await.1
}

async fn a_rotation_leaves_other_scopes_in_memory(t: &TestPortal) {
    let (ada, [de, fr], key) = with_two_scopes(t).await;
    rotate(t, &ada, &de).await;
    t.portal.access().refresh().await.expect("it looks");
    // From here on, no read of the database succeeds.
    t.db().close().await;
    assert_eq!(encrypt_in(t, &key, &fr).await, 1);
    let here = call(&t.portal, &key, &de.to_string()).await;
    refused!(
        t.portal.data().encrypt(&here, &[plain("late", Context::new())]).await,
        Error::Store(StoreError::Database(_))
    );
}

/// Refreshes, and checks that the cache of every scope is empty.
async fn forgets(t: &TestPortal, scopes: &[ScopeName; 2], key: &SecretText) {
    t.portal.access().refresh().await.expect("it looks");
    t.db().close().await;
    for name in scopes {
        let there = call(&t.portal, key, &name.to_string()).await;
        refused!(
            t.portal.data().encrypt(&there, &[plain("late", Context::new())]).await,
            Error::Store(StoreError::Database(_))
        );
    }
}

async fn a_line_that_the_log_lacks_makes_everything_be_read_anew(t: &TestPortal) {
    let (ada, scopes, key) = with_two_scopes(t).await;
    rotate(t, &ada, &scopes[0]).await;
    execute(t.db(), "UPDATE instance SET audit_sequence = audit_sequence + 1").await.expect("it obeys");
    forgets(t, &scopes, &key).await;
}

async fn a_move_that_no_line_tells_of_makes_everything_be_read_anew(t: &TestPortal) {
    let (ada, scopes, key) = with_two_scopes(t).await;
    rotate(t, &ada, &scopes[0]).await;
    execute(t.db(), "UPDATE instance SET data_epoch = data_epoch + 1").await.expect("it obeys");
    forgets(t, &scopes, &key).await;
}

async fn a_database_that_went_back_is_read_anew(t: &TestPortal) {
    let (_, scopes, key) = with_two_scopes(t).await;
    execute(t.db(), "UPDATE instance SET data_epoch = data_epoch - 1").await.expect("it obeys");
    t.clock.advance(TimeDelta::seconds(1));
    forgets(t, &scopes, &key).await;
}

async fn a_rotation_hides_nothing_else_that_happened(t: &TestPortal) {
    let (ada, [de, fr], key) = with_two_scopes(t).await;
    let other = t.second().await;
    t.open_journal(&other).await;
    other.access().caller(&key, "192.0.2.9").await.expect("it comes in");
    rotate(t, &ada, &de).await;
    let seen = key.expose()[..12].parse().expect("how it begins is its id");
    t.portal.services().revoke_api_key_on_host(seen).await.expect("revoked");
    rotate(t, &ada, &fr).await;
    other.access().refresh().await.expect("it looks");
    refused!(
        other.access().caller(&key, "192.0.2.9").await.map(drop),
        Error::Services(ServicesError::UnknownApiKey)
    );
}

async fn a_customers_key_encrypts_until_it_is_refused(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    let t = &house.t;
    t.open_journal(&t.portal).await;
    let key = t.api_key(ID, "Orders", &house.de.to_string(), Operation::ALL).await;
    let here = call(&t.portal, &key, &house.de.to_string()).await;
    let (made, _) = encrypt(&t.portal, &here, "theirs").await;
    assert_eq!(decrypt(&t.portal, &here, &made, Context::new()).await.expect("it opens"), "theirs");
    house.kms.fails(400, "DisabledException");
    t.portal.custody().probe_due().await.expect("probed");
    t.clock.advance(TimeDelta::minutes(2));
    t.portal.custody().probe_due().await.expect("probed");
    refused!(
        decrypt(&t.portal, &here, &made, Context::new()).await,
        Error::Custody(CustodyError::KmsRefused(_))
    );
    let encrypted = t.portal.data().encrypt(&here, &[plain("x", Context::new())]).await;
    refused!(encrypted, Error::Custody(CustodyError::KmsRefused(_)));
    let last = journal(&t.portal).await.pop().expect("a line").event;
    assert_eq!((last.outcome, last.code.as_deref()), (Outcome::Refused, Some("kms_refused")));
    house.end().await;
}

async fn the_versions_of_a_batch_are_asked_for_at_once(t: &TestPortal) {
    let kms = FakeKms::start().await;
    let settings = Settings { daily: DailyLimits { per_type: 9, per_scope: 9 }, ..kms.settings() };
    let house = Customer::with_settings(t.kind(), kms, settings).await;
    let t = &house.t;
    t.open_journal(&t.portal).await;
    let name = house.de.to_string();
    let key = t.api_key(ID, "Orders", &name, Operation::ALL).await;
    let mut made = Vec::new();
    for _ in 0..4 {
        house.register().await;
        t.portal.access().refresh().await.expect("it looks");
        let here = call(&t.portal, &key, &name).await;
        made.push(encrypt(&t.portal, &here, "theirs").await.0);
    }
    let fresh = t.second_set(house.kms.settings()).await;
    t.open_journal(&fresh).await;
    house.kms.forget_calls();
    house.kms.takes(std::time::Duration::from_millis(200));
    let items: Vec<_> = made.iter().map(|made| sealed(made, Context::new())).collect();
    let opened = fresh.data().decrypt(&call(&fresh, &key, &name).await, &items).await.expect("allowed");
    assert!(opened.iter().all(Result::is_ok));
    assert_eq!((house.kms.decrypt_calls(), house.kms.most_under_way()), (4, 4));
    house.end().await;
}

async fn too_much_is_refused_in_words(t: &TestPortal) {
    let (_, _, key) = with_service(t).await;
    let here = call(&t.portal, &key, "production/DE").await;
    let most = "x".repeat(65536);
    let (made, _) = encrypt(&t.portal, &here, &most).await;
    assert_eq!(decrypt(&t.portal, &here, &made, Context::new()).await.expect("it opens"), most);
    let items = [plain(&format!("{most}x"), Context::new())];
    let answers = t.portal.data().encrypt(&here, &items).await.expect("allowed");
    refused!(answers.into_iter().next().expect("one"), Error::Data(Refused::TooLong));
}

async fn use_is_counted_by_version_and_survives_a_database_that_is_away(t: &TestPortal) {
    let (ada, de, key) = with_service(t).await;
    let here = call(&t.portal, &key, "production/DE").await;
    let (made, _) = encrypt(&t.portal, &here, "old").await;
    t.portal
        .data()
        .wrap(&here, vec![Ok(ToWrap { dek: None, context: Context::new() })])
        .await
        .expect("allowed");
    decrypt(&t.portal, &here, b"rubbish", Context::new()).await.expect_err("it is none");
    let used = t.clock.now();
    fail_after("begin", 0);
    t.portal.services().note_uses().await;
    assert_eq!(
        t.portal.services().usage(&de, 1).await.expect("known").0.issued,
        0,
        "it could not be written"
    );
    t.portal.services().note_uses().await;
    let (usage, late) = t.portal.services().usage(&de, 1).await.expect("known");
    assert_eq!((usage.issued, usage.seen, usage.last_used_at), (2, 0, Some(used)));
    assert_eq!((usage.first_used_at, late.uses(), late.users.len()), (Some(used), 2, 1));
    t.clock.advance(TimeDelta::days(1));
    let ada = Person { session: sign_in(t, &ada.email, &ada.seed).await.session, ..ada };
    rotate(t, &ada, &de).await;
    t.portal.access().refresh().await.expect("it looks");
    let items = [sealed(b"rubbish", Context::new()), sealed(&made, Context::new())];
    let answers = t.portal.data().reencrypt(&here, &items).await.expect("allowed");
    assert_eq!(
        answers.iter().map(Result::is_ok).collect::<Vec<_>>(),
        [false, true],
        "only the other one counts"
    );
    // Two servers add to the same sums.
    let other = t.second().await;
    t.open_journal(&other).await;
    let there = call(&other, &key, "production/DE").await;
    decrypt(&other, &there, &made, Context::new()).await.expect("it opens");
    for portal in [&t.portal, &other] {
        portal.services().note_uses().await;
    }
    let [first, second] = [t.portal.services().usage(&de, 1).await, t.portal.services().usage(&de, 2).await]
        .map(|usage| usage.expect("known"));
    assert_eq!((first.0.issued, first.0.seen), (2, 2));
    assert_eq!((second.0.issued, second.0.seen), (1, 0));
    // Each API key has sums of its own, and the page tells them apart by day.
    let more = t.api_key([10; 6], "Billing", "production/DE", &[Operation::Decrypt]).await;
    t.portal.access().refresh().await.expect("it looks");
    let billing = call(&t.portal, &more, "production/DE").await;
    decrypt(&t.portal, &billing, &made, Context::new()).await.expect("it opens");
    t.portal.services().note_uses().await;
    let (sums, late) = t.portal.services().usage(&de, 1).await.expect("known");
    let users: Vec<_> = late.users.iter().map(|one| (one.user.name(), one.issued, one.seen)).collect();
    assert_eq!(users[1..], [("Billing", 0, 1)]);
    assert_eq!((users[0].1, users[0].2, sums.seen, sums.first_used_at), (2, 2, 3, Some(used)));
    let of_days: Vec<_> =
        late.days.iter().rev().take(2).map(|day| (day.issued, day.seen, day.others)).collect();
    assert_eq!(of_days, [(0, 3, 1), (2, 0, 0)]);
    let list = t.portal.keys().list(&de, 1).await.expect("the page");
    let listed: Vec<_> = list.usage.iter().map(|usage| (usage.issued, usage.seen)).collect();
    assert_eq!((listed, list.active_use.uses()), (vec![(1, 0), (2, 3)], 1));
}

async fn sums_of_long_ago_become_one_and_nothing_issued_is_forgotten(t: &TestPortal) {
    let (_, de, key) = with_service(t).await;
    for _ in 0..3 {
        let here = call(&t.portal, &key, "production/DE").await;
        let (made, _) = encrypt(&t.portal, &here, "x").await;
        decrypt(&t.portal, &here, &made, Context::new()).await.expect("it opens");
        t.portal.services().note_uses().await;
        t.clock.advance(TimeDelta::days(60));
    }
    let rows = async || number(t.db(), "SELECT COUNT(*) FROM version_usage").await;
    let before = t.portal.services().usage(&de, 1).await.expect("known");
    assert_eq!((before.0.issued, before.0.seen, rows().await), (3, 1, 3));
    t.portal.sweep().await.expect("swept");
    t.portal.sweep().await.expect("swept again");
    assert_eq!((t.portal.services().usage(&de, 1).await.expect("known"), rows().await), (before, 2));
}
