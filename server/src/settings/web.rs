//! Settings of the listeners and of the public address.

use super::source::Source;
use crate::Stop;
use domain::base::typed::trimmed;
use domain::scopes::scope::is_unprintable;
use ipnet::{IpNet, Ipv4Net};
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;
use url::Url;

pub struct WebSettings {
    pub listen: SocketAddr,
    /// The address that people type; it decides cookies and the hosts that Keystead answers for.
    pub public_url: Url,
    /// The name that tells this installation from others.
    instance_name: Option<InstanceName>,
    /// `None`: no metrics.
    pub metrics_listen: Option<SocketAddr>,
    /// Networks whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// Time between SIGTERM and the drain.
    pub lame_duck: Duration,
}

impl WebSettings {
    pub(super) fn read(source: &Source) -> Result<Self, Stop> {
        let Listening(listen) = source.required("listen", "an address with a port, like 127.0.0.1:3000")?;
        let metrics = source.get("metrics_listen", "an address with a port, like 127.0.0.1:9464")?;
        Ok(Self {
            listen,
            public_url: public_url(source, listen, source.flag("allow_insecure_http")?)?,
            instance_name: source
                .get("instance_name", "1 to 40 characters, no colon, none that is invisible")?,
            metrics_listen: metrics.map(|Listening(metrics)| metrics),
            trusted_proxies: proxies(source)?,
            lame_duck: source.seconds("lame_duck_seconds")?,
        })
    }

    /// Returns the heading of every page: "Keystead", with the name of the installation where it has one.
    pub fn brand(&self) -> String {
        self.instance_name.as_ref().map_or_else(|| "Keystead".to_owned(), |name| branded(&name.0))
    }

    /// Returns the name of this installation in authenticator apps. Without a name of its own it is host and port of the public URL.
    pub fn issuer(&self) -> String {
        match &self.instance_name {
            Some(name) => branded(&name.0),
            None => {
                let host = self.public_url.host_str().unwrap_or_default();
                let port = self.public_url.port().map_or_else(String::new, |port| format!("-{port}"));
                // Apps take what stands before a colon for the issuer.
                branded(&format!("{}{port}", host.trim_matches(['[', ']']).replace(':', "-")))
            }
        }
    }

    pub fn is_https(&self) -> bool {
        self.public_url.scheme() == "https"
    }

    /// Checks whether a proxy must be there that is not named: Keystead itself has no TLS.
    pub fn is_proxy_missing(&self) -> bool {
        self.is_https() && self.trusted_proxies.is_empty()
    }

    /// Checks whether other machines are served over plain HTTP: the operator must allow it, and every start warns.
    pub fn is_insecure(&self) -> bool {
        let is_own = is_loopback(&self.public_url) && is_own(self.listen);
        !self.is_https() && !is_own
    }
}

/// Returns a name with "Keystead" before it, unless it has the word already.
fn branded(name: &str) -> String {
    if name.to_lowercase().contains("keystead") { name.to_owned() } else { format!("Keystead {name}") }
}

/// An address to listen on. The port 0 is none: the system would choose another one at every start.
struct Listening(SocketAddr);

impl FromStr for Listening {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        text.parse().ok().filter(|address: &SocketAddr| address.port() != 0).map(Self).ok_or(())
    }
}

/// Name of an installation. In the label of an authenticator's entry a colon would end it.
struct InstanceName(String);

impl FromStr for InstanceName {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        /// Maximum number of characters.
        const LONGEST: usize = 40;
        let is_good = (1..=LONGEST).contains(&text.chars().count())
            && !text.contains(':')
            && !text.chars().any(is_unprintable);
        if is_good { Ok(Self(text.to_owned())) } else { Err(()) }
    }
}

/// Checks whether an address has nothing but scheme, host and port.
pub(super) fn is_bare(url: &Url) -> bool {
    let has_host = matches!(url.scheme(), "http" | "https") && url.host().is_some();
    has_host
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none()
}

