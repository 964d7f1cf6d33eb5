//! Headers that make the browser protect sessions and secrets, and requests that the router does not answer.

use crate::support::{Answer, House, address, furnished};
use axum::http::{Method, StatusCode};
use engine::testing::PASSWORD;
use engine::testing::look;
use server::PAGES;

const HTTPS: &[(&str, &str)] = &[("KEYSTEAD_PUBLIC_URL", "https://keys.example.com")];

fn cookies(answer: &Answer) -> Vec<&str> {
    answer.headers.get_all("set-cookie").iter().map(|value| value.to_str().expect("text")).collect()
}

/// Signs in at a server whose public address is https; returns the cookie as it was set.
async fn over_https() -> (House, String) {
    let house = House::with(HTTPS).await;
    let person = house.test.administrator().await;
    let fields = [("email", person.email.as_str()), ("password", PASSWORD)];
    let half = house.post("", "/sign-in", &fields).await;
    let cookie = cookies(&half)[0].split(';').next().expect("a pair").to_owned();
    let code = house.test.code(&person);
    let full = house.post(&cookie, "/sign-in/code", &[("code", code.expose())]).await;
    let set = cookies(&full)[0].to_owned();
    (house, set)
}

#[tokio::test]
async fn over_https_cookies_are_bound_to_the_host_and_hidden_from_script() {
    let (house, session) = over_https().await;
    for part in ["__Host-keystead-443=", "; Path=/", "; Secure", "; HttpOnly", "; SameSite=Lax"] {
        assert!(session.contains(part), "{session} lacks {part}");
    }
    assert!(!session.contains("Domain"), "{session}");
    assert!(session.len() < 4096);
    let theme = house.post("", "/theme", &[("theme", "dark"), ("next", "/sign-in")]).await;
    let theme = cookies(&theme)[0];
    for part in ["__Host-keystead-theme=dark", "; Path=/", "; Secure", "; SameSite=Lax"] {
        assert!(theme.contains(part), "{theme} lacks {part}");
    }
    let page = house.get("__Host-keystead-theme=dark", "/sign-in").await;
    assert!(page.body.contains("data-theme=\"dark\""), "the theme is remembered");
    let island = include_str!("../../../app/src/islands/theme_now.rs");
    assert!(island.contains("\"__Host-\", \"; secure\""), "the island writes the same cookie");
}

#[tokio::test]
async fn over_https_every_answer_asks_for_https_and_lets_no_other_site_read() {
    let (house, _) = over_https().await;
    for path in ["/sign-in", "/environments", "/healthz", "/nothing", "/assets/0/favicon.svg"] {
        let ask = house.ask(Method::GET, path).header("origin", "https://evil.example.com");
        let answer = ask.header("access-control-request-method", "GET").send().await;
        assert_eq!(
            answer.header("strict-transport-security"),
            "max-age=63072000; includeSubDomains",
            "{path}"
        );
        let policy = answer.header("content-security-policy");
        for part in ["default-src 'none'", "base-uri 'none'", "object-src 'none'", "frame-ancestors 'none'"] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        let names: Vec<_> = answer.headers.keys().map(|name| name.as_str()).collect();
        assert!(!names.iter().any(|name| name.starts_with("access-control")), "{path}: {names:?}");
        for name in ["server", "x-powered-by", "via"] {
            assert!(!names.contains(&name), "{path} tells what it runs on");
        }
    }
}

#[tokio::test]
async fn signing_out_clears_what_the_browser_kept() {
    let (house, session) = over_https().await;
    let cookie = session.split(';').next().expect("a pair");
    let out = house.post(cookie, "/sign-out", &[]).await;
    // Nothing of Keystead's is in the cache, and a browser takes seconds to clear a large one.
    assert_eq!(out.header("clear-site-data"), "\"storage\"");
    assert!(
        cookies(&out)
            .iter()
            .any(|cookie| cookie.contains("__Host-keystead-443=;") && cookie.contains("Max-Age=0"))
    );
    assert_eq!(
        house.get(cookie, "/environments").await.status,
        StatusCode::SEE_OTHER,
        "and the session is over"
    );
}

