//! Two cookies: the session's token, and the theme, which is no secret.

use crate::App;
use axum::http::HeaderMap;
use axum::http::header::COOKIE;
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use domain::overview::frame::Theme;
use engine::SecretText;

/// Over plain HTTP on this machine `Secure` cookies do not work in every browser, and `__Host-` needs `Secure`: the cookie then
/// has another name, so that neither is taken for the other.
fn session_name(app: &App) -> &'static str {
    if app.is_https() { "__Host-keystead" } else { "keystead" }
}

/// The island of the theme switch writes the same cookie.
fn theme_name(app: &App) -> &'static str {
    if app.is_https() { "__Host-keystead-theme" } else { "keystead-theme" }
}

/// Returns the token if the browser sends exactly one. A browser keeps one cookie of that name: a second one was planted by
/// somebody else.
pub fn token(app: &App, headers: &HeaderMap) -> Option<SecretText> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut ours = lines
        .flat_map(Cookie::split_parse)
        .flatten()
        .filter(|cookie| cookie.name() == session_name(app))
        .map(|cookie| SecretText::new(cookie.value()));
    ours.next().filter(|_| ours.next().is_none())
}

/// Returns the cookie that hands the session's token to the browser.
pub fn session(app: &App, token: &SecretText) -> Cookie<'static> {
    Cookie::build((session_name(app), token.expose().to_owned()))
        .path("/")
        .http_only(true)
        .secure(app.is_https())
        // No request that another site causes carries the session, not even a link to a page.
        .same_site(SameSite::Strict)
        .build()
}

/// Returns the cookie that removes the session's token from the browser.
pub fn no_session(app: &App) -> Cookie<'static> {
    // A browser ignores a `__Host-` cookie without `Secure` and `Path=/`, also one that only removes.
    let mut cookie = session(app, &SecretText::default());
    cookie.make_removal();
    cookie
}

pub fn theme(app: &App, headers: &HeaderMap) -> Theme {
    let jar = CookieJar::from_headers(headers);
    jar.get(theme_name(app)).and_then(|cookie| Theme::from_word(cookie.value())).unwrap_or_default()
}

/// Returns the cookie of the theme. Script can read it, because the theme switch writes it too.
pub fn set_theme(app: &App, theme: Theme) -> Cookie<'static> {
    Cookie::build((theme_name(app), theme.word()))
        .path("/")
        .secure(app.is_https())
        .same_site(SameSite::Lax)
        .permanent()
        .build()
}
