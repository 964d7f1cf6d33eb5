//! Automatic rotation.

use crate::support::*;
use chrono::TimeDelta;
use domain::audit::event::{Action, Outcome};
use domain::keys::rotation::{RotationPeriod, next_day};
use domain::scopes::scope::Country;
use engine::testing::TestPortal;

stories! {
    a_key_rotates_on_its_date_and_once,
    a_long_downtime_costs_one_rotation,
    two_servers_at_once_rotate_each_of_twenty_scopes_once,
    a_limit_puts_a_rotation_off_until_the_next_day,
    a_period_edited_into_the_past_rotates_at_the_next_look,
    a_rotation_by_hand_begins_a_new_schedule,
    a_rotation_by_hand_and_by_itself_at_once_make_one_version,
    a_scope_that_cannot_rotate_keeps_no_other_waiting,
    hundreds_at_once_rotate_once_each_and_the_damaged_one_alone_does_not,
}

async fn tick(t: &TestPortal) -> u32 {
    t.portal.keys().rotate_due().await.expect("the scheduler looks")
}

async fn a_key_rotates_on_its_date_and_once(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    let due = create(t, &ada, &de, RotationPeriod::Days30).await.due_at.expect("a date");
    t.clock.advance(due - t.clock.now() - TimeDelta::microseconds(1));
    assert_eq!(tick(t).await, 0);
    t.clock.advance(TimeDelta::microseconds(1));
    assert_eq!((tick(t).await, tick(t).await), (1, 0));
    assert_eq!(versions(t, &de).await, [(1, "deprecated"), (2, "active")]);
    let version = t.portal.keys().version(&de, 2).await.expect("it is there").0;
    assert_eq!((version.created_by.as_str(), version.period), ("Keystead", Some(RotationPeriod::Days30)));
    assert_eq!(version.due_at, Some(due + TimeDelta::days(30)));
    let last = log(t).await.pop().expect("an event");
    assert_eq!((last.action, last.who.as_str()), (Action::KeyRotateAutomatic, "Keystead"));
    assert_eq!((last.place.as_str(), last.address.as_str()), ("production/DE", ""));
}

async fn a_long_downtime_costs_one_rotation(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    create(t, &ada, &de, RotationPeriod::Days30).await;
    t.clock.advance(TimeDelta::days(400));
    assert_eq!((tick(t).await, tick(t).await), (1, 0));
    let version = t.portal.keys().version(&de, 2).await.expect("it is there").0;
    assert_eq!(version.due_at, Some(t.clock.now() + TimeDelta::days(30)));
    t.clock.advance(TimeDelta::days(1));
    assert_eq!(tick(t).await, 0);
}

async fn two_servers_at_once_rotate_each_of_twenty_scopes_once(t: &TestPortal) {
    let ada = t.administrator().await;
    let mut scopes = Vec::new();
    for country in Country::all().into_iter().take(20) {
        let scope = scope(t, &ada, country.code()).await;
        create(t, &ada, &scope, RotationPeriod::Days30).await;
        scopes.push(scope);
    }
    t.clock.advance(TimeDelta::days(31));
    // The daily limit is high, so that it is not what prevents a second rotation.
    let three = domain::keys::limits::DailyLimits { per_type: 3, per_scope: 3 };
    let servers = [t.second_with(three).await, t.second_with(three).await];
    let tasks = servers.map(|portal| async move { portal.keys().rotate_due().await.expect("it looks") });
    assert_eq!(at_once(tasks).await.into_iter().sum::<u32>(), 20);
    for scope in &scopes {
        assert_eq!(versions(t, scope).await, [(1, "deprecated"), (2, "active")]);
    }
    assert_eq!(logged(t, Action::KeyRotateAutomatic, Outcome::Done).await, 20);
}

async fn a_limit_puts_a_rotation_off_until_the_next_day(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    create(t, &ada, &de, RotationPeriod::Days30).await;
    // No managed key created today is due today, so the test changes the date by hand.
    execute(t.db(), "UPDATE key_version SET due_at = created_at").await.expect("changed");
    let second = t.second().await;
    for _ in 0..3 {
        let servers = [t.portal.clone(), second.clone()];
        let tasks = servers.map(|portal| async move { portal.keys().rotate_due().await.expect("it looks") });
        assert_eq!(at_once(tasks).await, [0, 0]);
        t.clock.advance(TimeDelta::minutes(1));
    }
    assert_eq!(logged(t, Action::KeyRotateDeferred, Outcome::Refused).await, 1);
    let last = log(t).await.pop().expect("an event");
    assert_eq!((last.who.as_str(), last.place.as_str()), ("Keystead", "production/DE"));
    assert!(last.detail.starts_with("Daily limit reached: 1 of 1 new Managed version today."));
    t.clock.advance(next_day(t.clock.now()) - t.clock.now() - TimeDelta::microseconds(1));
    assert_eq!(tick(t).await, 0);
    t.clock.advance(TimeDelta::microseconds(1));
    assert_eq!((tick(t).await, tick(t).await), (1, 0));
    assert_eq!(versions(t, &de).await, [(1, "deprecated"), (2, "active")]);
    assert_eq!(logged(t, Action::KeyRotateDeferred, Outcome::Refused).await, 1);
}

