//! "Audit log" over HTTP: both halves are searched, and exported as files.

use crate::support::{House, KEY, furnished};
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

async fn ask(house: &House, operation: &str, body: &Value) -> StatusCode {
    let path = format!("/api/v1/scopes/production/DE/{operation}");
    house.ask(Method::POST, &path).service(KEY, body).send().await.status
}

/// Creates a house whose service has made a request that succeeded and one that failed.
async fn busy() -> (House, String) {
    let (house, _, cookie) = furnished().await;
    let good = json!({"plaintext": "YQ==", "audit": {"object_id": "=order 17", "custom": {"ticket": "K-1"}}});
    assert_eq!(ask(&house, "encrypt", &good).await, StatusCode::OK);
    assert_eq!(
        ask(&house, "decrypt", &json!({"ciphertext": "AAAA"})).await,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    (house, cookie)
}

#[tokio::test]
async fn what_services_did_is_found_beside_what_people_did() {
    let (house, cookie) = busy().await;
    let portal = house.get(&cookie, "/audit").await;
    assert!(portal.body.contains("Add encryption key") && !portal.body.contains("Encrypt</"));
    let data = house.get(&cookie, "/audit?source=data").await;
    for said in [
        "Encrypt",
        "Decrypt",
        "Orders",
        "kstdAQIDBAUG…",
        "version 1, object “=order 17”, “ticket” = “K-1”",
        "malformed",
    ] {
        assert!(data.body.contains(said), "{said}");
    }
    assert!(!data.body.contains(&KEY[12..]));
    for (query, is_found) in [
        ("place=production%2FDE", true),
        ("place=production%2FAT", false),
        ("place=Production", true),
        ("place=production%2F*", true),
        ("place=prod", false),
        ("told=%3Dorder+17", true),
        ("told=order+17", false),
        ("who=Orders", true),
        ("who=oRDERS", true),
        ("who=kstdAQIDBAUG", true),
        ("who=kstdAQIDBAUG%E2%80%A6", true),
        ("who=Nobody", false),
        ("from=2026-11-22T00%3A00", true),
        ("from=2027-01-01T00%3A00", false),
        ("to=2026-11-22T00%3A00", false),
    ] {
        let page = house.get(&cookie, &format!("/audit?source=data&{query}")).await;
        assert_eq!(page.body.contains("object “=order 17”"), is_found, "{query}");
        assert_eq!(page.body.contains("No matching events"), !is_found, "{query}");
    }
    let by_person = house.get(&cookie, "/audit?who=ada%40example.com&place=production%2FDE").await;
    assert!(by_person.body.contains("Add encryption key") && !by_person.body.contains("Sign in</"));
}

#[tokio::test]
async fn a_time_that_is_none_is_said_beside_its_field() {
    let (house, cookie) = busy().await;
    for (query, said) in [
        ("from=yesterday", "Enter a time like 2026-11-25T14:05."),
        ("from=2026-11-25T14%3A05&to=2026-11-25T14%3A04", r#""To" must be after "From"."#),
        ("from=1800-01-01T00%3A00", "Enter a time from 1970 to 9998."),
    ] {
        for source in ["portal", "data"] {
            let page = house.get(&cookie, &format!("/audit?source={source}&{query}")).await;
            assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
            assert!(page.body.contains(said), "{query}");
            assert!(!page.body.contains("No matching events"), "nothing was searched");
            assert!(!page.body.contains("/audit/export"), "and there is nothing to take away");
        }
    }
    let now = house.test.portal.now().format("%Y-%m-%dT%H%%3A%M");
    let minute = house.get(&cookie, &format!("/audit?source=data&from={now}&to={now}")).await;
    assert!(minute.body.contains("order 17"), "from a minute to the same minute is that minute");
    let forged = house.get(&cookie, "/audit?source=data&before=rubbish").await;
    assert_eq!(forged.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_is_searched_for_is_taken_away_whole_and_that_is_written_down() {
    let (house, cookie) = busy().await;
    let export = async |source: &str, format: &str, more: &[(&str, &str)]| {
        let fields = [&[("source", source), ("format", format)], more].concat();
        let answer = house.post(&cookie, "/audit/export", &fields).await;
        assert_eq!(answer.status, StatusCode::OK, "{source} {format}: {}", answer.body);
        let disposition = format!("attachment; filename=\"keystead-audit-{source}.{format}\"");
        assert_eq!(answer.header("content-disposition"), disposition);
        answer.body
    };
    let lines = export("data", "jsonl", &[]).await;
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[0]["deed"], &lines[0]["sequence"]), (&json!("data.encrypt"), &json!(1)));
    assert_eq!((&lines[1]["outcome"], &lines[1]["code"]), (&json!("refused"), &json!("malformed")));
    let table = export("data", "csv", &[]).await;
    let table = table.strip_prefix('\u{feff}').expect("a mark, by which Excel knows UTF-8");
    let (head, first) = table.split_once('\n').expect("a head");
    for (name, cell) in head.split(',').zip(first.split(',')).take(8) {
        let said = lines[0][name].as_str().map_or_else(|| lines[0][name].to_string(), str::to_owned);
        assert_eq!(said, cell, "{name}: as in the JSON Lines");
    }
    let found = export("data", "csv", &[("told", "=order 17"), ("place", "production")]).await;
    assert_eq!(found.lines().count(), 2, "only what was searched for: {found}");
    let log = house.get(&cookie, "/audit").await;
    for said in ["Data plane as JSON Lines<", "Data plane as CSV, at production, for or about =order 17<"] {
        assert!(log.body.contains(said), "{said}");
    }
    let portal = export("portal", "jsonl", &[]).await;
    let first: Value = serde_json::from_str(portal.lines().next().expect("a line")).expect("JSON");
    assert_eq!(first["sequence"], 1, "oldest first");
    let last: Value = serde_json::from_str(portal.lines().last().expect("a line")).expect("JSON");
    assert_eq!(last["action"], "audit.export", "also this one");
    let table = export("portal", "csv", &[]).await;
    assert!(table.lines().count() > 10 && table.starts_with("\u{feff}sequence,at,who,action,"));
    assert_eq!(table.matches('\u{feff}').count(), 1, "at the start alone");
    assert!(!portal.contains('\u{feff}'), "JSON has none (RFC 8259, 8.1)");
}

#[tokio::test]
async fn an_export_that_cannot_be_made_is_refused() {
    let (house, cookie) = busy().await;
    for fields in [
        &[("source", "data")][..],
        &[("source", "data"), ("format", "pdf")],
        &[("source", "data"), ("format", "csv"), ("from", "yesterday")],
    ] {
        let answer = house.post(&cookie, "/audit/export", fields).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{fields:?}");
    }
}

/// Lines of earlier releases have no ids, and the lines of two environments may stand on two pages: the URL name alone decides.
#[tokio::test]
async fn lines_show_an_id_where_a_url_name_was_used_before() {
    let (house, _, cookie) = furnished().await;
    let shown = async |place: &str| house.get(&cookie, &format!("/audit?place={place}")).await.body;
    let add = [("name", "trial"), ("slug", "trial"), ("kind", "test")];
    house.post(&cookie, "/environments", &add).await;
    assert!(!shown("trial").await.contains(">ID "), "it means one environment");
    house.post(&cookie, "/environments/trial/remove", &[]).await;
    let again = house.post(&cookie, "/environments", &add).await;
    assert_eq!(again.location(), "/environments/trial");
    let page = shown("trial").await;
    let ids: Vec<&str> = page.split(">ID ").skip(1).map(|rest| &rest[..36]).collect();
    assert_eq!(ids.len(), 3, "added, removed, added: {page}");
    assert!(ids[0] != ids[1] && ids[1] == ids[2], "{ids:?}");
    let alone = shown(ids[0]).await;
    assert_eq!(alone.matches(">ID ").count(), 1, "also where the page has no other line of that name");
    assert!(!shown("production").await.contains(">ID "));
}
