//! Operations that only IronCore's clients use; and each of the two APIs unwraps what the other one wrapped.

use crate::aws::Customer;
use crate::support::*;
use domain::audit::event::Outcome;
use domain::audit::journal::JournalQuery;
use domain::data::operation::{AuditNote, DataEvent, Deed, Door, Operation};
use domain::keys::rotation::RotationPeriod;
use domain::scopes::scope::ScopeName;
use engine::base::error::AuditError;
use engine::base::error::ServicesError;
use engine::base::refused::Refused;
use engine::data::context::Context;
use engine::data::events::Reported;
use engine::data::{Call, ToOpen, ToWrap};
use engine::testing::{Person, TestPortal};
use engine::{Error, Portal, SecretText};

stories! {
    a_data_key_wrapped_at_one_door_opens_at_the_other,
    rekeying_wraps_the_same_data_key_for_another_scope,
    rekeying_needs_unwrap_here_and_wrap_there,
    rekeying_into_a_customers_key_and_back,
    a_tenant_in_an_edek_is_a_name_that_the_scope_has_or_had,
    security_events_are_written_down_with_all_that_was_told,
    an_event_of_an_unknown_tenant_is_accepted_and_marked,
    what_only_looks_like_a_scope_is_written_down_as_what_it_is,
    who_says_too_much_is_told_to_come_back,
    reported_operations_name_their_versions,
    without_a_journal_no_event_is_accepted,
}

/// Creates `production/DE` and `production/FR` with a key each, and an API key with every operation in both.
async fn with_service(t: &TestPortal) -> (Person, ScopeName, ScopeName, SecretText) {
    let ada = t.administrator().await;
    let (de, fr) = (scope(t, &ada, "DE").await, scope(t, &ada, "FR").await);
    for scope in [&de, &fr] {
        create(t, &ada, scope, RotationPeriod::Days30).await;
    }
    t.open_journal(&t.portal).await;
    let key = t.api_key([9; 6], "Orders", "production/*", Operation::ALL).await;
    (ada, de, fr, key)
}

async fn call(portal: &Portal, key: &SecretText, scope: &str, door: Door) -> Call {
    let caller = portal.access().caller(key, "192.0.2.9").await.expect("it comes in");
    Call { caller, door, scope: scope.to_owned(), told: AuditNote::default() }
}

async fn tsp(t: &TestPortal, key: &SecretText, scope: &str) -> Call {
    call(&t.portal, key, scope, Door::Tsp).await
}

/// Wraps a new data key; returns the key and its EDEK.
async fn wrap(t: &TestPortal, call: &Call) -> (Vec<u8>, Vec<u8>) {
    let item = ToWrap { dek: None, context: Context::new() };
    let wrapped = t.portal.data().wrap(call, vec![Ok(item)]).await.expect("allowed").pop();
    let wrapped = wrapped.expect("one").expect("wrapped");
    (wrapped.dek.expose().to_vec(), wrapped.edek)
}

fn sealed(edek: &[u8]) -> Result<ToOpen, Refused> {
    Ok(ToOpen { sealed: edek.to_vec(), context: Context::new() })
}

async fn unwrap(t: &TestPortal, call: &Call, edek: &[u8]) -> Result<Vec<u8>, Error> {
    let opened = t.portal.data().unwrap(call, &[sealed(edek)]).await?.pop().expect("one")?;
    Ok(opened.bytes.expose().to_vec())
}

async fn journal(t: &TestPortal) -> Vec<DataEvent> {
    let all = t.portal.audit().export_journal(&JournalQuery::default()).await.expect("the journal");
    all.events.into_iter().map(|line| line.event).collect()
}

