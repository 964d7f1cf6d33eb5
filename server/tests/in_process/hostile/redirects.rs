//! Every redirect leads to an address of Keystead.

use crate::support::{Answer, House, furnished};
use axum::http::Method;
use engine::testing::PASSWORD;
use url::Url;

const PUBLIC: &str = "http://127.0.0.1:3000";

fn attempts() -> Vec<String> {
    let mut attempts: Vec<String> = [
        "//evil.example",
        "///evil.example",
        "////evil.example/..",
        "/\\evil.example",
        "\\\\evil.example",
        "\\/evil.example",
        "/%2f/evil.example",
        "/%2fevil.example",
        "%2f%2fevil.example",
        "/%5cevil.example",
        "%252f%252fevil.example",
        "/%252f%252fevil.example",
        "https:evil.example",
        "https:/evil.example",
        "https://evil.example",
        "HTTPS://evil.example",
        "http://127.0.0.1:3000@evil.example",
        "http://127.0.0.1:3000.evil.example",
        "@evil.example",
        ".evil.example",
        ":80@evil.example",
        "/\t/evil.example",
        "\t//evil.example",
        " //evil.example",
        "/ /evil.example",
        "/\n/evil.example",
        "/\r/evil.example",
        "/a\r\nSet-Cookie: keystead=evil",
        "/a\r\n\r\n<script>alert(1)</script>",
        "/a%0d%0aSet-Cookie:%20keystead=evil",
        "/\u{0}/evil.example",
        "/\u{2028}/evil.example",
        "/．．/evil.example",
        "／／evil.example",
        "/.//evil.example",
        "/..//evil.example",
        "/./\\evil.example",
        "/environments/..//evil.example",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "/javascript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "?next=//evil.example",
        "#//evil.example",
        "",
        "/",
    ]
    .map(str::to_owned)
    .into();
    attempts.push(format!("/{}", "a".repeat(30_000)));
    attempts.push(format!("//evil.example/{}", "a".repeat(30_000)));
    attempts
}

/// Checks that a redirect stays on this site however it is parsed, and so does the address in its `next`.
fn must_stay_here(answer: &Answer, what: &str) {
    assert_eq!(answer.status.as_u16(), 303, "{what}");
    let location = answer.location();
    assert!(location.starts_with('/') && !location.starts_with("//"), "{what} leads to {location:?}");
    assert!(location.bytes().all(|b| b.is_ascii_graphic() && b != b'\\'), "{what} leads to {location:?}");
    assert!(location.len() <= 8_000, "{what} leads to {} bytes", location.len());
    assert_eq!(answer.headers.get_all("location").iter().count(), 1, "{what}");
    let public = Url::parse(PUBLIC).expect("an address");
    let to = public.join(location).expect("an address");
    assert_eq!(to.origin(), public.origin(), "{what} leads to {to}");
    for (_, next) in to.query_pairs().filter(|(name, _)| name == "next") {
        let then = public.join(&next).expect("an address");
        assert_eq!(then.origin(), public.origin(), "{what} leads on to {then}");
        assert!(next.starts_with('/') && !next.starts_with("//"), "{what} leads on to {next}");
    }
    let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
    assert!(!format!("{cookies:?}").contains("evil"), "{what} sets {cookies:?}");
}

fn query(path: &str, next: &str) -> String {
    format!(
        "{path}?{}",
        url::form_urlencoded::Serializer::new(String::new()).append_pair("next", next).finish()
    )
}

#[tokio::test]
async fn nobody_is_sent_to_another_site() {
    let (house, _, cookie) = furnished().await;
    for next in attempts() {
        let what = format!("{:?}", &next.chars().take(60).collect::<String>());
        for path in ["/theme", "/profile/recovery-codes/show"] {
            let mut fields = vec![("next", next.as_str())];
            if path == "/theme" {
                fields.push(("theme", "dark"));
            }
            must_stay_here(&house.post(&cookie, path, &fields).await, &format!("{path} {what}"));
        }
        must_stay_here(&house.get(&cookie, &query("/sign-in", &next)).await, &format!("signed in {what}"));
        for path in ["/sign-in/code", "/sign-in/recovery"] {
            must_stay_here(&house.get("", &query(path, &next)).await, &format!("{path} {what}"));
            let posted = house.post("", path, &[("next", next.as_str())]).await;
            must_stay_here(&posted, &format!("POST {path} {what}"));
        }
        let page = house.get("", &query("/sign-in", &next)).await;
        assert!(!page.body.contains("value=\"//") && !page.body.contains("value=\"http"), "{what}");
    }
    must_stay_here(&house.get("", &format!("/audit?{}", "a".repeat(30_000))).await, "a long address");
}

#[tokio::test]
async fn signing_in_ends_on_a_page_of_ours() {
    let (house, person, _) = furnished().await;
    for next in attempts() {
        let what = format!("{:?}", &next.chars().take(60).collect::<String>());
        let fields = [("email", person.email.as_str()), ("password", PASSWORD), ("next", next.as_str())];
        let first = house.post("", "/sign-in", &fields).await;
        must_stay_here(&first, &what);
        let half = first.cookie().expect("the password was right");
        for path in ["/sign-in/code", "/sign-in/recovery"] {
            let page = house.get(&half, &query(path, &next)).await;
            assert!(!page.body.contains("value=\"//") && !page.body.contains("next=//"), "{path} {what}");
        }
        let code = house.test.code(&person);
        let fields = [("code", code.expose()), ("next", next.as_str())];
        must_stay_here(&house.post(&half, "/sign-in/code", &fields).await, &what);
        house.test.next_code();
    }
}

#[tokio::test]
async fn a_path_of_slashes_is_no_redirect() {
    let house = House::new().await;
    for path in ["//evil.example", "//evil.example/..", "/\\evil.example", "/%2fevil.example", "/.//evil"] {
        let Ok(uri) = path.parse::<axum::http::Uri>() else { continue };
        let answer = house.ask(Method::GET, &uri.to_string()).send().await;
        assert_eq!(answer.status.as_u16(), 404, "{path}");
    }
}
