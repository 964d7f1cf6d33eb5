//! Settings of the log.

use super::environment::nearest;
use super::source::Source;
use crate::Stop;
use domain::base::typed::trimmed;

const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

pub struct LogSettings {
    /// The directives of a filter, each with its level.
    pub filter: String,
    pub is_json: bool,
}

impl LogSettings {
    pub(super) fn read(source: &Source) -> Result<Self, Stop> {
        const WHAT: &str =
            "a level (error, warn, info, debug, trace or off), or a filter like info,engine=debug";
        let text: String = source.required("log", WHAT)?;
        let filter = filter(&text).map_err(|nearest| {
            let advice = nearest.map_or_else(String::new, |nearest| format!(" Did you mean {nearest}?"));
            Stop::new(format!("{}{advice}", source.is_not("log", &text, WHAT)))
        })?;
        Ok(Self { filter, is_json: source.one_of("log_format", [("text", false), ("json", true)])? })
    }
}

/// Returns a filter whose every entry has a level. The library takes a word that is no level for the name of a target, so
/// `warning` would log nothing. Targets that no entry names are logged at the level info.
///
/// # Errors
/// The level that an operator may have meant, if one is like the text.
fn filter(text: &str) -> Result<String, Option<String>> {
    let entries: Vec<_> = text.split(',').map(trimmed).filter(|entry| !entry.is_empty()).collect();
    if entries.is_empty() {
        return Err(None);
    }
    let mut filter = vec!["info".to_owned()];
    for entry in entries {
        filter.push(match entry.rsplit_once('=') {
            None => level(entry)?.to_owned(),
            Some((target, word)) if is_target(trimmed(target)) => {
                format!("{}={}", trimmed(target), level(trimmed(word))?)
            }
            Some(_) => return Err(None),
        });
    }
    Ok(filter.join(","))
}

fn level(word: &str) -> Result<&'static str, Option<String>> {
    let found = LEVELS.into_iter().find(|level| level.eq_ignore_ascii_case(word));
    found.ok_or_else(|| nearest(&word.to_lowercase(), LEVELS.into_iter().map(str::to_owned)))
}

/// Checks for the name of a target, like `engine::store`. The filters of spans are none, because Keystead has no spans.
fn is_target(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_:.-".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_of_a_filter_has_a_level() {
        for (text, expected) in [
            ("warn", "info,warn"),
            ("OFF", "info,off"),
            ("Info, engine=DEBUG ,", "info,info,engine=debug"),
            ("engine=debug", "info,engine=debug"),
            ("off,audit=info", "info,off,audit=info"),
            ("sqlx::query=trace", "info,sqlx::query=trace"),
        ] {
            assert_eq!(filter(text).as_deref(), Ok(expected), "{text}");
        }
        for (text, meant) in [
            ("warning", Some("warn")),
            ("WARNING", Some("warn")),
            ("information", Some("info")),
            ("info,engine=warning", Some("warn")),
            ("err", Some("error")),
            ("verbose", None),
            ("engine", None),
            ("info,engine", None),
            ("engine=", None),
            ("=info", None),
            ("engine=debug=info", None),
            ("[span]=debug", None),
            ("engine[{field}]=debug", None),
            ("3", None),
            ("info;engine=debug", None),
            ("info engine=debug", None),
            (",", None),
        ] {
            let refused = filter(text).expect_err(text);
            assert_eq!(refused.as_deref(), meant, "{text}");
        }
    }
}