async fn a_period_edited_into_the_past_rotates_at_the_next_look(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    create(t, &ada, &de, RotationPeriod::Days180).await;
    t.clock.advance(TimeDelta::days(40));
    assert_eq!(tick(t).await, 0);
    let command = t.portal.keys().plan_edit(&ada.session, &de, RotationPeriod::Days30).await.expect("a plan");
    assert!(t.portal.keys().due_after_edit(&command).await.expect("a date") < t.clock.now());
    t.portal.keys().edit(proof(t, &ada, &command).await).await.expect("edited");
    assert_eq!((tick(t).await, tick(t).await), (1, 0));
    let version = t.portal.keys().version(&de, 2).await.expect("it is there").0;
    assert_eq!(version.due_at, Some(t.clock.now() + TimeDelta::days(30)));
}

async fn a_rotation_by_hand_begins_a_new_schedule(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    create(t, &ada, &de, RotationPeriod::Days30).await;
    t.clock.advance(TimeDelta::days(31));
    rotate(t, &ada, &de).await;
    assert_eq!(tick(t).await, 0, "version 1 was due, but it is not Active any more");
    t.clock.advance(TimeDelta::days(29));
    assert_eq!(tick(t).await, 0);
    t.clock.advance(TimeDelta::days(1));
    assert_eq!(tick(t).await, 1);
}

async fn a_rotation_by_hand_and_by_itself_at_once_make_one_version(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    create(t, &ada, &de, RotationPeriod::Days30).await;
    t.clock.advance(TimeDelta::days(31));
    let command =
        t.portal.keys().plan_rotate(&ada.session, &de, RotationPeriod::Days60).await.expect("a plan");
    let proof = proof(t, &ada, &command).await;
    let portal = t.portal.clone();
    let by_itself = tokio::spawn(async move { portal.keys().rotate_due().await });
    let by_hand = t.portal.keys().rotate(proof).await;
    let by_itself = by_itself.await.expect("a task ends").expect("it looks");
    assert_eq!(u32::from(by_hand.is_ok()) + by_itself, 1);
    assert_eq!(versions(t, &de).await, [(1, "deprecated"), (2, "active")]);
}

async fn a_scope_that_cannot_rotate_keeps_no_other_waiting(t: &TestPortal) {
    let ada = t.administrator().await;
    let (de, fr) = (scope(t, &ada, "DE").await, scope(t, &ada, "FR").await);
    create(t, &ada, &de, RotationPeriod::Days30).await;
    create(t, &ada, &fr, RotationPeriod::Days30).await;
    // A number that cannot be read: the row is damaged.
    let damage = "UPDATE key_version SET number = 5000000000 \
                  WHERE scope_id = (SELECT id FROM scope WHERE country = 'DE')";
    execute(t.db(), damage).await.expect("damaged");
    t.clock.advance(TimeDelta::days(31));
    assert_eq!(tick(t).await, 1);
    assert_eq!(versions(t, &fr).await, [(1, "deprecated"), (2, "active")]);
}

async fn hundreds_at_once_rotate_once_each_and_the_damaged_one_alone_does_not(t: &TestPortal) {
    let names = t.portal.bulk(250, 1, TimeDelta::days(31)).await.expect("in bulk");
    let lines = log(t).await.len();
    let damage = "UPDATE key_version SET number = 5000000000 WHERE id = (SELECT id FROM key_version ORDER BY id LIMIT 1 OFFSET 120)";
    execute(t.db(), damage).await.expect("damaged");
    let three = domain::keys::limits::DailyLimits { per_type: 3, per_scope: 3 };
    let servers = [t.second_with(three).await, t.second_with(three).await];
    let tasks = servers.map(|portal| async move { portal.keys().rotate_due().await.expect("it looks") });
    assert_eq!(at_once(tasks).await.into_iter().sum::<u32>(), 249);
    assert_eq!(tick(t).await, 0);
    let second = "SELECT COUNT(*) FROM key_version WHERE number = 2 AND status = 'active'";
    assert_eq!(number(t.db(), second).await, 249);
    assert_eq!(number(t.db(), "SELECT COUNT(*) FROM key_version").await, 499);
    let log = log(t).await;
    assert_eq!(log.len(), lines + 249);
    let places: std::collections::BTreeSet<_> = log[lines..].iter().map(|event| &event.place).collect();
    assert_eq!(places.len(), 249, "each scope has its line");
    assert!(log.iter().zip(1..).all(|(event, sequence)| event.sequence == sequence), "no gaps");
    let newest = t.portal.keys().list(&names[7], 1).await.expect("the page").versions[0].number;
    t.portal.material(&names[7], newest).await.expect("its material opens");
}
