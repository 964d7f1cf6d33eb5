//! Rows that Keystead did not write, and keys that do not open: marked on the pages, and one code at the doors.

use crate::support::{House, furnished};
use axum::http::{Method, StatusCode};
use domain::data::operation::Operation;
use engine::testing::look::execute;
use serde_json::json;

const NOTICE: &str = "The database is damaged, or was changed from outside";

/// Counts the marks on a page.
async fn marks(house: &House, cookie: &str, path: &str) -> usize {
    let page = house.get(cookie, path).await;
    assert_eq!(page.status, StatusCode::OK, "{path}");
    page.body.matches("Damaged").count()
}

#[tokio::test]
async fn what_somebody_else_wrote_is_marked_on_every_page_that_shows_it() {
    let (house, _, cookie) = furnished().await;
    let db = house.test.db();
    for path in ["/environments", "/environments/production", "/environments/production/DE/keys", "/api-keys"]
    {
        assert_eq!(marks(&house, &cookie, path).await, 0, "{path}");
    }
    execute(db, "UPDATE key_version SET status = 'deprecated' WHERE key_type = 'managed'")
        .await
        .expect("changed");
    assert_eq!(marks(&house, &cookie, "/environments/production/DE/keys").await, 1);
    assert!(
        house
            .get(&cookie, "/environments/production/DE/keys/1")
            .await
            .body
            .contains("Keystead does not use this version: its row")
    );
    execute(db, "UPDATE api_key SET operations = 'decrypt'").await.expect("changed");
    assert_eq!(marks(&house, &cookie, "/api-keys").await, 1);
    execute(db, "UPDATE scope SET numbers_through = 7 WHERE country = 'DE'").await.expect("changed");
    assert_eq!(marks(&house, &cookie, "/environments/production").await, 1);
    execute(db, "UPDATE environment SET kind = 'test'").await.expect("changed");
    assert_eq!(marks(&house, &cookie, "/environments").await, 1);
    let start = house.get(&cookie, "/").await.body;
    assert!(start.contains(NOTICE) && start.contains("4 rows of the database"), "{start}");
    // What has to be changed there is refused in words, and keeps what was typed.
    let refused = house.post(&cookie, "/environments/production", &[("country", "FR")]).await;
    assert_eq!(refused.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(refused.body.contains("keystead doctor"), "{}", refused.body);
}

#[tokio::test]
async fn a_key_that_does_not_open_is_damaged_at_both_doors_and_on_the_pages() {
    let (house, _, cookie) = furnished().await;
    let key = house.test.api_key([4; 6], "All", "production/*", Operation::ALL).await;
    let encrypt = json!({"plaintext": "dmlvbGV0cw=="});
    execute(house.test.db(), "UPDATE key_version SET material = zeroblob(120) WHERE key_type = 'managed'")
        .await
        .expect("spoilt");
    execute(house.test.db(), "UPDATE holder SET secret = zeroblob(120)").await.expect("spoilt");
    let calls = house.kms().calls().len();
    // Each time the same code, also while the next try waits, and for a customer's key as well.
    for country in ["DE", "DE", "DE", "AT", "AT"] {
        let path = format!("/api/v1/scopes/production/{country}/encrypt");
        let answer = house.ask(Method::POST, &path).service(key.expose(), &encrypt).send().await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["code"]),
            (500, &json!("damaged")),
            "{}",
            answer.body
        );
        assert!(!answer.body.contains("KMS"), "{}", answer.body);
    }
    let wrap = json!({"tenantId": "production/DE", "iclFields": {"requestingId": "x"}, "customFields": {}});
    let ask = house.ask(Method::POST, "/api/1/document/wrap").without("sec-fetch-site");
    let ask = ask.header("authorization", &format!("cmk {}", key.expose()));
    let answer = ask.header("content-type", "application/json").body(wrap.to_string()).send().await;
    assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (500, &json!(204)), "{}", answer.body);
    assert_eq!(house.kms().calls().len(), calls, "nobody was asked");
    for (path, number) in [("DE/keys", 1), ("DE/keys/1", 1), ("AT/keys/1", 2)] {
        let path = format!("/environments/production/{path}");
        let page = house.get(&cookie, &path).await.body;
        assert!(marks(&house, &cookie, &path).await >= number, "{path}: {page}");
        assert!(!house.get(&cookie, &path).await.body.contains("customer's KMS refuses"), "{path}");
    }
    house.test.portal.overview().record_unproved().await.expect("recorded");
    let log = house.get(&cookie, "/audit").await.body;
    assert!(log.contains("key of version 1 of scope production/DE"), "{log}");
}
