//! Every setting, once: its name, its default, and what the README says of it.

/// A setting.
pub struct Setting {
    /// In the TOML file; upper case and after `KEYSTEAD_` in the environment.
    pub name: &'static str,
    pub default: Option<&'static str>,
    pub meaning: &'static str,
    /// Minimum and maximum of a number.
    pub bounds: Option<(u64, u64)>,
    /// Its value may hold a secret, like the password in a URL. No message quotes it.
    pub may_hold_secret: bool,
}

impl Setting {
    /// Returns the name of its environment variable.
    pub fn variable(&self) -> String {
        format!("KEYSTEAD_{}", self.name.to_uppercase())
    }
}

const fn setting(name: &'static str, default: Option<&'static str>, meaning: &'static str) -> Setting {
    Setting { name, default, meaning, bounds: None, may_hold_secret: false }
}

const fn secret(name: &'static str, meaning: &'static str) -> Setting {
    Setting { name, default: None, meaning, bounds: None, may_hold_secret: true }
}

const fn number(
    name: &'static str,
    default: &'static str,
    bounds: (u64, u64),
    meaning: &'static str,
) -> Setting {
    Setting { name, default: Some(default), meaning, bounds: Some(bounds), may_hold_secret: false }
}

pub const SETTINGS: &[Setting] = &[
    setting(
        "listen",
        Some("127.0.0.1:3000"),
        "Address and port the portal listens on. Without TLS: other machines may reach it only with an `https` public URL (a proxy ends TLS), or with `KEYSTEAD_ALLOW_INSECURE_HTTP`.",
    ),
    setting(
        "data_dir",
        Some("data"),
        "Folder for the SQLite database, the root key, the setup token, and journal files that are not in the database yet.",
    ),
    secret("database_url", "`postgres://…` to use PostgreSQL; without it, SQLite in the data folder."),
    setting(
        "database_pooler",
        Some("none"),
        "`transaction` when PostgreSQL is reached through a transaction pooler (PgBouncer’s `pool_mode = transaction`).",
    ),
    setting(
        "new_database",
        Some("false"),
        "Lets Keystead make a new database under a root key that it did not just make itself. For the first start only: remove it afterwards, so that a lost database is not taken for a new one.",
    ),
    setting(
        "root_key_file",
        None,
        "File of the root key (mode 0600 or 0400; 0440 on a read-only mount); without it, `root.key` in the data folder.",
    ),
    secret(
        "root_key",
        "The root key itself (base64 of 32 bytes). For development only; Keystead logs a warning at every start.",
    ),
    // `secret`, because people paste URLs with a password.
    secret(
        "public_url",
        "URL that people open in the browser. It determines the cookies and the host names that Keystead accepts. Default: `http://` and the listening address.",
    ),
    setting(
        "instance_name",
        None,
        "Name of this installation, like `Staging`: 1 to 40 characters, no colon, none that is invisible. It stands in the title and at the top of every page, and in the entries of authenticator apps. If not set, the entries have host and port of the public URL.",
    ),
    setting(
        "allow_insecure_http",
        Some("false"),
        "Allows plain HTTP to other machines: a plain-HTTP public URL on another host, or a listening address that others can reach. Keystead logs a warning at every start.",
    ),
    setting(
        "metrics_listen",
        None,
        "Address and port of the Prometheus metrics. If not set, metrics are off.",
    ),
    setting(
        "trusted_proxies",
        None,
        "Addresses or networks (comma-separated) of the proxies whose `X-Forwarded-For` is trusted. No network wider than 10.0.0.0/8 or fc00::/7.",
    ),
    number(
        "lame_duck_seconds",
        "5",
        (0, 300),
        "How long Keystead goes on serving after SIGTERM while `/readyz` answers 503, so that load balancers stop sending requests first. Longer than the interval of their checks.",
    ),
    secret(
        "kms_endpoint_url",
        "Endpoint for AWS KMS calls in place of the region’s own host: a VPC endpoint, an emulator. `https`, or `http` on this machine.",
    ),
    setting(
        "kms_private_endpoints",
        Some("false"),
        "Allows the region’s KMS host to resolve to a private address (a VPC endpoint with private DNS).",
    ),
    number(
        "lease_refresh_seconds",
        "300",
        (1, 3600),
        "After this time, Keystead asks the customer’s KMS again for key material that is in use, and wipes key material that is not in use.",
    ),
    number(
        "lease_hold_seconds",
        "3600",
        // A call of KMS may take two seconds. The material must outlast the call, or every use would ask again.
        (5, 3600),
        "While KMS cannot be reached, Keystead uses key material for at most this long after its last release. If KMS refuses, Keystead wipes it immediately.",
    ),
    number(
        "health_probe_seconds",
        "60",
        (0, 86_400),
        "How often Keystead checks each Active customer key with KMS. The customer pays for each call. `0`: never.",
    ),
    number(
        "preflights_per_minute",
        "10",
        // This maximum and those of the daily limits catch typing errors; they are no recommendations.
        (1, 10_000),
        "Key checks against KMS (Next, Check now) that one administrator may run per minute.",
    ),
    number("daily_limit_per_type", "1", (1, 10_000), "New versions of one key type per scope and UTC day."),
    number(
        "daily_limit_per_scope",
        "3",
        (1, 10_000),
        "New versions of all types together per scope and UTC day.",
    ),
    setting(
        "journal_sync",
        Some("second"),
        "When journal entries are safe from a power failure: `second` (within a second) or `answer` (before each response; slower). If only the Keystead process ends, nothing is lost either way.",
    ),
    number("journal_days", "400", (0, 36_500), "Number of days the journal is kept. `0`: forever."),
    number(
        "journal_bytes",
        "10737418240",
        (0, 1 << 50),
        "Maximum size of the journal in the database, in bytes after compression (default: 10 GiB). `0`: unlimited.",
    ),
    setting(
        "log",
        Some("info"),
        "What is logged: a level (`error`, `warn`, `info`, `debug`, `trace`, `off`), or a filter like `info,engine=debug`. Every entry has a level. With `warn`, `error` or `off`, the log has no audit events; the audit log in the portal has them anyway.",
    ),
    setting("log_format", Some("text"), "`text` or `json`, one line each, on standard error."),
    setting(
        "show_setup_token",
        Some("false"),
        "Prints the setup token even if standard output is not a terminal.",
    ),
];

