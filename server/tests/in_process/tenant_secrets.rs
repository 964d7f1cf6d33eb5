//! "Tenant secrets" over HTTP: a rotation begins and ends with a code each; services get the secrets of each step.

use crate::support::{House, KEY, TENANT_SECRETS, furnished};
use axum::http::{Method, StatusCode};
use engine::testing::Person;

const KEYS: &str = "/environments/production/DE/keys";

/// The form that finishes a rotation, filled in.
const FINISH: [(&str, &str); 4] =
    [("step", "finish"), ("confirm", "production/DE"), ("accepts_uses", "yes"), ("seen_uses", "1")];

async fn step(house: &House, person: &Person, cookie: &str, step: &str) -> (String, String) {
    house.test.portal.services().note_uses().await;
    let page = house.get(cookie, TENANT_SECRETS).await.body;
    let field = page.split("<input").find(|field| field.contains("name=\"seen_uses\""));
    let value =
        field.and_then(|field| field.split_once("value=\"")).and_then(|(_, rest)| rest.split_once('"'));
    let form = match step {
        "finish" => {
            [&FINISH[..3], &[("seen_uses", value.expect("the count that the page shows").0)]].concat()
        }
        _ => vec![("step", "begin")],
    };
    let change = house.post(cookie, TENANT_SECRETS, &form).await;
    let review = house.get(cookie, change.location()).await;
    let code = house.test.code(person);
    let done = house.post(cookie, change.location(), &[("code", code.expose())]).await;
    house.test.next_code();
    assert_eq!(done.location(), KEYS, "{}", done.body);
    (review.body, house.get(cookie, KEYS).await.body)
}

/// Returns the ids of the secrets from which a service gets a key, and whether each is current.
async fn derived(house: &House) -> Vec<(u64, bool)> {
    let body = r#"{"tenantId":"production/DE","iclFields":{"requestingId":"svc"},"paths":{"users":["email"]},
                   "derivationType":"sha512","secretType":"vector"}"#;
    let ask = house.ask(Method::POST, "/api/1/key/derive-with-secret-path");
    let answer = ask.header("authorization", &format!("cmk {KEY}")).body(body.to_owned()).send().await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let json = answer.json();
    let keys = json["derivedKeys"]["users"]["email"].as_array().expect("keys");
    let read = |key: &serde_json::Value| (key["tenantSecretId"].as_u64(), key["current"].as_bool());
    keys.iter().map(read).map(|(id, current)| (id.expect("an id"), current.expect("a flag"))).collect()
}

#[tokio::test]
async fn a_rotation_is_begun_and_finished_with_a_code_each() {
    let (house, person, cookie) = furnished().await;
    let [(old, true)] = derived(&house).await[..] else { panic!("one secret") };
    let page = house.get(&cookie, TENANT_SECRETS).await.body;
    assert!(page.contains("None under way") && page.contains("Vector") && !page.contains("Deterministic"));

    let (review, keys) = step(&house, &person, &cookie, "begin").await;
    assert!(review.contains("The secret gets a new current version.") && review.contains("Begin rotation"));
    assert!(keys.contains("A rotation of 1 tenant secret has begun."));
    let [(new, true), before] = derived(&house).await[..] else { panic!("two secrets") };
    assert!(before == (old, false) && new != old);
    assert!(house.get(&cookie, TENANT_SECRETS).await.body.contains("Under way since"));

    let (review, keys) = step(&house, &person, &cookie, "finish").await;
    assert!(
        review.contains("Data still encrypted with it becomes unreadable.")
            && review.contains("Finish rotation")
    );
    assert!(keys.contains("The rotation is finished: 1 tenant secret replaced."));
    assert_eq!(derived(&house).await, [(new, true)]);
}

