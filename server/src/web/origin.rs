//! The hosts that Keystead answers for, and the origins that may change something.

use super::failure::Failure;
use crate::App;
use crate::settings::is_loopback;
use axum::extract::{Request, State};
use axum::http::header::{HOST, HeaderName, ORIGIN};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::time::Instant;
use url::Url;

/// Maximum number of characters of a host's name in the log.
const LONGEST_ASKED: usize = 100;

/// Answers only requests for the public address or this machine, so that a DNS name that somebody else points at this server
/// reaches nothing.
pub async fn known_host(State(app): State<App>, request: Request, next: Next) -> Response {
    let authority = request.uri().authority().map(|authority| authority.as_str());
    if is_for_us(request.headers(), authority, app.public_url()) {
        return next.run(request).await;
    }
    let asked = asked(request.headers(), authority);
    if app.unknown_hosts().is_new(asked.clone(), Instant::now()) {
        let url = app.public_url();
        // `Debug` escapes the name, which a stranger wrote.
        tracing::warn!(
            ?asked,
            public_url = %url,
            "a request names a host that Keystead does not answer for; if people open the public URL, the proxy must pass on the header Host, with its port; else correct KEYSTEAD_PUBLIC_URL"
        );
    }
    Failure::unknown_host().into_response()
}

/// Returns the names of hosts that a request gives, for the log.
fn asked(headers: &HeaderMap, authority: Option<&str>) -> String {
    let hosts = headers.get_all(HOST).iter().map(|host| String::from_utf8_lossy(host.as_bytes()));
    let names: Vec<_> = hosts.chain(authority.map(Into::into)).take(3).collect();
    names.join(", ").chars().take(LONGEST_ASKED).collect()
}

/// The value of a header. A header that occurs twice is unclear, because one reader uses the first value and another reader the
/// last.
enum Said<'a> {
    Nothing,
    Once(&'a str),
    Unclear,
}

fn said(headers: &HeaderMap, name: HeaderName) -> Said<'_> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Said::Nothing,
        (Some(value), None) => value.to_str().map_or(Said::Unclear, Said::Once),
        _ => Said::Unclear,
    }
}

/// Checks that every name that the request gives belongs to this server: the `Host` header, and the authority of HTTP/2 or of
/// an absolute address.
fn is_for_us(headers: &HeaderMap, authority: Option<&str>, public: &Url) -> bool {
    // The header has no scheme, and the default port depends on it.
    let is_ours = |name: &str| {
        host_url(public.scheme(), name)
            .is_some_and(|asked| is_ours(&asked, public) || is_public_without_port(name, &asked, public))
    };
    match (said(headers, HOST), authority) {
        (Said::Once(host), authority) => is_ours(host) && authority.is_none_or(is_ours),
        (Said::Nothing, Some(authority)) => is_ours(authority),
        _ => false,
    }
}

fn host_url(scheme: &str, host: &str) -> Option<Url> {
    // The parser of URLs takes more: user names, paths and escapes; and it drops tabs.
    let is_plain = host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]".contains(&b));
    is_plain.then(|| Url::parse(&format!("{scheme}://{host}")).ok()).flatten()
}

fn is_ours(asked: &Url, public: &Url) -> bool {
    is_loopback(asked) || asked.origin() == public.origin()
}

/// Checks whether a request names the public host and no port. Proxies may leave out the port (nginx: `$host`). The name alone
/// protects against other DNS names; whether a change comes from our own pages, `same_origin` decides with the port.
fn is_public_without_port(name: &str, asked: &Url, public: &Url) -> bool {
    let after_brackets = name.rsplit_once(']').map_or(name, |(_, rest)| rest);
    !after_brackets.contains(':') && asked.host() == public.host()
}

/// Lets a request that may change something through only from Keystead's own pages: checks `Sec-Fetch-Site` where the browser
/// sends it, else the exact `Origin`; refuses a request with neither.
pub async fn same_origin(State(app): State<App>, request: Request, next: Next) -> Response {
    let is_safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if is_safe || is_same_origin(request.headers(), app.public_url()) {
        return next.run(request).await;
    }
    Failure::foreign_origin().into_response()
}

fn is_same_origin(headers: &HeaderMap, public: &Url) -> bool {
    match (said(headers, HeaderName::from_static("sec-fetch-site")), said(headers, ORIGIN)) {
        (Said::Unclear, _) | (_, Said::Unclear) => false,
        // Browsers let no script set this header, so it decides without `Origin`.
        (Said::Once(site), _) => site == "same-origin",
        (Said::Nothing, Said::Once(origin)) => {
            origin == public.origin().ascii_serialization() || here(headers).is_some_and(|own| origin == own)
        }
        (Said::Nothing, Said::Nothing) => false,
    }
}

/// Checks whether a page of another site led the browser here. A browser that does not tell counts as one that was not led.
pub fn is_led_here(headers: &HeaderMap) -> bool {
    match said(headers, HeaderName::from_static("sec-fetch-site")) {
        Said::Nothing => false,
        Said::Once(site) => !matches!(site, "same-origin" | "none"),
        Said::Unclear => true,
    }
}

