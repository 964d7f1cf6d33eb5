//! Which hosts are answered, and which origins may change something.

use super::failure::Failure;
use crate::App;
use crate::settings::is_loopback;
use axum::extract::{Request, State};
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use url::Url;

/// Answers only requests for the public address or this machine, so that a name pointed at this
/// server by somebody else reaches nothing.
pub async fn known_host(State(app): State<App>, request: Request, next: Next) -> Response {
    match asked_for(request.headers(), request.uri().authority().map(|authority| authority.as_str())) {
        Some(asked) if is_ours(&asked, app.public_url()) => next.run(request).await,
        _ => Failure::unknown_host().into_response(),
    }
}

/// The address the request names: the `Host` header, or the authority of HTTP/2.
fn asked_for(headers: &HeaderMap, authority: Option<&str>) -> Option<Url> {
    let mut hosts = headers.get_all(HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().ok()?,
        (None, _) => authority?,
        _ => return None,
    };
    let is_plain = host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]".contains(&b));
    is_plain.then(|| Url::parse(&format!("http://{host}")).ok()).flatten()
}

fn is_ours(asked: &Url, public: &Url) -> bool {
    // The scheme is not in the header: compare the port as written with the public one.
    let port_of = |url: &Url| url.port().or(if public.scheme() == "https" { Some(443) } else { Some(80) });
    is_loopback(asked) || (asked.host() == public.host() && port_of(asked) == port_of(public))
}

/// Lets a request that may change something through only from our own pages: `Sec-Fetch-Site`
/// where the browser sends it, else the exact `Origin`; neither means no.
pub async fn same_origin(State(app): State<App>, request: Request, next: Next) -> Response {
    let is_safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if is_safe || is_same_origin(request.headers(), app.public_url()) {
        return next.run(request).await;
    }
    Failure::foreign_origin().into_response()
}

fn is_same_origin(headers: &HeaderMap, public: &Url) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    match (text("sec-fetch-site"), text(ORIGIN.as_str())) {
        (Some(site), _) => site == "same-origin",
        (None, Some(origin)) => {
            let own = public.origin().ascii_serialization();
            let here = asked_for(headers, None)
                .filter(is_loopback)
                .map(|asked| asked.origin().ascii_serialization());
            origin == own || Some(origin) == here.as_deref()
        }
        (None, None) => false,
    }
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
            ("evil.example.com", false),
            ("keys.example.com.evil.com", false),
            ("127.0.0.1@evil.com", false),
            ("evil.com/keys.example.com", false),
            ("", false),
        ] {
            let asked = asked_for(&headers(&[("host", host)]), None);
            assert_eq!(asked.is_some_and(|asked| is_ours(&asked, &public)), is_answered, "{host}");
        }
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
            (&[], false),
        ] {
            assert_eq!(is_same_origin(&headers(pairs), &public), is_allowed, "{pairs:?}");
        }
    }
}
