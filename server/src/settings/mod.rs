//! Settings: from the environment (`KEYSTEAD_*`), else from a TOML file, else the default.

mod table;

use crate::Stop;
use domain::keys::limits::DailyLimits;
use engine::SecretText;
use engine::audit::journal;
use engine::audit::journal::Sync;
use engine::custody::kms;
use engine::custody::lease::Times;
use engine::store::Pooler;
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;
pub use table::{SETTINGS, Setting};
use url::Url;

/// Everything the operator may set, checked.
pub struct Settings {
    pub listen: SocketAddr,
    pub data_dir: PathBuf,
    /// `None`: SQLite in the data folder.
    pub database_url: Option<Url>,
    /// What stands between us and PostgreSQL.
    pub pooler: Pooler,
    pub root_key_file: Option<PathBuf>,
    pub root_key: Option<SecretText>,
    pub public_url: Url,
    pub metrics_listen: Option<SocketAddr>,
    pub trusted_proxies: Vec<IpNet>,
    pub daily: DailyLimits,
    pub kms: kms::Settings,
    pub leases: Times,
    /// `None`: never.
    pub probe_every: Option<Duration>,
    pub preflights_each_minute: NonZeroU32,
    pub journal: journal::Settings,
    pub log: String,
    pub log_is_json: bool,
    pub show_setup_token: bool,
}

/// Where a setting's text comes from.
struct Source {
    environment: BTreeMap<String, String>,
    file: BTreeMap<String, String>,
}

impl Source {
    fn text(&self, setting: &Setting) -> Option<&str> {
        let text = self.environment.get(&setting.variable()).or_else(|| self.file.get(setting.name));
        text.map(String::as_str).or(setting.default).filter(|text| !text.is_empty())
    }

    /// The checked value of a setting.
    fn get<T: FromStr>(&self, name: &str, what: &str) -> Result<Option<T>, Stop> {
        let setting = table::find(name);
        let Some(text) = self.text(setting) else { return Ok(None) };
        text.trim().parse().map(Some).map_err(|_| {
            Stop::new(format!("The setting {} is “{text}”, which is not {what}.", setting.variable()))
        })
    }

    fn required<T: FromStr>(&self, name: &str, what: &str) -> Result<T, Stop> {
        self.get(name, what)?.ok_or_else(|| {
            Stop::new(format!("The setting {} is missing: {what}.", table::find(name).variable()))
        })
    }
}

impl Settings {
    /// Reads the settings of this process.
    ///
    /// # Errors
    /// A sentence that names the setting and what it must be.
    pub fn read() -> Result<Self, Stop> {
        let environment: BTreeMap<_, _> =
            std::env::vars().filter(|(name, _)| name.starts_with("KEYSTEAD_")).collect();
        let file = match environment.get("KEYSTEAD_CONFIG").filter(|path| !path.is_empty()) {
            Some(path) => read_file(path)?,
            None => BTreeMap::new(),
        };
        Self::from_maps(environment, file)
    }

