//! The proxies in front of Keystead, and the address of the client behind them.
//!
//! Keystead reads `X-Forwarded-For` alone. It reads no `Forwarded` (RFC 7239): a proxy that does not set this header passes on
//! what the client wrote in it, and nobody can see which of the two did.

use super::once::Once;
use crate::settings::WebSettings;
use axum::http::HeaderMap;
use domain::overview::upkeep::ProxyProblem;
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

const FORWARDED_FOR: &str = "x-forwarded-for";
/// Other headers that a proxy sends, and a browser does not.
const OTHER_SIGNS: [&str; 4] = ["x-forwarded-proto", "x-forwarded-host", "x-real-ip", "forwarded"];

/// The proxies that the settings name, and the proxies that seem to be set up wrongly.
pub struct Proxies {
    trusted: Vec<IpNet>,
    /// A proxy ends TLS, because Keystead does not, and the settings name none.
    is_none_named: bool,
    unnamed: Once<IpAddr>,
    unclear: Once<IpAddr>,
}

/// The address of a client, as well as Keystead knows it.
pub struct Heard {
    pub address: Option<IpAddr>,
    /// The address is evidently a proxy's, so several persons may have it.
    pub is_shared: bool,
    problem: Option<(Problem, IpAddr)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Problem {
    /// The peer forwards for others, and the settings do not name it.
    Unnamed,
    /// The proxy does not tell for whom it forwards, or not in a form that Keystead reads.
    Unclear,
}

impl Proxies {
    pub fn new(web: &WebSettings) -> Self {
        Self {
            trusted: web.trusted_proxies.clone(),
            is_none_named: web.is_proxy_missing(),
            unnamed: Once::default(),
            unclear: Once::default(),
        }
    }

    /// Checks whether an address is that of a trusted proxy.
    pub fn is_trusted(&self, ip: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(&ip.to_canonical()))
    }

    /// Finds out the client's address: the peer, or, behind trusted proxies, the last address in `X-Forwarded-For` that is not
    /// one of them.
    pub fn hear(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> Heard {
        // A listener on `[::]` sees IPv4 clients as `::ffff:a.b.c.d`.
        let Some(peer) = peer.map(|ip| ip.to_canonical()) else {
            return Heard { address: None, is_shared: false, problem: None };
        };
        if !self.is_trusted(peer) {
            let is_forwarded = headers.contains_key(FORWARDED_FOR) || has_other_sign(headers);
            let problem = is_forwarded.then_some((Problem::Unnamed, peer));
            return Heard { address: Some(peer), is_shared: is_forwarded || self.is_none_named, problem };
        }
        // Each proxy appends the address it saw. A client can invent everything to the left of its own address. Keystead splits
        // bytes, not text, because a client may write anything to the left of what the proxy appends to the same line.
        let lines = headers.get_all(FORWARDED_FOR).iter().rev();
        let mut entries = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b',')).peekable();
        let has_entry = entries.peek().is_some();
        let mut client = peer;
        for entry in entries {
            match read(entry) {
                Some(ip) => client = ip,
                // The entry was written by the last proxy that Keystead knows. What stands to the left of it may be invented.
                None => return self.unclear(client),
            }
            if !self.is_trusted(client) {
                return Heard { address: Some(client), is_shared: false, problem: None };
            }
        }
        // Programs on the proxy's machine also come from its address. They send no such headers.
        if !has_entry && has_other_sign(headers) {
            return self.unclear(client);
        }
        Heard { address: Some(client), is_shared: true, problem: None }
    }

    fn unclear(&self, proxy: IpAddr) -> Heard {
        Heard { address: Some(proxy), is_shared: true, problem: Some((Problem::Unclear, proxy)) }
    }

    /// Counts and logs what is wrong with a proxy. The log has one line for each proxy. The line has nothing that a client wrote.
    pub fn note(&self, heard: &Heard) {
        let Some((problem, proxy)) = heard.problem else { return };
        let (word, known) = match problem {
            Problem::Unnamed => ("unnamed", &self.unnamed),
            Problem::Unclear => ("unclear", &self.unclear),
        };
        metrics::counter!("keystead_proxy_problems_total", "problem" => word).increment(1);
        if !known.is_new(proxy, Instant::now()) {
            return;
        }
        match problem {
            Problem::Unnamed => tracing::warn!(
                %proxy,
                "requests come from an address that says that it forwards for others, and KEYSTEAD_TRUSTED_PROXIES does not name it, so Keystead takes all its visitors for one; \
                 if it is your proxy, add its address to KEYSTEAD_TRUSTED_PROXIES; if not, somebody reaches Keystead without your proxy and writes X-Forwarded-For"
            ),
            Problem::Unclear => tracing::warn!(
                %proxy,
                "a trusted proxy does not tell in X-Forwarded-For for whom it forwards, or tells it in a form that Keystead does not read, so Keystead takes its visitors for one; \
                 make it append the address of its client, with or without a port"
            ),
        }
    }

    /// Returns what an operator must look after, if a proxy seems to be set up wrongly.
    pub fn problem(&self) -> Option<ProxyProblem> {
        let now = Instant::now();
        // What a trusted proxy does comes first: strangers cannot cause it.
        let unclear = self.unclear.commonest(now).map(|ip| ProxyProblem::Unclear(ip.to_string()));
        let unnamed = || self.unnamed.commonest(now).map(|ip| ProxyProblem::Unnamed(ip.to_string()));
        unclear.or_else(unnamed).or(self.is_none_named.then_some(ProxyProblem::NoneNamed))
    }
}

