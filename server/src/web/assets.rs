//! The site inside the binary: script, WebAssembly, style, font; compressed at build time.
//!
//! All files lie in one folder that is named by a hash of all of them, so that a browser may keep them for ever and never mixes
//! two builds.

use crate::App;
use crate::web::headers::ASSET_POLICY;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, VARY,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use rust_embed::{Embed, EmbeddedFile};

#[derive(Embed)]
#[folder = "../target/site"]
#[allow_missing = true]
struct Site;

/// Returns `/assets/` and a hash of all files, 8 bytes long.
pub fn base() -> String {
    let mut names: Vec<_> = Site::iter().collect();
    names.sort();
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for name in names {
        let file = Site::get(&name).map(|file| file.metadata.sha256_hash()).unwrap_or_default();
        for byte in name.as_bytes().iter().chain(&file) {
            // FNV-1a over the files' SHA-256: a name for a build, not a protection.
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    format!("/assets/{hash:016x}")
}

/// Serves a file, compressed when the browser takes brotli. A page of another release, for example during a rolling restart, gets
/// the file of this one, and nobody keeps it under that address.
pub async fn serve(
    State(app): State<App>,
    Path((build, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let is_own = app.assets().strip_prefix("/assets/") == Some(&*build);
    let cached = if is_own { "public, max-age=31536000, immutable" } else { "no-store" };
    let accepts = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let Some(kind) = content_type(&name) else { return StatusCode::NOT_FOUND.into_response() };
    if takes_brotli(accepts)
        && let Some(file) = Site::get(&format!("{name}.br"))
    {
        return answer(file, kind, cached, Some("br"));
    }
    match Site::get(&name) {
        Some(file) => answer(file, kind, cached, None),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Checks whether a list of encodings has brotli, and not with the weight 0, which excludes it (RFC 9110, 12.4.2).
fn takes_brotli(accepts: &str) -> bool {
    accepts.split(',').any(|entry| {
        let mut parts = entry.split(';').map(str::trim_ascii);
        let is_zero = |part: &str| {
            let weight = part.split_once('=').filter(|(name, _)| name.trim_ascii().eq_ignore_ascii_case("q"));
            weight.is_some_and(|(_, weight)| weight.trim_ascii().parse() == Ok(0.0))
        };
        parts.next().is_some_and(|name| name.eq_ignore_ascii_case("br")) && !parts.any(is_zero)
    })
}

fn answer(
    file: EmbeddedFile,
    kind: &'static str,
    cached: &'static str,
    encoding: Option<&'static str>,
) -> Response {
    let head = [
        (CONTENT_TYPE, kind),
        (CACHE_CONTROL, cached),
        // Also on an uncompressed answer: a shared cache must not give one form to every client (RFC 9110, 12.5.5).
        (VARY, "accept-encoding"),
        (CONTENT_SECURITY_POLICY, ASSET_POLICY),
    ];
    let encoding = encoding.map(|name| [(CONTENT_ENCODING, name)]);
    match encoding {
        Some(encoding) => (head, encoding, Body::from(file.data.into_owned())).into_response(),
        None => (head, Body::from(file.data.into_owned())).into_response(),
    }
}

/// Returns the content type of a file. Keystead serves no other kinds of file.
fn content_type(name: &str) -> Option<&'static str> {
    match name.rsplit('.').next()? {
        "js" => Some("text/javascript; charset=utf-8"),
        "wasm" => Some("application/wasm"),
        "css" => Some("text/css; charset=utf-8"),
        "woff2" => Some("font/woff2"),
        "svg" => Some("image/svg+xml; charset=utf-8"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brotli_is_sent_to_whom_it_was_offered_and_not_excluded() {
        for (accepts, takes) in [
            ("br", true),
            ("gzip, deflate, br, zstd", true),
            ("gzip;q=1.0, BR ; q=0.5", true),
            ("br;q=0", false),
            ("gzip, br; Q=0.000", false),
            ("gzip", false),
            ("brotli", false),
            ("", false),
        ] {
            assert_eq!(takes_brotli(accepts), takes, "{accepts}");
        }
    }
}
