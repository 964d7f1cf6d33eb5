//! Every endpoint of every API stands in the table `server::api::rows`; these tests attack every row of it.

use crate::support::{Answer, House, furnished};
use axum::http::{Method, StatusCode};
use domain::data::operation::Operation;
use server::api::{Needs, Row, rows};

fn address(row: &Row) -> String {
    row.path.replace("{environment}", "production").replace("{country}", "DE")
}

/// Sends a request with these headers and a body that names a tenant.
async fn ask(house: &House, row: &Row, headers: &[(&'static str, &str)]) -> Answer {
    let body = r#"{"tenantId":"production/DE","iclFields":{"requestingId":"x"}}"#;
    let ask = house.ask(row.method.clone(), &address(row)).without("sec-fetch-site");
    let mut ask = ask.header("content-type", "application/json").body(body);
    for (name, value) in headers {
        ask = ask.also(name, value);
    }
    ask.send().await
}

fn scheme(row: &Row) -> &'static str {
    if row.path.starts_with("/api/1/") { "cmk" } else { "ApiKey" }
}

fn guarded() -> impl Iterator<Item = &'static Row> {
    rows().filter(|row| row.needs != Needs::Nothing)
}

#[tokio::test]
async fn without_a_key_that_works_no_row_answers_and_all_answer_alike() {
    let (house, _, cookie) = furnished().await;
    let right = format!("kstdAQIDBAUG{}", "s".repeat(32));
    for row in guarded() {
        let scheme = scheme(row);
        let with = |key: &str| format!("{scheme} {key}");
        let other_scheme = format!("{} {right}", if scheme == "cmk" { "Bearer" } else { "cmk" });
        let (unknown, changed) = (right.replace("AQIDBAUG", "AAAAAAAA"), right.replace("ssss", "sssA"));
        for headers in [
            vec![],
            vec![("cookie", cookie.clone())],
            vec![("authorization", String::new())],
            vec![("authorization", scheme.to_owned())],
            vec![("authorization", right.clone())],
            vec![("authorization", other_scheme)],
            vec![("authorization", with(&format!("{right}x")))],
            vec![("authorization", with(&right)), ("authorization", with(&right))],
        ] {
            let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let answer = ask(&house, row, &headers).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{} {headers:?}", row.path);
        }
        // What has the form of a key gets one answer, whichever keys exist.
        let mut said = Vec::new();
        for key in [&unknown, &changed] {
            let headers = [("authorization", with(key))];
            let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let answer = ask(&house, row, &headers).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{} {headers:?}", row.path);
            said.push(answer.body);
        }
        said.dedup();
        assert_eq!(said.len(), 1, "{}: {said:?}", row.path);
    }
}

#[tokio::test]
async fn a_key_of_another_scope_learns_nothing() {
    let (house, _, _) = furnished().await;
    let key = house.test.api_key([9; 6], "Other", "production/AT", Operation::ALL).await;
    house.test.portal.access().refresh().await.expect("it looks");
    for row in guarded().filter(|row| row.needs != Needs::AnyKey) {
        let authorization = format!("{} {}", scheme(row), key.expose());
        let answer = ask(&house, row, &[("authorization", &authorization)]).await;
        assert!(answer.status.is_client_error(), "{}: {}", row.path, answer.status);
        for secret in ["dek", "plaintext", "derived", "versions"] {
            assert!(!answer.body.contains(&format!("\"{secret}")), "{}: {}", row.path, answer.body);
        }
    }
}

#[tokio::test]
async fn a_method_that_a_row_does_not_have_is_refused() {
    let (house, _, _) = furnished().await;
    for row in rows() {
        let others = [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH];
        for method in others.into_iter().filter(|method| *method != row.method) {
            let answer = house.ask(method.clone(), &address(row)).without("sec-fetch-site").send().await;
            assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {}", row.path);
            assert!(answer.header("content-type").ends_with("json"), "{method} {}", row.path);
        }
    }
}