fn public_url(source: &Source, listen: SocketAddr, is_insecure_allowed: bool) -> Result<Url, Stop> {
    let what = "an address like https://keystead.example.com (no path)";
    // An unspecified address (0.0.0.0, ::) is one to listen on, not one to connect to.
    let host = if listen.ip().is_unspecified() { "127.0.0.1".to_owned() } else { bracketed(listen.ip()) };
    let default = Url::parse(&format!("http://{host}:{}", listen.port())).map_err(|_| Stop::new(what))?;
    let url = source.get("public_url", what)?.unwrap_or(default);
    if !is_bare(&url) {
        return Err(source.is_not("public_url", url.as_str(), what));
    }
    if url.scheme() == "https" || is_insecure_allowed {
        return Ok(url);
    }
    if !is_loopback(&url) {
        // `is_bare` has refused a URL with a password, so this message may quote it.
        return Err(Stop::new(format!(
            "The public URL {url} ({}) uses plain HTTP, so passwords and codes would cross the network unencrypted. Use https, \
             or set KEYSTEAD_ALLOW_INSECURE_HTTP=true to accept this risk.",
            source.named("public_url")
        )));
    }
    if !is_own(listen) {
        return Err(Stop::new(format!(
            "{} is {listen}, so other machines can connect, and passwords and codes would cross the network \
             unencrypted. Put a proxy with TLS in front, and set KEYSTEAD_PUBLIC_URL to its https address. Or set \
             KEYSTEAD_ALLOW_INSECURE_HTTP=true to accept this risk.",
            source.named("listen")
        )));
    }
    Ok(url)
}

/// Checks whether only this machine can connect to an address.
fn is_own(listen: SocketAddr) -> bool {
    listen.ip().to_canonical().is_loopback()
}

fn bracketed(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("[{v6}]"),
    }
}

pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        // No other name counts, even if it resolves to this machine: a stranger can point a DNS name of theirs at 127.0.0.1.
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

fn proxies(source: &Source) -> Result<Vec<IpNet>, Stop> {
    let list: Option<String> = source.get("trusted_proxies", "a list of networks")?;
    let list = list.unwrap_or_default();
    let named = source.named("trusted_proxies");
    let networks = list.split(',').map(trimmed).filter(|entry| !entry.is_empty()).map(|entry| {
        let network = entry.parse::<IpNet>().or_else(|_| entry.parse::<IpAddr>().map(IpNet::from));
        let network = network.map_err(|_| {
            Stop::new(format!(
                "The setting {named} contains “{entry}”, which is not an address or network like 10.0.0.0/8. Commas separate several."
            ))
        })?;
        let network = canonical(network);
        match is_too_wide(&network) {
            true => Err(Stop::new(format!(
                "The setting {named} contains “{entry}”, which trusts so many addresses that a stranger could choose \
                 the address that Keystead sees. Name the addresses or networks of the proxies alone."
            ))),
            false => Ok(network),
        }
    });
    networks.collect()
}

/// Returns a network of IPv4 addresses that is written as IPv6 (`::ffff:10.0.0.0/104`) as one of IPv4, as clients are compared.
fn canonical(network: IpNet) -> IpNet {
    let mapped = match network {
        IpNet::V6(v6) => v6.addr().to_ipv4_mapped().zip(v6.prefix_len().checked_sub(96)),
        IpNet::V4(_) => None,
    };
    let mapped = mapped.and_then(|(address, length)| Ipv4Net::new(address, length).ok());
    mapped.map_or(network, IpNet::V4)
}

/// Checks whether a network has more addresses than the largest one that an operator can own: 10.0.0.0/8, fc00::/7.
fn is_too_wide(network: &IpNet) -> bool {
    match network {
        IpNet::V4(v4) => v4.prefix_len() < 8,
        IpNet::V6(v6) => v6.prefix_len() < 16 && !(v6.prefix_len() >= 7 && v6.addr().is_unique_local()),
    }
}
