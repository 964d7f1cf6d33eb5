//! The native API: every endpoint is attacked, and every answer is as its document says.

use crate::support::{Answer, House, KEY, furnished};
use axum::http::{Method, StatusCode};
use domain::data::operation::Operation;
use serde_json::{Value, json};
use server::api::{Needs, native, rows};

const HERE: &str = "/api/v1/scopes/production/DE";
/// "a secret" in base64.
const PLAIN: &str = "YSBzZWNyZXQ=";

async fn ask(house: &House, key: &str, operation: &str, body: &Value) -> Answer {
    house.ask(Method::POST, &format!("{HERE}/{operation}")).service(key, body).send().await
}

/// Requests an operation, which must succeed; returns the answer.
async fn done(house: &House, operation: &str, body: &Value) -> Value {
    let answer = ask(house, KEY, operation, body).await;
    assert_eq!(answer.status, StatusCode::OK, "{operation}: {}", answer.body);
    assert_eq!(answer.header("content-type"), "application/json");
    answer.json()
}

/// Returns status and code of the answer, which must be a problem as RFC 9457 defines it.
fn problem(answer: &Answer) -> (u16, String) {
    assert_eq!(answer.header("content-type"), "application/problem+json", "{}", answer.body);
    let problem = answer.json();
    let code = problem["code"].as_str().expect("a code").to_owned();
    assert_eq!(problem["type"], format!("urn:keystead:problem:{code}"));
    assert_eq!(problem["status"], answer.status.as_u16());
    assert!(problem["title"].as_str().is_some_and(|title| title.ends_with('.')), "{problem}");
    assert_eq!(problem.as_object().map(serde_json::Map::len), Some(4), "nothing more: {problem}");
    (answer.status.as_u16(), code)
}

/// Returns the address of a table row in the furnished house.
fn address(path: &str) -> String {
    path.replace("{environment}", "production").replace("{country}", "DE")
}

/// Returns a valid body for an operation.
async fn good_body(house: &House, operation: Operation) -> Value {
    match operation {
        Operation::Encrypt => json!({"plaintext": PLAIN}),
        Operation::Wrap => json!({}),
        Operation::Decrypt | Operation::Reencrypt => {
            let made = done(house, "encrypt", &json!({"plaintext": PLAIN})).await;
            json!({"ciphertext": made["ciphertext"]})
        }
        Operation::Unwrap | Operation::Rewrap => {
            let made = done(house, "wrap", &json!({})).await;
            json!({"edek": made["edek"]})
        }
    }
}

#[tokio::test]
async fn every_operation_does_what_it_says() {
    let (house, _, _) = furnished().await;
    let context = json!({"order": "17"});
    let made = done(&house, "encrypt", &json!({"plaintext": PLAIN, "context": context})).await;
    assert_eq!(made["version"], 1);
    let body = json!({"ciphertext": made["ciphertext"], "context": context});
    assert_eq!(done(&house, "decrypt", &body).await, json!({"plaintext": PLAIN, "version": 1}));
    let moved = done(&house, "reencrypt", &body).await;
    assert_ne!(moved["ciphertext"], made["ciphertext"]);
    let wrapped = done(&house, "wrap", &json!({"context": context})).await;
    let body = json!({"edek": wrapped["edek"], "context": context});
    assert_eq!(done(&house, "unwrap", &body).await, json!({"dek": wrapped["dek"], "version": 1}));
    let again = done(&house, "rewrap", &body).await;
    let body = json!({"edek": again["edek"], "context": context});
    assert_eq!(done(&house, "unwrap", &body).await["dek"], wrapped["dek"]);
    let given = done(&house, "wrap", &json!({"dek": wrapped["dek"]})).await;
    assert_eq!(given["dek"], wrapped["dek"]);
    let keys = house.ask(Method::GET, &format!("{HERE}/keys")).service(KEY, &json!({})).send().await.json();
    assert_eq!(keys["versions"][0]["status"], "active");
    assert_eq!(keys["versions"][0]["key_type"], "managed");
    assert_eq!(keys["before"], Value::Null);
}