    /// # Errors
    /// A sentence that names the setting and what it must be.
    pub fn from_maps(
        environment: BTreeMap<String, String>,
        file: BTreeMap<String, String>,
    ) -> Result<Self, Stop> {
        let source = Source { environment, file };
        let listen: SocketAddr = source.required("listen", "an address with a port, like 127.0.0.1:3000")?;
        let is_insecure_allowed = source.required("allow_insecure_http", "true or false")?;
        let public_url = public_url(&source, listen, is_insecure_allowed)?;
        let database_url = source.get("database_url", "an address like postgres://user@host/database")?;
        if database_url.as_ref().is_some_and(|url: &Url| !matches!(url.scheme(), "postgres" | "postgresql")) {
            return Err(Stop::new(
                "The setting KEYSTEAD_DATABASE_URL must begin with postgres://. Leave it out for SQLite in the data folder.",
            ));
        }
        Ok(Self {
            listen,
            data_dir: source.required("data_dir", "a folder")?,
            database_url,
            pooler: pooler(&source)?,
            root_key_file: source.get("root_key_file", "a file")?,
            root_key: source.get::<String>("root_key", "a root key")?.map(SecretText::new),
            public_url,
            metrics_listen: source.get("metrics_listen", "an address with a port, like 127.0.0.1:9464")?,
            trusted_proxies: proxies(&source)?,
            daily: DailyLimits {
                per_type: positive(&source, "daily_limit_per_type")?,
                per_scope: positive(&source, "daily_limit_per_scope")?,
            },
            kms: kms::Settings {
                endpoint_url: endpoint(&source)?,
                private_endpoints: source.required("kms_private_endpoints", "true or false")?,
            },
            leases: leases(&source)?,
            probe_every: Some(seconds(&source, "health_probe_seconds")?).filter(|every| !every.is_zero()),
            preflights_each_minute: source.required("preflights_per_minute", "a whole number from 1")?,
            journal: journal::Settings {
                sync: sync(&source)?,
                days: source.required("journal_days", "a whole number of days")?,
                bytes: source.required("journal_bytes", "a whole number of bytes")?,
            },
            log: source.required("log", "a log filter, like info")?,
            log_is_json: log_is_json(&source)?,
            show_setup_token: source.required("show_setup_token", "true or false")?,
        })
    }

    /// The folder's root key file, unless another is named.
    pub fn root_key_path(&self) -> PathBuf {
        self.root_key_file.clone().unwrap_or_else(|| self.data_dir.join("root.key"))
    }

    /// What the engine is told.
    pub fn engine(&self) -> engine::Settings {
        engine::Settings {
            daily: self.daily,
            custody: engine::custody::Settings {
                kms: self.kms.clone(),
                leases: self.leases,
                probe_every: self.probe_every,
                preflights_each_minute: self.preflights_each_minute,
            },
            journal: self.journal,
        }
    }

    pub fn is_https(&self) -> bool {
        self.public_url.scheme() == "https"
    }

    /// Plain HTTP to something that is not this machine: allowed by the operator, never silent.
    pub fn is_insecure(&self) -> bool {
        !self.is_https() && !is_loopback(&self.public_url)
    }
}

fn read_file(path: &str) -> Result<BTreeMap<String, String>, Stop> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Stop::new(format!("The settings file {path} cannot be read: {error}.")))?;
    let table: toml::Table =
        text.parse().map_err(|error| Stop::new(format!("The settings file {path} is not TOML: {error}")))?;
    let mut settings = BTreeMap::new();
    for (name, value) in table {
        if !SETTINGS.iter().any(|setting| setting.name == name) {
            return Err(Stop::new(format!(
                "The settings file {path} sets “{name}”, which is no setting of Keystead."
            )));
        }
        let text = match value {
            toml::Value::String(text) => text,
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Boolean(flag) => flag.to_string(),
            _ => {
                return Err(Stop::new(format!(
                    "In the settings file {path}, “{name}” must be a text, a number or true/false."
                )));
            }
        };
        settings.insert(name, text);
    }
    Ok(settings)
}

fn public_url(source: &Source, listen: SocketAddr, is_insecure_allowed: bool) -> Result<Url, Stop> {
    let what = "an address like https://keystead.example.com";
    let host = if listen.ip().is_unspecified() { "127.0.0.1".to_owned() } else { bracketed(listen.ip()) };
    let default = Url::parse(&format!("http://{host}:{}", listen.port())).map_err(|_| Stop::new(what))?;
    let url = source.get("public_url", what)?.unwrap_or(default);
    let is_bare =
        url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() || !is_bare {
        return Err(Stop::new(format!(
            "The setting KEYSTEAD_PUBLIC_URL is “{url}”, which is not {what} (no path)."
        )));
    }
    if url.scheme() == "http" && !is_loopback(&url) && !is_insecure_allowed {
        return Err(Stop::new(format!(
            "The public address {url} is plain HTTP: passwords and codes would cross the network in the clear. Use https, \
             or set KEYSTEAD_ALLOW_INSECURE_HTTP=true if you really mean it."
        )));
    }
    Ok(url)
}

