//! The daily limits of environments, and "Rotate now".

use crate::aws::Customer;
use crate::support::*;
use chrono::TimeDelta;
use domain::Problem;
use domain::audit::event::{Action, Moves, Outcome};
use domain::keys::key_type::KeyType;
use domain::keys::key_version::NotManaged;
use domain::keys::limits::{DailyLimits, LimitReached, LimitsRefused, OwnLimits, Passed};
use domain::keys::reason::Reason;
use domain::keys::rotation::RotationPeriod;
use domain::scopes::scope::{EnvironmentKind, ScopeName};
use engine::Error;
use engine::base::error::{ChangesError, KeysError, VaultError};
use engine::testing::{Person, TestPortal};

stories! {
    an_environment_has_limits_of_its_own,
    limits_that_no_environment_can_have_are_refused,
    a_plan_is_checked_with_the_limits_of_that_moment,
    limits_that_changed_in_the_meantime_are_not_overwritten,
    automatic_rotation_follows_the_limits_of_the_environment,
    limits_that_somebody_else_wrote_give_nothing,
    a_database_without_limits_of_environments_opens_as_it_is,
    rotate_now_passes_the_limit_of_its_type_and_no_other,
    rotate_now_is_planned_anew_when_it_is_confirmed,
    rotate_now_is_for_managed_versions_whose_limit_is_reached,
    the_scheduler_passes_no_limit,
}

const PERIOD: RotationPeriod = RotationPeriod::Days30;

fn own(per_type: impl Into<Option<u32>>, per_scope: impl Into<Option<u32>>) -> OwnLimits {
    OwnLimits { per_type: per_type.into(), per_scope: per_scope.into() }
}

fn reason() -> Reason {
    Reason::typed("A laptop was stolen").expect("a reason")
}

/// Runs "Change limits" of `production`, from the plan to the change.
async fn set_limits(t: &TestPortal, who: &Person, to: OwnLimits) {
    let keys = t.portal.keys();
    let command = keys.plan_limits(&who.session, &slug("production"), to).await.expect("a plan");
    keys.set_limits(proof(t, who, &command).await).await.expect("changed");
}

/// Runs "Rotate now", from the plan to the version.
async fn rotate_now(t: &TestPortal, who: &Person, scope: &ScopeName) -> Result<u32, Error> {
    let keys = t.portal.keys();
    let command = keys.plan_rotate_now(&who.session, scope, PERIOD, reason()).await?;
    Ok(keys.rotate(proof(t, who, &command).await).await?.number)
}

async fn unproved(t: &TestPortal) -> Vec<String> {
    t.portal.overview().verify().await.expect("it reads").unproved
}

