//! Every address of the portal, defined once. The route table uses the patterns; pages and redirects use addresses made of them.

use crate::overview::calendar::Month;
use crate::scopes::scope::{Country, ScopeName, Slug};
use crate::services::api_key::ApiKeyId;
use chrono::NaiveDate;

pub const HOME: &str = "/";
/// The calendar of coming rotations, ends and reminders.
pub const CALENDAR: &str = "/calendar";
pub const THEME: &str = "/theme";
pub const SETUP: &str = "/setup";
pub const SETUP_AUTHENTICATOR: &str = "/setup/authenticator";
pub const SIGN_IN: &str = "/sign-in";
pub const SIGN_IN_CODE: &str = "/sign-in/code";
pub const SIGN_IN_RECOVERY: &str = "/sign-in/recovery";
pub const SIGN_IN_AUTHENTICATOR: &str = "/sign-in/authenticator";
pub const SIGN_OUT: &str = "/sign-out";
pub const ENVIRONMENTS: &str = "/environments";
pub const ENVIRONMENT: &str = "/environments/{env}";
pub const ENVIRONMENT_RENAME: &str = "/environments/{env}/rename";
pub const ENVIRONMENT_KIND: &str = "/environments/{env}/kind";
pub const ENVIRONMENT_LIMITS: &str = "/environments/{env}/limits";
pub const ENVIRONMENT_REMOVE: &str = "/environments/{env}/remove";
/// The prefix of every page of a country; it has no page of its own.
pub const COUNTRY: &str = "/environments/{env}/{country}";
pub const COUNTRY_REMOVE: &str = "/environments/{env}/{country}/remove";
pub const ALIAS: &str = "/environments/{env}/{country}/alias";
pub const TENANT_SECRETS: &str = "/environments/{env}/{country}/tenant-secrets";
pub const KEYS: &str = "/environments/{env}/{country}/keys";
pub const KEY_ADD: &str = "/environments/{env}/{country}/keys/add";
pub const KEY_ROTATE: &str = "/environments/{env}/{country}/keys/rotate";
pub const KEY_SETTINGS: &str = "/environments/{env}/{country}/keys/settings";
pub const VERSION: &str = "/environments/{env}/{country}/keys/{number}";
pub const VERSION_CHECK: &str = "/environments/{env}/{country}/keys/{number}/check";
pub const VERSION_CREDENTIALS: &str = "/environments/{env}/{country}/keys/{number}/credentials";
pub const API_KEYS: &str = "/api-keys";
pub const API_KEY_ADD: &str = "/api-keys/add";
pub const API_KEY_NEW: &str = "/api-keys/new";
/// The prefix of the pages of an API key; it has no page of its own.
pub const API_KEY: &str = "/api-keys/{id}";
pub const API_KEY_REVOKE: &str = "/api-keys/{id}/revoke";
/// The prefix of the guides; it has no page of its own.
pub const GUIDES: &str = "/guides";
pub const API_GUIDE: &str = "/guides/api";
pub const AWS_GUIDE: &str = "/guides/aws";
pub const AUDIT: &str = "/audit";
pub const AUDIT_EXPORT: &str = "/audit/export";
/// How long the session lasts; a POST prolongs it.
pub const SESSION: &str = "/session";
pub const PROFILE: &str = "/profile";
pub const PROFILE_SESSIONS: &str = "/profile/sessions";
pub const PROFILE_PASSWORD: &str = "/profile/password";
pub const PROFILE_AUTHENTICATOR: &str = "/profile/authenticator";
pub const PROFILE_ENROL: &str = "/profile/authenticator/enrol";
pub const PROFILE_RECOVERY_CODES: &str = "/profile/recovery-codes";
pub const PROFILE_RECOVERY_CODES_SHOW: &str = "/profile/recovery-codes/show";
pub const PROFILE_RECOVERY_CODES_FILE: &str = "/profile/recovery-codes/file";
/// Browsers ask for it where no page has told them of an icon.
pub const FAVICON: &str = "/favicon.ico";
/// The gallery of components, in debug builds only.
pub const GALLERY: &str = "/gallery";
pub const OPENAPI: &str = "/api/openapi.json";

/// Returns the address of the overview with a query: names with their values, of which the empty ones are left out.
pub fn overview(query: &[(&str, &str)]) -> String {
    with_query(HOME, query)
}

