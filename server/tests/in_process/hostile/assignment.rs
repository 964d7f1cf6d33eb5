//! Fields that a form does not have, and fields sent twice.

use crate::support::{
    ALIAS, API_KEY_FORM, API_KEYS_ADD, AWS_FORM, CREDENTIALS, House, KEYS_ADD, OTHER_CREDENTIALS, address,
    furnished,
};
use axum::http::{Method, StatusCode};
use engine::testing::PASSWORD;
use server::PAGES;

const OTHER: &str = "nine gentle otters juggle";

/// Returns every form of the table, as its page sends it.
fn forms() -> Vec<(String, Vec<(&'static str, &'static str)>)> {
    let fields = |path: &str| match path {
        "/theme" => vec![("theme", "dark"), ("next", "/audit")],
        "/setup" => vec![("token", "x"), ("email", "eve@example.com"), ("password", OTHER)],
        "/sign-in" => vec![("email", "ada@example.com"), ("password", PASSWORD), ("next", "/")],
        "/environments" => vec![("name", "Sneaked in"), ("kind", "test")],
        "/environments/production" => vec![("country", "FR")],
        "/environments/production/rename" => vec![("name", "Renamed")],
        "/environments/production/kind" => vec![("kind", "test")],
        "/environments/production/limits" => vec![("per_type", "2"), ("per_scope", "5")],
        ALIAS => vec![("alias", "acme-berlin")],
        KEYS_ADD => vec![("key_type", "managed"), ("rotation_days", "60")],
        "/environments/production/DE/keys/rotate" | "/environments/production/DE/keys/settings" => {
            vec![("rotation_days", "60")]
        }
        CREDENTIALS => OTHER_CREDENTIALS.to_vec(),
        API_KEYS_ADD => API_KEY_FORM.to_vec(),
        "/profile/password" => {
            vec![("current_password", PASSWORD), ("password", OTHER), ("password_again", OTHER)]
        }
        "/profile/authenticator" | "/profile/recovery-codes" => vec![("current_password", PASSWORD)],
        "/profile/recovery-codes/show" => vec![("next", "/environments")],
        // Forms with a code have a file of their own; the rest are buttons.
        _ => vec![],
    };
    let rows = PAGES.iter().filter(|row| row.methods.contains(&Method::POST));
    let of_aws = (KEYS_ADD.to_owned(), AWS_FORM.to_vec());
    rows.map(|row| address(row.path))
        .filter(|path| !path.starts_with("/sign-in/") && !path.ends_with("/authenticator/enrol"))
        .filter(|path| path != "/setup/authenticator")
        .map(|path| {
            let form = fields(&path);
            (path, form)
        })
        .chain([of_aws])
        .collect()
}

const TICKED: [&str; 2] = ["scopes", "operations"];

const EXTRA: [(&str, &str); 18] = [
    ("id", "1"),
    ("user_id", "00000000-0000-0000-0000-000000000001"),
    ("user", "eve@example.com"),
    ("account", "eve@example.com"),
    ("status", "active"),
    ("number", "9"),
    ("stage", "full"),
    ("created_by", "eve@example.com"),
    ("created_at", "2020-01-01T00:00:00Z"),
    ("due_at", "2020-01-01T00:00:00Z"),
    ("security_epoch", "99"),
    ("environment", "mine"),
    ("scope", "production/FR"),
    ("change", "00000000-0000-0000-0000-000000000001"),
    ("session", "x"),
    ("role", "owner"),
    ("is_admin", "true"),
    ("_method", "DELETE"),
];

async fn must_change_nothing(
    house: &House,
    cookie: &str,
    path: &str,
    fields: &[(&str, &str)],
    before: &[(String, i64)],
) {
    let answer = house.post(cookie, path, fields).await;
    // Several boxes of one name may be ticked; the form itself checks that their values are on offer.
    let is_ticked_twice =
        TICKED.iter().any(|name| fields.iter().filter(|(field, _)| field == name).count() > 1);
    let expected = match path {
        "/setup" => StatusCode::NOT_FOUND,
        _ if is_ticked_twice => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::BAD_REQUEST,
    };
    // The setup is over: the router refuses the page, or the form if that fails first.
    assert!(
        answer.status == expected || (path == "/setup" && answer.status == StatusCode::BAD_REQUEST),
        "{path} {fields:?}: {}",
        answer.status
    );
    assert!(answer.body.contains("<h1"), "{path} {fields:?}: a page in words");
    assert_eq!(house.test.rows().await, before, "{path} {fields:?} changed something");
}

#[tokio::test]
async fn a_field_that_a_form_does_not_have_changes_nothing() {
    let (house, _, cookie) = furnished().await;
    let before = house.test.rows().await;
    for (path, form) in forms() {
        for extra in EXTRA {
            for fields in [[&form[..], &[extra]].concat(), [&[extra], &form[..]].concat()] {
                must_change_nothing(&house, &cookie, &path, &fields, &before).await;
            }
        }
        for own in &form {
            let again = (own.0, "another");
            for fields in [[&form[..], &[again]].concat(), [&[again], &form[..]].concat()] {
                must_change_nothing(&house, &cookie, &path, &fields, &before).await;
            }
            let (brackets, index) = (format!("{}[]", own.0), format!("{}[0]", own.0));
            for name in [brackets.as_str(), index.as_str()] {
                let fields = [&form[..], &[(name, own.1)]].concat();
                must_change_nothing(&house, &cookie, &path, &fields, &before).await;
            }
        }
    }
}

#[tokio::test]
async fn a_query_adds_nothing_to_a_form() {
    let (house, _, cookie) = furnished().await;
    let path = "/environments?name=Other&kind=test&slug=mine&id=7";
    house.post(&cookie, path, &[("name", "Mine"), ("kind", "production")]).await;
    let page = house.get(&cookie, "/environments").await;
    assert!(page.body.contains("/environments/mine\"") && !page.body.contains("Other"));
    let path = format!("{KEYS_ADD}?rotation_days=360&key_type=managed");
    let empty = house.post(&cookie, &path, &[]).await;
    assert_eq!(empty.status, StatusCode::UNPROCESSABLE_ENTITY, "the form itself was empty");
}

#[tokio::test]
async fn a_kind_or_a_period_that_is_not_offered_is_refused() {
    let (house, _, cookie) = furnished().await;
    let before = house.test.rows().await;
    let long = "9".repeat(400);
    for kind in ["Production", "production ", "PROD", "0", "null", "production\u{0}"] {
        let answer = house.post(&cookie, "/environments", &[("name", "Sneaked"), ("kind", kind)]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{kind:?}");
    }
    for days in
        ["", "0", "-30", "+30", "030", "30.0", "3e1", " 30", "30 ", "３０", "31", "720", "0x1e", &long]
    {
        for step in ["add", "rotate", "settings"] {
            let path = format!("/environments/production/DE/keys/{step}");
            let mut fields = vec![("rotation_days", days)];
            if step == "add" {
                fields.push(("key_type", "managed"));
            }
            let answer = house.post(&cookie, &path, &fields).await;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{step} {days:?}");
        }
    }
    for country in ["de", "DE ", "XX", "D", "DEU", "../FR", "ＦＲ", "F\u{0}R"] {
        let answer = house.post(&cookie, "/environments/production", &[("country", country)]).await;
        assert!(answer.status == StatusCode::UNPROCESSABLE_ENTITY, "{country:?}: {}", answer.status);
    }
    assert_eq!(house.test.rows().await, before);
}
