//! Encryption keys of one scope, one person at a time.

use crate::support::*;
use chrono::TimeDelta;
use domain::Problem;
use domain::audit::event::{Action, Outcome};
use domain::keys::key_type::KeyType;
use domain::keys::key_version::NotManaged;
use domain::keys::limits::LimitReached;
use domain::keys::rotation::RotationPeriod;
use engine::Error;
use engine::base::error::KeysError;
use engine::testing::TestPortal;

stories! {
    the_first_key_is_version_1_and_active,
    a_second_version_the_same_day_is_refused_with_the_limit,
    the_next_day_a_rotation_makes_version_2_and_deprecates_1,
    add_encryption_key_works_also_when_there_is_one,
    every_version_has_its_own_material_and_keeps_it,
    numbers_and_ids_are_never_used_again,
    an_edited_period_counts_from_the_creation,
    an_unchanged_period_is_refused,
    an_empty_scope_can_be_neither_rotated_nor_edited,
    an_outdated_preview_is_refused,
    an_edit_is_refused_when_the_key_moved_on,
    a_preview_of_yesterday_may_be_confirmed_today,
    the_list_comes_in_pages_of_fifty,
}

async fn the_first_key_is_version_1_and_active(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    let command = t.portal.keys().plan_create(&ada.session, &de, RotationPeriod::Days60).await;
    let command = command.expect("a plan");
    assert_eq!((command.plan.number, command.plan.deprecates), (1, None));
    assert_eq!((command.plan.left.of_type_today, command.plan.left.today), (0, 2));
    let made = t.portal.keys().create(proof(t, &ada, &command).await).await.expect("a version");
    let (version, environment) = t.portal.keys().version(&de, 1).await.expect("it is there");
    assert_eq!((version.number, version.status.word(), environment.as_str()), (1, "active", "Production"));
    assert_eq!((version.key_type, version.period), (KeyType::Managed, Some(RotationPeriod::Days60)));
    assert_eq!(version.due_at, made.due_at);
    assert_eq!(version.due_at, Some(version.created_at + TimeDelta::days(60)));
    assert_eq!(version.created_by, "ada@example.com");
    let last = log(t).await.pop().expect("an event");
    assert_eq!((last.action, last.place.as_str()), (Action::KeyCreate, "production/DE"));
    assert_eq!(last.detail, "version 1, Managed, 60 days");
}

async fn a_second_version_the_same_day_is_refused_with_the_limit(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    create(t, &ada, &de, RotationPeriod::Days30).await;
    let refused = t.portal.keys().plan_rotate(&ada.session, &de, RotationPeriod::Days30).await;
    let error = refused.expect_err("the limit is reached");
    assert!(matches!(
        &error,
        Error::Keys(KeysError::Limit { limit: LimitReached::DailyOfType { limit: 1, used: 1, .. }, .. })
    ));
    let said = Problem::from(&error).message;
    let expected = "Daily limit reached: 1 of 1 new Managed version today. Possible again in 11 h 59 min \
                    (23 Nov 2026, 00:00 UTC).";
    assert_eq!(said, expected);
    let last = log(t).await.pop().expect("an event");
    assert_eq!((last.action, last.outcome), (Action::KeyRotate, Outcome::Refused));
    assert_eq!(last.detail, expected);
    let (limits, _) = t.portal.keys().limits(&de).await.expect("limits");
    let used = limits.usage(KeyType::Managed);
    assert_eq!((used.of_type_today, used.today), (1, 1));
    assert_eq!(versions(t, &de).await, [(1, "active")]);
}

async fn the_next_day_a_rotation_makes_version_2_and_deprecates_1(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    create(t, &ada, &de, RotationPeriod::Days30).await;
    t.clock.advance(TimeDelta::hours(12));
    let made = rotate(t, &ada, &de).await;
    assert_eq!((made.number, made.deprecates), (2, Some(1)));
    assert_eq!(versions(t, &de).await, [(1, "deprecated"), (2, "active")]);
    let last = log(t).await.pop().expect("an event");
    assert_eq!(last.detail, "version 2, Managed, 30 days; version 1 deprecated");
}