async fn an_environment_has_limits_of_its_own(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    let (keys, production) = (t.portal.keys(), slug("production"));
    let read = keys.environment_limits(&production).await.expect("the limits");
    assert_eq!((read.own, read.server), (OwnLimits::default(), DailyLimits::default()));
    set_limits(t, &ada, own(2, None)).await;
    let line = log(t).await.pop().expect("a line");
    assert_eq!(
        (line.action, line.place.as_str(), line.detail.as_str()),
        (Action::EnvironmentLimits, "production", "of one type: 1 (server's setting) → 2")
    );
    assert_eq!(unproved(t).await, [""; 0], "its row is signed");

    // Every server plans and shows by them, whatever its own settings are.
    let second = t.second_with(DailyLimits { per_type: 9, per_scope: 3 }).await;
    let (seen, _) = second.keys().limits(&de).await.expect("the limits");
    assert_eq!((seen.daily, seen.own), (DailyLimits { per_type: 2, per_scope: 3 }, own(2, None)));
    create(t, &ada, &de, PERIOD).await;
    let plan = rotate(t, &ada, &de).await;
    assert_eq!((plan.limits.per_type, plan.left.of_type_today, plan.left.today), (2, 0, 1));
    let refused = second.keys().plan_rotate(&ada.session, &de, PERIOD).await.expect_err("two of two");
    let said = "Daily limit reached: 2 of 2 new Managed versions today. Possible again in 11 h ";
    assert!(Problem::from(&refused).message.starts_with(said), "{refused}");

    // Another environment has the server's settings still.
    let scopes = t.portal.scopes();
    scopes.add_environment(&ada.session, "Staging", "", EnvironmentKind::Test).await.expect("added");
    let country = scopes.add_country(&ada.session, &slug("staging"), "AT").await.expect("added");
    let at = ScopeName { environment: slug("staging"), country };
    create(t, &ada, &at, PERIOD).await;
    let refused = keys.plan_rotate(&ada.session, &at, PERIOD).await;
    refused!(
        refused,
        Error::Keys(KeysError::Limit { limit: LimitReached::DailyOfType { limit: 1, .. }, .. })
    );

    set_limits(t, &ada, own(1, 2)).await;
    let line = log(t).await.pop().expect("a line");
    assert_eq!(line.detail, "of one type: 2 → 1; in total: 3 (server's setting) → 2");
    let (seen, _) = keys.limits(&de).await.expect("the limits");
    let used = seen.usage(KeyType::Managed);
    assert_eq!((used.of_type_today, used.today, seen.daily.per_type), (2, 2, 1), "more than the limit");
    set_limits(t, &ada, OwnLimits::default()).await;
    let line = log(t).await.pop().expect("a line");
    assert_eq!(line.detail, "of one type: 1 → 1 (server's setting); in total: 2 → 3 (server's setting)");
    assert_eq!(unproved(t).await, [""; 0]);
}

async fn limits_that_no_environment_can_have_are_refused(t: &TestPortal) {
    let ada = t.administrator().await;
    scope(t, &ada, "DE").await;
    let plan = async |slug_of: &str, to| t.portal.keys().plan_limits(&ada.session, &slug(slug_of), to).await;
    for (to, why) in [
        (own(101, None), LimitsRefused::NotALimit),
        (own(None, 0), LimitsRefused::NotALimit),
        (own(4, None), LimitsRefused::TotalBelowType { per_type: 4, per_scope: 3 }),
        (own(4, 2), LimitsRefused::TotalBelowType { per_type: 4, per_scope: 2 }),
    ] {
        let refused = plan("production", to).await.expect_err("refused");
        assert!(matches!(refused, Error::Keys(KeysError::Limits(refused)) if refused == why), "{to:?}");
    }
    refused!(plan("production", OwnLimits::default()).await, Error::Keys(KeysError::LimitsUnchanged));
    refused!(plan("nowhere", own(2, None)).await, Error::NotFound);
}

async fn a_plan_is_checked_with_the_limits_of_that_moment(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    set_limits(t, &ada, own(2, None)).await;
    create(t, &ada, &de, PERIOD).await;
    let command = t.portal.keys().plan_rotate(&ada.session, &de, PERIOD).await.expect("a plan");
    let confirmed = proof(t, &ada, &command).await;
    set_limits(t, &ada, own(1, None)).await;
    refused!(
        t.portal.keys().rotate(confirmed).await,
        Error::Keys(KeysError::Limit { limit: LimitReached::DailyOfType { limit: 1, used: 1, .. }, .. })
    );
    assert_eq!(versions(t, &de).await, [(1, "active")]);
}

async fn limits_that_changed_in_the_meantime_are_not_overwritten(t: &TestPortal) {
    let ada = t.administrator().await;
    scope(t, &ada, "DE").await;
    let (keys, production) = (t.portal.keys(), slug("production"));
    let command = keys.plan_limits(&ada.session, &production, own(2, None)).await.expect("a plan");
    let early = proof(t, &ada, &command).await;
    set_limits(t, &ada, own(None, 2)).await;
    refused!(keys.set_limits(early).await, Error::Changes(ChangesError::Outdated(_)));
    assert_eq!(keys.environment_limits(&production).await.expect("read").own, own(None, 2));
    assert_eq!(logged(t, Action::EnvironmentLimits, Outcome::Refused).await, 1);
}

