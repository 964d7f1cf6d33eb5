//! The grid of environments and countries, and what needs attention in them.

use super::Overview;
use crate::Error;
use crate::store::overview::{GridEnvironment, Times};
use chrono::TimeDelta;
use domain::base::id::EnvironmentId;
use domain::base::pages::Page;
use domain::overview::attention::{AttentionView, KEY_ENDED_DAYS, KEY_ENDS_DAYS, KEY_USED_DAYS, NAMED};
use domain::overview::grid::{COLUMNS, GridRow, GridSearch, GridView, Only, ROWS, Words};
use domain::overview::lack::soon;
use domain::scopes::scope::Country;
use std::collections::{HashMap, HashSet};

impl Overview {
    fn times(&self) -> Times {
        let now = self.vault.now();
        Times { now, soon: soon(now) }
    }

    /// Returns what needs attention in the countries and among the API keys.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn attention(&self) -> Result<AttentionView, Error> {
        let (db, times) = (self.vault.db(), self.times());
        let counts = db.overview().lack_counts(times).await?;
        let mut lacking = Vec::new();
        for (lack, _) in &counts {
            lacking.extend(db.overview().lacking(*lack, times).await?);
        }
        let (now, days) = (times.now, TimeDelta::days);
        let ending = db.overview().ending_keys(now, now + days(KEY_ENDS_DAYS), NAMED).await?;
        let ended = db.overview().ended_keys(now - days(KEY_ENDED_DAYS), now, days(KEY_USED_DAYS)).await?;
        Ok(AttentionView { lacking, counts, ending, ended })
    }

    /// Returns a page of the grid.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn grid(&self, search: &GridSearch) -> Result<GridView, Error> {
        let times = self.times();
        let all = self.vault.db().overview().environments().await?;
        let all: Vec<GridEnvironment> = all.into_iter().map(|one| self.vault.shown(one)).collect();
        let has_environments = !all.is_empty();
        let mut found = self.with_words(all, &search.words).await?;
        if let Some(only) = search.only {
            let needing = self.vault.db().overview().needing(only.lack(), times).await?;
            found.retain(|environment| needing.contains(&environment.id));
            // With words, the country that needs it must be one that has them.
            if !search.words.is_empty() {
                let needing = self.needing(only, &found, &search.words, times).await?;
                let with: HashSet<_> = needing.iter().map(|(id, _)| *id).collect();
                found.retain(|environment| with.contains(&environment.id));
            }
        }
        let row_page = Page::of(found.len(), ROWS, search.rows);
        let shown: Vec<GridEnvironment> = found.drain(row_page.range()).collect();
        let ids: Vec<_> = shown.iter().map(|environment| environment.id).collect();
        let rest: HashMap<_, _> = shown.iter().map(|one| (one.id, one.rest_of(&search.words))).collect();
        let needing = match search.only {
            Some(only) => Some(self.needing(only, &shown, &search.words, times).await?),
            None => None,
        };
        let there = match &needing {
            Some(needing) => needing.iter().map(|(_, country)| *country).collect(),
            None => self.vault.db().overview().countries(&ids).await?,
        };
        let sets: HashSet<&Words> = rest.values().collect();
        let mut countries: Vec<Country> = Country::all();
        countries
            .retain(|country| there.contains(country) && sets.iter().any(|words| words.are_of(*country)));
        let column_page = Page::of(countries.len(), COLUMNS, search.columns);
        let countries = countries.drain(column_page.range()).collect::<Vec<_>>();
        let cells = self.vault.db().overview().cells(&shown, &countries, times.now).await?;
        let mut cells: HashMap<_, _> = cells
            .into_iter()
            .map(|(environment, scope)| (environment, self.vault.shown(scope).row))
            .filter(|(id, row)| match &needing {
                Some(needing) => needing.contains(&(*id, row.country)),
                None => rest.get(id).is_some_and(|words| words.are_of(row.country)),
            })
            .map(|(id, row)| ((id, row.country), row))
            .collect();
        let row = |one: GridEnvironment| GridRow {
            cells: countries.iter().map(|country| cells.remove(&(one.id, *country))).collect(),
            slug: one.slug,
            name: one.name,
            kind: one.kind,
            is_proved: one.is_proved,
        };
        let rows = shown.into_iter().map(row).collect();
        Ok(GridView { countries, rows, row_page, column_page, has_environments })
    }

    /// Returns the countries of these environments that need attention and have the words that their environment does not have.
    async fn needing(
        &self,
        only: Only,
        of: &[GridEnvironment],
        words: &Words,
        times: Times,
    ) -> Result<HashSet<(EnvironmentId, Country)>, Error> {
        let rest: HashMap<_, _> = of.iter().map(|one| (one.id, one.rest_of(words))).collect();
        let ids: Vec<_> = rest.keys().copied().collect();
        let mut needing = self.vault.db().overview().countries_needing(only.lack(), &ids, times).await?;
        needing.retain(|(id, country)| rest.get(id).is_some_and(|words| words.are_of(*country)));
        Ok(needing)
    }

    /// Returns the environments that have all words, in their own names or in that of one of their countries.
    async fn with_words(
        &self,
        mut all: Vec<GridEnvironment>,
        words: &Words,
    ) -> Result<Vec<GridEnvironment>, Error> {
        if words.is_empty() {
            return Ok(all);
        }
        let rest = |environment: &GridEnvironment| environment.rest_of(words);
        // The environments lack few different sets of words.
        let mut found: HashMap<Words, HashSet<_>> = HashMap::new();
        for words in all.iter().map(rest).collect::<HashSet<_>>() {
            if !words.is_empty() {
                let countries: Vec<_> =
                    Country::all().into_iter().filter(|country| words.are_of(*country)).collect();
                let with = self.vault.db().overview().with_countries(&countries).await?;
                found.insert(words, with);
            }
        }
        all.retain(|environment| {
            let rest = rest(environment);
            rest.is_empty() || found.get(&rest).is_some_and(|with| with.contains(&environment.id))
        });
        Ok(all)
    }
}
