//! Contents of pages that the tests in the browser do not check.

use crate::support::{API_KEYS_ADD, Answer, House, furnished};
use axum::http::{Method, StatusCode};
use chrono::TimeDelta;
use domain::data::operation::Operation;
use engine::testing::{PASSWORD, look};

#[tokio::test]
async fn an_empty_password_form_asks_for_what_is_missing_and_counts_no_try() {
    let house = House::new().await;
    let person = house.test.administrator().await;
    let cookie = house.sign_in(&person).await;
    for _ in 0..8 {
        let answer = house.post(&cookie, "/profile/password", &[]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.body.contains("Enter your current password."));
        assert!(answer.body.contains("Enter a new password."));
        assert!(!answer.body.contains("placeholder=\"••••••\""), "nothing was typed, so nothing is kept");
    }
    let half = house.post(&cookie, "/profile/password", &[("current_password", PASSWORD)]).await;
    assert!(half.body.contains("placeholder=\"••••••\""), "what was typed is kept");
    assert!(!half.body.contains(PASSWORD), "and never sent back");
    let again = house.get(&cookie, "/profile/password").await;
    assert!(!again.body.contains("placeholder=\"••••••\""), "a page opened anew begins anew");
}

#[tokio::test]
async fn a_name_longer_than_any_address_is_refused_before_anything_and_shown_back_in_part() {
    let house = House::new().await;
    house.test.administrator().await;
    let traces = async || {
        let count = |sql| look::number(house.test.db(), sql);
        let failures = count("SELECT CAST(COALESCE(SUM(failures), 0) AS BIGINT) FROM throttle").await;
        (
            failures,
            count("SELECT COUNT(*) FROM throttle").await,
            count("SELECT COUNT(*) FROM audit_event").await,
        )
    };
    let before = traces().await;
    for _ in 0..60 {
        let email = "<".repeat(20_000);
        let answer =
            house.post("", "/sign-in", &[("email", &email), ("password", "wrong and long enough")]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.body.contains("Enter an e-mail address"), "{}", answer.body);
        assert!(answer.body.len() < 16 * 1024, "{} bytes", answer.body.len());
    }
    assert_eq!(traces().await, before, "nothing is counted or recorded");
}

#[tokio::test]
async fn what_is_not_there_is_said_in_the_frame_to_somebody_signed_in() {
    let house = House::new().await;
    let person = house.test.administrator().await;
    let cookie = house.sign_in(&person).await;
    for path in ["/nothing-here", "/environments/nowhere", "/environments/nowhere/DE/keys"] {
        let framed = house.get(&cookie, path).await;
        assert_eq!(framed.status, StatusCode::NOT_FOUND, "{path}");
        assert!(framed.body.contains("Nothing here") && framed.body.contains("class=\"sidebar\""), "{path}");
    }
    let outside = house.get("", "/nothing-here").await;
    assert_eq!(outside.status, StatusCode::NOT_FOUND);
    assert!(!outside.body.contains("sidebar"));
}

#[tokio::test]
async fn the_confirmation_names_the_scope_that_changes() {
    let house = House::new().await;
    let person = house.test.administrator().await;
    let cookie = house.sign_in(&person).await;
    house.post(&cookie, "/environments", &[("name", "Sandbox A"), ("kind", "test")]).await;
    house.post(&cookie, "/environments/sandbox-a", &[("country", "FR")]).await;
    let add = "/environments/sandbox-a/FR/keys/add";
    let prepared = house.post(&cookie, add, &[("key_type", "managed"), ("rotation_days", "30")]).await;
    let page = house.get(&cookie, prepared.location()).await;
    assert!(page.body.contains("<p>France · Sandbox A</p>"), "{}", page.body);
}

#[tokio::test]
async fn where_one_wanted_to_go_survives_every_step_of_signing_in() {
    let house = House::new().await;
    let person = house.test.administrator().await;
    let wanted = "/audit?before=7";
    let sent = house.get("", wanted).await;
    assert_eq!(sent.location(), "/sign-in?next=%2Faudit%3Fbefore%3D7");
    let fields = [("email", person.email.as_str()), ("password", PASSWORD), ("next", wanted)];
    let first = house.post("", "/sign-in", &fields).await;
    let cookie = first.cookie().expect("the password was right");
    let code = house.get(&cookie, first.location()).await;
    assert!(code.body.contains("/sign-in/recovery?next=%2Faudit%3Fbefore%3D7"), "{}", code.body);
    let recovery = house.get(&cookie, "/sign-in/recovery?next=%2Faudit%3Fbefore%3D7").await;
    assert!(recovery.body.contains("/sign-in/code?next=%2Faudit%3Fbefore%3D7"));
    let code = house.test.code(&person);
    let done = house.post(&cookie, "/sign-in/code", &[("code", code.expose()), ("next", wanted)]).await;
    assert_eq!(done.location(), wanted);
}

