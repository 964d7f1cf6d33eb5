//! The visitor of a page: client address, browser, and the session that the cookie names.

use super::failure::Failure;
use super::proxies::Heard;
use super::redirect::local_path;
use super::{cookies, draft, origin};
use crate::App;
use crate::run::connections::Connection;
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::header::USER_AGENT;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, Method};
use domain::base::address;
use domain::base::form::Form;
use domain::overview::frame::Theme;
use engine::base::error::ChangesError;
use engine::base::network::Network;
use engine::base::shares::Holder;
use engine::{Client, Error, Session, Stage};
use std::net::{IpAddr, SocketAddr};

/// Any client of the pages.
#[derive(Clone)]
pub struct Visitor {
    pub from: Client,
    pub theme: Theme,
    pub session: Option<Session>,
    /// The browser sent the cookie of a session that is over.
    pub had_session: bool,
    /// Path and query of the request.
    pub path: String,
    pub query: String,
    /// What was typed into the form of this page when the session ended.
    pub draft: Option<Form>,
}

impl Visitor {
    /// Returns the session if it has reached exactly this stage.
    pub fn at(&self, stage: Stage) -> Option<&Session> {
        self.session.as_ref().filter(|session| session.stage == stage)
    }

    /// Returns the address that was asked for, to return to it.
    pub fn asked(&self) -> String {
        let whole = format!("{}?{}", self.path, self.query);
        // Without its query where that cannot be carried along.
        if self.query.is_empty() || local_path(&whole) != whole { self.path.clone() } else { whole }
    }
}

impl FromRequestParts<App> for Visitor {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        if let Some(known) = parts.extensions.get::<Self>() {
            return Ok(known.clone());
        }
        let heard = heard(app, &parts.extensions, &parts.headers);
        let from = Client {
            address: heard.address.map(|ip| ip.to_string()).unwrap_or_default(),
            is_shared: heard.is_shared,
            agent: agent(&parts.headers),
            devices: cookies::device(app, &parts.headers)
                .map(|cookie| app.portal().changes().devices(&cookie))
                .unwrap_or_default(),
            only_looks: origin::is_led_here(&parts.headers)
                || (parts.method == Method::GET && parts.uri.path() == address::SESSION),
        };
        let session = match cookies::token(app, &parts.headers) {
            Some(token) => match app.portal().people().session(&token, from.clone()).await {
                Ok(session) => Some(session),
                Err(Error::Changes(ChangesError::SignedOut)) => None,
                // A database that does not answer must not look like the end of the session.
                Err(error) => return Err(error.into()),
            },
            None => None,
        };
        // The page as such: not a step of it that the query names.
        let path = parts.uri.path();
        let is_shown = parts.method == Method::GET && parts.uri.query().is_none();
        let draft = session.as_ref().filter(|_| is_shown && !from.only_looks);
        let draft = draft.and_then(|session| draft::of(app, &parts.headers, session, path));
        let visitor = Self {
            from,
            draft,
            theme: cookies::theme(app, &parts.headers),
            // A session that waits for its code has not ended.
            had_session: session.is_none() && cookies::token(app, &parts.headers).is_some(),
            session,
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
        };
        parts.extensions.insert(visitor.clone());
        Ok(visitor)
    }
}

/// A person who is signed in. The extractor sends everybody else to sign in and back afterwards.
#[derive(Clone)]
pub struct SignedIn {
    pub session: Session,
    pub visitor: Visitor,
}

impl FromRequestParts<App> for SignedIn {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let visitor = Visitor::from_request_parts(parts, app).await?;
        match visitor.at(Stage::Full).cloned() {
            Some(session) => Ok(Self { session, visitor }),
            None => Err(Failure::sign_in_first(parts, visitor.had_session)),
        }
    }
}

/// Returns the holder of what a client uses who has not proved who it is.
pub fn stranger(address: Option<IpAddr>, connection: Option<&Connection>) -> Holder {
    Holder::Stranger {
        network: address.map_or(Network::UNKNOWN, Network::of),
        connection: connection.map_or(0, Connection::number),
    }
}

/// Finds out the client's address; it is not known where there is no connection.
pub fn heard(app: &App, extensions: &Extensions, headers: &HeaderMap) -> Heard {
    let peer = extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    app.proxies().hear(peer, headers)
}

/// Returns a name such as "Firefox on Linux": enough to recognise one's own sessions.
fn agent(headers: &HeaderMap) -> String {
    let text = headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let first = |pairs: &[(&str, &'static str)]| {
        pairs.iter().find(|(mark, _)| text.contains(mark)).map(|(_, name)| *name)
    };
    // The order decides: Edge and Opera also contain "Chrome/", and Chrome also contains "Safari/".
    let browser = first(&[
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ]);
    // Android also contains "Linux"; iPhone and iPad also contain "Mac OS X".
    let system = first(&[
        ("Windows", "Windows"),
        ("Android", "Android"),
        ("iPhone", "iOS"),
        ("iPad", "iPadOS"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        _ => text.chars().filter(|c| !c.is_control()).take(40).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_named_as_people_know_it() {
        let named = |text: &str| agent(&[(USER_AGENT, text.parse().expect("a value"))].into_iter().collect());
        assert_eq!(
            named("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
            "Firefox on Linux"
        );
        assert_eq!(named("curl/8.5.0"), "curl/8.5.0");
    }
}