#[tokio::test]
async fn a_batch_answers_item_by_item_in_its_order() {
    let (house, _, _) = furnished().await;
    let items: Vec<_> = (0..3).map(|_| json!({"plaintext": PLAIN})).collect();
    let made = done(&house, "encrypt", &json!({"items": items, "audit": {"object_id": "batch 1"}})).await;
    let results = made["results"].as_array().expect("results");
    let body = json!({"items": [
        {"ciphertext": results[0]["ciphertext"]},
        {"ciphertext": "not base64!"},
        {"ciphertext": "AAAA"},
        {"ciphertext": results[1]["ciphertext"], "context": {"a": "b"}},
        {"ciphertext": results[2]["ciphertext"]},
    ]});
    let opened = done(&house, "decrypt", &body).await;
    let opened = opened["results"].as_array().expect("results");
    let codes: Vec<_> = opened.iter().map(|one| one["problem"]["code"].as_str().unwrap_or("done")).collect();
    assert_eq!(codes, ["done", "not_base64", "malformed", "not_opened", "done"]);
    assert_eq!(opened[4], json!({"plaintext": PLAIN, "version": 1}));
}

#[tokio::test]
async fn a_batch_is_what_has_items_however_they_are_written() {
    let (house, _, _) = furnished().await;
    let one = json!({"plaintext": PLAIN, "context": {"items": "17", "\\": "\""}});
    let made = done(&house, "encrypt", &one).await;
    let opened = json!({"ciphertext": made["ciphertext"], "context": one["context"]});
    assert_eq!(done(&house, "decrypt", &opened).await["plaintext"], PLAIN);
    let made = done(&house, "encrypt", &json!({"plaintext": PLAIN})).await;
    let escaped =
        json!({"items": [{"ciphertext": made["ciphertext"]}]}).to_string().replace("items", "\\u0069tems");
    let request = house.ask(Method::POST, &format!("{HERE}/decrypt")).service(KEY, &one).body(&*escaped);
    assert_eq!(request.send().await.json()["results"][0]["plaintext"], PLAIN, "{escaped}");
    // The error names the position in the form that was meant, a batch or a single item.
    let batch = r#"{"items": [{"plaintext": 7}]}"#;
    let single = r#"{"plaintext": 7, "context": {"items": ""}}"#;
    for (wrong, within, column) in [(batch, "/results/0/problem/title", 26), (single, "/title", 15)] {
        let request = house.ask(Method::POST, &format!("{HERE}/encrypt")).service(KEY, &one).body(wrong);
        let answer = request.send().await.json();
        let title = answer.pointer(within).expect("a title").to_string();
        assert!(title.contains(&format!("column {column}.")), "{title}");
    }
}

#[tokio::test]
async fn without_a_key_that_works_nothing_answers() {
    let (house, _, cookie) = furnished().await;
    let wrong = KEY.replace("ssss", "tttt");
    for row in rows().filter(|row| row.needs != Needs::Nothing) {
        let path = address(row.path);
        for authorization in [
            "",
            "ApiKey",
            "ApiKey ",
            &format!("ApiKey {KEY} {KEY}"),
            &format!("ApiKey \"{KEY}\""),
            &format!("Basic {KEY}"),
            &format!("cmk2 {KEY}"),
            KEY,
            &format!("ApiKey {wrong}"),
            &format!("Bearer {}", &KEY[..43]),
        ] {
            let mut request = house.ask(row.method.clone(), &path).cookie(&cookie);
            request = request.header("content-type", "application/json").body("{}");
            if !authorization.is_empty() {
                request = request.header("authorization", authorization);
            }
            let answer = request.send().await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path} {authorization:?}");
            assert!(!answer.body.contains("production"), "{path} tells a stranger something");
        }
        let twice = house.ask(row.method.clone(), &path).service(KEY, &json!({}));
        let twice = twice.also("authorization", &format!("ApiKey {KEY}")).send().await;
        assert_eq!(twice.status, StatusCode::UNAUTHORIZED, "{path}: a key said twice");
    }
}

