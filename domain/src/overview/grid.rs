//! The grid of environments and countries, and its filter.

use crate::base::pages::Page;
use crate::overview::lack::Lack;
use crate::overview::view::CountryRow;
use crate::scopes::country_names::{folded, is_of};
use crate::scopes::scope::{Country, EnvironmentKind, Slug};
use unicode_normalization::UnicodeNormalization;

/// Number of environments on a page of the grid.
pub const ROWS: usize = 20;
/// Number of countries on a page of the grid.
pub const COLUMNS: usize = 60;
/// Maximum number of words of a filter.
const WORDS: usize = 5;

/// What a person looks for in the grid.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GridSearch {
    pub words: Words,
    pub only: Option<Only>,
    /// The page of environments, and the page of countries.
    pub rows: usize,
    pub columns: usize,
}

/// The countries to which the grid is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Only {
    /// Those that need attention.
    Attention,
    /// Those that lack this.
    Lack(Lack),
}

impl Only {
    /// Returns the word for it in addresses.
    pub fn word(self) -> &'static str {
        match self {
            Self::Attention => "attention",
            Self::Lack(lack) => lack.word(),
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "attention" => Some(Self::Attention),
            // Nobody looks for Test environments without a key.
            word => Lack::from_word(word).filter(|lack| *lack != Lack::NoKeyInTest).map(Self::Lack),
        }
    }

    /// Returns the lack, unless any is looked for.
    pub fn lack(self) -> Option<Lack> {
        match self {
            Self::Attention => None,
            Self::Lack(lack) => Some(lack),
        }
    }
}

/// The words of a filter, as names are compared. Each must be of the environment or of the country.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Words(Vec<String>);

impl Words {
    /// Reads a filter; "production/DE" is two words.
    pub fn typed(text: &str) -> Self {
        let parts = || text.split(|c: char| c.is_whitespace() || c == '/').filter(|part| !part.is_empty());
        let words: Vec<_> = parts().map(fold).filter(|word| !word.is_empty()).take(WORDS).collect();
        // Signs alone are in no name, so they find nothing, as any other text that no name contains.
        match words.is_empty() {
            true => Self(parts().map(str::to_owned).take(WORDS).collect()),
            false => Self(words),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the words that an environment does not have.
    #[must_use]
    pub fn without(&self, name: &str, slug: &Slug) -> Self {
        let text = format!("{}\n{}", fold(name), fold(slug.as_str()));
        Self(self.0.iter().filter(|word| !text.contains(word.as_str())).cloned().collect())
    }

    /// Checks whether a country has all of the words.
    pub fn are_of(&self, country: Country) -> bool {
        self.0.iter().all(|word| is_of(country, word))
    }
}

fn fold(text: &str) -> String {
    folded(&text.nfd().collect::<String>())
}

/// One page of the grid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GridView {
    pub countries: Vec<Country>,
    pub rows: Vec<GridRow>,
    pub row_page: Page,
    pub column_page: Page,
    /// The portal has an environment, whatever the filter finds.
    pub has_environments: bool,
}

/// An environment of the grid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GridRow {
    pub slug: Slug,
    pub name: String,
    pub kind: EnvironmentKind,
    /// Keystead wrote its row; nothing uses one that somebody else wrote.
    pub is_proved: bool,
    /// One for each country of the grid, `None` where the environment does not have it, or where only what needs attention is shown
    /// and this country does not.
    pub cells: Vec<Option<CountryRow>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_is_of_the_environment_or_of_the_country() {
        let slug = Slug::typed("eu-production").expect("a slug");
        let de = Country::from_code("DE").expect("Germany");
        let found = |text: &str| {
            let rest = Words::typed(text).without("Produktion Süd", &slug);
            rest.are_of(de)
        };
        for text in ["", "eu-production/DE", "sud deutsch", "PRODUKTION", "germany eu", "ger"] {
            assert!(found(text), "{text}");
        }
        for text in ["fr", "many", "staging/DE", "eu-production/FR", "%", "_ %"] {
            assert!(!found(text), "{text}");
        }
    }
}
