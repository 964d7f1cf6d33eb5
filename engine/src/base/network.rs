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

#[cfg(test)]
mod tests {
    use super::*;

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