/// Returns the address of an environment's page with a query.
pub fn environment_with(slug: &Slug, query: &[(&str, &str)]) -> String {
    with_query(&environment(slug), query)
}

/// Returns the address of a month of the calendar, as a table or as a list.
pub fn calendar_month(month: Month, is_list: bool) -> String {
    let view = if is_list { "list" } else { "" };
    with_query(CALENDAR, &[("month", &month.to_string()), ("view", view)])
}

/// Returns the address of a day of the calendar.
pub fn calendar_day(day: NaiveDate) -> String {
    with_query(CALENDAR, &[("day", &day.to_string())])
}

fn with_query(path: &str, query: &[(&str, &str)]) -> String {
    let given = query.iter().filter(|(_, value)| !value.is_empty());
    let query: Vec<_> = given.map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{}", query.join("&")) }
}

pub fn environment(slug: &Slug) -> String {
    in_environment(ENVIRONMENT, slug)
}

pub fn environment_rename(slug: &Slug) -> String {
    in_environment(ENVIRONMENT_RENAME, slug)
}

pub fn environment_kind(slug: &Slug) -> String {
    in_environment(ENVIRONMENT_KIND, slug)
}

pub fn environment_limits(slug: &Slug) -> String {
    in_environment(ENVIRONMENT_LIMITS, slug)
}

pub fn environment_remove(slug: &Slug) -> String {
    in_environment(ENVIRONMENT_REMOVE, slug)
}

/// Returns the prefix of a country's addresses.
pub fn country(slug: &Slug, country: Country) -> String {
    in_country(COUNTRY, slug, country)
}

pub fn country_remove(slug: &Slug, country: Country) -> String {
    in_country(COUNTRY_REMOVE, slug, country)
}

pub fn alias(scope: &ScopeName) -> String {
    in_scope(ALIAS, scope)
}

pub fn tenant_secrets(scope: &ScopeName) -> String {
    in_scope(TENANT_SECRETS, scope)
}

pub fn keys(scope: &ScopeName) -> String {
    in_scope(KEYS, scope)
}

pub fn key_add(scope: &ScopeName) -> String {
    in_scope(KEY_ADD, scope)
}

pub fn key_rotate(scope: &ScopeName) -> String {
    in_scope(KEY_ROTATE, scope)
}

pub fn key_settings(scope: &ScopeName) -> String {
    in_scope(KEY_SETTINGS, scope)
}

pub fn version(scope: &ScopeName, number: u32) -> String {
    of_version(VERSION, scope, number)
}

/// Returns the address of the audit log's lines about a version.
pub fn audit_of_version(scope: &ScopeName, number: u32) -> String {
    with_query(AUDIT, &[("place", &format!("{scope}/{number}"))])
}

pub fn version_check(scope: &ScopeName, number: u32) -> String {
    of_version(VERSION_CHECK, scope, number)
}

pub fn version_credentials(scope: &ScopeName, number: u32) -> String {
    of_version(VERSION_CREDENTIALS, scope, number)
}

/// Returns the id of an API key's row in the list.
pub fn api_key_anchor(key: ApiKeyId) -> String {
    format!("key-{key}")
}

/// Returns the address of an API key's row. A key on a later page of the list is found there.
pub fn api_key_row(key: ApiKeyId) -> String {
    format!("{API_KEYS}#{}", api_key_anchor(key))
}

pub fn api_key_revoke(key: ApiKeyId) -> String {
    API_KEY_REVOKE.replace("{id}", &key.to_string())
}

/// Returns the environment of an address, if the address belongs to one.
pub fn environment_of(path: &str) -> Option<Slug> {
    let below = path.strip_prefix(ENVIRONMENTS)?.strip_prefix('/')?;
    Slug::try_from(below.split('/').next()?.to_owned()).ok()
}

/// Prefixes of addresses that have no page of their own, and the page that a person means who opens one.
pub const PREFIXES: [(&str, &str); 3] = [(COUNTRY, KEYS), (API_KEY, API_KEYS), (GUIDES, API_GUIDE)];

