//! "Change limits" of an environment, and "Rotate now".

use crate::support::{House, furnished};
use axum::http::StatusCode;
use chrono::TimeDelta;
use engine::testing::Person;

const LIMITS: &str = "/environments/production/limits";
const ROTATE: &str = "/environments/production/DE/keys/rotate";
const KEYS: &str = "/environments/production/DE/keys";

/// Takes the second step of a change, and returns the page to which it leads.
async fn confirm(house: &House, person: &Person, cookie: &str, change: &str) -> String {
    let code = house.test.code(person);
    let done = house.post(cookie, change, &[("code", code.expose())]).await;
    house.test.next_code();
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
    house.get(cookie, done.location()).await.body
}

/// Rotates the key of production/DE, so that the limit of its type is reached.
async fn with_limit_reached() -> (House, Person, String) {
    let (house, person, cookie) = furnished().await;
    let prepared = house.post(&cookie, ROTATE, &[("rotation_days", "30")]).await;
    confirm(&house, &person, &cookie, prepared.location()).await;
    (house, person, cookie)
}

#[tokio::test]
async fn the_limits_of_an_environment_are_changed_in_two_steps_and_shown() {
    let (house, person, cookie) = furnished().await;
    let page = house.get(&cookie, "/environments/production").await.body;
    assert!(page.contains(LIMITS), "{page}");
    let page = house.get(&cookie, LIMITS).await.body;
    assert!(
        page.contains("use the server&#x27;s setting, which is 1.")
            || page.contains("use the server's setting, which is 1.")
    );
    assert!(!house.get(&cookie, KEYS).await.body.contains("set for this environment"));
    for (per_type, per_scope, said) in [
        ("0", "", "Enter a number from 1 to 100"),
        ("", "101", "Enter a number from 1 to 100"),
        ("two", "3", "Enter a number from 1 to 100"),
        ("4", "", "At most 3 versions are possible in total"),
        ("", "", "These are already the limits."),
    ] {
        let typed = [("per_type", per_type), ("per_scope", per_scope)];
        let refused = house.post(&cookie, LIMITS, &typed).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{per_type} {per_scope}");
        assert!(refused.body.contains(said), "{per_type} {per_scope}: {}", refused.body);
        assert!(per_type.is_empty() || refused.body.contains(&format!("value=\"{per_type}\"")));
    }
    let prepared = house.post(&cookie, LIMITS, &[("per_type", " 2 "), ("per_scope", "5")]).await;
    let review = house.get(&cookie, prepared.location()).await.body;
    for said in [
        "Versions of one type per day: 2 instead of the server",
        "Versions in total per day: 5 instead of the server",
        "Update",
    ] {
        assert!(review.contains(said), "{said}: {review}");
    }
    let back = prepared.location().replace("?change=", "?back=");
    let back = house.get(&cookie, &back).await.body;
    assert!(back.contains("value=\"2\"") && back.contains("value=\"5\""));
    let shown = confirm(&house, &person, &cookie, prepared.location()).await;
    assert!(shown.contains("The limits are now 2 versions of one type and 5 in total per day."), "{shown}");
    let filled = house.get(&cookie, LIMITS).await.body;
    assert!(filled.contains("value=\"2\"") && filled.contains("value=\"5\""));
    let keys = house.get(&cookie, KEYS).await.body;
    assert!(keys.contains("limit set for this environment"), "{keys}");
    let rotate = house.get(&cookie, ROTATE).await.body;
    assert!(rotate.contains("limits set for this environment"), "{rotate}");
    // Two versions a day.
    for number in [2, 3] {
        let prepared = house.post(&cookie, ROTATE, &[("rotation_days", "30")]).await;
        let left = format!("Remaining today: {} of 2 Managed, {} of 5 in total.", 3 - number, 6 - number);
        assert!(house.get(&cookie, prepared.location()).await.body.contains(&left), "{left}");
        confirm(&house, &person, &cookie, prepared.location()).await;
    }
    let refused = house.post(&cookie, ROTATE, &[("rotation_days", "30")]).await;
    assert!(
        refused.body.contains("Daily limit reached: 2 of 2 new Managed versions today."),
        "{}",
        refused.body
    );
}