async fn automatic_rotation_follows_the_limits_of_the_environment(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    create(t, &ada, &de, PERIOD).await;
    // No managed key created today is due today, so the test changes the date by hand.
    execute(t.db(), "UPDATE key_version SET due_at = created_at").await.expect("changed");
    assert_eq!(t.portal.keys().rotate_due().await.expect("it looks"), 0, "1 of 1 today");
    assert_eq!(logged(t, Action::KeyRotateDeferred, Outcome::Refused).await, 1);
    // A rotation that the old limit deferred is looked at again, and is made.
    set_limits(t, &ada, own(2, None)).await;
    assert_eq!(t.portal.keys().rotate_due().await.expect("it looks"), 1);
    execute(t.db(), "UPDATE key_version SET due_at = created_at").await.expect("changed");
    assert_eq!(t.portal.keys().rotate_due().await.expect("it looks"), 0, "2 of 2 today");
    let line = log(t).await.pop().expect("a line");
    assert!(
        line.detail.starts_with("Daily limit reached: 2 of 2 new Managed versions today."),
        "{}",
        line.detail
    );
    assert_eq!(versions(t, &de).await, [(1, "deprecated"), (2, "active")]);
}

async fn limits_that_somebody_else_wrote_give_nothing(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    create(t, &ada, &de, PERIOD).await;
    let keys = t.portal.keys();
    let writes = async |columns: &str| {
        execute(t.db(), &format!("UPDATE environment SET {columns}")).await.expect("written");
    };
    let gives_nothing = async || {
        assert_eq!(unproved(t).await, ["environment production"]);
        let shown = t.portal.scopes().environments().await.expect("the page").remove(0);
        assert!(!shown.is_proved, "the page marks it");
        let named = "environment production";
        let planned = keys.plan_rotate(&ada.session, &de, PERIOD).await.map(drop);
        assert!(matches!(planned, Err(Error::Vault(VaultError::Unproved(name))) if name == named));
        let now = keys.plan_rotate_now(&ada.session, &de, PERIOD, reason()).await.map(drop);
        assert!(matches!(now, Err(Error::Vault(VaultError::Unproved(name))) if name == named));
        let other = keys.plan_limits(&ada.session, &de.environment, own(3, 3)).await.map(drop);
        assert!(matches!(other, Err(Error::Vault(VaultError::Unproved(_)))), "a change does not sign it");
        assert_eq!(keys.rotate_due().await.expect("it looks"), 0, "the scheduler follows no such row");
    };
    execute(t.db(), "UPDATE key_version SET due_at = created_at, deferred_until = NULL").await.expect("due");
    writes("daily_per_type = 9, daily_per_scope = 9").await;
    gives_nothing().await;
    writes("daily_per_type = NULL, daily_per_scope = 9").await;
    gives_nothing().await;
    writes("daily_per_type = NULL, daily_per_scope = NULL").await;
    assert_eq!(unproved(t).await, [""; 0], "as it was");
    // Own numbers that are taken away, or change their places.
    set_limits(t, &ada, own(1, 2)).await;
    for other in [
        "daily_per_type = NULL, daily_per_scope = NULL",
        "daily_per_type = NULL, daily_per_scope = 1",
        "daily_per_type = 2, daily_per_scope = 1",
        "daily_per_type = 1, daily_per_scope = NULL",
    ] {
        writes(other).await;
        gives_nothing().await;
    }
    writes("daily_per_type = 1, daily_per_scope = 2").await;
    assert_eq!(unproved(t).await, [""; 0]);
    for impossible in ["0", "-1", "101"] {
        let sql = format!("UPDATE environment SET daily_per_type = {impossible}");
        assert!(execute(t.db(), &sql).await.is_err(), "{impossible}");
    }
    // A change that was confirmed before the attack is refused as well.
    t.clock.advance(TimeDelta::days(1));
    let command = keys.plan_rotate(&ada.session, &de, PERIOD).await.expect("a plan");
    let confirmed = proof(t, &ada, &command).await;
    writes("daily_per_type = 100, daily_per_scope = 100").await;
    let made = keys.rotate(confirmed).await.map(drop);
    assert!(matches!(made, Err(Error::Vault(VaultError::Unproved(_)))));
    assert_eq!(number(t.db(), "SELECT COUNT(*) FROM key_version").await, 1);
}