/// # Panics
/// For a name that is not in the table: a mistake in this program.
pub fn find(name: &str) -> &'static Setting {
    SETTINGS.iter().find(|setting| setting.name == name).expect("the setting is in the table")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_documents_every_setting() {
        let readme = include_str!("../../../README.md");
        for setting in SETTINGS {
            let default = setting.default.map_or("–".to_owned(), |text| format!("`{text}`"));
            let bounds =
                setting.bounds.map_or(String::new(), |(least, most)| format!(" From {least} to {most}."));
            let row = format!("| `{}` | {default} | {}{bounds} |", setting.variable(), setting.meaning);
            assert!(readme.contains(&row), "README.md lacks the row\n{row}");
        }
    }

    #[test]
    fn the_readme_names_no_setting_that_does_not_exist() {
        let readme = include_str!("../../../README.md");
        let is_of_name = |c: char| c.is_ascii_uppercase() || c == '_';
        for (at, _) in readme.match_indices("KEYSTEAD_") {
            let rest = &readme[at..];
            let name = &rest[..rest.find(|c| !is_of_name(c)).unwrap_or(rest.len())];
            let is_setting = SETTINGS.iter().any(|setting| setting.variable() == name);
            let is_other = ["KEYSTEAD_CONFIG", "KEYSTEAD_API_KEY", "KEYSTEAD_"].contains(&name);
            assert!(is_setting || is_other, "README.md names {name}");
        }
    }
}