/// Previous secrets that stop being served make data unreadable, so the page shows whether services still ask for them.
#[tokio::test]
async fn a_rotation_is_finished_with_evidence_a_typed_name_and_a_tick() {
    let (house, person, cookie) = furnished().await;
    step(&house, &person, &cookie, "begin").await;
    let page = house.get(&cookie, TENANT_SECRETS).await.body;
    assert!(
        page.contains("not once since 23 Nov 2026") && page.contains("The rotation began on 23 Nov 2026."),
        "{page}"
    );
    assert!(page.contains("Data still encrypted with it becomes unreadable."));
    assert!(page.contains("name=\"confirm\"") && !page.contains("name=\"accepts_uses\""), "no use, no tick");
    let refused = async |fields: &[(&str, &str)], why: &str, not: &str| {
        let answer = house.post(&cookie, TENANT_SECRETS, fields).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{fields:?}");
        assert!(answer.body.contains(why) && !answer.body.contains(not), "{fields:?}: {}", answer.body);
    };
    const NAME: &str = "Type production/DE to confirm.</p>";
    const TICK: &str = "Tick the box to finish although services still receive keys of the previous secrets.";
    let name_error = "id=\"confirm-error\"";
    for typed in ["", "production/AT", "Production/DE"] {
        refused(&[("step", "finish"), ("confirm", typed)], name_error, TICK).await;
    }
    let ready = house.post(&cookie, TENANT_SECRETS, &FINISH[..2]).await;
    let review = house.get(&cookie, ready.location()).await.body;
    assert!(review.contains("Services received keys of it: not once since 23 Nov 2026."), "{review}");

    derived(&house).await;
    // The form counts what no server has written yet.
    refused(&FINISH[..2], TICK, name_error).await;
    let page = house.get(&cookie, TENANT_SECRETS).await.body;
    assert!(page.contains("once since 23 Nov 2026, last at 23 Nov 2026, ") && page.contains(NAME), "{page}");
    assert!(page.contains("name=\"accepts_uses\""));
    refused(&[FINISH[0], FINISH[2], FINISH[3]], name_error, TICK).await;
    // What was prepared before the service asked does not finish it.
    let code = house.test.code(&person);
    let late = house.post(&cookie, ready.location(), &[("code", code.expose())]).await;
    house.test.next_code();
    assert!(
        late.body.contains("Services have received keys of the previous secrets in the meantime: once since")
    );
    assert_eq!(derived(&house).await.len(), 2);
    // A tick covers the uses that stood beside it.
    let more = "Services have received more keys of the previous secrets since.";
    refused(&FINISH, more, name_error).await;
    refused(&[&FINISH[..3], &[("seen_uses", "2x")]].concat(), TICK, name_error).await;
    let two = [&FINISH[..3], &[("seen_uses", "2")]].concat();
    let seen = house.post(&cookie, TENANT_SECRETS, &two).await;
    let review = house.get(&cookie, seen.location()).await.body;
    assert!(
        review.contains("2 times since 23 Nov 2026") && review.contains("If services ask again before"),
        "{review}"
    );
    let (review, _) = step(&house, &person, &cookie, "finish").await;
    assert!(
        review.contains("Services received keys of it: 2 times since 23 Nov 2026, last at 23 Nov 2026, "),
        "{review}"
    );
    assert_eq!(derived(&house).await.len(), 1);
}

#[tokio::test]
async fn only_the_step_that_is_due_is_prepared() {
    let (house, person, cookie) = furnished().await;
    let refused = async |asked: &str| {
        let answer = house.post(&cookie, TENANT_SECRETS, &[("step", asked)]).await;
        assert!(!answer.status.is_success() && answer.location().is_empty(), "{asked}");
        assert!(
            answer.body.contains("The rotation is at a different step.") && !answer.body.contains("<b>"),
            "{asked}"
        );
    };
    for asked in ["finish", "", "<b>"] {
        refused(asked).await;
    }
    // The change is prepared twice and confirmed twice: the second confirmation finds nothing to do.
    let prepared = house.post(&cookie, TENANT_SECRETS, &[("step", "begin")]).await;
    step(&house, &person, &cookie, "begin").await;
    refused("begin").await;
    let code = house.test.code(&person);
    let late = house.post(&cookie, prepared.location(), &[("code", code.expose())]).await;
    assert!(late.location().is_empty() && late.body.contains("The secrets were rotated in the meantime."));
    assert_eq!(derived(&house).await.len(), 2);
}

/// A change prepared for one rotation does not apply to the next, because it would remove secrets that services still need.
#[tokio::test]
async fn what_was_prepared_for_one_rotation_does_not_finish_the_next() {
    let (house, person, cookie) = furnished().await;
    step(&house, &person, &cookie, "begin").await;
    let prepared = house.post(&cookie, TENANT_SECRETS, &FINISH).await;
    step(&house, &person, &cookie, "finish").await;
    step(&house, &person, &cookie, "begin").await;
    let before = derived(&house).await;
    let code = house.test.code(&person);
    let late = house.post(&cookie, prepared.location(), &[("code", code.expose())]).await;
    assert!(late.location().is_empty() && late.body.contains("The secrets were rotated in the meantime."));
    assert_eq!(before.len(), 2);
    assert_eq!(derived(&house).await, before, "the secret of before is still served");
}

#[tokio::test]
async fn where_nothing_was_derived_there_is_nothing_to_rotate() {
    let (house, _, cookie) = furnished().await;
    let elsewhere = TENANT_SECRETS.replace("/DE/", "/AT/");
    let page = house.get(&cookie, &elsewhere).await;
    assert!(page.status.is_success() && page.body.contains("This country has no tenant secrets yet"));
    assert!(!page.body.contains("name=\"step\""));
    let refused = house.post(&cookie, &elsewhere, &[("step", "begin")]).await;
    assert!(refused.location().is_empty() && !refused.status.is_success());
    let nowhere = house.get(&cookie, &TENANT_SECRETS.replace("/DE/", "/JP/")).await;
    assert_eq!(nowhere.status, StatusCode::NOT_FOUND);
}