fn bracketed(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("[{v6}]"),
    }
}

pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

fn proxies(source: &Source) -> Result<Vec<IpNet>, Stop> {
    let list: Option<String> = source.get("trusted_proxies", "a list of networks")?;
    let list = list.unwrap_or_default();
    let networks = list.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(|entry| {
        entry.parse::<IpNet>().or_else(|_| entry.parse::<IpAddr>().map(IpNet::from)).map_err(|_| {
            Stop::new(format!("The setting KEYSTEAD_TRUSTED_PROXIES contains “{entry}”, which is not an address or network like 10.0.0.0/8."))
        })
    });
    networks.collect()
}

fn pooler(source: &Source) -> Result<Pooler, Stop> {
    match source.required::<String>("database_pooler", "none or transaction")?.as_str() {
        "none" => Ok(Pooler::None),
        "transaction" => Ok(Pooler::Transaction),
        other => Err(Stop::new(format!(
            "The setting KEYSTEAD_DATABASE_POOLER is “{other}”, which is not none or transaction."
        ))),
    }
}

/// The way to KMS carries plaintext keys: off this machine it is encrypted.
fn endpoint(source: &Source) -> Result<Option<String>, Stop> {
    let what = "an address like https://vpce-0a1b.kms.eu-central-1.vpce.amazonaws.com";
    let Some(url) = source.get::<Url>("kms_endpoint_url", what)? else { return Ok(None) };
    let is_bare =
        url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() || !is_bare {
        return Err(Stop::new(format!(
            "The setting KEYSTEAD_KMS_ENDPOINT_URL is “{url}”, which is not {what}."
        )));
    }
    if url.scheme() == "http" && !is_loopback(&url) {
        return Err(Stop::new(format!(
            "The setting KEYSTEAD_KMS_ENDPOINT_URL is “{url}”: plain HTTP would carry plaintext keys over the network. Use https."
        )));
    }
    Ok(Some(url.as_str().trim_end_matches('/').to_owned()))
}

fn seconds(source: &Source, name: &str) -> Result<Duration, Stop> {
    source.required(name, "a whole number of seconds").map(Duration::from_secs)
}

/// More than twice the time that a call of KMS may take.
const HOLD_AT_LEAST: Duration = Duration::from_secs(5);

fn leases(source: &Source) -> Result<Times, Stop> {
    let (refresh, hold) = (seconds(source, "lease_refresh_seconds")?, seconds(source, "lease_hold_seconds")?);
    if refresh.is_zero() || refresh > hold {
        return Err(Stop::new(
            "The setting KEYSTEAD_LEASE_REFRESH_SECONDS must be at least 1 and at most KEYSTEAD_LEASE_HOLD_SECONDS.",
        ));
    }
    if hold < HOLD_AT_LEAST {
        return Err(Stop::new(format!(
            "The setting KEYSTEAD_LEASE_HOLD_SECONDS must be at least {}: a call of KMS may take two seconds, and what it \
             releases must outlast it.",
            HOLD_AT_LEAST.as_secs()
        )));
    }
    Ok(Times { refresh, hold })
}

fn sync(source: &Source) -> Result<Sync, Stop> {
    match source.required::<String>("journal_sync", "second or answer")?.as_str() {
        "second" => Ok(Sync::Second),
        "answer" => Ok(Sync::Answer),
        other => Err(Stop::new(format!(
            "The setting KEYSTEAD_JOURNAL_SYNC is “{other}”, which is not second or answer."
        ))),
    }
}

fn positive(source: &Source, name: &str) -> Result<u32, Stop> {
    let what = "a whole number from 1";
    match source.required::<u32>(name, what)? {
        0 => Err(Stop::new(format!(
            "The setting {} is “0”, which is not {what}.",
            table::find(name).variable()
        ))),
        number => Ok(number),
    }
}