/// Returns the address of `page` with the values of a path, if the path is `pattern` but for its spelling: more slashes than
/// needed, an environment in capitals, a country in small letters. Nothing of the path is copied: the address has the words of
/// `page`, and values that were read.
pub fn meant(path: &str, pattern: &str, page: &str) -> Option<String> {
    let mut written = path.split('/').filter(|part| !part.is_empty());
    let mut address = page.to_owned();
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        let text = written.next()?;
        let value = match part {
            "{env}" => Slug::try_from(text.to_ascii_lowercase()).ok()?.to_string(),
            "{country}" => Country::from_code(&text.to_ascii_uppercase()).ok()?.to_string(),
            // A number has one spelling.
            "{number}" => text.parse::<u32>().ok().map(|n| n.to_string()).filter(|n| n == text)?,
            "{id}" if text.bytes().all(|b| b.is_ascii_hexdigit()) => {
                text.to_ascii_lowercase().parse::<ApiKeyId>().ok()?.to_string()
            }
            word if word.eq_ignore_ascii_case(text) => continue,
            _ => return None,
        };
        address = address.replace(part, &value);
    }
    written.next().is_none().then_some(address)
}

/// Adds to an address the page to open after sign-in. The server passes only paths of the portal as `next`.
pub fn with_next(path: &str, next: &str) -> String {
    // Sign-in leads there by default.
    if matches!(next, "" | HOME) {
        return path.to_owned();
    }
    format!("{path}?next={}", encoded(next))
}

/// Encodes a value of a query. An `&` in it would otherwise begin another parameter.
fn encoded(value: &str) -> String {
    value
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

fn in_environment(pattern: &str, slug: &Slug) -> String {
    pattern.replace("{env}", slug.as_str())
}

fn in_country(pattern: &str, slug: &Slug, country: Country) -> String {
    in_environment(pattern, slug).replace("{country}", country.code())
}

fn in_scope(pattern: &str, scope: &ScopeName) -> String {
    in_country(pattern, &scope.environment, scope.country)
}

fn of_version(pattern: &str, scope: &ScopeName, number: u32) -> String {
    in_scope(pattern, scope).replace("{number}", &number.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_means_the_page_whose_address_it_resembles() {
        for (path, pattern, page, address) in [
            ("/audit/", AUDIT, AUDIT, Some("/audit")),
            ("//AUDIT//", AUDIT, AUDIT, Some("/audit")),
            ("/environments/Production/", ENVIRONMENT, ENVIRONMENT, Some("/environments/production")),
            ("/environments/production/de", COUNTRY, KEYS, Some("/environments/production/DE/keys")),
            ("/environments/p/de/keys/7/", VERSION, VERSION, Some("/environments/p/DE/keys/7")),
            ("/environments/p/DE/keys/07", VERSION, VERSION, None),
            ("/API-Keys/0102030405AB", API_KEY, API_KEYS, Some("/api-keys")),
            (
                "/api-keys/0102030405AB/revoke/",
                API_KEY_REVOKE,
                API_KEY_REVOKE,
                Some("/api-keys/0102030405ab/revoke"),
            ),
            ("/audit/more", AUDIT, AUDIT, None),
            ("/environments", ENVIRONMENT, ENVIRONMENT, None),
            ("/environments/pro%64uction", ENVIRONMENT, ENVIRONMENT, None),
            ("/environments/..", ENVIRONMENT, ENVIRONMENT, None),
            ("/environments/p/XX", COUNTRY, KEYS, None),
            ("/environments/p/DE/keys/+7", VERSION, VERSION, None),
            ("/environments/p/DE/keys/99999999999", VERSION, VERSION, None),
            ("/api-keys/kstdAbCd1234/revoke", API_KEY_REVOKE, API_KEY_REVOKE, None),
            ("/\\audit", AUDIT, AUDIT, None),
            ("/%2faudit", AUDIT, AUDIT, None),
        ] {
            assert_eq!(meant(path, pattern, page).as_deref(), address, "{path}");
        }
    }

    #[test]
    fn an_address_is_its_pattern_filled_in() {
        let scope: ScopeName = "production/DE".parse().expect("a scope");
        assert_eq!(environment(&scope.environment), "/environments/production");
        assert_eq!(version_check(&scope, 7), "/environments/production/DE/keys/7/check");
        assert_eq!(environment_of(&keys(&scope)), Some(scope.environment));
        assert_eq!(environment_of("/environments"), None);
        assert_eq!(overview(&[("find", "a&b/DE"), ("show", "")]), "/?find=a%26b%2FDE");
        assert_eq!(with_next(SIGN_IN, ENVIRONMENTS), "/sign-in?next=%2Fenvironments");
        assert_eq!(with_next(SIGN_IN, "/audit?before=7"), "/sign-in?next=%2Faudit%3Fbefore%3D7");
    }
}