async fn a_data_key_wrapped_at_one_door_opens_at_the_other(t: &TestPortal) {
    let (_, _, _, key) = with_service(t).await;
    let (native, tsp) =
        (call(&t.portal, &key, "production/DE", Door::Native).await, tsp(t, &key, "production/DE").await);
    let (dek, edek) = wrap(t, &native).await;
    assert_eq!(unwrap(t, &tsp, &edek).await.expect("it opens"), dek);
    let (dek, edek) = wrap(t, &tsp).await;
    assert_eq!(unwrap(t, &native, &edek).await.expect("it opens"), dek);
}

async fn rekeying_wraps_the_same_data_key_for_another_scope(t: &TestPortal) {
    let (ada, _, fr, key) = with_service(t).await;
    crate::aliases::name(t, &ada, &fr, "acme-paris").await;
    let (here, there) = (tsp(t, &key, "production/DE").await, tsp(t, &key, "production/FR").await);
    let (dek, edek) = wrap(t, &here).await;
    let moved = t.portal.data().rekey(&here, "acme-paris", sealed(&edek)).await.expect("it moves");
    assert_eq!(moved.dek.expose(), dek);
    assert_eq!(unwrap(t, &there, &moved.edek).await.expect("it opens there"), dek);
    refused!(unwrap(t, &here, &moved.edek).await, Error::Data(Refused::NotOpened));
    let same = t.portal.data().rekey(&here, "production/DE", sealed(&edek)).await.expect("it may stay");
    assert_eq!(unwrap(t, &here, &same.edek).await.expect("it opens"), dek);
    assert_ne!(same.edek, edek);
    let lines = journal(t).await;
    let rekeys: Vec<_> = lines.iter().filter(|line| line.deed == Deed::Rekey).collect();
    let scopes: Vec<_> = rekeys.iter().map(|line| line.scope.as_str()).collect();
    assert_eq!(scopes, ["production/DE", "production/FR", "production/DE"], "a line for each of the two");
    assert!(rekeys.iter().all(|line| line.versions == [1] && line.outcome == Outcome::Done));
}

async fn rekeying_needs_unwrap_here_and_wrap_there(t: &TestPortal) {
    let (_, _, _, key) = with_service(t).await;
    let (_, edek) = wrap(t, &tsp(t, &key, "production/DE").await).await;
    for (id, reach, operations, is_unknown) in [
        ([1; 6], "production/*", &[Operation::Wrap][..], false),
        ([2; 6], "production/*", &[Operation::Unwrap], false),
        ([3; 6], "production/DE", Operation::ALL, true),
        ([4; 6], "production/FR", Operation::ALL, true),
    ] {
        let other = t.api_key(id, "Other", reach, operations).await;
        t.portal.access().refresh().await.expect("it looks");
        let here = tsp(t, &other, "production/DE").await;
        let refused =
            t.portal.data().rekey(&here, "production/FR", sealed(&edek)).await.err().expect("refused");
        assert_eq!(matches!(refused, Error::NotFound), is_unknown, "{refused:?}");
        assert_eq!(
            matches!(refused, Error::Services(ServicesError::NotAllowed(_))),
            !is_unknown,
            "{refused:?}"
        );
        t.portal
            .services()
            .revoke_api_key_on_host(domain::services::api_key::ApiKeyId(id))
            .await
            .expect("revoked");
    }
    let here = tsp(t, &key, "production/DE").await;
    refused!(t.portal.data().rekey(&here, "nobody", sealed(&edek)).await, Error::NotFound);
    refused!(
        t.portal.data().rekey(&here, "production/FR", sealed(b"rubbish")).await,
        Error::Data(Refused::Malformed)
    );
    let last = journal(t).await.pop().expect("a line");
    assert_eq!((last.outcome, last.code.as_deref()), (Outcome::Refused, Some("malformed")));
}

