//! The network of a client: what one person can be expected to have for themselves.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// An IPv4 address, or the first half of an IPv6 address: a client chooses the second half itself (RFC 4862).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network(Ipv6Addr);

impl Network {
    /// The network of a client whose address is not known.
    pub const UNKNOWN: Self = Self(Ipv6Addr::UNSPECIFIED);

    pub fn of(address: IpAddr) -> Self {
        // An IPv4 client of an IPv6 socket (::ffff:0:0/96) is in the network of its IPv4 address.
        match address.to_canonical() {
            IpAddr::V4(v4) => Self(v4.to_ipv6_mapped()),
            IpAddr::V6(v6) => Self(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        }
    }

    pub fn of_text(address: &str) -> Self {
        address.parse().map_or(Self::UNKNOWN, Self::of)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.to_ipv4_mapped() {
            Some(v4) => v4.fmt(f),
            None => write!(f, "{:x?}/64", &self.0.segments()[..4]),
        }
    }
}

/// The site of an IPv6 address: its first 48 bits. No end site gets more as a rule (RFC 6177), so one stranger may have all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Site(Ipv6Addr);

impl Site {
    /// Returns the site of an address; `None` for IPv4, where a network is a single address.
    pub fn of_text(address: &str) -> Option<Self> {
        match address.parse::<IpAddr>().ok()?.to_canonical() {
            IpAddr::V4(_) => None,
            IpAddr::V6(v6) => Some(Self(Ipv6Addr::from_bits(v6.to_bits() >> 80 << 80))),
        }
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/48", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_the_first_48_bits_of_an_ipv6_address() {
        let site = |text| Site::of_text(text).map(|site| site.to_string());
        assert_eq!(site("2001:db8:1:2::3").as_deref(), Some("2001:db8:1::/48"));
        assert_eq!(site("2001:db8:1:ffff::"), site("2001:db8:1::"));
        assert_ne!(site("2001:db8:2::"), site("2001:db8:1::"));
        for none in ["192.0.2.7", "::ffff:192.0.2.7", "", "unknown"] {
            assert_eq!(site(none), None);
        }
    }

    #[test]
    fn a_client_cannot_change_its_network() {
        for (one, other) in [
            ("192.0.2.7", "::ffff:192.0.2.7"),
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"),
            ("", "unknown"),
        ] {
            assert_eq!(Network::of_text(one), Network::of_text(other));
        }
        for (one, other) in
            [("192.0.2.7", "192.0.2.8"), ("2001:db8:1:2::1", "2001:db8:1:3::1"), ("", "192.0.2.7")]
        {
            assert_ne!(Network::of_text(one), Network::of_text(other));
        }
    }
}