#[tokio::test]
async fn what_is_no_page_is_not_answered() {
    let (house, _, cookie) = furnished().await;
    for path in [
        "/metrics",
        "/.git/config",
        "/.env",
        "/Cargo.toml",
        "/assets/0/keystead.wasm.map",
        "/assets/0/../root.key",
    ] {
        assert_eq!(house.get(&cookie, path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let known = [Method::GET, Method::HEAD, Method::POST];
    let others = ["TRACE", "TRACK", "CONNECT", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "DEBUG"];
    for row in PAGES {
        for method in others.map(|name| name.parse::<Method>().expect("a method")) {
            assert!(!known.contains(&method));
            let answer = house.ask(method.clone(), &address(row.path)).cookie(&cookie).send().await;
            // OPTIONS of `/` is the default check of HAProxy.
            let is_check = method == Method::OPTIONS && row.path == "/";
            let status = if is_check { StatusCode::OK } else { StatusCode::METHOD_NOT_ALLOWED };
            assert_eq!(answer.status, status, "{method} {}", row.path);
        }
    }
}

#[tokio::test]
async fn every_text_says_its_charset() {
    let (house, _, cookie) = furnished().await;
    for path in [
        "/assets/0/favicon.svg",
        "/assets/0/keystead.css",
        "/assets/0/keystead.js",
        "/environments",
        "/nothing",
        "/healthz",
    ] {
        let answer = house.get(&cookie, path).await;
        let kind = answer.header("content-type");
        assert!(kind.ends_with("; charset=utf-8"), "{path} is {kind}");
    }
}

#[tokio::test]
async fn secrets_go_in_by_post_and_never_into_an_address() {
    let (house, person, cookie) = furnished().await;
    let half = house.half_signed_in(&person.email).await;
    let fresh = House::new().await;
    fresh.test.portal.people().issue_setup_token(None).await.expect("issued");
    let mut pages = vec![fresh.get("", "/setup").await.body];
    for row in PAGES.iter().filter(|row| row.methods.contains(&Method::GET)) {
        for cookie in ["", &half, &cookie] {
            pages.push(house.get(cookie, &address(row.path)).await.body);
        }
    }
    let mut forms = 0;
    for form in pages.iter().flat_map(|page| page.split("<form").skip(1)) {
        let form = form.split("</form>").next().unwrap_or_default();
        let secret = ["type=\"password\"", "name=\"code\"", "name=\"recovery_code\"", "name=\"token\""];
        if secret.iter().any(|mark| form.contains(mark)) {
            assert!(form.contains("method=\"post\""), "{form}");
            forms += 1;
        }
    }
    assert!(forms > 4, "the forms were found");
}

#[tokio::test]
async fn a_check_by_options_learns_whether_the_server_is_ready_and_nothing_else() {
    let (house, _, _) = furnished().await;
    // HAProxy's default check names no host; an attacker's page could name any.
    for host in [None, Some("evil.example")] {
        for path in ["/", "*", "/readyz", "/healthz"] {
            let mut ask = house.ask(Method::OPTIONS, path).without("host");
            if let Some(host) = host {
                ask = ask.header("host", host);
            }
            let answer = ask.send().await;
            assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, "ok\n"), "{path} {host:?}");
            assert_eq!(answer.header("allow"), "GET, HEAD, OPTIONS", "{path}");
            assert_eq!(answer.header("set-cookie"), "", "{path}");
            assert!(answer.headers.keys().all(|name| !name.as_str().starts_with("access-control")), "{path}");
        }
        let mut ask = house.ask(Method::OPTIONS, "/environments").without("host");
        if let Some(host) = host {
            ask = ask.header("host", host);
        }
        assert_eq!(ask.send().await.status, StatusCode::MISDIRECTED_REQUEST, "{host:?}");
    }
}

/// Islands store nothing in the browser; the theme is in a cookie.
#[test]
fn no_island_uses_the_browsers_storage() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../app/src/islands");
    let mut islands = 0;
    for entry in std::fs::read_dir(folder).expect("the islands") {
        let text =
            std::fs::read_to_string(entry.expect("an entry").path()).expect("a source file").to_lowercase();
        for word in ["storage", "indexed_db", "indexeddb", "caches("] {
            assert!(!text.contains(word), "{word}");
        }
        islands += 1;
    }
    assert!(islands > 3, "the islands were found");
}

fn tells_nothing(page: &Answer) {
    for inside in
        ["sqlx", "pool", "panicked", "SELECT", "administrator.", "totp_seed", "sealed", ".rs:", "stack"]
    {
        assert!(!page.body.contains(inside), "{inside}: {}", page.body);
    }
    assert!(page.body.contains("</html>"), "it is a page");
}

#[tokio::test]
async fn a_fault_is_a_calm_page_that_tells_nothing() {
    let (house, person, cookie) = furnished().await;
    let half = house.half_signed_in(&person.email).await;
    look::execute(house.test.db(), "UPDATE administrator SET totp_seed = zeroblob(100)")
        .await
        .expect("spoilt");
    house.test.sign_everything().await;
    let code = house.test.code(&person);
    let fault = house.post(&half, "/sign-in/code", &[("code", code.expose())]).await;
    assert_eq!(fault.status, StatusCode::INTERNAL_SERVER_ERROR);
    tells_nothing(&fault);
    assert!(fault.body.contains("Nothing was changed"));
    house.test.portal.close().await;
    for path in ["/environments", "/profile", "/audit"] {
        let away = house.get(&cookie, path).await;
        assert_eq!(away.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        tells_nothing(&away);
    }
    assert_eq!(house.get("", "/readyz").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(house.get("", "/healthz").await.status, StatusCode::OK);
}

/// During a rolling restart the page is one server's and the file another's: nobody may keep the file under the page's address.
#[tokio::test]
async fn a_file_is_kept_for_ever_under_the_address_of_its_own_build_alone() {
    let house = House::new().await;
    house.test.administrator().await;
    let page = house.get("", "/sign-in").await.body;
    let build = page.split("/assets/").nth(1).and_then(|rest| rest.split('/').next()).expect("a file");
    for (build, cached) in [(build, "public, max-age=31536000, immutable"), ("0123456789abcdef", "no-store")]
    {
        let answer = house.get("", &format!("/assets/{build}/favicon.svg")).await;
        assert_eq!((answer.status, answer.header("cache-control")), (StatusCode::OK, cached), "{build}");
    }
}

#[tokio::test]
async fn the_answer_to_head_has_the_length_of_a_body_and_none() {
    let house = House::new().await;
    house.test.administrator().await;
    for path in ["/api/openapi.json", "/api/v1/scopes/production/DE/keys", "/healthz", "/sign-in"] {
        let body = house.get("", path).await.body;
        let head = house.ask(Method::HEAD, path).send().await;
        assert_eq!(head.header("content-length"), body.len().to_string(), "{path}");
        assert!(head.body.is_empty() && !body.is_empty(), "{path}");
    }
}
