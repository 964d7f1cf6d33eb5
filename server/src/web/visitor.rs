//! The visitor of a page: client address, browser, and the session that the cookie names.

use super::failure::Failure;
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
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

/// Any client of the pages.
#[derive(Clone)]
pub struct Visitor {
    pub from: Client,
    pub theme: Theme,
    pub session: Option<Session>,
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
}

impl FromRequestParts<App> for Visitor {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        if let Some(known) = parts.extensions.get::<Self>() {
            return Ok(known.clone());
        }
        let from = Client {
            address: client(app, &parts.extensions, &parts.headers),
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
        let draft = session.as_ref().filter(|_| is_shown);
        let draft = draft.and_then(|session| draft::of(app, &parts.headers, session, path));
        let visitor = Self {
            from,
            draft,
            theme: cookies::theme(app, &parts.headers),
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
            None => {
                let had_session = cookies::token(app, &parts.headers).is_some();
                Err(Failure::sign_in_first(parts, had_session))
            }
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

/// Returns the client's address as text; empty where there is no connection.
pub fn client(app: &App, extensions: &Extensions, headers: &HeaderMap) -> String {
    let peer = extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    address(peer, headers, app.trusted_proxies()).map(|ip| ip.to_string()).unwrap_or_default()
}

/// Returns the client's address: the peer, or, behind trusted proxies, the last address in `X-Forwarded-For` that is not one of
/// them.
pub fn address(peer: Option<IpAddr>, headers: &HeaderMap, trusted: &[IpNet]) -> Option<IpAddr> {
    // A listener on `[::]` sees IPv4 clients as `::ffff:a.b.c.d`.
    let peer = peer?.to_canonical();
    if !is_trusted(peer, trusted) {
        return Some(peer);
    }
    let forwarded: Vec<_> = headers
        .get_all("x-forwarded-for")
        .iter()
        // Byte by byte: a client may write anything to the left of what the proxy appends to the same line.
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(|entry| str::from_utf8(entry).ok().and_then(|entry| entry.trim().parse::<IpAddr>().ok()))
        .collect();
    // Each proxy appends the address it saw. A client can invent everything to the left of its own address.
    let mut client = peer;
    for entry in forwarded.into_iter().rev() {
        let Some(ip) = entry else { break };
        client = ip.to_canonical();
        if !is_trusted(client, trusted) {
            break;
        }
    }
    Some(client)
}

/// Checks whether an address is that of a trusted proxy.
pub fn is_trusted(ip: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|network| network.contains(&ip.to_canonical()))
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
    use axum::http::HeaderValue;

    fn forwarded(list: &str) -> HeaderMap {
        let value = HeaderValue::from_bytes(list.as_bytes()).expect("a value");
        [("x-forwarded-for".parse().expect("a name"), value)].into_iter().collect()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn forwarded_addresses_are_believed_from_trusted_proxies_only() {
        let trusted = ["10.0.0.0/8".parse().expect("a network")];
        for (peer, list, client) in [
            ("192.0.2.7", "198.51.100.1", "192.0.2.7"),
            ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
            ("10.0.0.1", "203.0.113.9, 198.51.100.1", "198.51.100.1"),
            ("10.0.0.1", "198.51.100.1, 10.2.3.4", "198.51.100.1"),
            ("10.0.0.1", "rubbish", "10.0.0.1"),
            // A client must not hide the address that the proxy appends.
            ("10.0.0.1", "ÿ, 198.51.100.1", "198.51.100.1"),
            ("10.0.0.1", "198.51.100.1, ÿ", "10.0.0.1"),
            ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ] {
            assert_eq!(
                address(Some(ip(peer)), &forwarded(list), &trusted),
                Some(ip(client)),
                "{peer} {list}"
            );
        }
        assert_eq!(address(Some(ip("10.0.0.1")), &forwarded("198.51.100.1"), &[]), Some(ip("10.0.0.1")));
    }

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
