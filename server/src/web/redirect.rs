//! Redirects and queries.

use axum::http::header::LOCATION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::base::number;

/// Returns one value of a query.
pub fn query_value(query: &str, name: &str) -> Option<String> {
    url::form_urlencoded::parse(query.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

/// Maximum length of a filter in characters.
const FILTER_MAX: usize = 60;

/// Returns the text of a filter in a query.
pub fn query_filter(query: &str, name: &str) -> String {
    query_value(query, name).unwrap_or_default().chars().take(FILTER_MAX).collect()
}

/// Returns the number of a page in a query; without one that can be read, the first page.
pub fn query_page(query: &str, name: &str) -> usize {
    query_value(query, name).and_then(|text| number::plain(&text)).unwrap_or(1)
}

/// Redirects (303) to the page that shows the result.
pub fn see(path: &str) -> Response {
    match HeaderValue::from_str(path) {
        Ok(path) => (StatusCode::SEE_OTHER, [(LOCATION, path)]).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Returns the path to go to after sign-in: a path of Keystead, never another site.
pub fn local_path(next: &str) -> String {
    // Browsers read `\` as `/`.
    // The text becomes a header and, escaped, the value of `next`, where it may be three times as long.
    let is_local = next.starts_with('/')
        && !next.starts_with("//")
        && !next.contains('\\')
        && next.len() <= 2000
        && next.bytes().all(|b| b.is_ascii_graphic());
    if is_local { next.to_owned() } else { "/".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_to_another_site() {
        for (next, sent) in [
            ("/environments/production", "/environments/production"),
            ("/audit?before=7", "/audit?before=7"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("https://evil.example", "/"),
            ("javascript:alert(1)", "/"),
            ("/a\r\nSet-Cookie: x", "/"),
            ("/\tevil", "/"),
            ("", "/"),
        ] {
            assert_eq!(local_path(next), sent, "{next}");
        }
    }
}
