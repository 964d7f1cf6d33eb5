//! The database fails at every single step of a transaction, one after the other: no change is ever
//! half done, and every change that was acknowledged is there. The steps are failpoints of
//! `store::failpoints`; they hold for the whole process, and nextest gives each story its own.

use crate::aws::{Customer, others};
use crate::support::*;
use domain::data::operation::Operation;
use domain::keys::rotation::RotationPeriod;
use domain::scopes::scope::EnvironmentKind;
use domain::services::api_key::Lifetime;
use engine::testing::look::{broken, count};
use engine::testing::{PASSWORD, Person, TestPortal, from};
use engine::{Error, SecretText};

stories! {
    making_a_key_is_whole_or_not_at_all,
    rotating_a_key_is_whole_or_not_at_all,
    editing_a_key_is_whole_or_not_at_all,
    rotating_by_itself_is_whole_or_not_at_all,
    registering_a_customers_key_is_whole_or_not_at_all,
    replacing_credentials_is_whole_or_not_at_all,
    making_an_api_key_is_whole_or_not_at_all,
    setting_up_is_whole_or_not_at_all,
    a_change_of_password_is_whole_or_not_at_all,
    new_recovery_codes_are_whole_or_not_at_all,
    coming_back_with_a_recovery_code_is_whole_or_not_at_all,
    environments_and_countries_are_whole_or_not_at_all,
    a_confirmation_is_spent_before_anything_else_or_not_at_all,
}

/// Runs a scenario repeatedly, each time with another step failing, until no step is left.
/// The scenario prepares its data, calls `arm`, and acts.
async fn at_every_step(t: &TestPortal, scenario: impl AsyncFn(&dyn Fn()) -> Result<bool, Error>) {
    let mut failures = 0;
    for step in STEPS {
        for skip in 0.. {
            assert!(skip < 100, "the scenario never comes through");
            let before = census(t).await;
            let done = scenario(&|| fail_after(step, skip)).await;
            fail::remove(step);
            let after = census(t).await;
            assert_eq!(broken(t.db()).await, [""; 0]);
            match done {
                Ok(true) => {
                    assert_ne!(before, after, "success without an effect");
                    break;
                }
                // A scenario of several transactions may have committed some of them.
                Ok(false) | Err(_) => failures += 1,
            }
        }
    }
    assert!(failures >= 4, "only {failures} steps failed: the failpoints are not reached");
}

/// Counts the rows and sums that the scenarios change.
async fn census(t: &TestPortal) -> Vec<i64> {
    let mut counts = Vec::new();
    for sql in [
        "SELECT COUNT(*) FROM key_version",
        "SELECT COUNT(*) FROM api_key_grant",
        "SELECT COALESCE(SUM(rotation_days), 0) FROM key_version WHERE status = 'active'",
        "SELECT COUNT(*) FROM administrator",
        "SELECT COALESCE(SUM(security_epoch), 0) FROM administrator",
        "SELECT COUNT(*) FROM environment WHERE removed_at IS NULL",
        "SELECT COUNT(*) FROM scope",
        "SELECT COUNT(*) FROM recovery_code WHERE used_at IS NULL",
        "SELECT audit_sequence FROM instance",
        "SELECT COUNT(*) FROM prepared_change WHERE spent_at IS NOT NULL",
    ] {
        counts.push(count(t.db(), sql).await);
    }
    counts
}

/// Creates `production/DE` with a key.
async fn with_key(t: &TestPortal) -> (Person, domain::scopes::scope::ScopeName) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    create(t, &ada, &de, RotationPeriod::Days30).await;
    (ada, de)
}

/// Moves the clock by a day and signs in again.
async fn tomorrow(t: &TestPortal, ada: &Person) -> Person {
    t.clock.advance(chrono::TimeDelta::days(1));
    let new = sign_in(t, &ada.email, &ada.seed).await;
    Person {
        session: new.session,
        token: new.token,
        seed: engine::changes::totp::Seed::from_base32(&text(&ada.seed.text())).expect("a seed"),
        recovery_codes: Vec::new(),
        email: ada.email.clone(),
    }
}

async fn making_a_key_is_whole_or_not_at_all(t: &TestPortal) {
    let (ada, de) = with_key(t).await;
    at_every_step(t, async |arm| {
        let ada = tomorrow(t, &ada).await;
        let plan = t.portal.keys().plan_create(&ada.session, &de, RotationPeriod::Days30).await?;
        let proof = proof(t, &ada, &plan).await;
        arm();
        t.portal.keys().create(proof).await.map(|_| true)
    })
    .await;
}

async fn rotating_a_key_is_whole_or_not_at_all(t: &TestPortal) {
    let (ada, de) = with_key(t).await;
    at_every_step(t, async |arm| {
        let ada = tomorrow(t, &ada).await;
        let plan = t.portal.keys().plan_rotate(&ada.session, &de, RotationPeriod::Days30).await?;
        let proof = proof(t, &ada, &plan).await;
        arm();
        t.portal.keys().rotate(proof).await.map(|_| true)
    })
    .await;
}

