//! Every endpoint of every API.

use super::outline::Answers;
use crate::support::common::compare;
use crate::support::{Answer, House, KEY, furnished};
use axum::http::Method;
use data_encoding::BASE64;
use domain::data::operation::Operation;
use serde_json::{Value, json};
use server::api::{Row, native, rows};

const HERE: &str = "/api/v1/scopes/production/DE";

/// Returns JSON with every random value replaced by its size, and other texts unchanged.
fn shape(body: &str) -> String {
    let Ok(mut value) = serde_json::from_str::<Value>(body) else { return body.to_owned() };
    replace(&mut value);
    serde_json::to_string_pretty(&value).expect("JSON")
}

fn length(bytes: &[u8]) -> String {
    match bytes.len() {
        // The id in it has one to five bytes, because it is drawn at random.
        82..=86 => "[an EDEK]".to_owned(),
        length => format!("[{length} bytes]"),
    }
}

fn replace(value: &mut Value) {
    match value {
        Value::String(text) if text.len() >= 24 => {
            if let Ok(bytes) = BASE64.decode(text.as_bytes()) {
                *text = length(&bytes);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(replace),
        Value::Object(fields) => {
            let old = std::mem::take(fields);
            for (name, mut value) in old {
                replace(&mut value);
                // Some maps have encrypted data keys as names.
                let bytes = (name.len() >= 24).then(|| BASE64.decode(name.as_bytes()).ok()).flatten();
                let name = bytes.map_or(name, |bytes| length(&bytes));
                if ["id", "tenantSecretId"].contains(&name.as_str()) && value.is_number() {
                    value = "[id]".into();
                }
                fields.insert(name, value);
            }
        }
        _ => {}
    }
}

fn address(row: &Row) -> String {
    row.path.replace("{environment}", "production").replace("{country}", "DE")
}

async fn ask(house: &House, row: &Row, key: Option<&str>, body: &str) -> Answer {
    let mut ask = house.ask(row.method.clone(), &address(row)).without("sec-fetch-site");
    if row.method == Method::POST {
        ask = ask.header("content-type", "application/json").body(body);
    }
    if let Some(key) = key {
        let scheme = if row.path.starts_with("/api/1/") { "cmk" } else { "ApiKey" };
        ask = ask.header("authorization", &format!("{scheme} {key}"));
    }
    ask.send().await
}

/// Returns a function that gives a valid body for an endpoint, by the last word of its path.
pub async fn bodies(house: &House) -> impl Fn(&str) -> String + use<> {
    let made = async |operation: &str, body: &Value| {
        let answer = house.ask(Method::POST, &format!("{HERE}/{operation}")).service(KEY, body).send().await;
        answer.json()
    };
    let ciphertext = made("encrypt", &json!({"plaintext": "YSBzZWNyZXQ="})).await["ciphertext"].clone();
    let edek = made("wrap", &json!({})).await["edek"].clone();
    let tenant =
        json!({"tenantId": "production/DE", "iclFields": {"requestingId": "svc"}, "customFields": {}});
    let wrap = house.ask(Method::POST, "/api/1/document/wrap").without("sec-fetch-site");
    let wrap = wrap.header("authorization", &format!("cmk {KEY}")).header("content-type", "application/json");
    let document = wrap.body(tenant.to_string()).send().await.json()["edek"].clone();
    move |path| {
        let word = path.rsplit('/').next().unwrap_or_default();
        let own = match word {
            "encrypt" => json!({"plaintext": "YSBzZWNyZXQ="}),
            "decrypt" | "reencrypt" => json!({"ciphertext": ciphertext}),
            "unwrap" | "rewrap" if path.starts_with("/api/v1/") => json!({"edek": edek}),
            "unwrap" => json!({"encryptedDocumentKey": document}),
            "batch-wrap" => json!({"documentIds": ["a"]}),
            "batch-unwrap" => json!({"edeks": {"a": document}}),
            "rekey" => json!({"encryptedDocumentKey": document, "newTenantId": "production/DE"}),
            "report-operations" => {
                json!({"operations": {document.as_str().expect("text"): {"wraps": 1, "unwraps": 2}}})
            }
            "derive-with-secret-path" => {
                json!({"paths": {"users": ["email"]}, "derivationType": "sha512", "secretType": "vector"})
            }
            "security-event" => json!({"event": "USER_LOGIN", "timestampMillis": 1}),
            _ => json!({}),
        };
        let mut body = if path.starts_with("/api/1/") { tenant.clone() } else { json!({}) };
        body.as_object_mut().expect("an object").extend(own.as_object().expect("an object").clone());
        body.to_string()
    }
}

#[tokio::test]
async fn every_row_of_every_door_answers_as_before() {
    let (house, _, _) = furnished().await;
    let elsewhere = house.test.api_key([9; 6], "Elsewhere", "production/AT", Operation::ALL).await;
    let reads = house.test.api_key([8; 6], "Reads", "production/DE", &[Operation::Decrypt]).await;
    house.test.portal.access().refresh().await.expect("it looks");
    let body_of = bodies(&house).await;
    let mut answers = Answers::default();
    for row in rows() {
        let good = body_of(row.path);
        let unknown = good.replacen('{', r#"{"other": 1, "#, 1);
        for (what, key, body) in [
            ("with a key", Some(KEY), good.as_str()),
            ("without a key", None, &good),
            ("with a key of another scope", Some(elsewhere.expose()), &good),
            ("with a key that may only decrypt", Some(reads.expose()), &good),
            ("with no body", Some(KEY), ""),
            ("with a list", Some(KEY), "[]"),
            ("with a batch of nothing", Some(KEY), r#"{"items": []}"#),
            ("with an unknown field", Some(KEY), &unknown),
        ] {
            let answer = ask(&house, row, key, body).await;
            let is_document = row.path.ends_with("openapi.json");
            let seen = if is_document { "the document".to_owned() } else { shape(&answer.body) };
            answers.note(&format!("{} {}, {what}", row.method, row.path), &answer, &seen);
        }
    }
    for path in [
        "/api",
        "/api/",
        "/api/v1/scopes/production/DE/nothing",
        "/api/1/nothing",
        "/api/v1/scopes/production/FR/encrypt",
    ] {
        let answer = house.ask(Method::POST, path).service(KEY, &json!({"plaintext": "YQ=="})).send().await;
        answers.note(&format!("POST {path}, with a key"), &answer, &shape(&answer.body));
    }
    compare("doors", &answers.finish());
}

#[test]
fn the_openapi_document_is_as_before() {
    compare("openapi", &serde_json::to_string_pretty(&native::document()).expect("JSON"));
}
