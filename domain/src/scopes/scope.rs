//! Environments, countries, and scopes: a scope is one country of one environment.

use crate::base::typed::{self, Hidden};
use crate::base::words;
use crate::scopes::country_table::COUNTRIES;
use serde::{Deserialize, Serialize};
use std::fmt;
use unicode_normalization::UnicodeNormalization;

/// Maximum length of an environment's display name in characters.
pub const NAME_MAX: usize = 60;
/// Maximum length of a slug in characters.
pub const SLUG_MAX: usize = 40;

/// The address of an environment: `[a-z0-9-]{1,40}`. It is made from the first name, and never changed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Slug(String);

impl Slug {
    /// Proposes a slug for a display name: lower case, letters without their accents, everything else but digits becomes one hyphen,
    /// at most 40 characters. The name is decomposed (Unicode's NFD), so that an accent stands behind its letter. `None` when nothing
    /// is left.
    pub fn proposed(decomposed: &str) -> Option<Self> {
        let mut slug = String::new();
        for c in decomposed.chars().flat_map(char::to_lowercase) {
            match c {
                'a'..='z' | '0'..='9' => slug.push(c),
                // Combining marks; and letters that are not decomposed.
                '\u{300}'..='\u{36f}' => {}
                _ if ascii_of(c).is_some() => slug.push_str(ascii_of(c).unwrap_or_default()),
                _ if !slug.is_empty() && !slug.ends_with('-') => slug.push('-'),
                _ => {}
            }
        }
        // The slug is ASCII, so the cut never falls inside a character. It may leave a hyphen at the end.
        slug.truncate(SLUG_MAX);
        let slug = slug.trim_end_matches('-');
        (!slug.is_empty()).then(|| Self(slug.to_owned()))
    }

    /// Reads a slug that somebody has chosen.
    pub fn typed(text: &str) -> Result<Self, SlugRefused> {
        let read = |text: &str| Self::try_from(text.to_ascii_lowercase()).map_err(SlugRefused::Form);
        typed::read(text, read, SlugRefused::Hidden)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Returns what people without its key type for a lower-case letter that is not decomposed.
pub(super) fn ascii_of(c: char) -> Option<&'static str> {
    Some(match c {
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'ø' => "o",
        'ł' => "l",
        'đ' | 'ð' => "d",
        'þ' => "th",
        'ı' => "i",
        _ => return None,
    })
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is not a slug.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Use 1 to 40 of these characters: a to z, 0 to 9, hyphen.")]
pub struct NotASlug;

/// The reason why a slug cannot be chosen. The person reads the text beside the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SlugRefused {
    #[error("{0}")]
    Form(NotASlug),
    #[error("{0}")]
    Hidden(Hidden),
}

impl TryFrom<String> for Slug {
    type Error = NotASlug;
    fn try_from(text: String) -> Result<Self, NotASlug> {
        let good = (1..=SLUG_MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if good { Ok(Self(text)) } else { Err(NotASlug) }
    }
}

impl From<Slug> for String {
    fn from(slug: Slug) -> Self {
        slug.0
    }
}

/// The purpose of an environment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EnvironmentKind {
    #[default]
    Production,
    Test,
}

impl EnvironmentKind {
    pub const ALL: [Self; 2] = [Self::Production, Self::Test];

    /// Returns the word used in the database, in forms and in CSS.
    pub fn word(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Test => "test",
        }
    }