fn log_is_json(source: &Source) -> Result<bool, Stop> {
    match source.required::<String>("log_format", "text or json")?.as_str() {
        "json" => Ok(true),
        "text" => Ok(false),
        other => Err(Stop::new(format!(
            "The setting KEYSTEAD_LOG_FORMAT is “{other}”, which is not text or json."
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Result<Settings, String> {
        let map = pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        Settings::from_maps(map, BTreeMap::new()).map_err(|stop| stop.to_string())
    }

    #[test]
    fn nothing_needs_to_be_set() {
        let settings = settings(&[]).expect("the defaults are good");
        assert_eq!(settings.listen.to_string(), "127.0.0.1:3000");
        assert_eq!(settings.public_url.as_str(), "http://127.0.0.1:3000/");
        assert_eq!(settings.daily, DailyLimits { per_type: 1, per_scope: 3 });
        assert!(!settings.is_https() && !settings.is_insecure() && settings.database_url.is_none());
    }

    #[test]
    fn each_bad_setting_is_a_sentence_that_names_it() {
        for (name, text) in [
            ("KEYSTEAD_LISTEN", "3000"),
            ("KEYSTEAD_PUBLIC_URL", "ftp://x"),
            ("KEYSTEAD_PUBLIC_URL", "https://x/path"),
            ("KEYSTEAD_DATABASE_URL", "mysql://x"),
            ("KEYSTEAD_DATABASE_POOLER", "session"),
            ("KEYSTEAD_METRICS_LISTEN", "no"),
            ("KEYSTEAD_TRUSTED_PROXIES", "10.0.0.0/40"),
            ("KEYSTEAD_DAILY_LIMIT_PER_TYPE", "0"),
            ("KEYSTEAD_DAILY_LIMIT_PER_SCOPE", "-1"),
            ("KEYSTEAD_KMS_ENDPOINT_URL", "kms"),
            ("KEYSTEAD_KMS_ENDPOINT_URL", "http://kms.example.com"),
            ("KEYSTEAD_KMS_ENDPOINT_URL", "https://kms.example.com/path"),
            ("KEYSTEAD_KMS_ENDPOINT_URL", "https://me@kms.example.com"),
            ("KEYSTEAD_KMS_PRIVATE_ENDPOINTS", "maybe"),
            ("KEYSTEAD_LEASE_REFRESH_SECONDS", "0"),
            ("KEYSTEAD_LEASE_REFRESH_SECONDS", "3601"),
            ("KEYSTEAD_LEASE_HOLD_SECONDS", "long"),
            ("KEYSTEAD_LEASE_HOLD_SECONDS", "4"),
            ("KEYSTEAD_HEALTH_PROBE_SECONDS", "-1"),
            ("KEYSTEAD_PREFLIGHTS_PER_MINUTE", "0"),
            ("KEYSTEAD_JOURNAL_SYNC", "never"),
            ("KEYSTEAD_JOURNAL_DAYS", "-1"),
            ("KEYSTEAD_JOURNAL_BYTES", "10 GiB"),
            ("KEYSTEAD_LOG_FORMAT", "xml"),
            ("KEYSTEAD_SHOW_SETUP_TOKEN", "maybe"),
            ("KEYSTEAD_ALLOW_INSECURE_HTTP", "yes"),
        ] {
            let sentence = settings(&[(name, text)]).err().unwrap_or_default();
            assert!(sentence.contains(name) && sentence.ends_with(['.', ')']), "{name}={text}: {sentence}");
        }
    }

    #[test]
    fn plain_http_needs_leave_unless_it_is_loopback() {
        let far = ("KEYSTEAD_PUBLIC_URL", "http://keys.example.com");
        assert!(settings(&[far]).is_err_and(|sentence| sentence.contains("KEYSTEAD_ALLOW_INSECURE_HTTP")));
        let allowed = settings(&[far, ("KEYSTEAD_ALLOW_INSECURE_HTTP", "true")]).expect("allowed");
        assert!(allowed.is_insecure());
        assert!(settings(&[("KEYSTEAD_PUBLIC_URL", "http://localhost:8080")]).is_ok());
    }
}