#[tokio::test]
async fn of_very_many_countries_the_sidebar_draws_those_that_are_wanted() {
    let house = House::new().await;
    let person = house.test.administrator().await;
    let cookie = house.sign_in(&person).await;
    let names = house.test.portal.bulk(1_250, 0, TimeDelta::zero()).await.expect("in bulk");
    assert!(names.last().expect("a scope").environment.as_str() == "bulk-4", "five environments");
    let has = |body: &str, scope: &str| body.contains(&format!("href=\"/environments/{scope}/keys\""));

    let inside = house.get(&cookie, "/environments/bulk-0/FR/keys").await.body;
    assert!(has(&inside, "bulk-0/DE"), "the countries of the environment one is in");
    assert!(!has(&inside, "bulk-1/DE"), "no others");
    assert!(inside.contains("href=\"/environments/bulk-1\""), "but every environment");
    assert!(inside.contains("filter and press Enter"), "and how to find the others");

    let found = house.get(&cookie, "/environments/bulk-0/FR/keys?filter=germany").await.body;
    assert!(has(&found, "bulk-1/DE") && has(&found, "bulk-4/DE"), "what the filter finds, everywhere");
    assert!(!has(&found, "bulk-1/FR"), "and nothing else");

    // Pages about all scopes show all of them.
    let form = house.get(&cookie, "/api-keys/add").await.body;
    assert!(form.contains("value=\"bulk-4/DE\"") && !has(&form, "bulk-4/DE"), "to tick, not in the sidebar");
    let environments = house.get(&cookie, "/environments").await.body;
    assert_eq!(environments.matches("no key: 250").count(), 5, "{environments}");
}

/// No data is lost and each can be added again, so nothing but a press of the button is asked for.
#[tokio::test]
async fn an_empty_country_or_environment_is_removed_by_one_button_that_says_what_happens() {
    let (house, _, cookie) = furnished().await;
    house.post(&cookie, "/environments", &[("name", "Trial"), ("kind", "test")]).await;
    for country in ["FR", "IT", "ES"] {
        house.post(&cookie, "/environments/trial", &[("country", country)]).await;
    }
    house.test.api_key([7; 6], "Reports", "trial/FR", &[Operation::Encrypt]).await;
    house.test.api_key([8; 6], "Billing", "trial/*", &[Operation::Encrypt]).await;
    let page = house.get(&cookie, "/environments/trial/FR/remove").await.body;
    assert!(
        page.contains("The API key &quot;Reports&quot; loses its access to trial/FR.")
            || page.contains("The API key \"Reports\" loses its access to trial/FR."),
        "{page}"
    );
    assert!(page.contains("You can add the country again.") && !page.contains("name=\"confirm\""));
    assert!(!house.get(&cookie, "/environments/trial/IT/remove").await.body.contains("API key \""));
    let gone = house.post(&cookie, "/environments/trial/FR/remove", &[]).await;
    assert_eq!(gone.location(), "/environments/trial");
    house.test.api_key([9; 6], "Search", "trial/IT", &[Operation::Encrypt]).await;
    let page = house.get(&cookie, "/environments/trial/remove").await.body;
    assert!(
        page.contains(
            "Trial and its 2 countries go. None of them has an encryption key, so no data is lost."
        )
    );
    assert!(
        page.contains("Billing") && page.contains("Search") && page.contains("lose their access to trial."),
        "{page}"
    );
    assert!(page.contains("The URL name trial can be used again."));
    let gone = house.post(&cookie, "/environments/trial/remove", &[]).await;
    assert_eq!(gone.location(), "/environments");
    // With a key there is no button, and the request is refused.
    let kept = house.get(&cookie, "/environments/production/DE/remove").await.body;
    assert!(kept.contains("This cannot be removed") && !kept.contains(">Remove</button>"));
    assert!(!house.post(&cookie, "/environments/production/DE/remove", &[]).await.status.is_redirection());
}

#[tokio::test]
async fn the_page_of_the_first_key_shows_the_next_steps() {
    let (house, _, cookie) = furnished().await;
    let page = house.get(&cookie, "/environments/production/AT/keys").await.body;
    for step in [
        "Next steps",
        "Create an API key",
        "Encrypt from your service",
        "Add a second administrator",
        "keystead backup",
    ] {
        assert!(page.contains(step), "{step}");
    }
    let other = house.get(&cookie, "/environments/production/DE/keys").await.body;
    assert!(!other.contains("Next steps"), "its key is the second");
    house.newcomer("grace@example.com").await;
    house.test.api_key([7; 6], "Reports", "production/AT", &[Operation::Encrypt]).await;
    let page = house.get(&cookie, "/environments/production/AT/keys").await.body;
    let card = page.split("Next steps").nth(1).expect("the card");
    assert_eq!(card.matches("data-tone=\"ok\"").count().min(2), 2, "two are done: {card}");
    // A country without a key leads to its first key.
    house.post(&cookie, "/environments/production", &[("country", "FR")]).await;
    let empty = house.get(&cookie, "/environments/production/FR/keys").await.body;
    assert_eq!(empty.matches(">Add encryption key</a>").count(), 1);
}

