//! Settings: from the environment (`KEYSTEAD_*`), else from a TOML file, else the default.

mod custody;
mod database;
mod environment;
mod log;
mod root_key;
mod source;
mod table;
mod web;

use crate::Stop;
use database::DatabaseSettings;
use domain::keys::limits::DailyLimits;
use engine::audit::journal;
use engine::audit::journal::Sync;
pub use environment::Unknown;
use log::LogSettings;
use root_key::RootKeySettings;
use source::{Source, read_file};
use std::collections::BTreeMap;
use std::path::PathBuf;
pub use table::{SETTINGS, Setting};
pub(crate) use web::{WebSettings, is_loopback};

/// Everything the operator may set, checked.
pub struct Settings {
    pub web: WebSettings,
    /// The settings file, if there is one.
    pub config: Option<PathBuf>,
    /// Variables of the environment that look like settings and are none.
    pub unknown: Vec<Unknown>,
    pub data_dir: PathBuf,
    pub database: DatabaseSettings,
    pub root_key: RootKeySettings,
    /// Settings of the engine.
    pub engine: engine::Settings,
    pub log: LogSettings,
    pub show_setup_token: bool,
    /// The root key may be used for a new database, although Keystead did not just make it.
    pub new_database: bool,
}

impl Settings {
    /// Reads the settings of this process.
    ///
    /// # Errors
    /// A sentence that names the setting and what it must be.
    pub fn read() -> Result<Self, Stop> {
        let (variables, unknown) = environment::read(std::env::vars_os())?;
        let config = variables.get(environment::CONFIG).filter(|path| !path.is_empty()).cloned();
        let file = config.as_deref().map_or_else(|| Ok(BTreeMap::new()), read_file)?;
        let settings = Self::from_maps(variables, file)?;
        Ok(Self { config: config.map(PathBuf::from), unknown, ..settings })
    }

