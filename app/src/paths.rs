//! The addresses that pages link to.

use domain::scopes::scope::{Country, ScopeName, Slug};
use domain::services::api_key::ApiKeyId;

pub fn environment(slug: &Slug) -> String {
    format!("/environments/{slug}")
}

pub fn country(slug: &Slug, country: Country) -> String {
    format!("/environments/{slug}/{country}")
}

pub fn keys(scope: &ScopeName) -> String {
    format!("{}/keys", country(&scope.environment, scope.country))
}

pub fn alias(scope: &ScopeName) -> String {
    format!("{}/alias", country(&scope.environment, scope.country))
}

pub fn tenant_secrets(scope: &ScopeName) -> String {
    format!("{}/tenant-secrets", country(&scope.environment, scope.country))
}

pub fn version(scope: &ScopeName, number: u32) -> String {
    format!("{}/{number}", keys(scope))
}

pub fn check(scope: &ScopeName, number: u32) -> String {
    format!("{}/check", version(scope, number))
}

pub fn credentials(scope: &ScopeName, number: u32) -> String {
    format!("{}/credentials", version(scope, number))
}

pub fn revoke(key: ApiKeyId) -> String {
    format!("/api-keys/{key}/revoke")
}

/// An address that carries on where to go after signing in. The server hands out paths of ours only.
pub fn with_next(path: &str, next: &str) -> String {
    if next.is_empty() || next == "/" {
        return path.to_owned();
    }
    let encoded: String = next
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'/' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect();
    format!("{path}?next={encoded}")
}