async fn a_database_without_limits_of_environments_opens_as_it_is(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    create(t, &ada, &de, PERIOD).await;
    for sql in [
        "ALTER TABLE environment DROP COLUMN daily_per_type",
        "ALTER TABLE environment DROP COLUMN daily_per_scope",
        "DELETE FROM _sqlx_migrations WHERE version = 23",
    ] {
        execute(t.db(), sql).await.expect("the schema of the release before");
    }
    // A start adds the columns. It signs nothing, and nothing needs it.
    let after = t.second().await;
    assert_eq!(after.overview().verify().await.expect("it reads").unproved, [""; 0]);
    let (limits, _) = after.keys().limits(&de).await.expect("the limits");
    assert_eq!((limits.daily, limits.own), (DailyLimits::default(), OwnLimits::default()));
    assert_eq!(logged(t, Action::DatabaseAdopt, Outcome::Done).await, 0);
    t.clock.advance(TimeDelta::days(1));
    assert_eq!(rotate(t, &ada, &de).await.number, 2);
}

async fn rotate_now_passes_the_limit_of_its_type_and_no_other(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    create(t, &ada, &de, PERIOD).await;
    let keys = t.portal.keys();
    let command = keys.plan_rotate_now(&ada.session, &de, PERIOD, reason()).await.expect("a plan");
    assert_eq!(command.plan.passes, Some(Passed { limit: 1, used: 1 }));
    assert_eq!((command.plan.left.of_type_today, command.plan.left.today), (0, 1));
    let id = t.portal.changes().prepare(&ada.session, &command).await.expect("prepared");
    let waiting = t.portal.waiting(&ada.session, id).await.expect("it waits");
    let preview = t.portal.describe(&waiting).await.expect("a preview");
    assert_eq!((preview.heading, preview.verb), ("Rotate encryption key", "Rotate now"));
    for said in [
        "This version passes the daily limit: 1 of 1 new Managed version made today already.",
        "Reason: A laptop was stolen",
        "Remaining today: 0 of 1 Managed, 1 of 3 in total.",
    ] {
        assert!(preview.effects.iter().any(|effect| effect == said), "{said}: {:?}", preview.effects);
    }
    keys.rotate(proof(t, &ada, &command).await).await.expect("a version");
    let line = log(t).await.pop().expect("a line");
    assert_eq!(
        (line.action, line.outcome, line.detail.as_str()),
        (
            Action::KeyRotateNow,
            Outcome::Done,
            "version 2, Managed, 30 days; version 1 deprecated; passes the daily limit: 1 of 1 Managed before it; reason: \
             \"A laptop was stolen\""
        )
    );
    assert_eq!(Action::KeyRotateNow.moves(Outcome::Done), Moves::Versions, "servers encrypt with it");
    let (limits, _) = keys.limits(&de).await.expect("the limits");
    let used = limits.usage(KeyType::Managed);
    assert_eq!((used.of_type_today, limits.daily.per_type), (2, 1));
    let (now, managed) = (t.clock.now(), KeyType::Managed);
    assert!(matches!(
        limits.daily.after_one_more(used, managed, now),
        Err(LimitReached::DailyOfType { limit: 1, used: 2, .. })
    ));

    assert_eq!(rotate_now(t, &ada, &de).await.expect("the third of three"), 3);
    let refused = rotate_now(t, &ada, &de).await;
    refused!(
        refused,
        Error::Keys(KeysError::Limit { limit: LimitReached::Daily { limit: 3, used: 3, .. }, .. })
    );
    let line = log(t).await.pop().expect("a line");
    assert_eq!((line.action, line.outcome), (Action::KeyRotateNow, Outcome::Refused));
    t.clock.advance(TimeDelta::days(1));
    assert_eq!(rotate(t, &ada, &de).await.number, 4, "the next day everything is as always");
}

