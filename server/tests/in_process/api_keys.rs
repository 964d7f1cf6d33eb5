//! "API keys" over HTTP: an error is shown beside its field, the secret is shown once, a revocation is final.

use crate::support::{API_KEY_FORM, API_KEYS_ADD, House, KEY, REVOKE, furnished};
use axum::http::StatusCode;

async fn confirmed(house: &House, person: &engine::testing::Person, cookie: &str, change: &str) -> String {
    let code = house.test.code(person);
    let done = house.post(cookie, change, &[("code", code.expose())]).await;
    house.test.next_code();
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{change}: {}", done.body);
    done.location().to_owned()
}

/// Returns the API key that a page shows.
fn key_on(page: &str) -> &str {
    let start = page.find("kstd").expect("a key");
    &page[start..start + 44]
}

#[tokio::test]
async fn a_key_is_shown_once_and_found_by_how_it_begins() {
    let (house, person, cookie) = furnished().await;
    let change = house.post(&cookie, API_KEYS_ADD, &API_KEY_FORM).await;
    let review = house.get(&cookie, change.location()).await;
    for said in ["The key \"Billing\" may wrap.", "It works in production/DE only.", "(90 days)"] {
        assert!(review.body.contains(said), "{said}");
    }
    assert_eq!(confirmed(&house, &person, &cookie, change.location()).await, "/api-keys/new");
    let shown = house.get(&cookie, "/api-keys/new").await;
    assert!(shown.body.contains("Save it before you go on"));
    let waits = "You have an unsaved API key";
    for path in ["/api-keys", "/environments", "/profile"] {
        let page = house.get(&cookie, path).await.body;
        assert!(page.contains(waits) && page.contains("href=\"/api-keys/new\""), "{path} leads back to it");
    }
    let key = key_on(&shown.body).to_owned();
    house.test.portal.access().caller(&engine::SecretText::new(key.as_str()), "").await.expect("it works");
    let saved = house.post(&cookie, "/api-keys/new", &[]).await;
    assert_eq!(saved.location(), "/api-keys");
    assert_eq!(house.get(&cookie, "/api-keys/new").await.location(), "/api-keys", "never again");
    let list = house.get(&cookie, "/api-keys").await;
    assert!(list.body.contains(&key[..12]) && !list.body.contains(&key[12..]));
    assert!(!list.body.contains(waits));
}

#[tokio::test]
async fn a_whole_environment_is_said_once_and_in_words() {
    let (house, _, cookie) = furnished().await;
    let form = [&API_KEY_FORM[..], &[("scopes", "production/*")]].concat();
    let change = house.post(&cookie, API_KEYS_ADD, &form).await;
    let review = house.get(&cookie, change.location()).await;
    let said = "It works in production/* (all countries of production, including ones added later) only.";
    assert!(review.body.contains(said), "{}", review.body);
}

#[tokio::test]
async fn everything_that_is_wrong_is_said_at_once_and_what_was_ticked_stays() {
    let (house, _, cookie) = furnished().await;
    let empty = house.post(&cookie, API_KEYS_ADD, &[("operations", "decrypt")]).await;
    assert_eq!(empty.status, StatusCode::UNPROCESSABLE_ENTITY);
    for said in ["Enter a name.", "Choose at least one scope.", "Choose 30, 90, 180 or 365 days."] {
        assert!(empty.body.contains(said), "{said}");
    }
    let ticked = empty.body.split("value=\"decrypt\"").nth(1).expect("the box");
    assert!(ticked[..60].contains("checked"), "it stays ticked");
    for (field, value, said) in [
        ("scopes", "production/FR", "There is no production/FR."),
        ("scopes", "everything", "Choose from the list."),
        ("operations", "destroy", "Choose from the list."),
        ("lifetime", "36500", "Choose 30, 90, 180 or 365 days."),
        ("name", "   ", "Enter a name."),
    ] {
        let form: Vec<_> = API_KEY_FORM
            .iter()
            .map(|(name, was)| (*name, if *name == field { value } else { *was }))
            .collect();
        let answer = house.post(&cookie, API_KEYS_ADD, &form).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{field} {value}");
        assert!(answer.body.contains(said), "{field} {value}: {said}");
    }
}

#[tokio::test]
async fn a_third_key_of_a_name_is_refused_where_it_was_typed_before_a_code_is_spent() {
    let (house, person, cookie) = furnished().await;
    for _ in 0..2 {
        let change = house.post(&cookie, API_KEYS_ADD, &API_KEY_FORM).await;
        confirmed(&house, &person, &cookie, change.location()).await;
    }
    let refused = house.post(&cookie, API_KEYS_ADD, &API_KEY_FORM).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.body.contains("There are already 2 active keys named \"Billing\""));
    assert!(refused.body.contains("value=\"Billing\""), "what was typed is there");
}

#[tokio::test]
async fn a_revoked_key_stops_and_is_not_revoked_twice() {
    let (house, person, cookie) = furnished().await;
    let key = engine::SecretText::new(KEY);
    house.test.portal.access().caller(&key, "").await.expect("it works");
    house.test.portal.access().note_uses().await;
    let change = house.post(&cookie, REVOKE, &[]).await;
    let review = house.get(&cookie, change.location()).await;
    assert!(review.body.contains("It was used"), "who uses it still is said before");
    assert!(!review.body.contains("Parameters"), "there was no step before this one");
    // The revocation of one key is not confirmed at the address of another.
    let elsewhere = change.location().replace("010203040506", "0102030405ff");
    let code = house.test.code(&person);
    assert_eq!(house.post(&cookie, &elsewhere, &[("code", code.expose())]).await.location(), "/api-keys");
    house.test.portal.access().caller(&key, "").await.expect("it works still");
    assert_eq!(confirmed(&house, &person, &cookie, change.location()).await, "/api-keys");
    assert!(house.test.portal.access().caller(&key, "").await.is_err());
    let list = house.get(&cookie, "/api-keys").await;
    assert!(
        list.body.contains("The key \"Orders\" is revoked.") && list.body.contains("data-state=\"revoked\"")
    );
    let again = house.post(&cookie, REVOKE, &[]).await;
    assert_eq!(again.location(), "/api-keys");
    assert!(house.get(&cookie, "/api-keys").await.body.contains("was already revoked"));
    assert_eq!(house.post(&cookie, "/api-keys/ffffffffffff/revoke", &[]).await.status, StatusCode::NOT_FOUND);
}