    /// Returns the label that people read.
    pub fn label(self) -> &'static str {
        match self {
            Self::Production => "Production",
            Self::Test => "Test",
        }
    }

    /// Says what follows for countries without a key, of which there are so many, when an environment becomes one of this kind.
    pub fn flags(self, without_key: u32) -> String {
        let countries = words::count(without_key, "country", "countries");
        match (self, without_key) {
            (Self::Production, 0) => {
                "Keystead will flag countries without a key. Now every country has one.".to_owned()
            }
            (Self::Production, _) => format!("Keystead will flag {countries} without a key."),
            (Self::Test, 0) => {
                "Keystead will not flag countries without a key. Now every country has one.".to_owned()
            }
            (Self::Test, _) => format!("Keystead will no longer flag {countries} without a key."),
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// The reason why a name cannot be used. The person reads the text beside the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameRefused {
    #[error("Enter a name.")]
    Empty,
    #[error("Use at most 60 characters.")]
    TooLong,
    /// It has a character that is unprintable.
    #[error("{0}")]
    Hidden(Hidden),
}

/// Checks a display name, takes off what nobody sees at its ends, and composes its letters (Unicode's NFC), so that a name has one
/// text whatever keyboard it was typed on. It has 1 to 60 characters, none of them unprintable ([`is_unprintable`]).
pub fn display_name(text: &str) -> Result<String, NameRefused> {
    let typed = typed::trimmed(text);
    let text: String = typed.nfc().collect();
    if text.is_empty() {
        return Err(NameRefused::Empty);
    }
    if text.chars().count() > NAME_MAX {
        return Err(NameRefused::TooLong);
    }
    if let Some(hidden) = Hidden::first(typed, is_unprintable) {
        return Err(NameRefused::Hidden(hidden));
    }
    Ok(text)
}

/// Checks whether a character is a control character, a mark that changes the direction of text around it, or invisible.
pub fn is_unprintable(c: char) -> bool {
    c.is_control()
        // Soft hyphen and joiners; fillers of Hangul, Khmer, Mongolian and Braille; zero-width characters and direction marks;
        // separators and embeddings; invisible operators and isolates; the byte order mark; tags. With them one name could look like
        // another.
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{2800}' | '\u{3164}' | '\u{ffa0}')
        // Marks of Arabic, Syriac, interlinear notes, hieroglyphs, shorthand and music, which are drawn as nothing by most fonts.
        || matches!(c, '\u{61c}' | '\u{70f}' | '\u{fff9}'..='\u{fffb}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// An ISO 3166-1 alpha-2 code that is officially assigned, or XK (Kosovo).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Country(usize);

/// The text is not a code of the table.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("Choose a country from the list.")]
pub struct NotACountry;

impl Country {
    /// Finds a country by a code of exactly two capital letters that is in the table; refuses anything else.
    pub fn from_code(code: &str) -> Result<Self, NotACountry> {
        COUNTRIES.binary_search_by(|(known, _)| known.cmp(&code)).map(Self).map_err(|_| NotACountry)
    }

    pub fn code(self) -> &'static str {
        COUNTRIES[self.0].0
    }

    pub fn name(self) -> &'static str {
        COUNTRIES[self.0].1
    }

    /// Returns all countries, in the order of their names.
    pub fn all() -> Vec<Self> {
        let mut all: Vec<_> = (0..COUNTRIES.len()).map(Self).collect();
        all.sort_by_cached_key(|country| country.order());
        all
    }

    /// Returns the sort key for lists: the name without accents, so that a reader finds it where they expect it.
    pub fn order(self) -> String {
        // A test fails when the table contains an accented letter that is missing here.
        let plain = |c| match c {
            'Å' => 'A',
            'ã' => 'a',
            'ç' => 'c',
            'é' => 'e',
            'í' => 'i',
            'ô' => 'o',
            'ü' => 'u',
            c => c,
        };
        self.name().chars().map(plain).collect()
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl TryFrom<String> for Country {
    type Error = NotACountry;
    fn try_from(text: String) -> Result<Self, NotACountry> {
        Self::from_code(&text)
    }
}

impl From<Country> for String {
    fn from(country: Country) -> Self {
        country.code().to_owned()
    }
}

/// One country of one environment, written `production/DE`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ScopeName {
    pub environment: Slug,
    pub country: Country,
}

impl fmt::Display for ScopeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.environment, self.country)
    }
}

/// The text is not the name of a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a scope: use the form production/DE")]
pub struct NotAScope;

