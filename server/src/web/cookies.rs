//! Four cookies: the session's token; the device cookie, with which a browser is known again; for half an hour, what was typed into
//! a form when the session ended; and the theme, which is no secret.

use crate::App;
use axum::http::HeaderMap;
use axum::http::header::COOKIE;
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use domain::overview::frame::Theme;
use engine::SecretText;
use engine::changes::{device, draft};

/// Over plain HTTP on this machine `Secure` cookies do not work in every browser, and `__Host-` needs `Secure`: the cookie then
/// has another name, so that neither is taken for the other. A browser sends a host's cookies to all of its ports, so the name has
/// the port: two instances of Keystead on one host do not replace each other's cookies.
fn session_name(app: &App) -> String {
    let prefix = if app.is_https() { "__Host-" } else { "" };
    format!("{prefix}keystead-{}", app.public_url().port_or_known_default().unwrap_or_default())
}

fn device_name(app: &App) -> String {
    format!("{}-device", session_name(app))
}

fn draft_name(app: &App) -> String {
    format!("{}-draft", session_name(app))
}

/// The island of the theme switch writes the same cookie. All instances of a host share it, because it is only a matter of taste.
fn theme_name(app: &App) -> &'static str {
    if app.is_https() { "__Host-keystead-theme" } else { "keystead-theme" }
}

/// Returns the token of the session.
pub fn token(app: &App, headers: &HeaderMap) -> Option<SecretText> {
    only(&session_name(app), headers)
}

/// Returns the device cookie.
pub fn device(app: &App, headers: &HeaderMap) -> Option<SecretText> {
    only(&device_name(app), headers)
}

/// Returns the draft of a form.
pub fn draft(app: &App, headers: &HeaderMap) -> Option<SecretText> {
    only(&draft_name(app), headers)
}

/// Returns the cookie of a name if the browser sends exactly one. A browser keeps one cookie of that name: a second one was planted
/// by somebody else.
fn only(name: &str, headers: &HeaderMap) -> Option<SecretText> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut ours = lines
        .flat_map(Cookie::split_parse)
        .flatten()
        .filter(|cookie| cookie.name() == name)
        .map(|cookie| SecretText::new(cookie.value()));
    ours.next().filter(|_| ours.next().is_none())
}

/// Returns the cookie that hands the session's token to the browser.
pub fn session(app: &App, token: &SecretText) -> Cookie<'static> {
    hidden(app, session_name(app), token)
}

/// Returns the device cookie of a browser with which somebody has signed in. It stays after the session.
pub fn set_device(app: &App, device: &SecretText) -> String {
    format!("{}; Max-Age={}", hidden(app, device_name(app), device), device::LIFE.num_seconds())
}

/// Returns the cookie that keeps the draft of a form.
pub fn set_draft(app: &App, draft: &SecretText) -> String {
    format!("{}; Max-Age={}", hidden(app, draft_name(app), draft), draft::LIFE.num_seconds())
}

/// Returns the cookie that removes the draft from the browser.
pub fn no_draft(app: &App) -> String {
    removal(hidden(app, draft_name(app), &SecretText::default()))
}

/// Returns a cookie that no script can read. Of the requests that other sites cause, only links to pages carry it, so that a link
/// in a mail leads a person who is signed in to its page. A GET changes nothing, and `web::origin` looks at every other method.
fn hidden(app: &App, name: String, value: &SecretText) -> Cookie<'static> {
    Cookie::build((name, value.expose().to_owned()))
        .path("/")
        .http_only(true)
        .secure(app.is_https())
        .same_site(SameSite::Lax)
        .build()
}

/// Returns the cookie that removes the session's token from the browser.
pub fn no_session(app: &App) -> String {
    removal(session(app, &SecretText::default()))
}

/// Makes a cookie its own removal. A browser ignores a `__Host-` cookie without `Secure` and `Path=/`, also one that only removes.
fn removal(mut cookie: Cookie<'static>) -> String {
    cookie.make_removal();
    cookie.to_string()
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
