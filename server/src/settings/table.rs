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
    setting("listen", Some("127.0.0.1:3000"), "Address and port the portal listens on."),
    setting(
        "data_dir",
        Some("data"),
        "Folder of the SQLite database, the root key, the setup token and the journal that is not in the database yet.",
    ),
    secret("database_url", "`postgres://…` to use PostgreSQL; without it, SQLite in the data folder."),
    setting(
        "database_pooler",
        Some("none"),
        "`transaction` when PostgreSQL is reached through a transaction pooler (PgBouncer’s `pool_mode = transaction`).",
    ),
    setting(
        "root_key_file",
        None,
        "File of the root key (mode 0600 or 0400); without it, `root.key` in the data folder.",
    ),
    secret("root_key", "The root key itself (base64 of 32 bytes). For development; warns at every start."),
    secret(
        "public_url",
        "Address people type; decides cookies and which hosts are answered. Default: `http://` and the listening address.",
    ),
    setting(
        "allow_insecure_http",
        Some("false"),
        "Allows a plain-HTTP public URL that is not this machine; warns at every start.",
    ),
    setting("metrics_listen", None, "Address and port of the Prometheus metrics; off without it."),
    setting(
        "trusted_proxies",
        None,
        "Addresses or networks (comma-separated) whose `X-Forwarded-For` is believed.",
    ),
    secret(
        "kms_endpoint_url",
        "Where AWS KMS is called instead of the region’s own host: a VPC endpoint, an emulator. `https`, or `http` on this machine.",
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
        "Key material in memory that is used is released anew by the customer’s KMS after this time; unused, it is wiped.",
    ),
    number(
        "lease_hold_seconds",
        "3600",
        (5, 3600),
        "Key material is used at most this long after its last release while KMS cannot be reached. A refusal wipes it at once.",
    ),
    number(
        "health_probe_seconds",
        "60",
        (0, 86_400),
        "How often KMS is asked for each Active customer’s key; each probe is a call the customer pays. `0`: never.",
    ),
    number(
        "preflights_per_minute",
        "10",
        (1, 10_000),
        "Checks of a key against KMS (Next, Check now) that one administrator may make a minute.",
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
        "When the journal of services’ requests is safe from a power failure: `second` (a second later) or `answer` (before each answer; slower). A program that ends loses nothing either way.",
    ),
    number("journal_days", "400", (0, 36_500), "The journal is kept so many days. `0`: for ever."),
    number(
        "journal_bytes",
        "10737418240",
        (0, 1 << 50),
        "And at most so many bytes of it, compressed, in the database (10 GiB). `0`: any number.",
    ),
    setting("log", Some("info"), "What is logged: a level, or a filter like `info,engine=debug`."),
    setting("log_format", Some("text"), "`text` or `json`, one line each, on standard error."),
    setting(
        "show_setup_token",
        Some("false"),
        "Prints the setup token also where standard output is not a terminal.",
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
}
