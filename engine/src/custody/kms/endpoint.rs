//! The address of KMS calls: the host of the region, or the endpoint in the server's configuration. Text that a person enters
//! in a form becomes part of an address only after `domain` has parsed it as a region.

use crate::custody::kms::{Settings, bounded};
use aws_sdk_kms::config::SharedHttpClient;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns, ResolveDnsError};
use domain::custody::aws::Region;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub struct Endpoint {
    override_url: Option<String>,
    private_endpoints: bool,
}

impl Endpoint {
    pub fn new(settings: &Settings) -> Self {
        Self { override_url: settings.endpoint_url.clone(), private_endpoints: settings.private_endpoints }
    }

    pub fn url(&self, region: &Region) -> String {
        match &self.override_url {
            Some(url) => url.clone(),
            None => format!("https://{}", region.kms_host()),
        }
    }

    /// Returns a client that uses no proxy, reads short answers only, and refuses names of private addresses, unless the operator
    /// allows them.
    pub fn http_client(&self) -> SharedHttpClient {
        let builder = Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
        bounded::client(if self.override_url.is_some() || self.private_endpoints {
            builder.build_https()
        } else {
            // The client connects to the very addresses that the resolver returns, so no second look-up can change them.
            builder.build_with_resolver(PublicOnly)
        })
    }
}

/// Checks whether a connection failed for this reason, anywhere in the chain of causes.
pub fn is_not_public(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source()).any(|error| error.is::<NotPublic>())
}

/// Resolves names to public addresses only.
#[derive(Clone, Copy, Debug)]
struct PublicOnly;

#[derive(Debug, thiserror::Error)]
#[error("{name} resolves to an address that is not public; set KEYSTEAD_KMS_PRIVATE_ENDPOINTS to allow it")]
struct NotPublic {
    name: String,
}

impl ResolveDns for PublicOnly {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        DnsFuture::new(async move {
            let found = tokio::net::lookup_host((name, 0)).await.map_err(ResolveDnsError::new)?;
            all_public(name, found.map(|address| address.ip()).collect()).map_err(ResolveDnsError::new)
        })
    }
}

/// Refuses the whole answer when one address is not public, because the answer is then not from AWS.
fn all_public(name: &str, found: Vec<IpAddr>) -> Result<Vec<IpAddr>, NotPublic> {
    if found.iter().all(|address| is_public(*address)) {
        Ok(found)
    } else {
        Err(NotPublic { name: name.to_owned() })
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        // An IPv4 address inside an IPv6 one counts as IPv4. `::1` and `::` become 0.0.0.1 and 0.0.0.0, which are not public.
        IpAddr::V6(v6) => match v6.to_ipv4_mapped().or_else(|| v6.to_ipv4()) {
            Some(v4) => is_public_v4(v4),
            None => is_public_v6(v6),
        },
    }
}

/// Excludes the addresses that are never reached over the internet (RFC 6890 and its successors).
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    // The last five are 0/8, reserved and broadcast, shared (RFC 6598), IETF protocols (RFC 6890), benchmarks (RFC 2544).
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (b == 18 || b == 19)))
}

/// Checks for global unicast, 2000::/3 (RFC 4291), without documentation, Teredo and 6to4. NAT64 lies outside of it.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    (0x2000..0x4000).contains(&a) && !(a == 0x2001 && (b == 0 || b == 0xdb8)) && a != 0x2002 && a != 0x3fff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_connected_to() {
        for address in ["52.95.1.1", "3.120.0.1", "2600:1f14::1", "2a05:d000::1", "::ffff:52.95.1.1"] {
            assert!(is_public(address.parse().expect("an address")), "{address}");
        }
        for address in [
            "127.0.0.1",
            "10.0.0.1",
            "172.16.3.4",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "192.0.2.1",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1",
            "fd00:ec2::254",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "2001:db8::1",
            "2002:7f00:1::",
            "64:ff9b::7f00:1",
        ] {
            assert!(!is_public(address.parse().expect("an address")), "{address}");
        }
    }

    #[test]
    fn one_private_address_spoils_the_answer() {
        let addresses =
            |list: &[&str]| list.iter().map(|text| text.parse().expect("an address")).collect::<Vec<_>>();
        assert!(all_public("kms", addresses(&["52.95.1.1", "3.120.0.1"])).is_ok());
        assert!(all_public("kms", addresses(&["52.95.1.1", "10.0.0.1"])).is_err());
    }

    #[test]
    fn the_address_is_made_from_the_region_or_is_the_operators() {
        let region = Region::parse("eu-central-1").expect("a region");
        let url = |settings: &Settings| Endpoint::new(settings).url(&region);
        assert_eq!(url(&Settings::default()), "https://kms.eu-central-1.amazonaws.com");
        let settings = Settings { endpoint_url: Some("http://127.0.0.1:5562".into()), ..Settings::default() };
        assert_eq!(url(&settings), "http://127.0.0.1:5562");
    }
}
