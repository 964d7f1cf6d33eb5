//! The addresses that pages link to.

use domain::scope::{Country, ScopeName, Slug};

pub fn environment(slug: &Slug) -> String {
    format!("/environments/{slug}")
}

pub fn country(slug: &Slug, country: Country) -> String {
    format!("/environments/{slug}/{country}")
}

pub fn keys(scope: &ScopeName) -> String {
    format!("{}/keys", country(&scope.environment, scope.country))
}

pub fn version(scope: &ScopeName, number: u32) -> String {
    format!("{}/{number}", keys(scope))
}
