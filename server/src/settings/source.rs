//! The sources of settings, and how their texts are read.

use super::environment::{CONFIG, nearest};
use super::table::{SETTINGS, Setting, find};
use crate::Stop;
use domain::base::typed::trimmed;
use engine::base::files;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

/// Maximum length of a settings file.
const LONGEST: u64 = 1 << 20;

/// The sources of settings. The environment comes before the file, the file before the default.
pub(super) struct Source {
    pub environment: BTreeMap<String, String>,
    pub file: BTreeMap<String, String>,
}

impl Source {
    fn text(&self, setting: &Setting) -> Option<&str> {
        let text = self.environment.get(&setting.variable()).or_else(|| self.file.get(setting.name));
        // An empty text unsets the setting: the file does not apply, the default does.
        text.map(String::as_str).filter(|text| !text.is_empty()).or(setting.default)
    }

    pub fn is_set(&self, name: &str) -> bool {
        self.environment.contains_key(&find(name).variable()) || self.file.contains_key(name)
    }

    /// Returns the name under which the operator set a setting: its variable, or its line in the settings file.
    pub fn named(&self, name: &str) -> String {
        let variable = find(name).variable();
        if self.environment.contains_key(&variable) || !self.file.contains_key(name) {
            return variable;
        }
        let path = self.environment.get(CONFIG).map_or_else(String::new, |path| format!(" {path}"));
        format!("“{name}” in the settings file{path}")
    }

    /// Returns the sentence for a text that a setting does not accept.
    pub fn is_not(&self, name: &str, text: &str, what: &str) -> Stop {
        let named = self.named(name);
        if find(name).may_hold_secret {
            return Stop::new(format!("The value of {named} is not valid. Expected: {what}."));
        }
        Stop::new(format!("The value “{text}” of {named} is not valid. Expected: {what}."))
    }

    /// Returns the checked value of a setting.
    pub fn get<T: FromStr>(&self, name: &str, what: &str) -> Result<Option<T>, Stop> {
        let Some(text) = self.text(find(name)).map(trimmed) else { return Ok(None) };
        let named = self.named(name);
        if text.is_empty() {
            return Err(Stop::new(format!("The value of {named} is blank. Expected: {what}.")));
        }
        if is_quoted(text) {
            return Err(Stop::new(format!(
                "The value of {named} has quotation marks around it. Remove them: they count as a part of the value (Docker's --env-file \
                 keeps them). Expected: {what}."
            )));
        }
        text.parse().map(Some).map_err(|_| self.is_not(name, text, what))
    }

    pub fn required<T: FromStr>(&self, name: &str, what: &str) -> Result<T, Stop> {
        self.get(name, what)?.ok_or_else(|| {
            Stop::new(format!("The setting {} is required. Expected: {what}.", self.named(name)))
        })
    }

    /// Returns the path that a setting has; `what`: "folder" or "file". Only a shell expands `~` and `$`, only a unit file of
    /// systemd `%`. Here they would name a folder of their own.
    pub fn path(&self, name: &str, what: &str) -> Result<Option<PathBuf>, Stop> {
        let what = format!("the path of a {what}, in which nothing is expanded (~, $, %)");
        let Some(text) = self.get::<String>(name, &what)? else { return Ok(None) };
        if text.starts_with(['~', '$', '%']) {
            return Err(self.is_not(name, &text, &what));
        }
        Ok(Some(text.into()))
    }

    pub fn flag(&self, name: &str) -> Result<bool, Stop> {
        self.required(name, "true or false")
    }

    /// Returns a number within the bounds of its setting; `of` is its unit, like " of seconds".
    pub fn number<T: TryFrom<u64>>(&self, name: &str, of: &str) -> Result<T, Stop> {
        let setting = find(name);
        let (least, most) = setting.bounds.expect("a number has bounds");
        let what = format!("a whole number{of} from {least} to {most}");
        let number: u64 = self.required(name, &what)?;
        let number = Some(number).filter(|number| (least..=most).contains(number));
        let number = number.and_then(|number| T::try_from(number).ok());
        number.ok_or_else(|| self.is_not(name, self.text(setting).unwrap_or_default(), &what))
    }

    pub fn seconds(&self, name: &str) -> Result<Duration, Stop> {
        self.number(name, " of seconds").map(Duration::from_secs)
    }

    /// Returns the value of the word that the setting has.
    pub fn one_of<T: Copy, const N: usize>(&self, name: &str, words: [(&str, T); N]) -> Result<T, Stop> {
        let what = words.map(|(word, _)| word).join(" or ");
        let text: String = self.required(name, &what)?;
        let found = words.iter().find(|(word, _)| *word == text);
        found.map(|(_, value)| *value).ok_or_else(|| self.is_not(name, &text, &what))
    }
}

/// Checks for quotation marks around a value. A shell takes them off; Docker's `--env-file` does not.
fn is_quoted(text: &str) -> bool {
    let within = |mark| text.len() > 1 && text.starts_with(mark) && text.ends_with(mark);
    within('"') || within('\'')
}

/// Returns the sentence for a settings file that is not TOML. It names the line and does not quote it: the line may hold a password.
fn is_not_toml(path: &str, text: &str, error: &toml::de::Error) -> Stop {
    let before = error.span().and_then(|span| text.get(..span.start));
    let line =
        before.map_or_else(String::new, |before| format!(" (line {})", before.matches('\n').count() + 1));
    Stop::new(format!("The settings file {path} is not valid TOML{line}: {}.", error.message()))
}

pub(super) fn read_file(path: &str) -> Result<BTreeMap<String, String>, Stop> {
    let text = files::read_text(Path::new(path), LONGEST).map_err(|error| {
        Stop::new(format!("The settings file {path} ({CONFIG}) cannot be read: {error}."))
    })?;
    let table: toml::Table = text.parse().map_err(|error| is_not_toml(path, &text, &error))?;
    let mut settings = BTreeMap::new();
    for (name, value) in table {
        if !SETTINGS.iter().any(|setting| setting.name == name) {
            let nearest = nearest(&name, SETTINGS.iter().map(|setting| setting.name.to_owned()));
            let advice = nearest.map_or_else(
                || "Check the spelling.".to_owned(),
                |nearest| format!("Did you mean “{nearest}”?"),
            );
            return Err(Stop::new(format!(
                "The settings file {path} contains “{name}”, which Keystead does not know. {advice}"
            )));
        }
        let text = match value {
            toml::Value::String(text) => text,
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Boolean(flag) => flag.to_string(),
            _ => {
                return Err(Stop::new(format!(
                    "In the settings file {path}, “{name}” must be a string, a number, true or false."
                )));
            }
        };
        settings.insert(name, text);
    }
    Ok(settings)
}
