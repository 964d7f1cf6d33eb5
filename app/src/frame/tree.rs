//! Environments and their countries, with what each country lacks.

use crate::pages::overview::lack::{shape, tone};
use crate::ui::badge::Tone;
use crate::ui::icon::{Draw, Icon};
use domain::base::address;
use domain::base::typed::trimmed;
use domain::overview::lack::Lack;
use domain::overview::view;
use domain::overview::view::{TreeCountry, TreeEnvironment};
use domain::scopes::scope::ScopeName;
use leptos::prelude::*;

/// Maximum number of countries for which every environment is open.
const SMALL: usize = 24;

/// Returns the text of an environment that the filter searches; the text of each of its countries begins with it.
fn words(environment: &TreeEnvironment) -> String {
    format!("{} {}", environment.name, environment.slug).to_lowercase()
}

fn country_words(environment: &TreeEnvironment, country: &TreeCountry) -> String {
    let country = country.country;
    format!("{} {} {}", words(environment), country.name().to_lowercase(), country.code().to_lowercase())
}

#[component]
pub fn Tree(tree: view::Tree, path: String, filter: String) -> impl IntoView {
    let view::Tree { environments, is_large } = tree;
    let filter = trimmed(&filter).to_lowercase();
    let all = environments.iter().map(|environment| environment.countries.len()).sum::<usize>();
    let small = all <= SMALL && !is_large;
    // This bounds the page when a filter matches most countries of a large portal.
    let mut room = view::Tree::LARGE;
    let items = environments.into_iter().map(|environment| {
        let href = address::environment(&environment.slug);
        // The slash distinguishes `production` from `production-2`.
        let inside = path == href || path.starts_with(&format!("{href}/"));
        let mut found = words(&environment);
        let mut shown = found.contains(&filter);
        let mut branch = Vec::new();
        for country in &environment.countries {
            let words = country_words(&environment, country);
            let is_found = words.contains(&filter);
            shown |= is_found;
            // The environment stays visible when its country is left out here. In a smaller portal every country is in the page,
            // hidden or not, because the island filters without a request.
            if is_large && !inside {
                if filter.is_empty() || !is_found || room == 0 {
                    continue;
                }
                room -= 1;
            }
            // A text that is typed into one line has no line break, so it never matches across two countries.
            found.push('\n');
            found.push_str(&words);
            let scope = ScopeName { environment: environment.slug.clone(), country: country.country };
            let (lacks, path) = (country.lacks, path.clone());
            branch.push(view! { <Leaf scope lacks path shown=is_found found=words /> });
        }
        let has_countries = !branch.is_empty();
        view! {
            <li class="tree-branch" data-find=found hidden=!shown>
                <a href=href.clone() aria-current=(path == href).then_some("page")>
                    {environment.name.clone()}
                </a>
                {has_countries
                    .then(|| {
                        view! {
                            <details open=small || inside || !filter.is_empty()>
                                <summary aria-label="Countries">
                                    <Draw icon=Icon::Chevron />
                                </summary>
                                <ul>{branch}</ul>
                            </details>
                        }
                    })}
            </li>
        }
    });
    let items = items.collect_view();
    view! {
        {is_large
            .then(|| {
                view! {
                    <p class="tree-note">
                        "To see countries of other environments, filter and press Enter."
                    </p>
                }
            })}
        <ul class="tree">{items}</ul>
    }
}

#[component]
fn Leaf(scope: ScopeName, lacks: Option<Lack>, path: String, found: String, shown: bool) -> impl IntoView {
    let href = address::keys(&scope);
    let inside = path == href || path.starts_with(&address::country(&scope.environment, scope.country));
    // The sidebar is on every page, so it marks only what a person should do something about.
    let lacks = lacks.filter(|lack| *lack != Lack::DueSoon);
    let (tone, icon) = (lacks.map_or(Tone::Ok, tone).word(), shape(lacks));
    view! {
        <li class="tree-leaf" data-find=found hidden=!shown>
            <a href=href.clone() data-inside=inside.then_some("")>
                <span class="tree-state" data-tone=tone>
                    <Draw icon />
                </span>
                <span class="tree-name">{scope.country.name()}</span>
                {lacks
                    .map(|lack| {
                        view! {
                            <span class="tree-lack" data-tone=tone>
                                {lack.label()}
                            </span>
                        }
                    })}
            </a>
            {inside
                .then(|| {
                    view! {
                        <ul class="tree-pages">
                            <li>
                                <a href=href aria-current="page">
                                    "Encryption keys"
                                </a>
                            </li>
                        </ul>
                    }
                })}
        </li>
    }
    .into_any()
}
