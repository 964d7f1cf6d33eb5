//! Every address of the server.

use crate::pages::changes::two_step;
use crate::pages::overview::{calendar, home};
use crate::pages::people::{enrol, profile, recovery_codes, session, setup, sign_in};
use crate::pages::scopes::environments;
use crate::pages::services::api_keys;
use crate::pages::{audit, custody, keys};
use crate::run::{readiness, telemetry};
use crate::web::assets;
use crate::web::guard::{self, Limits};
use crate::web::{draft, error_pages, failure, framing, headers, origin, redirect, twice};
use crate::{App, api};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};
use axum::{Router, middleware};
use domain::base::address;
use domain::custody::command::ReplaceCredentials;
use domain::data::command::RotateTenantSecrets;
use domain::keys::command::{CreateKey, EditKey, RotateKey, SetLimits};
use domain::people::command::{ChangePassword, EndSessions, ReplaceAuthenticator, ReplaceRecoveryCodes};
use domain::scopes::command::{SetAlias, SetKind};
use domain::services::command::{CreateApiKey, RevokeApiKey};
use tower_http::CompressionLevel;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;

/// Who may use an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Anybody; what it does depends on nothing secret.
    Public,
    /// The holder of the setup token, while there is no administrator.
    Setup,
    /// A person whose sign-in has begun.
    SigningIn,
    /// A person who is signed in.
    SignedIn,
    /// A person who is signed in; the change needs a verification code.
    Confirmed,
}

/// An address, its methods, the people who may use it, and its handler.
pub struct Row {
    pub path: &'static str,
    pub methods: &'static [Method],
    pub who: Who,
    handler: fn() -> MethodRouter<App>,
}

const READ: &[Method] = &[Method::GET];
const WRITE: &[Method] = &[Method::POST];
const BOTH: &[Method] = &[Method::GET, Method::POST];

macro_rules! rows {
    ($($path:ident $methods:ident $who:ident => $handler:expr;)*) => {
        &[$(Row { path: address::$path, methods: $methods, who: Who::$who, handler: || $handler }),*]
    };
}

/// Handlers of both steps of a change.
macro_rules! change {
    ($command:ident) => {
        get(two_step::show::<$command>).post(two_step::submit::<$command>)
    };
}

/// The table of pages. The router is made from it and the tests attack every row of it, so no
/// page can be forgotten.
pub const PAGES: &[Row] = rows! {
    HOME READ Public => compressed(get(home::show));
    CALENDAR READ SignedIn => compressed(get(calendar::show));
    THEME WRITE Public => post(home::set_theme);
    SETUP BOTH Setup => get(setup::show).post(setup::submit);
    SETUP_AUTHENTICATOR BOTH Setup => get(enrol::show_setup).post(enrol::submit_setup);
    SIGN_IN BOTH Public => get(sign_in::show).post(sign_in::submit);
    SIGN_IN_CODE BOTH SigningIn => get(sign_in::show_code).post(sign_in::submit_code);
    SIGN_IN_RECOVERY BOTH SigningIn => get(sign_in::show_recovery).post(sign_in::submit_recovery);
    SIGN_IN_AUTHENTICATOR BOTH SigningIn => get(enrol::show_recovery).post(enrol::submit_recovery);
    // Public, because a person can also end a sign-in that is not complete.
    SIGN_OUT WRITE Public => post(sign_in::sign_out);
    ENVIRONMENTS BOTH SignedIn => get(environments::list).post(environments::add);
    ENVIRONMENT BOTH SignedIn => compressed(get(environments::show).post(environments::add_country));
    ENVIRONMENT_RENAME BOTH SignedIn => get(environments::show_rename).post(environments::rename);
    ENVIRONMENT_KIND BOTH Confirmed => change!(SetKind);
    ENVIRONMENT_LIMITS BOTH Confirmed => change!(SetLimits);
    ENVIRONMENT_REMOVE BOTH SignedIn => get(environments::show_remove).post(environments::remove);
    COUNTRY_REMOVE BOTH SignedIn =>
        get(environments::show_remove_country).post(environments::remove_country);
    ALIAS BOTH Confirmed => change!(SetAlias);
    TENANT_SECRETS BOTH Confirmed => change!(RotateTenantSecrets);
    KEYS READ SignedIn => get(keys::versions::list);
    KEY_ADD BOTH Confirmed => change!(CreateKey);
    KEY_ROTATE BOTH Confirmed => change!(RotateKey);
    KEY_SETTINGS BOTH Confirmed => change!(EditKey);
    VERSION READ SignedIn => get(keys::versions::version);
    VERSION_CHECK WRITE SignedIn => post(custody::aws::check_now);
    VERSION_CREDENTIALS BOTH Confirmed => change!(ReplaceCredentials);
    API_KEYS READ SignedIn => get(api_keys::list);
    API_KEY_ADD BOTH Confirmed => change!(CreateApiKey);
    API_KEY_NEW BOTH SignedIn => get(api_keys::show_new).post(api_keys::saved_new);
    API_KEY_REVOKE BOTH Confirmed => change!(RevokeApiKey);
    API_GUIDE READ SignedIn => get(api_keys::guide);
    AWS_GUIDE READ SignedIn => get(custody::aws::guide);
    AUDIT READ SignedIn => get(audit::page::show);
    // POST, because an export writes an audit event and a GET changes nothing.
    AUDIT_EXPORT WRITE SignedIn => post(audit::export::export);
    SESSION BOTH SignedIn => get(session::left).post(session::stay);
    PROFILE READ SignedIn => get(profile::show);
    PROFILE_SESSIONS BOTH Confirmed => change!(EndSessions);
    PROFILE_PASSWORD BOTH Confirmed => change!(ChangePassword);
    PROFILE_AUTHENTICATOR BOTH Confirmed => change!(ReplaceAuthenticator);
    // The change before it took a code of the old app; this form takes one of the new app.
    PROFILE_ENROL BOTH SignedIn => get(enrol::show_replacement).post(enrol::submit_replacement);
    PROFILE_RECOVERY_CODES BOTH Confirmed => change!(ReplaceRecoveryCodes);
    PROFILE_RECOVERY_CODES_SHOW BOTH SignedIn => get(recovery_codes::shown_codes).post(recovery_codes::saved_codes);
    // POST, because no link must lead to a file with secrets.
    PROFILE_RECOVERY_CODES_FILE WRITE SignedIn => post(recovery_codes::codes_file);
};

