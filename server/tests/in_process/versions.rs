//! The keys page and the page of a version: the Active version first, its use by API key, what happened to it.

use crate::support::{House, furnished};
use axum::http::{Method, StatusCode};
use domain::data::operation::Operation;

const KEYS: &str = "/environments/production/DE/keys";
const VERSION: &str = "/environments/production/DE/keys/1";

async fn encrypt(house: &House, key: &str, times: u32) {
    for _ in 0..times {
        let ask = house.ask(Method::POST, "/api/v1/scopes/production/DE/encrypt");
        let answer = ask.service(key, &serde_json::json!({"plaintext": "YQ=="})).send().await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    }
}

#[tokio::test]
async fn the_page_begins_with_the_active_version_and_folds_the_limits() {
    let (house, _, cookie) = furnished().await;
    let page = house.get(&cookie, KEYS).await.body;
    let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text} is missing: {page}"));
    assert!(place("Active version") < place("Versions of the encryption key, newest first"));
    assert!(place("Versions of the encryption key, newest first") < place("limits-fold"));
    assert!(page.contains("No service used this version in the last 90 days."));
    assert!(page.contains("Today: 0 of 1 Managed · 0 of 1 Manual: AWS · 0 of 3 in total"), "{page}");
    assert!(!page.contains("“Rotate now” passes the limit of the type."), "no limit is reached");
    for number in ["0", "-1", "2", "99999999999999999999", "%00", "x"] {
        let odd = house.get(&cookie, &format!("{KEYS}?page={number}")).await;
        assert_eq!(odd.status, StatusCode::OK, "{number}");
        assert!(odd.body.contains("Active version"), "{number}");
    }
}

#[tokio::test]
async fn a_version_tells_which_api_key_used_it() {
    let (house, _, cookie) = furnished().await;
    let page = house.get(&cookie, VERSION).await.body;
    assert!(page.contains("No service used this version in the last 90 days.") && !page.contains("<figure"));
    let hostile = "<script>alert(1)</script>";
    let names = [("Ledger", [17; 6], 9), (hostile, [18; 6], 1)];
    for (name, id, times) in names {
        let key = house.test.api_key(id, name, "production/DE", Operation::ALL).await;
        house.test.portal.access().refresh().await.expect("it looks");
        encrypt(&house, key.expose(), times).await;
    }
    house.test.portal.services().note_uses().await;
    let page = house.get(&cookie, VERSION).await.body;
    assert!(page.contains("10 uses in the last 90 days: “\u{2068}Ledger\u{2069}” 90 %, "), "{page}");
    assert!(!page.contains(hostile) && page.contains("&lt;script&gt;"), "a name is text");
    assert!(page.contains("class=\"plot-first\"") && page.contains("Uses by day"));
    assert!(page.contains("First use") && page.contains("Created"));
    let list = house.get(&cookie, KEYS).await.body;
    assert!(list.contains("Ledger\u{2069}” 90 %") && !list.contains(hostile));
}

#[tokio::test]
async fn the_audit_log_has_the_lines_of_a_version() {
    let (house, _, cookie) = furnished().await;
    let page = house.get(&cookie, VERSION).await.body;
    assert!(page.contains("href=\"/audit?place=production%2FDE%2F1\""), "{page}");
    let lines = house.get(&cookie, "/audit?place=production%2FDE%2F1").await.body;
    assert!(lines.contains("Add encryption key") && !lines.contains("Add country"), "{lines}");
    let none = house.get(&cookie, "/audit?place=production%2FDE%2F2").await.body;
    assert!(none.contains("No matching events"));
    let data = house.get(&cookie, "/audit?source=data&place=production%2FDE%2F1").await.body;
    assert!(data.contains("The log of services is not searched by version."), "{data}");
}