async fn add_encryption_key_works_also_when_there_is_one(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    create(t, &ada, &de, RotationPeriod::Days30).await;
    t.clock.advance(TimeDelta::days(1));
    assert_eq!(create(t, &ada, &de, RotationPeriod::Days360).await.deprecates, Some(1));
}

async fn every_version_has_its_own_material_and_keeps_it(t: &TestPortal) {
    let ada = t.administrator().await;
    let (de, fr) = (scope(t, &ada, "DE").await, scope(t, &ada, "FR").await);
    create(t, &ada, &de, RotationPeriod::Days30).await;
    create(t, &ada, &fr, RotationPeriod::Days30).await;
    let first = t.portal.material(&de, 1).await.expect("it opens");
    t.clock.advance(TimeDelta::days(1));
    rotate(t, &ada, &de).await;
    let second = t.portal.material(&de, 2).await.expect("it opens");
    let other = t.second().await.material(&fr, 1).await.expect("it opens on every server");
    let again = t.portal.material(&de, 1).await.expect("it opens still");
    assert_eq!([&first, &second, &other].map(|material| material.expose().len()), [32; 3]);
    assert_eq!(first.expose(), again.expose());
    assert!(first.expose() != second.expose() && first.expose() != other.expose());
    refused!(t.portal.material(&de, 3).await, Error::NotFound);
}

async fn numbers_and_ids_are_never_used_again(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    create(t, &ada, &de, RotationPeriod::Days30).await;
    let before = t.portal.keys().version(&de, 1).await.expect("it is there").0.id;
    // The row is deleted by hand; its portal-wide id is still not given to another key.
    execute(t.db(), "DELETE FROM key_version").await.expect("deleted");
    create(t, &ada, &de, RotationPeriod::Days30).await;
    let after = t.portal.keys().version(&de, 1).await.expect("it is there").0.id;
    assert!(before >= 1 && after >= 1 && after != before, "{before}, {after}");
}

async fn an_edited_period_counts_from_the_creation(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    create(t, &ada, &de, RotationPeriod::Days30).await;
    let created_at = t.portal.keys().version(&de, 1).await.expect("it is there").0.created_at;
    t.clock.advance(TimeDelta::days(10));
    let command =
        t.portal.keys().plan_edit(&ada.session, &de, RotationPeriod::Days180).await.expect("a plan");
    let expected = created_at + TimeDelta::days(180);
    assert_eq!(t.portal.keys().due_after_edit(&command).await.expect("a date"), expected);
    assert_eq!(t.portal.keys().edit(proof(t, &ada, &command).await).await.expect("edited"), expected);
    let version = t.portal.keys().version(&de, 1).await.expect("it is there").0;
    assert_eq!((version.period, version.due_at), (Some(RotationPeriod::Days180), Some(expected)));
    let last = log(t).await.pop().expect("an event");
    assert_eq!(last.action, Action::KeySettings);
    assert_eq!(last.detail, "version 1: 30 → 180 days, due 21 May 2027, 12:01 UTC");
}

async fn an_unchanged_period_is_refused(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    create(t, &ada, &de, RotationPeriod::Days30).await;
    let refused = t.portal.keys().plan_edit(&ada.session, &de, RotationPeriod::Days30).await;
    refused!(refused, Error::Keys(KeysError::PeriodUnchanged { days: 30 }));
}

async fn an_empty_scope_can_be_neither_rotated_nor_edited(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    let period = RotationPeriod::Days60;
    refused!(
        t.portal.keys().plan_rotate(&ada.session, &de, period).await,
        Error::Keys(KeysError::NotManaged(NotManaged::NoKey))
    );
    refused!(
        t.portal.keys().plan_edit(&ada.session, &de, period).await,
        Error::Keys(KeysError::NotManaged(NotManaged::NoKey))
    );
    refused!(t.portal.keys().version(&de, 1).await, Error::NotFound);
}