impl std::str::FromStr for ScopeName {
    type Err = NotAScope;
    fn from_str(text: &str) -> Result<Self, NotAScope> {
        let (environment, country) = text.split_once('/').ok_or(NotAScope)?;
        let environment = Slug::try_from(environment.to_owned()).map_err(|_| NotAScope)?;
        Ok(Self { environment, country: Country::from_code(country).map_err(|_| NotAScope)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_read_as_it_is_written() {
        let scope: ScopeName = "production/DE".parse().expect("a scope");
        assert_eq!((scope.environment.as_str(), scope.country.code()), ("production", "DE"));
        assert_eq!(scope.to_string().parse(), Ok(scope));
        for other in [
            "",
            "production",
            "production/",
            "/DE",
            "production/de",
            "Production/DE",
            "production/DE/x",
            "production/QQ",
        ] {
            assert_eq!(other.parse::<ScopeName>(), Err(NotAScope), "{other:?}");
        }
    }

    #[test]
    fn a_slug_is_made_from_the_name() {
        for (name, slug) in [
            ("Production", Some("production")),
            ("  EU — Staging 2 ", Some("eu-staging-2")),
            ("Mu\u{308}ller & So\u{308}hne", Some("muller-sohne")),
            ("Ło\u{301}dz\u{301} Straße", Some("lodz-strasse")),
            ("日本", None),
            ("--", None),
        ] {
            assert_eq!(Slug::proposed(name).as_ref().map(Slug::as_str), slug, "{name}");
        }
        let long = Slug::proposed(&"ab ".repeat(30)).expect("a slug");
        assert!(long.as_str().len() <= SLUG_MAX && !long.as_str().ends_with('-'));
    }

    #[test]
    fn only_slugs_of_the_grammar_are_accepted() {
        assert_eq!(Slug::typed(" EU-1\u{a0}").as_ref().map(Slug::as_str), Ok("eu-1"));
        let said = Slug::typed("eu\u{200b}-1").expect_err("it is refused").to_string();
        assert_eq!(said, "Character 3 is a zero-width space (U+200B). Remove it.");
        for bad in ["", "A", "a b", "a/b", "ä", &"a".repeat(41)] {
            assert_eq!(Slug::try_from(bad.to_owned()), Err(NotASlug), "{bad}");
        }
    }

    #[test]
    fn names_are_refused_in_words() {
        assert_eq!(display_name("  "), Err(NameRefused::Empty));
        assert_eq!(display_name(&"x".repeat(61)), Err(NameRefused::TooLong));
        let said = display_name("a\u{202e}b").expect_err("it is refused").to_string();
        assert_eq!(said, "Character 2 is an invisible mark of direction (U+202E). Remove it.");
        assert_eq!(display_name(" Production "), Ok("Production".to_owned()));
        assert_eq!(display_name("Mu\u{308}ller"), Ok("M\u{fc}ller".to_owned()), "as composed");
    }

    #[test]
    fn the_country_table_is_all_of_iso_3166_and_kosovo_sorted_by_code() {
        assert_eq!(COUNTRIES.len(), 250);
        assert!(COUNTRIES.is_sorted());
        assert_eq!(Country::from_code("DE").map(Country::name), Ok("Germany"));
        assert_eq!(Country::from_code("XK").map(Country::name), Ok("Kosovo"));
        for bad in ["de", "xk", "XA", "ZZ", "D", "DEU", ""] {
            assert_eq!(Country::from_code(bad), Err(NotACountry), "{bad}");
        }
        let all = Country::all();
        assert_eq!((all[0].name(), all[1].name()), ("Afghanistan", "Åland Islands"));
        let at = |name| all.iter().position(|country| country.name() == name).expect("a country");
        assert!(at("Réunion") < at("Romania") && at("São Tomé & Príncipe") < at("Saudi Arabia"));
        let folded = |country: &Country| country.order().chars().all(|c| c.is_ascii() || c == '’');
        assert!(all.iter().all(folded), "every accented letter has its place");
    }
}