/// Compresses the pages of a route. Only for pages that show no secret: whoever can make a browser ask for a page with a text of
/// their own, and sees the length of the answer, learns what else is in it (the attack BREACH).
fn compressed(route: MethodRouter<App>) -> MethodRouter<App> {
    route.layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
}

/// Returns the router of the whole server.
pub fn router(app: App) -> Router {
    let pages = PAGES.iter().fold(Router::new(), |router, row| router.route(row.path, (row.handler)()));
    // The layer that is added last runs first: a request from a foreign host or origin takes no place and looks up no session.
    let pages = gallery(pages)
        // A layer covers only the routes and the fallback that stand before it.
        .fallback(async || failure::Failure::not_found())
        .layer(middleware::from_fn_with_state(app.clone(), lead))
        .layer(middleware::from_fn_with_state(app.clone(), draft::keep))
        .layer(middleware::from_fn_with_state(app.clone(), twice::once))
        .layer(middleware::from_fn_with_state(app.clone(), error_pages::nothing_in_frame))
        .layer(middleware::from_fn_with_state(Limits::portal(), guard::shed))
        .layer(middleware::from_fn(framing::at_page))
        .layer(middleware::from_fn_with_state(app.clone(), origin::same_origin))
        .layer(middleware::from_fn_with_state(app.clone(), origin::known_host))
        // Inside `as_page`, which turns the bare 500 of a panic into a page.
        .layer(CatchPanicLayer::new())
        .layer(middleware::from_fn_with_state(app.clone(), error_pages::as_page))
        .layer(middleware::from_fn_with_state(app.clone(), guard::in_turn));
    Router::new()
        // Outside the layers of the pages: a balancer's probe may name any host, and gets its answer while all places are taken.
        .route("/healthz", get(readiness::healthz).options(readiness::healthz))
        .route("/readyz", get(readiness::readyz).options(readiness::readyz))
        .route("/assets/{hash}/{name}", get(assets::serve))
        .merge(pages)
        .layer(middleware::from_fn_with_state(app.clone(), readiness::answer_options))
        .layer(middleware::from_fn_with_state(app.clone(), telemetry::observe))
        .layer(middleware::from_fn_with_state(app.clone(), headers::set))
        // Outside these layers: the doors count their requests and add the headers themselves.
        .layer(middleware::from_fn_with_state(app.clone(), api::before_pages))
        .with_state(app)
}

/// Leads (303) from an address where nothing is to the page that it means. Only the spelling decides, so a stranger does not learn
/// what exists.
async fn lead(State(app): State<App>, request: Request, next: Next) -> Response {
    let asked = matches!(*request.method(), Method::GET | Method::HEAD).then(|| request.uri().clone());
    let response = next.run(request).await;
    let Some(asked) = asked.filter(|_| response.status() == StatusCode::NOT_FOUND) else { return response };
    if asked.path() == address::FAVICON {
        return redirect::see(&format!("{}/favicon.svg", app.assets()));
    }
    match meant(asked.path()) {
        Some(page) => redirect::see(&match asked.query().filter(|query| query.is_ascii()) {
            Some(query) => format!("{page}?{query}"),
            None => page,
        }),
        None => response,
    }
}

/// Returns the address of the page that a path means, if the path is not the address itself.
fn meant(path: &str) -> Option<String> {
    let pages = PAGES.iter().filter(|row| row.methods.contains(&Method::GET)).map(|row| (row.path, row.path));
    let mut known = pages.chain(address::PREFIXES);
    known.find_map(|(pattern, page)| address::meant(path, pattern, page)).filter(|page| page != path)
}

/// Adds the gallery of components, in debug builds only.
fn gallery(router: Router<App>) -> Router<App> {
    #[cfg(debug_assertions)]
    let router = router.route(address::GALLERY, get(gallery::show));
    router
}

#[cfg(debug_assertions)]
mod gallery {
    use crate::App;
    use crate::web::page::Page;
    use crate::web::visitor::Visitor;
    use app::pages::GalleryPage;
    use axum::extract::State;
    use axum::response::Response;
    use leptos::prelude::*;

    pub async fn show(State(app): State<App>, visitor: Visitor) -> Response {
        Page::with_islands(&visitor, "Gallery").show(&app, || view! { <GalleryPage /> })
    }
}