    /// # Errors
    /// A sentence that names the setting and what it must be.
    pub fn from_maps(
        environment: BTreeMap<String, String>,
        file: BTreeMap<String, String>,
    ) -> Result<Self, Stop> {
        let source = &Source { environment, file };
        let web = WebSettings::read(source)?;
        let database = DatabaseSettings::read(source)?;
        let data_dir = source.path("data_dir", "folder")?.ok_or_else(|| {
            Stop::new(format!(
                "The setting {} is required. Expected: the path of a folder.",
                source.named("data_dir")
            ))
        })?;
        Ok(Self {
            web,
            root_key: RootKeySettings::read(source, &data_dir)?,
            config: None,
            unknown: Vec::new(),
            data_dir,
            database,
            engine: engine::Settings {
                daily: DailyLimits {
                    per_type: source.number("daily_limit_per_type", "")?,
                    per_scope: source.number("daily_limit_per_scope", "")?,
                },
                custody: custody::read(source)?,
                journal: journal::Settings {
                    sync: source
                        .one_of("journal_sync", [("second", Sync::Second), ("answer", Sync::Answer)])?,
                    days: source.number("journal_days", " of days")?,
                    bytes: source.number("journal_bytes", " of bytes")?,
                },
            },
            log: LogSettings::read(source)?,
            show_setup_token: source.flag("show_setup_token")?,
            new_database: source.flag("new_database")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::keys::limits::DailyLimits;

    #[test]
    fn an_installation_has_a_name() {
        fn names(set: &[(&str, &str)]) -> (String, String) {
            let web = settings(set).expect("good settings").web;
            (web.brand(), web.issuer())
        }
        let owned = |brand: &str, issuer: &str| (brand.to_owned(), issuer.to_owned());
        assert_eq!(names(&[]), owned("Keystead", "Keystead 127.0.0.1-3000"));
        let url = |url| names(&[("KEYSTEAD_PUBLIC_URL", url)]);
        assert_eq!(url("https://keys.example.com"), owned("Keystead", "Keystead keys.example.com"));
        assert_eq!(url("https://keystead.example.com"), owned("Keystead", "keystead.example.com"));
        assert_eq!(url("http://[::1]:3001"), owned("Keystead", "Keystead --1-3001"));
        let named = |name| names(&[("KEYSTEAD_INSTANCE_NAME", name)]);
        assert_eq!(named(" Staging "), owned("Keystead Staging", "Keystead Staging"));
        assert_eq!(named("Keystead Test"), owned("Keystead Test", "Keystead Test"));
        assert_eq!(named(&"ü".repeat(40)).0.chars().count(), 49);
        for bad in [" ", "a:b", "a\nb", "a\u{202e}b", &"a".repeat(41)] {
            let said = settings(&[("KEYSTEAD_INSTANCE_NAME", bad)]).map(drop).expect_err(bad);
            assert!(said.contains("KEYSTEAD_INSTANCE_NAME") && said.contains("1 to 40 characters"), "{said}");
        }
    }

    #[test]
    fn no_message_quotes_a_password() {
        for name in ["KEYSTEAD_DATABASE_URL", "KEYSTEAD_PUBLIC_URL", "KEYSTEAD_KMS_ENDPOINT_URL"] {
            for text in [
                "hunter2",
                "//ada:hunter2@db",
                "ftp://ada:hunter2@db",
                "http://:hunter2@db",
                "http://ada:hunter2@db:x",
            ] {
                let said = settings(&[(name, text)]).map(drop).expect_err(text);
                assert!(said.contains(name) && !said.contains("hunter2"), "{said}");
            }
        }
        let key = "aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMmh1bnQ=";
        let said = settings(&[("KEYSTEAD_ROOT_KEY_FILE", key)]).map(drop).expect_err("a key is no path");
        assert!(said.contains("KEYSTEAD_ROOT_KEY_FILE") && !said.contains(key), "{said}");
        for address in [
            "postgres://keystead:pa/ss:W0rd@db.example.com/keystead",
            "postgres://keystead:/ssW0rd@db.example.com/keystead",
            "postgres://keystead:12/ssW0rd@db.example.com/keystead",
            "postgres://keystead:?W0rd@db.example.com/keystead",
            "postgres://keystead:12#W0rd@db.example.com/keystead",
            "postgres://keystead@db.example.com/keystead?pasword=W0rd",
        ] {
            let said = settings(&[("KEYSTEAD_DATABASE_URL", address)]).map(drop).expect_err(address);
            assert!(said.contains("percent-encoded") && !said.contains("W0rd"), "{said}");
        }
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("keystead.toml");
        for (text, line) in
            [("listen = 1\ndatabase_url = postgres://ada:hunter2@db", 2), ("root_key = \"hunter2", 1)]
        {
            std::fs::write(&path, text).expect("it is written");
            let said = read_file(&path.to_string_lossy()).map(drop).expect_err(text).to_string();
            assert!(said.contains(&format!("(line {line})")) && !said.contains("hunter2"), "{said}");
        }
    }

    fn settings(pairs: &[(&str, &str)]) -> Result<Settings, String> {
        let map = pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        Settings::from_maps(map, BTreeMap::new()).map_err(|stop| stop.to_string())
    }

    #[test]
    fn nothing_needs_to_be_set() {
        let settings = settings(&[]).expect("the defaults are good");
        assert_eq!(settings.web.listen.to_string(), "127.0.0.1:3000");
        assert_eq!(settings.web.public_url.as_str(), "http://127.0.0.1:3000/");
        assert_eq!(settings.engine.daily, DailyLimits { per_type: 1, per_scope: 3 });
        assert!(!settings.web.is_https() && !settings.web.is_insecure() && settings.database.url.is_none());
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
            ("KEYSTEAD_TRUSTED_PROXIES", "0.0.0.0/0"),
            ("KEYSTEAD_TRUSTED_PROXIES", "10.0.0.1, ::/0"),
            ("KEYSTEAD_TRUSTED_PROXIES", "0.0.0.0/1,128.0.0.0/1"),
            ("KEYSTEAD_TRUSTED_PROXIES", "2000::/3"),
            ("KEYSTEAD_TRUSTED_PROXIES", "::ffff:0:0/96"),
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
            ("KEYSTEAD_LEASE_HOLD_SECONDS", "3601"),
            ("KEYSTEAD_HEALTH_PROBE_SECONDS", "-1"),
            ("KEYSTEAD_PREFLIGHTS_PER_MINUTE", "0"),
            ("KEYSTEAD_JOURNAL_SYNC", "never"),
            ("KEYSTEAD_JOURNAL_DAYS", "-1"),
            ("KEYSTEAD_JOURNAL_BYTES", "10 GiB"),
            ("KEYSTEAD_LOG_FORMAT", "xml"),
            ("KEYSTEAD_SHOW_SETUP_TOKEN", "maybe"),
            ("KEYSTEAD_NEW_DATABASE", "1"),
            ("KEYSTEAD_ALLOW_INSECURE_HTTP", "yes"),
        ] {
            let sentence = settings(&[(name, text)]).err().unwrap_or_default();
            assert!(sentence.contains(name) && sentence.ends_with(['.', ')']), "{name}={text}: {sentence}");
        }
    }

    /// Values as people write them who know another program. Each stops the start, and the sentence names the setting where it
    /// was set and what it takes.
    #[test]
    fn an_unusable_value_of_any_setting_is_refused_under_its_own_name() {
        for setting in SETTINGS {
            let name = setting.name;
            let good = setting.default.unwrap_or("x");
            let (quoted, single) = (format!("\"{good}\""), format!("'{good}'"));
            let mut odd = vec![" ", "\t", "\u{200b}", &quoted, &single];
            if setting.bounds.is_some() {
                odd.extend(["5s", "10m", "5 s", "1_000", "1,000", "1e3", "0x10", "5.0", "ten", "-1", "true"]);
            }
            let upper = good.to_uppercase();
            match name {
                "database_pooler" | "journal_sync" | "log_format" => {
                    odd.extend([&*upper, "1", "true", "none,"])
                }
                "log" => odd.extend(["warning", "verbose", "info;engine=debug", "engine"]),
                "data_dir" | "root_key_file" => {
                    odd.extend(["~/keystead", "~", "$HOME/keystead", "%d/root-key"])
                }
                "listen" | "metrics_listen" => {
                    odd.extend([
                        "3000",
                        ":3000",
                        "*:3000",
                        "localhost:3000",
                        "127.0.0.1",
                        "127.0.0.1:0",
                        "::1:3000",
                    ]);
                }
                "trusted_proxies" => {
                    odd.extend(["10.0.0.1;10.0.0.2", "10.0.0.1 10.0.0.2", "localhost", "*", "10.0.0.0/33"])
                }
                "public_url" => {
                    odd.extend(["keys.example.com", "https://", "https://a.example/?a", "HTTPS//a.example"])
                }
                "kms_endpoint_url" => odd.extend(["kms.example.com", "https://", "https://a.example/?a"]),
                "database_url" => odd.extend(["sqlite://x", "keystead", "postgres", "host=db user=k"]),
                "root_key" => odd.extend(["x", "root.key", "aHVudGVyMg=="]),
                "instance_name" => odd.extend(["a:b", "a\u{202e}b"]),
                _ => {}
            }
            if good == "true" || good == "false" {
                odd.extend([&*upper, "True", "yes", "no", "on", "1", "0"]);
            }
            for text in odd {
                let one = |name: &str| BTreeMap::from([(name.to_owned(), text.to_owned())]);
                let said = Settings::from_maps(one(&setting.variable()), BTreeMap::new()).map(drop);
                let said = said.expect_err(&format!("{name}={text}")).to_string();
                assert!(said.contains(&setting.variable()), "{name}={text}: {said}");
                let file = BTreeMap::from([("KEYSTEAD_CONFIG".to_owned(), "/etc/keystead.toml".to_owned())]);
                let said = Settings::from_maps(file, one(name)).map(drop);
                let said = said.expect_err(&format!("{name} = {text}")).to_string();
                let named = format!("“{name}” in the settings file /etc/keystead.toml");
                assert!(said.contains(&named), "{name} = {text}: {said}");
            }
        }
    }

    #[test]
    fn a_value_of_a_wrong_type_in_the_settings_file_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("keystead.toml");
        for (line, name) in [
            ("journal_days = 4.5", "journal_days"),
            ("trusted_proxies = [\"10.0.0.1\"]", "trusted_proxies"),
            ("[log]\nlevel = \"info\"", "log"),
            ("[log_format]", "log_format"),
            ("listen = { port = 3000 }", "listen"),
            ("journal_days = 2026-11-30", "journal_days"),
        ] {
            std::fs::write(&path, line).expect("it is written");
            let said = read_file(&path.to_string_lossy()).map(drop).expect_err(line).to_string();
            let named = said.contains(&format!("“{name}”")) && said.contains("keystead.toml");
            assert!(named && said.contains("must be a string, a number, true or false"), "{line}: {said}");
        }
        for (line, name) in
            [("listen = 3000", "listen"), ("log = true", "log"), ("journal_days = \"5d\"", "journal_days")]
        {
            std::fs::write(&path, line).expect("it is written");
            let file = read_file(&path.to_string_lossy()).expect(line);
            let said = Settings::from_maps(BTreeMap::new(), file).map(drop).expect_err(line).to_string();
            assert!(said.contains(&format!("“{name}” in the settings file")), "{line}: {said}");
        }
    }

    #[test]
    fn a_hold_that_is_too_short_is_refused_in_the_name_that_was_set() {
        let (hold, refresh) = ("KEYSTEAD_LEASE_HOLD_SECONDS", "KEYSTEAD_LEASE_REFRESH_SECONDS");
        let said = settings(&[(hold, "60")]).map(drop).expect_err("shorter than the default refresh");
        assert!(
            said.starts_with(&format!("{hold} is 60"))
                && said.contains(&format!("Set {refresh} to at most 60")),
            "{said}"
        );
        let said =
            settings(&[(hold, "60"), (refresh, "90")]).map(drop).expect_err("shorter than the refresh");
        assert!(
            said.starts_with(&format!("{refresh} is 90")) && said.contains(&format!("{hold} (60)")),
            "{said}"
        );
        assert!(settings(&[(hold, "60"), (refresh, "60")]).is_ok());
    }

    #[test]
    fn a_level_that_does_not_exist_is_answered_with_the_nearest() {
        let said = settings(&[("KEYSTEAD_LOG", "warning")]).map(drop).expect_err("no level");
        assert_eq!(
            said,
            "The value “warning” of KEYSTEAD_LOG is not valid. Expected: a level (error, warn, info, debug, trace or off), or a \
             filter like info,engine=debug. Did you mean warn?"
        );
    }

    #[test]
    fn plain_http_needs_leave_unless_it_is_loopback() {
        let far = ("KEYSTEAD_PUBLIC_URL", "http://keys.example.com");
        assert!(settings(&[far]).is_err_and(|sentence| sentence.contains("KEYSTEAD_ALLOW_INSECURE_HTTP")));
        let allowed = settings(&[far, ("KEYSTEAD_ALLOW_INSECURE_HTTP", "true")]).expect("allowed");
        assert!(allowed.web.is_insecure());
        assert!(settings(&[("KEYSTEAD_PUBLIC_URL", "http://localhost:8080")]).is_ok());
    }

    #[test]
    fn other_machines_may_connect_only_behind_tls_or_with_leave() {
        let allow = ("KEYSTEAD_ALLOW_INSECURE_HTTP", "true");
        for listen in
            ["0.0.0.0:4170", "[::]:4170", "10.0.0.5:4170", "[2001:db8::5]:4170", "[::ffff:10.0.0.5]:4170"]
        {
            let listen = ("KEYSTEAD_LISTEN", listen);
            for url in ["http://localhost:4170", "http://127.0.0.1:4170", "http://10.0.0.5:4170", ""] {
                let url = ("KEYSTEAD_PUBLIC_URL", url);
                let sentence = settings(&[listen, url]).err().unwrap_or_default();
                assert!(sentence.contains("KEYSTEAD_ALLOW_INSECURE_HTTP"), "{listen:?} {url:?}: {sentence}");
                assert!(settings(&[listen, url, allow]).expect("allowed").web.is_insecure());
            }
            let behind_tls = settings(&[listen, ("KEYSTEAD_PUBLIC_URL", "https://keys.example.com")]);
            assert!(!behind_tls.expect("a proxy ends TLS").web.is_insecure());
        }
        for own in ["127.0.0.1:1", "127.8.9.10:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            let url = ("KEYSTEAD_PUBLIC_URL", "http://localhost:1");
            assert!(!settings(&[("KEYSTEAD_LISTEN", own), url]).expect(own).web.is_insecure());
        }
    }

    #[test]
    fn networks_that_an_operator_owns_are_trusted() {
        let all = "10.0.0.0/8, 172.16.0.0/12,192.168.1.7 ,fc00::/7, fd12:3456::/32,2001:db8::/32,::1";
        let read = settings(&[("KEYSTEAD_TRUSTED_PROXIES", all)]).expect("networks of proxies");
        assert_eq!(read.web.trusted_proxies.len(), 7);
        let mapped = settings(&[("KEYSTEAD_TRUSTED_PROXIES", "::ffff:10.0.0.1,::ffff:10.0.0.0/104")]);
        let mapped = mapped.expect("networks of IPv4").web.trusted_proxies;
        assert_eq!(mapped.iter().map(ToString::to_string).collect::<Vec<_>>(), ["10.0.0.1/32", "10.0.0.0/8"]);
    }

    #[test]
    fn only_a_regular_settings_file_of_a_bounded_length_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let long = folder.path().join("long.toml");
        std::fs::write(&long, "#".repeat((1 << 20) + 1)).expect("it is written");
        for (path, why) in [
            (long.as_path(), "longer than 1048576 bytes"),
            ("/dev/zero".as_ref(), "not a regular file"),
            (folder.path(), "not a regular file"),
        ] {
            let said = read_file(&path.to_string_lossy()).map(drop).expect_err(why).to_string();
            assert!(said.contains("The settings file") && said.contains(why), "{said}");
        }
    }

    /// The server enforces the bounds of the table, and the default lies within them.
    #[test]
    fn every_number_has_bounds() {
        for setting in SETTINGS.iter().filter(|setting| setting.bounds.is_some()) {
            let (least, most) = setting.bounds.expect("bounds");
            // A lease may not be refreshed less often than it is held.
            let other = match setting.name {
                "lease_refresh_seconds" => ("KEYSTEAD_LEASE_HOLD_SECONDS", "3600"),
                _ => ("KEYSTEAD_LEASE_REFRESH_SECONDS", "1"),
            };
            let takes = |number: u128| settings(&[(&setting.variable(), &number.to_string()), other]).is_ok();
            let name = setting.name;
            assert!(takes(most.into()), "{name} takes {most}");
            assert!(!takes(u128::from(most) + 1), "{name} refuses {most} + 1");
            assert!(takes(least.into()), "{name} takes {least}");
            assert!(least == 0 || !takes(u128::from(least) - 1), "{name} refuses {least} - 1");
        }
        let is_number = |setting: &&Setting| setting.default.is_some_and(|text| text.parse::<u64>().is_ok());
        assert!(SETTINGS.iter().filter(is_number).all(|setting| setting.bounds.is_some()));
    }
}
