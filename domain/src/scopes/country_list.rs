//! The list of an environment's countries: filter, order, pages.

use crate::base::pages::Page;
use crate::overview::grid::Words;
use crate::overview::view::CountryRow;
use std::cmp::Reverse;

/// Number of countries on a page.
const SIZE: usize = 50;

/// A column by which the list can be sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Column {
    #[default]
    Country,
    Status,
    Type,
    Version,
    NextRotation,
    Health,
}

impl Column {
    pub const ALL: [Self; 6] =
        [Self::Country, Self::Status, Self::Type, Self::Version, Self::NextRotation, Self::Health];

    /// Returns the word for it in addresses.
    pub fn word(self) -> &'static str {
        match self {
            Self::Country => "country",
            Self::Status => "status",
            Self::Type => "type",
            Self::Version => "version",
            Self::NextRotation => "rotation",
            Self::Health => "health",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|column| column.word() == word)
    }
}

/// What a person looks for among the countries, and the order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CountrySearch {
    /// The filter as it was typed.
    pub text: String,
    pub only_without_key: bool,
    pub sort: Column,
    pub is_descending: bool,
    pub page: usize,
}

impl CountrySearch {
    pub fn is_filtered(&self) -> bool {
        self.only_without_key || !Words::typed(&self.text).is_empty()
    }

    /// Returns one page of the countries that are looked for. Countries for which a column has no value come last.
    pub fn of(&self, mut rows: Vec<CountryRow>) -> (Vec<CountryRow>, Page) {
        let words = Words::typed(&self.text);
        rows.retain(|row| words.are_of(row.country) && !(self.only_without_key && row.active.is_some()));
        // The order by name remains where a column does not decide.
        rows.sort_by_cached_key(|row| row.country.order());
        if self.is_descending && self.sort == Column::Country {
            rows.reverse();
        }
        match self.sort {
            Column::Country => {}
            Column::Status => self.sort_by(&mut rows, |row| row.lacks),
            Column::Type => self.sort_by(&mut rows, |row| row.key_type.map(|key_type| key_type.label())),
            Column::Version => self.sort_by(&mut rows, |row| row.active),
            Column::NextRotation => self.sort_by(&mut rows, |row| row.due_at),
            Column::Health => self.sort_by(&mut rows, |row| row.health.map(|health| health.label())),
        }
        let page = Page::of(rows.len(), SIZE, self.page);
        (rows.drain(page.range()).collect(), page)
    }

    fn sort_by<K: Ord>(&self, rows: &mut [CountryRow], key: impl Fn(&CountryRow) -> Option<K>) {
        match self.is_descending {
            false => rows.sort_by_key(|row| (key(row).is_none(), key(row))),
            true => rows.sort_by_key(|row| (key(row).is_none(), Reverse(key(row)))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::key_type::KeyType;
    use crate::overview::lack::Lack;
    use crate::scopes::scope::Country;
    use chrono::{DateTime, Utc};

    fn row(code: &str, active: Option<u32>, due: Option<i64>, lacks: Option<Lack>) -> CountryRow {
        CountryRow {
            country: Country::from_code(code).expect("a country"),
            active,
            key_type: active.map(|_| KeyType::Managed),
            due_at: due.and_then(|at| DateTime::from_timestamp(at, 0)),
            key_created_at: None,
            health: None,
            lacks,
            created_at: DateTime::<Utc>::UNIX_EPOCH,
            is_proved: true,
        }
    }

    fn codes(search: &CountrySearch) -> Vec<&'static str> {
        let rows = vec![
            row("FR", Some(2), Some(20), Some(Lack::DueSoon)),
            row("DE", Some(7), Some(10), None),
            row("JP", None, None, Some(Lack::NoKey)),
            row("AT", Some(1), Some(30), Some(Lack::Rotate)),
        ];
        search.of(rows).0.into_iter().map(|row| row.country.code()).collect()
    }

    #[test]
    fn countries_are_sorted_by_any_column_and_missing_values_come_last() {
        let by = |sort, is_descending| codes(&CountrySearch { sort, is_descending, ..Default::default() });
        assert_eq!(by(Column::Country, false), ["AT", "FR", "DE", "JP"], "by name");
        assert_eq!(by(Column::Country, true), ["JP", "DE", "FR", "AT"]);
        assert_eq!(by(Column::NextRotation, false), ["DE", "FR", "AT", "JP"]);
        assert_eq!(by(Column::NextRotation, true), ["AT", "FR", "DE", "JP"]);
        assert_eq!(by(Column::Version, true), ["DE", "FR", "AT", "JP"]);
        assert_eq!(by(Column::Status, false), ["JP", "AT", "FR", "DE"], "the worst first");
        for column in Column::ALL {
            assert_eq!(Column::from_word(column.word()), Some(column));
        }
    }

    #[test]
    fn countries_are_found_by_their_names_and_by_having_no_key() {
        let found = |text: &str, only_without_key| {
            codes(&CountrySearch { text: text.to_owned(), only_without_key, ..Default::default() })
        };
        assert_eq!(found("deutschland", false), ["DE"]);
        assert_eq!(found("nippon", true), ["JP"]);
        assert_eq!(found("germany", true), <[&str; 0]>::default());
        assert_eq!(found("", true), ["JP"]);
    }

    #[test]
    fn the_list_has_pages() {
        let rows: Vec<_> = Country::all()
            .into_iter()
            .take(120)
            .map(|country| row(country.code(), None, None, None))
            .collect();
        let (page, at) = CountrySearch { page: 3, ..Default::default() }.of(rows);
        assert_eq!((page.len(), at.label().as_str()), (20, "101–120 of 120"));
    }
}