#[tokio::test]
async fn rotate_now_is_offered_once_the_limit_of_the_type_is_reached() {
    let (house, person, cookie) = furnished().await;
    let page = house.get(&cookie, ROTATE).await.body;
    assert!(!page.contains("Rotate now") && !page.contains("name=\"reason\""), "{page}");
    // A form of a page that has become old asks for nothing that is not needed.
    let typed = [("rotation_days", "60"), ("reason", "Theft"), ("confirm", "production/DE")];
    let needless = house.post(&cookie, ROTATE, &typed).await;
    assert_eq!(needless.status, StatusCode::CONFLICT);
    assert!(needless.body.contains("The daily limit is not reached"), "{}", needless.body);

    let (house, person, cookie) = {
        drop((house, person));
        with_limit_reached().await
    };
    let keys = house.get(&cookie, "/environments/production/DE/keys").await.body;
    assert!(keys.contains("“Rotate now” passes the limit of the type."), "{keys}");
    let page = house.get(&cookie, ROTATE).await.body;
    assert_eq!(page.matches("Daily limit reached").count(), 0, "the heading has said it");
    for said in [
        "The daily limit of Managed versions is reached",
        "1 of 1 new Managed version today. Possible again in",
        "Rotate now",
        "You cannot pass the limit of all types: ",
        "Type production/DE to confirm.",
        "name=\"reason\"",
        "Next",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    let plain = house.post(&cookie, ROTATE, &[("rotation_days", "60")]).await;
    assert!(plain.status.is_client_error() && plain.body.contains("name=\"reason\""));
    let rows = house.test.rows().await;
    let long = "x".repeat(201);
    for (reason, confirm, days, said) in [
        ("", "production/DE", "60", "Enter a reason. Keystead records it in the audit log."),
        (" \u{200b}", "production/DE", "60", "Enter a reason. Keystead records it in the audit log."),
        (&long, "production/DE", "60", "Use at most 200 characters."),
        ("a\nb", "production/DE", "60", "line break"),
        ("Theft", "", "60", "Type production/DE to confirm the rotation."),
        ("Theft", "production/de", "60", "Type production/DE to confirm the rotation."),
        ("Theft", "production/AT", "60", "Type production/DE to confirm the rotation."),
        ("Theft", "production/DE", "31", "Choose 30, 60, 180 or 360 days."),
    ] {
        let typed = [("rotation_days", days), ("reason", reason), ("confirm", confirm)];
        let refused = house.post(&cookie, ROTATE, &typed).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{reason:?} {confirm:?}");
        assert!(refused.body.contains(said), "{said}: {}", refused.body);
    }
    for half in [
        vec![("rotation_days", "60"), ("reason", "Theft")],
        vec![("rotation_days", "60"), ("confirm", "production/DE")],
    ] {
        assert_eq!(house.post(&cookie, ROTATE, &half).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert_eq!(house.test.rows().await, rows, "nothing was prepared or recorded");

    let typed = [("rotation_days", "60"), ("reason", "Theft <b>today</b>"), ("confirm", " production/DE ")];
    let prepared = house.post(&cookie, ROTATE, &typed).await;
    assert_eq!(prepared.status, StatusCode::SEE_OTHER, "{}", prepared.body);
    let review = house.get(&cookie, prepared.location()).await.body;
    for said in [
        "This version passes the daily limit: 1 of 1",
        "Reason: Theft &lt;b&gt;today&lt;/b&gt;",
        ">Rotate now</button>",
    ] {
        assert!(review.contains(said), "{said}: {review}");
    }
    // "Back" fills in everything but the typed name.
    let back = house.get(&cookie, &prepared.location().replace("?change=", "?back=")).await.body;
    assert!(back.contains("Theft") && !back.contains("value=\"production/DE\""), "{back}");
    let shown = confirm(&house, &person, &cookie, prepared.location()).await;
    assert!(shown.contains("Version 3 is active.") && shown.contains("2<!> of <!>1<!> used"), "{shown}");
    let audit = house.get(&cookie, "/audit").await.body;
    assert!(audit.contains("passes the daily limit: 1 of 1 Managed before it; reason: \"Theft"), "{audit}");
    let export = house.post(&cookie, "/audit/export", &[("format", "jsonl")]).await.body;
    assert!(export.contains("\"key.rotate_now\""), "{export}");
}

#[tokio::test]
async fn rotate_now_is_not_offered_once_the_limit_of_all_types_is_reached() {
    let (house, person, cookie) = with_limit_reached().await;
    for _ in 0..2 {
        let typed = [("rotation_days", "60"), ("reason", "Theft"), ("confirm", "production/DE")];
        let prepared = house.post(&cookie, ROTATE, &typed).await;
        confirm(&house, &person, &cookie, prepared.location()).await;
    }
    let page = house.get(&cookie, ROTATE).await.body;
    assert!(page.contains("never that of all types (3 of 3 used today)."), "{page}");
    assert!(!page.contains("name=\"reason\"") && !page.contains(">Next</button>"), "{page}");
    let typed = [("rotation_days", "60"), ("reason", "Theft"), ("confirm", "production/DE")];
    let refused = house.post(&cookie, ROTATE, &typed).await;
    assert!(refused.status.is_client_error(), "{}", refused.status);
    assert!(refused.body.contains("3 of 3 new versions in total today"), "{}", refused.body);
    house.test.clock.advance(TimeDelta::days(1));
    let cookie = house.sign_in(&person).await;
    assert!(!house.get(&cookie, ROTATE).await.body.contains("Rotate now"));
}