async fn rotate_now_is_planned_anew_when_it_is_confirmed(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    create(t, &ada, &de, PERIOD).await;
    let keys = t.portal.keys();
    let plan = async || {
        let command = keys.plan_rotate_now(&ada.session, &de, PERIOD, reason()).await.expect("a plan");
        proof(t, &ada, &command).await
    };
    // The limit of all types was lowered meanwhile.
    let confirmed = plan().await;
    set_limits(t, &ada, own(1, 1)).await;
    refused!(
        keys.rotate(confirmed).await,
        Error::Keys(KeysError::Limit { limit: LimitReached::Daily { limit: 1, used: 1, .. }, .. })
    );
    set_limits(t, &ada, OwnLimits::default()).await;
    // A plain plan passes nothing, though its limit was lowered: the person agreed to no passing.
    set_limits(t, &ada, own(2, None)).await;
    let command = keys.plan_rotate(&ada.session, &de, PERIOD).await.expect("a plan");
    let plain = proof(t, &ada, &command).await;
    set_limits(t, &ada, OwnLimits::default()).await;
    refused!(keys.rotate(plain).await, Error::Keys(KeysError::Limit { .. }));
    // The next day nothing is left to pass, so the audit log must not say so.
    let confirmed = plan().await;
    t.clock.advance(TimeDelta::days(1));
    let late = keys.rotate(confirmed).await.expect_err("planned for another day");
    assert!(Problem::from(&late).message.starts_with("The daily limit is no longer reached."), "{late}");
    assert_eq!(versions(t, &de).await, [(1, "active")]);
    assert_eq!(logged(t, Action::KeyRotateNow, Outcome::Refused).await, 2);
    // Who agreed to pass a limit of two has not agreed to pass one of one.
    set_limits(t, &ada, own(2, 5)).await;
    for number in [2, 3] {
        assert_eq!(rotate(t, &ada, &de).await.number, number);
    }
    let confirmed = plan().await;
    set_limits(t, &ada, own(1, 5)).await;
    let lowered = keys.rotate(confirmed).await.expect_err("planned for another limit");
    let said = Problem::from(&lowered).message;
    assert!(said.starts_with("The daily limit is 1 now. It was 2."), "{said}");
}

async fn rotate_now_is_for_managed_versions_whose_limit_is_reached(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    let (t, ada) = (&house.t, &house.ada);
    // Nothing but Managed is made anew without the customer, so the 100 of customer-supplied versions is never passed.
    refused!(
        rotate_now(t, ada, &house.de).await,
        Error::Keys(KeysError::NotManaged(NotManaged::CustomerSupplied))
    );
    let fr = scope(t, ada, "FR").await;
    refused!(rotate_now(t, ada, &fr).await, Error::Keys(KeysError::NotManaged(NotManaged::NoKey)));
    create(t, ada, &fr, PERIOD).await;
    t.clock.advance(TimeDelta::days(1));
    let needless = rotate_now(t, ada, &fr).await.expect_err("the limit is not reached");
    assert!(matches!(needless, Error::Keys(KeysError::LimitNotReached)));
    assert_eq!(versions(t, &fr).await, [(1, "active")]);
    house.end().await;
}

async fn the_scheduler_passes_no_limit(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    create(t, &ada, &de, PERIOD).await;
    assert_eq!(rotate_now(t, &ada, &de).await.expect("passed"), 2);
    execute(t.db(), "UPDATE key_version SET due_at = created_at").await.expect("changed");
    assert_eq!(t.portal.keys().rotate_due().await.expect("it looks"), 0);
    let line = log(t).await.pop().expect("a line");
    assert_eq!(line.action, Action::KeyRotateDeferred);
    assert!(
        line.detail.starts_with("Daily limit reached: 2 new Managed versions made today, the limit is 1."),
        "{}",
        line.detail
    );
    t.clock.advance(TimeDelta::days(1));
    assert_eq!(t.portal.keys().rotate_due().await.expect("it looks"), 1);
}
