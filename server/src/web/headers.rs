//! The headers of every answer.

use crate::App;
use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, RETRY_AFTER,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::Response;

/// The Content Security Policy of answers that are no pages.
pub const ASSET_POLICY: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; object-src 'none'; frame-ancestors 'none'";

const FIXED: [(HeaderName, &str); 6] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), NOTHING_PERMITTED),
    // For browsers that do not know `frame-ancestors`.
    (HeaderName::from_static("x-frame-options"), "DENY"),
];

/// A page may use no feature of the device. It writes the clipboard on a click, which needs no permission of the policy.
const NOTHING_PERMITTED: &str = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), \
     magnetometer=(), microphone=(), midi=(), payment=(), publickey-credentials-get=(), usb=(), xr-spatial-tracking=()";

/// Adds the headers that every answer has.
pub async fn set(State(app): State<App>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    dress(&mut response, app.is_https());
    response
}

/// Adds the headers that do not depend on how the portal is reached.
pub async fn set_fixed(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    dress(&mut response, false);
    response
}

/// Adds the headers that every answer has; the caching, the policy and `Retry-After` that a handler set itself stay.
pub fn dress(response: &mut Response, is_https: bool) {
    let is_busy = response.status() == StatusCode::SERVICE_UNAVAILABLE;
    let headers = response.headers_mut();
    headers.reserve(FIXED.len() + 4);
    if is_busy {
        headers.entry(RETRY_AFTER).or_insert(HeaderValue::from_static("5"));
    }
    for (name, value) in &FIXED {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(ASSET_POLICY));
    if is_https {
        // A host must not send this header over plain HTTP (RFC 6797, 7.2).
        let always = HeaderValue::from_static("max-age=63072000; includeSubDomains");
        headers.insert(STRICT_TRANSPORT_SECURITY, always);
    }
}

/// Returns the policy of a page. With a nonce its script may run; without one no script runs at all.
pub fn page_policy(nonce: Option<&str>) -> String {
    let script = match nonce {
        // 'wasm-unsafe-eval' lets the browser compile WebAssembly; it allows no `eval` of script.
        Some(nonce) => format!("'nonce-{nonce}' 'strict-dynamic' 'wasm-unsafe-eval'"),
        None => "'none'".to_owned(),
    };
    format!(
        "default-src 'none'; script-src {script}; style-src 'self'; img-src 'self'; font-src 'self'; \
         connect-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
    )
}
