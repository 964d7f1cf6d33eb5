//! The variables of the environment that belong to Keystead.

use super::table::SETTINGS;
use crate::Stop;
use domain::base::words::visible;
use std::collections::BTreeMap;
use std::ffi::OsString;

/// It names the file of settings.
pub(super) const CONFIG: &str = "KEYSTEAD_CONFIG";

/// Variables that are no settings: those of services that call Keystead, and of Keystead's own tests.
const OTHERS: [&str; 8] = [
    "KEYSTEAD_API_KEY",
    "KEYSTEAD_SCOPE",
    "KEYSTEAD_SOAK",
    "KEYSTEAD_BIN",
    "KEYSTEAD_LOOK",
    "KEYSTEAD_CHROMIUM",
    "KEYSTEAD_SCREENSHOTS",
    "KEYSTEAD_FIRST_LOAD",
];

/// Least similarity of a name that is proposed in place of another.
const SIMILAR: f64 = 0.7;

/// A variable of the environment that looks like a setting and is none. Its value may hold a secret, so nothing here keeps it.
#[derive(Debug, PartialEq, Eq)]
pub struct Unknown {
    pub name: String,
    /// The variable that the operator may have meant.
    pub nearest: Option<String>,
}

impl Unknown {
    fn of(name: String) -> Self {
        let nearest = nearest(&name.to_uppercase(), SETTINGS.iter().map(|setting| setting.variable()));
        Self { name, nearest }
    }

    /// Returns the sentence for the operator.
    pub fn sentence(&self) -> String {
        // Whoever sets the environment must not write lines of the log.
        let (name, nearest) = (visible(&self.name), &self.nearest);
        match nearest {
            Some(nearest) => {
                format!("The variable {name} is no setting and is ignored. Did you mean {nearest}?")
            }
            None => {
                format!("The variable {name} is no setting and is ignored. The README lists the settings.")
            }
        }
    }
}

/// Returns the name that is most like `name`, if one is like it.
pub(super) fn nearest(name: &str, all: impl Iterator<Item = String>) -> Option<String> {
    let rated = all.map(|other| (similarity(tail(name), tail(&other)), other));
    let best = rated.max_by(|one, other| one.0.total_cmp(&other.0));
    best.filter(|(similarity, _)| *similarity >= SIMILAR).map(|(_, other)| other)
}

/// Returns how much two names are alike, from 0 to 1: as a whole, or word by word.
fn similarity(one: &str, other: &str) -> f64 {
    let by_word = f64::midpoint(words_in(one, other), words_in(other, one));
    strsim::jaro_winkler(one, other).max(by_word)
}

/// Returns how well the words of a name occur in another: `DB_URL` in `DATABASE_URL`.
fn words_in(name: &str, other: &str) -> f64 {
    let best = |word: &str| other.split('_').map(|of| strsim::jaro_winkler(word, of)).fold(0.0, f64::max);
    let (sum, words) = name.split('_').fold((0.0, 0.0), |(sum, words), word| (sum + best(word), words + 1.0));
    sum / words
}

/// Returns a name without the prefix that all names share: with it, each would be like each.
fn tail(name: &str) -> &str {
    name.strip_prefix("KEYSTEAD").unwrap_or(name).trim_start_matches(['_', '-', '.'])
}

/// Returns the variables that begin with `KEYSTEAD_`, and those among them, or like them, that are no settings. Other variables
/// belong to other programs: Keystead does not look at their values.
///
/// # Errors
/// A sentence for a setting whose value is not UTF-8.
pub(super) fn read(
    all: impl Iterator<Item = (OsString, OsString)>,
) -> Result<(BTreeMap<String, String>, Vec<Unknown>), Stop> {
    let mut own = BTreeMap::new();
    let mut unknown = Vec::new();
    for (name, value) in all {
        let name = name.to_string_lossy();
        if !name.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("KEYSTEAD")) {
            continue;
        }
        let is_setting = SETTINGS.iter().any(|setting| setting.variable() == name);
        if is_setting || name == CONFIG {
            let value = value.into_string().map_err(|_| {
                Stop::new(format!(
                    "The value of {name} is not UTF-8 text. Write it in UTF-8 (ASCII is UTF-8)."
                ))
            })?;
            own.insert(name.into_owned(), value);
        } else if !is_of_others(&name) {
            unknown.push(Unknown::of(name.into_owned()));
        }
    }
    unknown.sort_by(|one, other| one.name.cmp(&other.name));
    Ok((own, unknown))
}