async fn rekeying_into_a_customers_key_and_back(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    let t = &house.t;
    t.open_journal(&t.portal).await;
    let fr = scope(t, &house.ada, "FR").await;
    create(t, &house.ada, &fr, RotationPeriod::Days30).await;
    let key = t.api_key([9; 6], "Orders", "production/*", Operation::ALL).await;
    t.portal.access().refresh().await.expect("it looks");
    let (managed, theirs) = (tsp(t, &key, "production/FR").await, tsp(t, &key, &house.de.to_string()).await);
    let (dek, edek) = wrap(t, &managed).await;
    let moved = t.portal.data().rekey(&managed, &theirs.scope, sealed(&edek)).await.expect("it moves");
    let back = t.portal.data().rekey(&theirs, "production/FR", sealed(&moved.edek)).await.expect("and back");
    assert_eq!(unwrap(t, &managed, &back.edek).await.expect("it opens"), dek);
    house.end().await;
}

/// Returns an EDEK as Alloy writes it, with the requested tenant in field 6.
fn with_tenant(edek: &[u8], tenant: &str) -> Vec<u8> {
    let length = |length: usize| u8::try_from(length).expect("short");
    let inner = [&edek[2..], &[0x32, length(tenant.len())], tenant.as_bytes()].concat();
    [&[0x0a, length(inner.len())][..], &inner].concat()
}

async fn a_tenant_in_an_edek_is_a_name_that_the_scope_has_or_had(t: &TestPortal) {
    let (ada, de, fr, key) = with_service(t).await;
    crate::aliases::name(t, &ada, &de, "acme").await;
    crate::aliases::name(t, &ada, &fr, "beta").await;
    let (own, before) = (tsp(t, &key, "production/DE").await, tsp(t, &key, "acme").await);
    let (dek, edek) = wrap(t, &before).await;
    let opens = async |asked: &Call, names: &[(&str, bool)]| {
        for (written, opens) in names {
            match unwrap(t, asked, &with_tenant(&edek, written)).await {
                Ok(opened) => assert!(*opens && opened == dek, "{} {written}", asked.scope),
                Err(Error::Data(Refused::NotOpened)) => assert!(!opens, "{} {written}", asked.scope),
                Err(other) => panic!("{other:?}"),
            }
        }
    };
    let names =
        [("production/DE", true), ("acme", true), ("production/FR", false), ("beta", false), ("acmf", false)];
    opens(&own, &names).await;
    opens(&before, &names).await;
    // The alias is changed, and another scope takes the old one.
    crate::aliases::name(t, &ada, &de, "acme-gmbh").await;
    crate::aliases::name(t, &ada, &fr, "acme").await;
    let renamed = tsp(t, &key, "acme-gmbh").await;
    opens(&renamed, &names).await;
    opens(&own, &[("acme-gmbh", true)]).await;
    opens(&tsp(t, &key, "acme").await, &names.map(|(name, _)| (name, false))).await;
}

async fn security_events_are_written_down_with_all_that_was_told(t: &TestPortal) {
    let (ada, de, _, key) = with_service(t).await;
    crate::aliases::name(t, &ada, &de, "acme").await;
    let mut call = tsp(t, &key, "acme").await;
    call.told.requesting_id = Some("svc".into());
    call.told.custom = [("timestampMillis".to_owned(), "1700000000000".to_owned())].into();
    t.portal.data().security_event(&call, "USER_LOGIN").await.expect("accepted");
    let line = journal(t).await.pop().expect("a line");
    assert_eq!((line.deed, line.door, line.outcome), (Deed::SecurityEvent, Door::Tsp, Outcome::Done));
    assert_eq!((line.event.as_deref(), line.scope.as_str()), (Some("USER_LOGIN"), "production/DE"));
    assert_eq!((line.told, line.code), (call.told, None));
}

async fn an_event_of_an_unknown_tenant_is_accepted_and_marked(t: &TestPortal) {
    with_service(t).await;
    let key = t.api_key([8; 6], "One", "production/DE", &[Operation::Wrap]).await;
    t.portal.access().refresh().await.expect("it looks");
    for tenant in ["nobody", "production/FR"] {
        t.portal.data().security_event(&tsp(t, &key, tenant).await, "CUSTOM_X").await.expect("accepted");
        let line = journal(t).await.pop().expect("a line");
        assert_eq!((line.scope.as_str(), line.code.as_deref()), (tenant, Some("not_found")));
        assert_eq!(line.outcome, Outcome::Refused, "nothing of it happened in that scope");
    }
}