#[tokio::test]
async fn a_value_that_the_schema_does_not_list_is_not_told_as_an_outage() {
    let (house, person, cookie) = furnished().await;
    let unlisted = "ALTER TABLE key_version ADD COLUMN older INTEGER CHECK (rotation_days <> 360)";
    engine::testing::look::execute(house.test.db(), unlisted).await.expect("the schema lists fewer periods");
    let rotate = "/environments/production/DE/keys/rotate";
    let prepared = house.post(&cookie, rotate, &[("rotation_days", "360")]).await;
    let code = house.test.code(&person);

    let answer = house.post(&cookie, prepared.location(), &[("code", code.expose())]).await;

    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(answer.body.contains("Keystead failed internally."), "{}", answer.body);
    assert!(!answer.body.contains("database cannot be reached"), "{}", answer.body);
}

#[tokio::test]
async fn a_number_has_one_spelling_in_addresses_and_in_forms() {
    let (house, _, cookie) = furnished().await;
    let version = |number: &str| format!("/environments/production/DE/keys/{number}");
    assert_eq!(house.get(&cookie, &version("1")).await.status, StatusCode::OK);
    for other in ["+1", "01", "%2B1", "1%20", "-1", "4294967297"] {
        assert_eq!(house.get(&cookie, &version(other)).await.status, StatusCode::NOT_FOUND, "{other}");
    }
    for (path, field, days) in [
        (API_KEYS_ADD, "lifetime", ["+30", "030", "30.0", "31"]),
        ("/environments/production/DE/keys/rotate", "rotation_days", ["+60", "060", "60.0", "61"]),
    ] {
        for other in days {
            let fields =
                [("name", "Billing"), ("scopes", "production/DE"), ("operations", "wrap"), (field, other)];
            let fields = if path == API_KEYS_ADD { &fields[..] } else { &fields[3..] };
            let answer = house.post(&cookie, path, fields).await;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{path} {other}");
            assert!(answer.body.contains("Choose 30,"), "{path} {other}");
        }
    }
}

/// Strangers who guess lock out strangers. The browser that signed in before comes in, and so do the codes of whoever is signed in.
#[tokio::test]
async fn strangers_lock_out_no_browser_that_signed_in_before() {
    for https in [false, true] {
        let url = [("KEYSTEAD_PUBLIC_URL", "https://keystead.example.com")];
        let house = House::with(if https { &url } else { &[] }).await;
        let name = if https { "__Host-keystead-443-device" } else { "keystead-3000-device" };
        let ask = |path: &str, cookie: &str, fields: &[(&str, &str)]| {
            let asked = house.ask(Method::POST, path).cookie(cookie).fields(fields);
            if https {
                asked.header("host", "keystead.example.com").header("origin", url[0].1)
            } else {
                asked
            }
        };
        let person = house.test.administrator().await;
        let right = [("email", person.email.as_str()), ("password", PASSWORD)];
        let half = ask("/sign-in", "", &right).send().await;
        assert!(set_cookie(&half, name).is_none(), "the password alone is not enough");
        let session = set_cookie(&half, name.trim_end_matches("-device")).expect("a session");
        let code = house.test.code(&person);
        let full = ask("/sign-in/code", &pair(&session), &[("code", code.expose())]).send().await;
        let device = set_cookie(&full, name).expect("a device cookie");
        let secure = if https { "; Secure" } else { "" };
        assert!(device.contains("; HttpOnly; SameSite=Lax"), "{device}");
        assert!(device.ends_with(&format!("{secure}; Path=/; Max-Age=7776000")), "{device}");
        let session = set_cookie(&full, name.trim_end_matches("-device")).expect("a session");
        let out = ask("/sign-out", &pair(&session), &[]).send().await;
        assert!(set_cookie(&out, name).is_none(), "signing out keeps it");

        for _ in 0..5 {
            ask("/sign-in", "", &[("email", &person.email), ("password", "a guess")]).send().await;
        }
        let locked = ask("/sign-in", "", &right).send().await;
        assert_eq!(locked.status, StatusCode::TOO_MANY_REQUESTS);
        assert!(locked.body.contains("Too many tries."), "{}", locked.body);
        let planted = format!("{0}; {0}", pair(&device));
        assert_eq!(ask("/sign-in", &planted, &right).send().await.status, StatusCode::TOO_MANY_REQUESTS);
        let known = ask("/sign-in", &pair(&device), &right).send().await;
        assert_eq!(known.status, StatusCode::SEE_OTHER, "{}", known.body);
    }
}

/// Returns what a header sets for the cookie of this name.
pub fn set_cookie(answer: &Answer, name: &str) -> Option<String> {
    let set = answer.headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok());
    set.map(str::to_owned).find(|cookie| cookie.starts_with(&format!("{name}=")))
}

pub fn pair(cookie: &str) -> String {
    cookie.split(';').next().unwrap_or_default().to_owned()
}