async fn an_outdated_preview_is_refused(t: &TestPortal) {
    let ada = t.administrator().await;
    let bob = colleague(t, "bob@example.com").await;
    let de = scope(t, &ada, "DE").await;
    create(t, &ada, &de, RotationPeriod::Days30).await;
    t.clock.advance(TimeDelta::minutes(12 * 60 - 3));
    let generous = t.second_with(domain::keys::limits::DailyLimits { per_type: 3, per_scope: 3 }).await;
    let seen = generous.keys().plan_rotate(&ada.session, &de, RotationPeriod::Days30).await.expect("a plan");
    let seen = proof(t, &ada, &seen).await;
    let faster =
        generous.keys().plan_rotate(&bob.session, &de, RotationPeriod::Days60).await.expect("a plan");
    generous.keys().rotate(proof(t, &bob, &faster).await).await.expect("Bob was faster");
    let error = generous.keys().rotate(seen).await.expect_err("Ada saw another state");
    assert!(Problem::from(&error).message.starts_with("Version 2 was created in the meantime."));
    assert_eq!(versions(t, &de).await, [(1, "deprecated"), (2, "active")]);
    let last = log(t).await.pop().expect("an event");
    assert_eq!((last.outcome, last.who.as_str()), (Outcome::Refused, "ada@example.com"));
}

async fn an_edit_is_refused_when_the_key_moved_on(t: &TestPortal) {
    let ada = t.administrator().await;
    let bob = colleague(t, "bob@example.com").await;
    let de = scope(t, &ada, "DE").await;
    create(t, &ada, &de, RotationPeriod::Days30).await;
    let command = t.portal.keys().plan_edit(&ada.session, &de, RotationPeriod::Days60).await.expect("a plan");
    let (one, two) = (proof(t, &ada, &command).await, proof(t, &bob, &command).await);
    t.portal.keys().edit(one).await.expect("edited");
    let error = t.portal.keys().edit(two).await.expect_err("it has another period now");
    assert!(Problem::from(&error).message.starts_with("The rotation period is 60 days now."));
    let command = t.portal.keys().plan_edit(&ada.session, &de, RotationPeriod::Days30).await.expect("a plan");
    let late = proof(t, &ada, &command).await;
    t.clock.advance(TimeDelta::days(1));
    rotate(t, &bob, &de).await;
    let error = t.portal.keys().edit(late).await.expect_err("another version is Active now");
    assert!(Problem::from(&error).message.starts_with("Version 2 is active now."));
}

async fn a_preview_of_yesterday_may_be_confirmed_today(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    t.clock.advance(TimeDelta::minutes(12 * 60 - 2));
    let command = t.portal.keys().plan_create(&ada.session, &de, RotationPeriod::Days30).await;
    let seen = proof(t, &ada, &command.expect("a plan")).await;
    t.clock.advance(TimeDelta::minutes(3));
    let made = t.portal.keys().create(seen).await.expect("a version");
    assert_eq!(made.due_at, Some(t.clock.now() + TimeDelta::days(30)));
}

async fn the_list_comes_in_pages_of_fifty(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    create(t, &ada, &de, RotationPeriod::Days30).await;
    for _ in 1..52 {
        t.clock.advance(TimeDelta::days(30));
        assert_eq!(t.portal.keys().rotate_due().await.expect("rotated"), 1);
    }
    let page = t.portal.keys().list(&de, 1).await.expect("a page");
    let numbers: Vec<_> = page.versions.iter().map(|version| version.number).collect();
    assert_eq!(numbers, (3..=52).rev().collect::<Vec<_>>());
    let rest = t.portal.keys().list(&de, 2).await.expect("a page");
    let numbers: Vec<_> = rest.versions.iter().map(|version| version.number).collect();
    assert_eq!((numbers, rest.page.number, rest.page.next()), (vec![2, 1], 2, None));
    assert_eq!(
        rest.active.map(|active| active.number),
        Some(52),
        "every page begins with the Active version"
    );
    let far = t.portal.keys().list(&de, 9).await.expect("a page");
    assert_eq!(far.page.number, 2, "the nearest page that there is");
}