/// Checks whether a variable has another purpose. Kubernetes and Docker set variables for each service, so for one named
/// `keystead` or `keystead-…`: `KEYSTEAD_SERVICE_HOST`, `KEYSTEAD_SERVICE_PORT_HTTP`, `KEYSTEAD_PORT`, `KEYSTEAD_PORT_3000_TCP`
/// (kubernetes.io, "Accessing the Service").
fn is_of_others(name: &str) -> bool {
    let is_port =
        name.ends_with("_PORT") || name.split_once("_PORT_").is_some_and(|(_, rest)| is_port_of(rest));
    OTHERS.contains(&name)
        || name.starts_with("KEYSTEAD_TEST_")
        || name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || is_port
}

/// Checks whether the rest of a name begins with the number of a port: `3000_TCP`, `3000_TCP_ADDR`.
fn is_port_of(rest: &str) -> bool {
    rest.split('_').next().is_some_and(|port| port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt;

    fn read_all(names: &[&str]) -> Vec<String> {
        let all = names.iter().map(|name| (OsString::from(name), OsString::from("hunter2")));
        let (_, unknown) = read(all).expect("UTF-8");
        unknown.iter().map(Unknown::sentence).collect()
    }

    #[test]
    fn a_misspelt_setting_is_named_with_the_nearest_one() {
        for (wrong, right) in [
            ("KEYSTEAD_TRUSTED_PROXY", "KEYSTEAD_TRUSTED_PROXIES"),
            ("KEYSTEAD_TRUSTED_PROXYS", "KEYSTEAD_TRUSTED_PROXIES"),
            ("keystead_listen", "KEYSTEAD_LISTEN"),
            ("KEYSTEAD_LISTEN_ADDRESS", "KEYSTEAD_LISTEN"),
            ("KEYSTEAD-LISTEN", "KEYSTEAD_LISTEN"),
            ("KEYSTEADLISTEN", "KEYSTEAD_LISTEN"),
            ("KEYSTEAD_DB_URL", "KEYSTEAD_DATABASE_URL"),
            ("KEYSTEAD_DATABASE", "KEYSTEAD_DATABASE_URL"),
            ("KEYSTEAD_URL", "KEYSTEAD_PUBLIC_URL"),
            ("KEYSTEAD_DATADIR", "KEYSTEAD_DATA_DIR"),
            ("KEYSTEAD_ROOTKEY", "KEYSTEAD_ROOT_KEY"),
            ("KEYSTEAD_LOG_LEVEL", "KEYSTEAD_LOG"),
        ] {
            let said = read_all(&[wrong]).join("\n");
            assert!(
                said.contains(wrong) && said.ends_with(&format!("Did you mean {right}?")),
                "{wrong}: {said}"
            );
            assert!(!said.contains("hunter2"), "no value is quoted: {said}");
        }
        assert!(!read_all(&["KEYSTEAD_EVIL\nWARN a line"]).join("").contains('\n'));
        let said = read_all(&["KEYSTEAD_QQQ"]).join("\n");
        assert!(said.ends_with("is no setting and is ignored. The README lists the settings."), "{said}");
    }

    #[test]
    fn variables_of_others_are_left_alone() {
        let none: [String; 0] = [];
        let others = [
            "PATH",
            "KEYS",
            "MYKEYSTEAD_LISTEN",
            "KEYSTEAD_API_KEY",
            "KEYSTEAD_SERVICE_HOST",
            "KEYSTEAD_SERVICE_PORT",
            "KEYSTEAD_SERVICE_PORT_HTTP",
            "KEYSTEAD_PORT",
            "KEYSTEAD_PORT_3000_TCP",
            "KEYSTEAD_PORT_3000_TCP_ADDR",
            "KEYSTEAD_PORT_3000_TCP_PROTO",
            "KEYSTEAD_METRICS_SERVICE_HOST",
            "KEYSTEAD_METRICS_PORT_9000_TCP_PORT",
            "KEYSTEAD_LISTEN",
            "KEYSTEAD_CONFIG",
        ];
        assert_eq!(read_all(&others), none);
    }

    #[test]
    fn values_of_other_programs_need_not_be_utf_8() {
        let not_utf_8 = || OsString::from_vec(vec![0xa3]);
        let all = [
            ("BAD".into(), not_utf_8()),
            (not_utf_8(), "x".into()),
            ("KEYSTEAD_API_KEY".into(), not_utf_8()),
            ("KEYSTEAD_LISTEN".into(), "127.0.0.1:1".into()),
        ];
        let (own, unknown) = read(all.into_iter()).expect("Keystead's own are UTF-8");
        assert_eq!(own, BTreeMap::from([("KEYSTEAD_LISTEN".to_owned(), "127.0.0.1:1".to_owned())]));
        assert_eq!(unknown, []);
        for name in ["KEYSTEAD_DATA_DIR", "KEYSTEAD_CONFIG", "KEYSTEAD_ROOT_KEY"] {
            let all = [(OsString::from(name), not_utf_8())];
            let said = read(all.into_iter()).map(drop).expect_err(name).to_string();
            assert!(said.contains(name) && said.contains("not UTF-8"), "{said}");
        }
    }
}