/// The name has a letter of another script that looks like a Latin one.
async fn what_only_looks_like_a_scope_is_written_down_as_what_it_is(t: &TestPortal) {
    let (_, _, _, key) = with_service(t).await;
    refused!(t.portal.data().wrap(&tsp(t, &key, "pr\u{43e}duction/DE").await, vec![]).await, Error::NotFound);
    assert_eq!(journal(t).await.pop().expect("a line").scope, "pr\\u{43e}duction/DE");
    let here = tsp(t, &key, "nowhere").await;
    refused!(t.portal.data().rekey(&here, "neither", sealed(b"x")).await, Error::NotFound);
    let scopes: Vec<_> = journal(t).await.into_iter().map(|line| line.scope).collect();
    assert_eq!(scopes[1..], ["nowhere", "neither"], "two that are unknown are not the same one");
}

/// Keystead bounds the audit text of one service, because it would otherwise displace that of others.
async fn who_says_too_much_is_told_to_come_back(t: &TestPortal) {
    let (_, _, _, key) = with_service(t).await;
    let mut call = tsp(t, &key, "production/DE").await;
    call.told.custom = [("a".to_owned(), "b".to_owned())].into();
    wrap(t, &call).await;
    while call.caller.may_tell(1 << 20) {}
    call.told.custom = [("a".to_owned(), "x".repeat(7000))].into();
    // The budget refills at 2 MiB a second; on a busy machine that is enough for one more call to succeed.
    let mut tries = 0;
    let refused = loop {
        while call.caller.may_tell(7000) {}
        match t.portal.data().wrap(&call, vec![Ok(ToWrap { dek: None, context: Context::new() })]).await {
            Ok(_) if tries < 100 => tries += 1,
            other => break other,
        }
    };
    refused!(refused, Error::Busy);
    let line = journal(t).await.pop().expect("a line");
    assert_eq!((line.outcome, line.code.as_deref()), (Outcome::Refused, Some("busy")));
    assert_eq!(line.told, AuditNote::default());
    // A call without audit text still succeeds, and so do calls with every other key.
    call.told = AuditNote::default();
    wrap(t, &call).await;
    let other = t.api_key([8; 6], "Other", "production/DE", Operation::ALL).await;
    t.portal.access().refresh().await.expect("it looks");
    let mut other = tsp(t, &other, "production/DE").await;
    other.told.custom = [("a".to_owned(), "x".repeat(7000))].into();
    wrap(t, &other).await;
}

async fn reported_operations_name_their_versions(t: &TestPortal) {
    let (_, _, _, key) = with_service(t).await;
    let call = tsp(t, &key, "production/DE").await;
    let (_, edek) = wrap(t, &call).await;
    let reported = Reported { edeks: vec![edek, b"rubbish".to_vec()], wraps: 3, unwraps: 4 };
    t.portal.data().reported_operations(call, &reported).await.expect("accepted");
    let line = journal(t).await.pop().expect("a line");
    assert_eq!((line.deed, line.items, line.versions.as_slice()), (Deed::Report, 2, &[1][..]));
    assert_eq!(line.told.custom["wraps"], "3");
    assert_eq!(line.told.custom["unwraps"], "4");
}

async fn without_a_journal_no_event_is_accepted(t: &TestPortal) {
    let (_, _, _, key) = with_service(t).await;
    let call = tsp(t, &key, "production/DE").await;
    t.portal.close_journal_only().await;
    refused!(t.portal.data().security_event(&call, "USER_LOGIN").await, Error::Audit(AuditError::Journal(_)));
}
