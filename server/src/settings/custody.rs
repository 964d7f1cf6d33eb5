//! Settings of the connection to the customers' KMS, and of the leases of the keys that it releases.

use super::source::Source;
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
        return Err(source.is_not("kms_endpoint_url", url.as_str(), what));
    }
    if url.scheme() == "http" && !is_loopback(&url) {
        return Err(Stop::new(format!(
            "{} is “{url}”. Plain HTTP would send plaintext keys over the network unencrypted. Use https.",
            source.named("kms_endpoint_url")
        )));
    }
    Ok(Some(url.as_str().trim_end_matches('/').to_owned()))
}

fn leases(source: &Source) -> Result<Times, Stop> {
    let (refresh, hold) = (source.seconds("lease_refresh_seconds")?, source.seconds("lease_hold_seconds")?);
    if refresh > hold {
        let (refresh, hold) = (refresh.as_secs(), hold.as_secs());
        let [refresh_name, hold_name] =
            ["lease_refresh_seconds", "lease_hold_seconds"].map(|name| source.named(name));
        // The sentence begins with a setting that the operator has set.
        return Err(Stop::new(match source.is_set("lease_refresh_seconds") {
            true => format!(
                "{refresh_name} is {refresh}, which is longer than {hold_name} ({hold}). Expected: a whole number of seconds from 1 to {hold}."
            ),
            false => format!(
                "{hold_name} is {hold}, which is shorter than {refresh_name} ({refresh} by default). Set {refresh_name} to at most {hold} as well."
            ),
        }));
    }
    Ok(Times { refresh, hold })
}