#[tokio::test]
async fn a_key_reaches_nothing_but_what_it_was_given() {
    let (house, _, _) = furnished().await;
    let test = &house.test;
    let elsewhere = test.api_key([2; 6], "Elsewhere", "production/AT", Operation::ALL).await;
    for row in native::DOOR.rows.iter().filter(|row| row.needs != Needs::Nothing) {
        let path = address(row.path);
        let body = match row.needs {
            Needs::May(operation) => good_body(&house, operation).await,
            _ => json!({}),
        };
        let foreign = house.ask(row.method.clone(), &path).service(elsewhere.expose(), &body).send().await;
        let nowhere = path.replace("production/DE", "production/JP");
        let nowhere = house.ask(row.method.clone(), &nowhere).service(KEY, &body).send().await;
        assert_eq!(problem(&foreign), (404, "not_found".into()), "{path}");
        assert_eq!(foreign.body, nowhere.body, "{path}: what may not be seen does not exist");
        if let Needs::May(operation) = row.needs {
            let others: Vec<_> = Operation::ALL.iter().copied().filter(|other| *other != operation).collect();
            let id = [3, 3, 3, 3, 3, operation as u8];
            let name = format!("all but {}", operation.word());
            let key = test.api_key(id, &name, "production/DE", &others).await;
            let answer = house.ask(Method::POST, &path).service(key.expose(), &body).send().await;
            assert_eq!(problem(&answer), (403, "not_allowed".into()), "{path}");
        }
    }
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_refused_in_words() {
    let (house, _, _) = furnished().await;
    let one = json!({"plaintext": PLAIN});
    for (body, status, code) in [
        ("", 400, "unreadable"),
        ("{", 400, "unreadable"),
        ("[]", 400, "unreadable"),
        ("null", 400, "unreadable"),
        ("{}", 400, "unreadable"),
        (r#"{"plaintext": 7}"#, 400, "unreadable"),
        (r#"{"plaintext": "YQ==", "plaintext": "YQ=="}"#, 400, "unreadable"),
        (r#"{"plaintext": "YQ==", "more": 1}"#, 400, "unreadable"),
        (r#"{"plaintext": "YQ==", "context": {"a": 1}}"#, 400, "unreadable"),
        (r#"{"plaintext": "YQ==", "context": {"a": "1", "a": "2"}}"#, 400, "unreadable"),
        (r#"{"plaintext": "YQ"}"#, 422, "not_base64"),
        (r#"{"plaintext": "YR=="}"#, 422, "not_base64"),
        (r#"{"plaintext": " YQ=="}"#, 422, "not_base64"),
        (r#"{"plaintext": "YQ==YQ=="}"#, 422, "not_base64"),
        (r#"{"plaintext": "YQ==YWFh"}"#, 422, "not_base64"),
        (r#"["YQ==", null, null]"#, 400, "unreadable"),
        (r#"{"plaintext": "YQ==", "audit": [null, null]}"#, 400, "unreadable"),
        (r#"{"items": [{"plaintext": "YQ=="}], "audit": [null]}"#, 400, "unreadable"),
        (r#"{"plaintext": "YQ==", "audit": {"custom": {"a": "1", "a": "2"}}}"#, 400, "unreadable"),
        (r#"{"items": []}"#, 422, "batch_size"),
        (r#"{"items": [], "plaintext": "YQ=="}"#, 400, "unreadable"),
        (r#"{"items": [{"plaintext": "YQ=="}], "items": []}"#, 400, "unreadable"),
        (r#"{"items": [{"plaintext": 5}], "more": 1}"#, 400, "unreadable"),
        (r#"{"items": [{"plaintext": 5}], "audit": 1}"#, 400, "unreadable"),
        (r#"{"items": [{"plaintext": 5},]}"#, 400, "unreadable"),
        (r#"{"items": {"plaintext": "YQ=="}}"#, 400, "unreadable"),
        (r#"{"items": 5}"#, 400, "unreadable"),
    ] {
        let request = house.ask(Method::POST, &format!("{HERE}/encrypt")).service(KEY, &one).body(body);
        let answer = request.send().await;
        assert_eq!(problem(&answer), (status, code.to_owned()), "{body}");
        assert!(!answer.body.contains("YQ"), "nothing of the request comes back");
    }
    for (body, said) in [
        ("{", "The body is not valid JSON (line 1, column "),
        ("{}", "Missing field \"plaintext\" at line 1, column "),
        ("[]", "Invalid value at line 1, column 0. Expected: an object."),
        (r#"{"plaintext": 7}"#, "Invalid value at line 1, column 15. Expected: a string."),
        (
            r#"{"plain": "YQ=="}"#,
            "Unknown field \"plain\" at line 1, column 8. Expected: plaintext, context, audit.",
        ),
        (r#"{"kstdYQ17": 1}"#, "Unknown field at line 1, column 11. "),
    ] {
        let request = house.ask(Method::POST, &format!("{HERE}/encrypt")).service(KEY, &one).body(body);
        let answer = request.send().await.json();
        assert!(answer["title"].as_str().is_some_and(|title| title.starts_with(said)), "{answer}: {said}");
    }
    let many: Vec<_> = (0..1001).map(|_| one.clone()).collect();
    let answer = ask(&house, KEY, "encrypt", &json!({"items": many})).await;
    assert_eq!(problem(&answer), (422, "batch_size".into()));
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx"] {
        let request = house.ask(Method::POST, &format!("{HERE}/encrypt")).service(KEY, &one);
        let answer = request.header("content-type", kind).send().await;
        assert_eq!(problem(&answer), (415, "not_json".into()), "{kind}");
    }
    let large = json!({"plaintext": "A".repeat(1024 * 1024)});
    assert_eq!(problem(&ask(&house, KEY, "encrypt", &large).await), (413, "too_large".into()));
    let long = json!({"plaintext": "AAAA".repeat(22_000)});
    assert_eq!(problem(&ask(&house, KEY, "encrypt", &long).await), (422, "too_long".into()));
    let short = json!({"dek": "AAAA"});
    assert_eq!(problem(&ask(&house, KEY, "wrap", &short).await), (422, "not_a_data_key".into()));
}

#[tokio::test]
async fn what_is_told_has_bounds_and_what_cannot_be_read_leaves_a_trace() {
    let (house, _, _) = furnished().await;
    let pairs: Value =
        (0..33).map(|index| (index.to_string(), json!("x"))).collect::<serde_json::Map<_, _>>().into();
    for audit in [json!({"object_id": "x".repeat(9000)}), json!({"custom": pairs})] {
        let answer = ask(&house, KEY, "encrypt", &json!({"plaintext": PLAIN, "audit": audit})).await;
        assert_eq!(problem(&answer), (422, "audit_too_long".into()));
    }
    let most = json!({"plaintext": PLAIN, "audit": {"object_id": "x".repeat(8192)}});
    done(&house, "encrypt", &most).await;
    let broken = house.ask(Method::POST, &format!("{HERE}/decrypt")).service(KEY, &json!({})).body("{");
    assert_eq!(problem(&broken.send().await), (400, "unreadable".into()));
    let codes = journal_codes(&house).await;
    let too_long = Some("audit_too_long".to_owned());
    assert_eq!(codes, [too_long.clone(), too_long, None, Some("unreadable".to_owned())]);
}

/// Returns the code of each line of the journal; `None` for what was done.
async fn journal_codes(house: &House) -> Vec<Option<String>> {
    let query = domain::audit::journal::JournalQuery::default();
    let found = house.test.portal.audit().export_journal(&query).await.expect("the journal");
    found.events.into_iter().map(|line| line.event.code).collect()
}

#[tokio::test]
async fn the_journal_has_the_code_that_the_client_gets() {
    let (house, _, _) = furnished().await;
    let one = json!({"plaintext": PLAIN});
    let post = |operation: &str| house.ask(Method::POST, &format!("{HERE}/{operation}"));
    let mut answered = Vec::new();
    for request in [
        post("encrypt").service(KEY, &one).without("content-type"),
        post("encrypt").service(KEY, &one).header("content-type", "text/plain"),
        post("encrypt").service(KEY, &one).body("{"),
        post("encrypt").service(KEY, &json!({"items": []})),
        post("encrypt").service(KEY, &json!({"plaintext": "!"})),
        post("encrypt").service(KEY, &json!({"plaintext": "AAAA".repeat(22_000)})),
        post("encrypt").service(KEY, &json!({"plaintext": PLAIN, "audit": {"object_id": "x".repeat(9000)}})),
        post("decrypt").service(KEY, &json!({"ciphertext": PLAIN})),
        post("unwrap").service(KEY, &json!({"edek": PLAIN})),
        post("wrap").service(KEY, &json!({"dek": "AAAA"})),
        house.ask(Method::POST, "/api/v1/scopes/production/AT/wrap").service(KEY, &json!({})),
        house.ask(Method::POST, "/api/v1/scopes/production/QQ/wrap").service(KEY, &json!({})),
    ] {
        let (_, code) = problem(&request.send().await);
        assert!(domain::data::code::ApiCode::from_word(&code).is_some(), "{code} is in the table");
        answered.push(Some(code));
    }
    let expected =
        ["not_json", "not_json", "unreadable", "batch_size", "not_base64", "too_long", "audit_too_long"];
    let begin: Vec<_> = answered.iter().flatten().take(expected.len()).collect();
    assert_eq!(begin, expected);
    assert_eq!(journal_codes(&house).await, answered);
}

#[tokio::test]
async fn cookies_and_origins_mean_nothing_here() {
    let (house, _, cookie) = furnished().await;
    let request =
        house.ask(Method::POST, &format!("{HERE}/encrypt")).service(KEY, &json!({"plaintext": PLAIN}));
    let foreign =
        request.cookie(&cookie).header("origin", "http://evil.example").header("host", "10.0.0.7:3000");
    assert_eq!(foreign.send().await.status, StatusCode::OK);
    let bearer =
        house.ask(Method::POST, &format!("{HERE}/encrypt")).service(KEY, &json!({"plaintext": PLAIN}));
    let bearer = bearer.header("authorization", &format!("bearer {KEY}")).send().await;
    assert_eq!(bearer.status, StatusCode::OK, "schemes have no case");
    let page =
        house.ask(Method::GET, "/api-keys").header("authorization", &format!("ApiKey {KEY}")).send().await;
    assert_eq!(page.location(), "/sign-in?next=%2Fapi-keys", "a key opens no page");
}

#[tokio::test]
async fn what_no_door_has_is_a_problem_in_json() {
    let (house, _, _) = furnished().await;
    for path in
        ["/api", "/api/", "/api/v2", "/api/v1/scopes/production/DE/destroy", "/api/v1/scopes/production"]
    {
        let answer = house.ask(Method::GET, path).without("sec-fetch-site").send().await;
        assert_eq!(problem(&answer), (404, "not_found".into()), "{path}");
    }
    let wrong = house.ask(Method::GET, &format!("{HERE}/encrypt")).send().await;
    assert_eq!(problem(&wrong), (405, "method_not_allowed".into()));
    assert_eq!(wrong.header("allow"), "POST");
}

#[tokio::test]
async fn the_document_is_of_openapi_3_1_and_has_every_address() {
    let (house, _, _) = furnished().await;
    let answer = house.ask(Method::GET, "/api/openapi.json").send().await;
    let document = answer.json();
    assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")));
    let mut described: Vec<_> = document["paths"].as_object().expect("paths").keys().cloned().collect();
    let mut built: Vec<_> = native::DOOR
        .rows
        .iter()
        .map(|row| row.path.to_owned())
        .filter(|path| path.contains("/v1/"))
        .collect();
    described.sort();
    built.sort();
    assert_eq!(described, built);
    for (path, item) in document["paths"].as_object().expect("paths") {
        let operation = item.get("post").or(item.get("get")).expect("an operation");
        for status in ["401", "404", "503"] {
            assert!(operation["responses"].get(status).is_some(), "{path}: {status}");
        }
        assert!(operation["security"].is_array(), "{path}");
    }
}

#[tokio::test]
async fn a_customer_who_refuses_is_a_403_and_one_out_of_reach_a_503() {
    let (house, _, _) = furnished().await;
    let key = house.test.api_key([4; 6], "Theirs", "production/AT", Operation::ALL).await;
    let path = "/api/v1/scopes/production/AT/encrypt";
    let body = json!({"plaintext": PLAIN});
    let send = async || house.ask(Method::POST, path).service(key.expose(), &body).send().await;
    house.kms().fails(503, "ServiceUnavailableException");
    let away = send().await;
    assert_eq!(problem(&away), (503, "kms_unreachable".into()));
    assert_eq!(away.header("retry-after"), "1");
    house.test.clock.advance(chrono::TimeDelta::minutes(1));
    house.kms().fails(400, "DisabledException");
    assert_eq!(problem(&send().await), (403, "kms_refused".into()));
}

#[tokio::test]
async fn without_its_journal_the_data_plane_stands_still() {
    let (house, _, _) = furnished().await;
    house.test.portal.close_journal_only().await;
    for operation in Operation::ALL {
        let body = match operation {
            Operation::Encrypt => json!({"plaintext": PLAIN}),
            Operation::Wrap => json!({}),
            Operation::Decrypt | Operation::Reencrypt => json!({"ciphertext": "AAAA"}),
            Operation::Unwrap | Operation::Rewrap => json!({"edek": "AAAA"}),
        };
        let answer = ask(&house, KEY, operation.word(), &body).await;
        assert_eq!(problem(&answer), (503, "journal".into()), "{}", operation.word());
    }
}