fn has_other_sign(headers: &HeaderMap) -> bool {
    OTHER_SIGNS.iter().any(|name| headers.contains_key(*name))
}

/// Reads an address as proxies write it: IPv4 or IPv6, also in brackets, with a port, or quoted. `unknown` and names such as
/// `_hidden` (RFC 7239, 6.2 and 6.3) are no addresses.
fn read(entry: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(entry).ok()?.trim_matches([' ', '\t']);
    let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let ip = match bare {
        Some(bare) => bare.parse().map(IpAddr::V6).ok(),
        None => text.parse().ok().or_else(|| text.parse().ok().map(|with_port: SocketAddr| with_port.ip())),
    };
    ip.map(|ip| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn proxies(trusted: &[&str], is_none_named: bool) -> Proxies {
        let trusted = trusted.iter().map(|text| text.parse().expect("a network")).collect();
        Proxies { trusted, is_none_named, unnamed: Once::default(), unclear: Once::default() }
    }

    fn lines(all: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, line) in all {
            headers.append(*name, HeaderValue::from_bytes(line.as_bytes()).expect("a value"));
        }
        headers
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    /// Returns the client, whether several persons may have its address, and whether a proxy is to blame.
    fn heard(
        proxies: &Proxies,
        peer: &str,
        headers: &[(&'static str, &str)],
    ) -> (String, bool, Option<Problem>) {
        let heard = proxies.hear(Some(ip(peer)), &lines(headers));
        let address = heard.address.map(|ip| ip.to_string()).unwrap_or_default();
        (address, heard.is_shared, heard.problem.map(|(problem, _)| problem))
    }

    #[test]
    fn forwarded_addresses_are_believed_from_trusted_proxies_only() {
        let proxies = proxies(&["10.0.0.0/8"], false);
        for (peer, list, client) in [
            ("192.0.2.7", "198.51.100.1", "192.0.2.7"),
            ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
            ("10.0.0.1", "203.0.113.9, 198.51.100.1", "198.51.100.1"),
            ("10.0.0.1", "198.51.100.1, 10.2.3.4", "198.51.100.1"),
            ("10.0.0.1", "rubbish", "10.0.0.1"),
            // A client must not hide the address that the proxy appends.
            ("10.0.0.1", "ÿ, 198.51.100.1", "198.51.100.1"),
            ("10.0.0.1", "198.51.100.1, ÿ", "10.0.0.1"),
            ("10.0.0.1", "198.51.100.1, ", "10.0.0.1"),
            ("10.0.0.1", "198.51.100.1, unknown", "10.0.0.1"),
            ("10.0.0.1", "198.51.100.1, _hidden, 10.2.3.4", "10.2.3.4"),
            ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ] {
            assert_eq!(heard(&proxies, peer, &[(FORWARDED_FOR, list)]).0, client, "{peer} {list}");
        }
        let several =
            [(FORWARDED_FOR, "203.0.113.9"), (FORWARDED_FOR, "198.51.100.1"), (FORWARDED_FOR, "10.2.3.4")];
        assert_eq!(heard(&proxies, "10.0.0.1", &several).0, "198.51.100.1");
        let nobody = super::tests::proxies(&[], false);
        assert_eq!(heard(&nobody, "10.0.0.1", &[(FORWARDED_FOR, "198.51.100.1")]).0, "10.0.0.1");
    }

    #[test]
    fn addresses_are_read_in_every_form_that_proxies_send() {
        for (entry, address) in [
            ("203.0.113.9", "203.0.113.9"),
            (" 203.0.113.9\t", "203.0.113.9"),
            ("203.0.113.9:51008", "203.0.113.9"),
            ("\"203.0.113.9:51008\"", "203.0.113.9"),
            ("2001:db8::9", "2001:db8::9"),
            ("[2001:db8::9]", "2001:db8::9"),
            ("\"[2001:db8::9]\"", "2001:db8::9"),
            ("[2001:db8::9]:51008", "2001:db8::9"),
            ("::ffff:203.0.113.9", "203.0.113.9"),
            ("[::ffff:203.0.113.9]:51008", "203.0.113.9"),
        ] {
            assert_eq!(read(entry.as_bytes()), Some(ip(address)), "{entry}");
        }
        for entry in [
            "",
            "unknown",
            "_hidden",
            "_SEVKISEK",
            "localhost",
            "203.0.113",
            "203.0.113.9:",
            "203.0.113.9:99999",
            "[203.0.113.9]",
            "[203.0.113.9]:80",
            "2001:db8::9]:80",
            "\"203.0.113.9",
            "for=203.0.113.9",
            "203.0.113.9 198.51.100.1",
            "unix:",
        ] {
            assert_eq!(read(entry.as_bytes()), None, "{entry}");
        }
    }

    #[test]
    fn an_address_that_only_a_proxy_has_is_known_as_one() {
        let named = proxies(&["10.0.0.0/8"], false);
        let (unnamed, unclear) = (Some(Problem::Unnamed), Some(Problem::Unclear));
        for (peer, headers, is_shared, problem) in [
            ("192.0.2.7", &[][..], false, None),
            ("192.0.2.7", &[(FORWARDED_FOR, "198.51.100.1")], true, unnamed),
            ("192.0.2.7", &[("forwarded", "for=198.51.100.1")], true, unnamed),
            ("192.0.2.7", &[("x-real-ip", "198.51.100.1")], true, unnamed),
            ("10.0.0.1", &[(FORWARDED_FOR, "198.51.100.1")], false, None),
            ("10.0.0.1", &[(FORWARDED_FOR, "198.51.100.1:99999")], true, unclear),
            ("10.0.0.1", &[(FORWARDED_FOR, "unknown")], true, unclear),
            ("10.0.0.1", &[("forwarded", "for=198.51.100.1")], true, unclear),
            ("10.0.0.1", &[("x-forwarded-proto", "https")], true, unclear),
            ("10.0.0.1", &[], true, None),
            ("10.0.0.1", &[(FORWARDED_FOR, "10.2.3.4")], true, None),
        ] {
            let (_, shared, found) = heard(&named, peer, headers);
            assert_eq!((shared, found), (is_shared, problem), "{peer} {headers:?}");
        }
        // Keystead speaks no TLS, so behind an https address there is a proxy, whatever it sends.
        assert_eq!(heard(&proxies(&[], true), "192.0.2.7", &[]), ("192.0.2.7".to_owned(), true, None));
    }

    #[test]
    fn the_proxy_to_blame_is_the_one_that_wrote_the_entry() {
        let proxies = proxies(&["10.0.0.0/8"], false);
        proxies.note(&proxies.hear(Some(ip("192.0.2.7")), &lines(&[(FORWARDED_FOR, "198.51.100.1")])));
        assert_eq!(proxies.problem(), Some(ProxyProblem::Unnamed("192.0.2.7".to_owned())));
        proxies.note(&proxies.hear(Some(ip("10.0.0.1")), &lines(&[(FORWARDED_FOR, "rubbish, 10.2.3.4")])));
        assert_eq!(proxies.problem(), Some(ProxyProblem::Unclear("10.2.3.4".to_owned())));
    }
}
