//! Settings of the connection to the customers' KMS, and of the leases of the keys that it releases.

use super::source::{Source, is_not};
use super::table::find;
use super::web::{is_bare, is_loopback};
use crate::Stop;
use engine::custody::lease::Times;
use engine::custody::{Settings, kms};
use url::Url;

pub(super) fn read(source: &Source) -> Result<Settings, Stop> {
    Ok(Settings {
        kms: kms::Settings {
            endpoint_url: endpoint(source)?,
            private_endpoints: source.flag("kms_private_endpoints")?,
        },
        leases: leases(source)?,
        probe_every: Some(source.seconds("health_probe_seconds")?).filter(|every| !every.is_zero()),
        preflights_each_minute: source
            .number::<u32>("preflights_per_minute", "")?
            .try_into()
            .expect("at least 1"),
    })
}

/// Reads the endpoint of KMS. Its responses carry plaintext keys, so the connection to another machine must be encrypted.
fn endpoint(source: &Source) -> Result<Option<String>, Stop> {
    let what = "an address like https://vpce-0a1b.kms.eu-central-1.vpce.amazonaws.com";
    let Some(url) = source.get::<Url>("kms_endpoint_url", what)? else { return Ok(None) };
    if !is_bare(&url) {
        return Err(is_not(find("kms_endpoint_url"), url.as_str(), what));
    }
    if url.scheme() == "http" && !is_loopback(&url) {
        return Err(Stop::new(format!(
            "KEYSTEAD_KMS_ENDPOINT_URL is “{url}”. Plain HTTP would send plaintext keys over the network unencrypted. Use https."
        )));
    }
    Ok(Some(url.as_str().trim_end_matches('/').to_owned()))
}

fn leases(source: &Source) -> Result<Times, Stop> {
    let (refresh, hold) = (source.seconds("lease_refresh_seconds")?, source.seconds("lease_hold_seconds")?);
    if refresh > hold {
        return Err(Stop::new(
            "The setting KEYSTEAD_LEASE_REFRESH_SECONDS must be at least 1 and at most KEYSTEAD_LEASE_HOLD_SECONDS.",
        ));
    }
    Ok(Times { refresh, hold })
}