async fn editing_a_key_is_whole_or_not_at_all(t: &TestPortal) {
    let (ada, de) = with_key(t).await;
    at_every_step(t, async |arm| {
        let ada = tomorrow(t, &ada).await;
        let now = t.portal.keys().managed_version(&de).await?.period;
        let to =
            if now == Some(RotationPeriod::Days30) { RotationPeriod::Days60 } else { RotationPeriod::Days30 };
        let plan = t.portal.keys().plan_edit(&ada.session, &de, to).await?;
        let proof = proof(t, &ada, &plan).await;
        arm();
        t.portal.keys().edit(proof).await.map(|_| true)
    })
    .await;
}

async fn registering_a_customers_key_is_whole_or_not_at_all(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    let t = &house.t;
    at_every_step(t, async |arm| {
        let ada = tomorrow(t, &house.ada).await;
        let plan = t.portal.keys().plan_create_aws(&ada.session, &house.de, house.asked()).await?;
        let proof = proof(t, &ada, &plan).await;
        arm();
        t.portal.keys().create(proof).await.map(|_| true)
    })
    .await;
    // Every version has its credentials, and the newest one works.
    let lost =
        "SELECT COUNT(*) FROM key_version k LEFT JOIN holder h ON h.version_id = k.id WHERE h.id IS NULL";
    assert_eq!(number(t.db(), lost).await, 0);
    let newest = t.portal.keys().list(&house.de, 1).await.expect("the page").versions[0].number;
    t.portal.material(&house.de, newest).await.expect("released");
    house.end().await;
}

async fn making_an_api_key_is_whole_or_not_at_all(t: &TestPortal) {
    let (ada, _) = with_key(t).await;
    scope(t, &ada, "FR").await;
    let reach = ["production/DE", "production/FR"].map(|reach| reach.parse().expect("a scope"));
    at_every_step(t, async |arm| {
        let ada = tomorrow(t, &ada).await;
        let name = format!("key of {}", t.clock.now());
        let operations = vec![Operation::Wrap];
        let plan = t
            .portal
            .services()
            .plan_api_key(&ada.session, &name, &reach, operations, Lifetime::Days30)
            .await?;
        let proof = proof(t, &ada, &plan).await;
        arm();
        t.portal.services().create_api_key(proof, &ada.session).await.map(|()| true)
    })
    .await;
    let halves = "SELECT COUNT(*) FROM api_key k WHERE \
                  (SELECT COUNT(*) FROM api_key_grant g WHERE g.api_key_id = k.id) <> 2";
    assert_eq!(number(t.db(), halves).await, 0);
}

async fn replacing_credentials_is_whole_or_not_at_all(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    let t = &house.t;
    at_every_step(t, async |arm| {
        let ada = tomorrow(t, &house.ada).await;
        let portal = &t.portal;
        let plan =
            portal.custody().plan_replace_credentials(&ada.session, &house.de, 1, others(), false).await?;
        let proof = proof(t, &ada, &plan).await;
        arm();
        let replaced = portal.custody().replace_credentials(proof).await;
        for step in STEPS {
            fail::remove(step);
        }
        // The stored credentials work, old or new.
        portal.material(&house.de, 1).await.expect("released");
        replaced.map(|()| true)
    })
    .await;
    house.end().await;
}

async fn rotating_by_itself_is_whole_or_not_at_all(t: &TestPortal) {
    let _ = with_key(t).await;
    at_every_step(t, async |arm| {
        t.clock.advance(chrono::TimeDelta::days(31));
        arm();
        let rotated = t.portal.keys().rotate_due().await? == 1;
        // The next run of the scheduler rotates the key, once and only once.
        for step in STEPS {
            fail::remove(step);
        }
        t.portal.keys().rotate_due().await?;
        assert_eq!(t.portal.keys().rotate_due().await?, 0);
        Ok(rotated)
    })
    .await;
}

async fn setting_up_is_whole_or_not_at_all(t: &TestPortal) {
    for step in STEPS {
        for skip in 0.. {
            let fresh = TestPortal::new(t.kind()).await;
            let token =
                fresh.portal.people().issue_setup_token(None).await.expect("issued").expect("a token");
            let setup =
                fresh.portal.people().enter_setup(&token, from("192.0.2.1")).await.expect("entered").session;
            let again = text(PASSWORD);
            let chosen =
                fresh.portal.people().choose_account(&setup, "ada@example.com", text(PASSWORD), &again).await;
            chosen.expect("chosen");
            let seed = fresh.portal.people().chosen_account(&setup).await.expect("a seed").seed;
            let code = seed.code(fresh.clock.now());
            fail_after(step, skip);
            let done = fresh.portal.people().finish_setup(&setup, &code).await;
            fail::remove(step);
            assert_eq!(broken(fresh.db()).await, [""; 0]);
            let is_done = done.is_ok();
            if !is_done && step != "committed" {
                assert_eq!(number(fresh.db(), "SELECT COUNT(*) FROM administrator").await, 0);
                let again = fresh.portal.people().finish_setup(&setup, &code).await;
                assert!(again.is_ok(), "the same code finishes what failed");
            }
            fresh.end().await;
            if is_done {
                break;
            }
        }
    }
}