/// Returns the origin of a page of Keystead that was opened on this machine.
fn here(headers: &HeaderMap) -> Option<String> {
    let Said::Once(host) = said(headers, HOST) else { return None };
    // Keystead itself speaks plain HTTP; TLS ends at the proxy.
    host_url("http", host).filter(is_loopback).map(|asked| asked.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value")))
            .collect()
    }

    #[test]
    fn only_our_own_host_is_answered() {
        let public = Url::parse("https://keys.example.com").expect("an address");
        for (host, is_answered) in [
            ("keys.example.com", true),
            ("keys.example.com:443", true),
            ("KEYS.example.com", true),
            ("localhost:3000", true),
            ("127.0.0.1:3000", true),
            ("[::1]:3000", true),
            ("keys.example.com:8443", false),
            ("keys.example.com:80", false),
            ("evil.example.com", false),
            ("keys.example.com.evil.com", false),
            ("127.0.0.1@evil.com", false),
            ("evil.com/keys.example.com", false),
            ("", false),
        ] {
            assert_eq!(is_for_us(&headers(&[("host", host)]), None, &public), is_answered, "{host}");
            assert_eq!(is_for_us(&headers(&[]), Some(host), &public), is_answered, "{host} in HTTP/2");
        }
    }

    #[test]
    fn a_proxy_may_leave_out_the_port_of_the_public_host() {
        for (public, host, is_answered) in [
            ("https://keys.example.com:8443", "keys.example.com:8443", true),
            ("https://keys.example.com:8443", "keys.example.com", true),
            ("https://keys.example.com:8443", "KEYS.example.com", true),
            ("https://keys.example.com:8443", "keys.example.com:443", false),
            ("https://keys.example.com:8443", "keys.example.com:80", false),
            ("https://keys.example.com:8443", "keys.example.com:", false),
            ("https://keys.example.com:8443", "evil.example.com", false),
            ("https://keys.example.com:8443", "evil.example.com:8443", false),
            ("https://192.0.2.1:8443", "192.0.2.1", true),
            ("https://[2001:db8::1]:8443", "[2001:db8::1]", true),
            ("https://[2001:db8::1]:8443", "[2001:db8::1]:443", false),
            ("https://[2001:db8::1]:8443", "[2001:db8::2]", false),
        ] {
            let public = Url::parse(public).expect("an address");
            assert_eq!(is_for_us(&headers(&[("host", host)]), None, &public), is_answered, "{host} {public}");
            assert_eq!(
                is_for_us(&headers(&[]), Some(host), &public),
                is_answered,
                "{host} {public} in HTTP/2"
            );
        }
        // A page at the port that Keystead does not answer for is another origin.
        let public = Url::parse("https://keys.example.com:8443").expect("an address");
        for (origin, is_allowed) in
            [("https://keys.example.com:8443", true), ("https://keys.example.com", false)]
        {
            let asked = headers(&[("host", "keys.example.com"), ("origin", origin)]);
            assert_eq!(is_same_origin(&asked, &public), is_allowed, "{origin}");
        }
    }

    #[test]
    fn what_the_log_has_of_a_strangers_host_is_short() {
        let long = "x".repeat(5000);
        let headers: HeaderMap = [(HOST, long.parse().expect("a value"))].into_iter().collect();
        assert_eq!(asked(&headers, Some("evil.example.com")).len(), LONGEST_ASKED);
    }

    #[test]
    fn every_name_a_request_gives_must_be_ours() {
        let public = Url::parse("https://keys.example.com").expect("an address");
        let (ours, evil) = ("keys.example.com", "evil.example.com");
        assert!(is_for_us(&headers(&[("host", ours)]), Some(ours), &public));
        assert!(!is_for_us(&headers(&[("host", ours)]), Some(evil), &public));
        assert!(!is_for_us(&headers(&[("host", evil)]), Some(ours), &public));
        assert!(!is_for_us(&headers(&[("host", ours), ("host", ours)]), Some(ours), &public));
        assert!(!is_for_us(&headers(&[]), None, &public));
    }

    #[test]
    fn only_our_own_pages_change_something() {
        let public = Url::parse("https://keys.example.com").expect("an address");
        for (pairs, is_allowed) in [
            (&[("sec-fetch-site", "same-origin")][..], true),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "cross-site"), ("origin", "https://keys.example.com")], false),
            (&[("sec-fetch-site", "none")], false),
            (&[("origin", "https://keys.example.com")], true),
            (&[("origin", "http://keys.example.com")], false),
            (&[("origin", "https://keys.example.com.evil.com")], false),
            (&[("origin", "null")], false),
            (&[("host", "localhost:3000"), ("origin", "http://localhost:3000")], true),
            (&[("host", "evil.com"), ("origin", "http://evil.com")], false),
            (&[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")], false),
            (&[("origin", "https://keys.example.com"), ("origin", "https://evil.com")], false),
            (&[], false),
        ] {
            assert_eq!(is_same_origin(&headers(pairs), &public), is_allowed, "{pairs:?}");
        }
    }
}
