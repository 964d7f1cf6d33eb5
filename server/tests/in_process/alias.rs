//! "Alias" over HTTP: set with a code, shown, known to services at once, cleared again.

use crate::support::{ALIAS, House, KEY, furnished};
use axum::http::{Method, StatusCode};
use engine::testing::Person;

const KEYS: &str = "/environments/production/DE/keys";

async fn change(house: &House, person: &Person, cookie: &str, alias: &str) {
    let change = house.post(cookie, ALIAS, &[("alias", alias)]).await;
    assert!(change.location().starts_with(&format!("{ALIAS}?change=")), "{}", change.body);
    let code = house.test.code(person);
    let done = house.post(cookie, change.location(), &[("code", code.expose())]).await;
    house.test.next_code();
    assert_eq!(done.location(), KEYS, "{}", done.body);
}

/// Returns the status of a service's wrap request with this tenant id.
async fn wraps(house: &House, tenant: &str) -> StatusCode {
    let body = format!(r#"{{"tenantId":"{tenant}","iclFields":{{"requestingId":"svc"}}}}"#);
    let ask = house.ask(Method::POST, "/api/1/document/wrap").header("authorization", &format!("cmk {KEY}"));
    ask.body(body).send().await.status
}

#[tokio::test]
async fn services_know_an_alias_as_soon_as_it_is_set_and_no_longer() {
    let (house, person, cookie) = furnished().await;
    assert_eq!(wraps(&house, "acme-berlin").await, StatusCode::UNPROCESSABLE_ENTITY);
    change(&house, &person, &cookie, "acme-berlin").await;
    assert_eq!(wraps(&house, "acme-berlin").await, StatusCode::OK);
    assert_eq!(wraps(&house, "production/DE").await, StatusCode::OK);
    let keys = house.get(&cookie, KEYS).await;
    assert!(
        keys.body.contains("alias acme-berlin") && keys.body.contains("Alias \"acme-berlin\" is now active.")
    );
    let form = house.get(&cookie, ALIAS).await;
    assert!(form.body.contains("value=\"acme-berlin\""), "the form begins with what there is");
    let review = house.post(&cookie, ALIAS, &[("alias", "")]).await;
    let review = house.get(&cookie, review.location()).await;
    assert!(review.body.contains("The alias \"acme-berlin\" stops working."));
    assert!(review.body.contains("Requests that still use \"acme-berlin\" will be refused."));
    change(&house, &person, &cookie, "").await;
    assert_eq!(wraps(&house, "acme-berlin").await, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn what_is_no_alias_is_said_beside_the_field() {
    let (house, person, cookie) = furnished().await;
    change(&house, &person, &cookie, "acme").await;
    for (alias, said) in [
        ("production/FR", "Use 1 to 128 letters"),
        ("<b>", "Use 1 to 128 letters"),
        ("acme", "This is already the alias."),
    ] {
        let answer = house.post(&cookie, ALIAS, &[("alias", alias)]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{alias}");
        assert!(answer.body.contains(said) && !answer.body.contains("<b>"), "{alias}");
    }
    let elsewhere = house.post(&cookie, &ALIAS.replace("/DE/", "/AT/"), &[("alias", "acme")]).await;
    assert!(elsewhere.body.contains("Another country already has the alias \"acme\"."));
    let nowhere = house.get(&cookie, &ALIAS.replace("/DE/", "/JP/")).await;
    assert_eq!(nowhere.status, StatusCode::NOT_FOUND);
}