async fn a_change_of_password_is_whole_or_not_at_all(t: &TestPortal) {
    let (ada, _) = with_key(t).await;
    at_every_step(t, async |arm| {
        let ada = tomorrow(t, &ada).await;
        let (current, new) = (text(PASSWORD), text(PASSWORD));
        let plan = t.portal.people().plan_password(&ada.session, current, new, &text(PASSWORD)).await?;
        let proof = proof(t, &ada, &plan).await;
        arm();
        t.portal.people().change_password(proof, &ada.session).await.map(|_| true)
    })
    .await;
}

async fn new_recovery_codes_are_whole_or_not_at_all(t: &TestPortal) {
    let (ada, _) = with_key(t).await;
    at_every_step(t, async |arm| {
        let ada = tomorrow(t, &ada).await;
        let command = domain::people::command::ReplaceRecoveryCodes { user: ada.session.user()? };
        let proof = proof(t, &ada, &command).await;
        arm();
        t.portal.people().replace_recovery_codes(proof, &ada.session).await.map(|()| true)
    })
    .await;
}

async fn coming_back_with_a_recovery_code_is_whole_or_not_at_all(t: &TestPortal) {
    let (ada, _) = with_key(t).await;
    let codes = std::cell::RefCell::new(ada.recovery_codes.clone());
    for step in ["begin", "statement", "commit"] {
        for skip in 0.. {
            let code = codes.borrow().last().cloned().expect("a recovery code is left");
            let half = half_way(&t.portal, &ada.email).await;
            fail_after(step, skip);
            let entered = t.portal.people().check_recovery_code(&half, &text(&code)).await;
            fail::remove(step);
            assert_eq!(broken(t.db()).await, [""; 0]);
            let spent = number(t.db(), "SELECT COUNT(*) FROM recovery_code WHERE used_at IS NOT NULL").await;
            let seen =
                logged(t, domain::audit::event::Action::SignInRecovery, domain::audit::event::Outcome::Done)
                    .await;
            assert_eq!(
                usize::try_from(spent).expect("a count"),
                seen,
                "{step} {skip}: a spent code has its line"
            );
            t.clock.advance(chrono::TimeDelta::minutes(20));
            if usize::try_from(spent).expect("a count") + codes.borrow().len() > 10 {
                codes.borrow_mut().pop();
            }
            if entered.is_ok() {
                break;
            }
        }
    }
}

async fn environments_and_countries_are_whole_or_not_at_all(t: &TestPortal) {
    let (ada, _) = with_key(t).await;
    let count = std::cell::Cell::new(0);
    at_every_step(t, async |arm| {
        count.set(count.get() + 1);
        let slug = slug(&format!("test-{}", count.get()));
        arm();
        let name = format!("Test {}", count.get());
        t.portal.scopes().add_environment(&ada.session, &name, "", EnvironmentKind::Test).await?;
        let country = t.portal.scopes().add_country(&ada.session, &slug, "FR").await?;
        let fr = domain::scopes::scope::ScopeName { environment: slug.clone(), country };
        t.portal.scopes().remove_country(&ada.session, &fr).await?;
        t.portal.scopes().rename_environment(&ada.session, &slug, &format!("Other {}", count.get())).await?;
        t.portal.scopes().remove_environment(&ada.session, &slug).await?;
        Ok(true)
    })
    .await;
}

async fn a_confirmation_is_spent_before_anything_else_or_not_at_all(t: &TestPortal) {
    let (ada, de) = with_key(t).await;
    at_every_step(t, async |arm| {
        let ada = tomorrow(t, &ada).await;
        let plan = t.portal.keys().plan_create(&ada.session, &de, RotationPeriod::Days30).await?;
        let id = t.portal.changes().prepare(&ada.session, &plan).await?;
        let code: SecretText = t.code(&ada);
        arm();
        let confirmed = t.portal.proof::<domain::keys::command::CreateKey>(&ada.session, id, &code).await;
        for step in STEPS {
            fail::remove(step);
        }
        if let Err(error) = confirmed {
            // Whichever step failed, this code and this change never make two versions.
            let again = t.portal.proof::<domain::keys::command::CreateKey>(&ada.session, id, &code).await;
            if let Ok(proof) = again {
                t.portal.keys().create(proof).await?;
            }
            let third = t.portal.proof::<domain::keys::command::CreateKey>(&ada.session, id, &code).await;
            assert!(third.is_err(), "a third time");
            return Err(error);
        }
        t.portal.keys().create(confirmed?).await.map(|_| true)
    })
    .await;
}
