//! One environment: its countries, its name.

use crate::frame::layout::Frame;
use crate::frame::page_head::PageHead;
use crate::pages::scopes::countries::Countries;
use crate::ui::badge::Tone;
use crate::ui::button::{Button, ButtonLink, Weight};
use crate::ui::callout::Callout;
use crate::ui::card::Card;
use crate::ui::form::{Actions, PostForm};
use crate::ui::more::More;
use crate::ui::select::Select;
use domain::base::form::Form;
use domain::base::{address, words};
use domain::keys::view::EnvironmentLimits;
use domain::overview::frame::Chrome;
use domain::overview::view::{EnvironmentRow, EnvironmentView};
use domain::scopes::country_list::CountrySearch;
use domain::scopes::country_names::other_names;
use domain::scopes::scope::{Country, ScopeName};
use leptos::prelude::*;

/// Returns the breadcrumbs of a page below an environment.
pub(crate) fn crumbs(environment: &EnvironmentRow, last: &str) -> Vec<(String, Option<String>)> {
    vec![
        ("Environments".to_owned(), Some(address::ENVIRONMENTS.to_owned())),
        (environment.name.clone(), Some(address::environment(&environment.slug))),
        (last.to_owned(), None),
    ]
}

#[component]
pub fn EnvironmentPage(
    chrome: Chrome,
    view: EnvironmentView,
    /// Without them, nobody knows the limits: the row does not verify.
    limits: Option<EnvironmentLimits>,
    search: CountrySearch,
    /// The country that was just added.
    new: Option<Country>,
    form: Form,
    choices: Vec<Country>,
) -> impl IntoView {
    let now = chrome.now;
    let EnvironmentView { environment, countries } = view;
    let about = format!("{} environment · {}", environment.kind.label(), environment.slug);
    let crumbs = vec![
        ("Environments".to_owned(), Some(address::ENVIRONMENTS.to_owned())),
        (environment.name.clone(), None),
    ];
    let choices = choices.into_iter();
    let choices = choices.map(|country| (country.code().to_owned(), country.name().to_owned())).collect();
    // Its next step is shown until it has a key.
    let next = new.filter(|new| countries.iter().any(|row| row.country == *new && row.active.is_none()));
    let next = next.map(|country| ScopeName { environment: environment.slug.clone(), country });
    let (menu, all, slug) = (environment.clone(), countries.len(), environment.slug.clone());
    let (rows, page) = search.of(countries);
    view! {
        <Frame chrome crumbs>
            <PageHead heading=environment.name.clone() about>
                <EnvironmentMenu environment=menu />
            </PageHead>
            <div class="new-country">
            <Card title="New country">
                <PostForm form>
                    <Select
                        name="country"
                        label="Country"
                        prompt="Choose a country"
                        options=choices
                        other_names=other_names
                    />
                    <Actions>
                        <Button label="Add country" weight=Weight::Primary />
                    </Actions>
                </PostForm>
            </Card>
            </div>
            {next.map(|scope| view! { <KeyComesNext scope /> })}
            <Countries slug rows page all search new now />
            {limits.map(|limits| view! { <LimitsLine limits /> })}
        </Frame>
    }
}

/// The daily limits that hold in each country.
#[component]
fn LimitsLine(limits: EnvironmentLimits) -> impl IntoView {
    let EnvironmentLimits { environment, own, server } = limits;
    let daily = server.with(own);
    let whose = match own.is_any() {
        true => "set for this environment",
        false => "the server's settings",
    };
    view! {
        <p class="quiet">
            {format!(
                "In each country, {} of one type and {} in total are possible per day ({whose}). ",
                words::count(daily.per_type, "new version", "new versions"),
                daily.per_scope,
            )} <a href=address::environment_limits(&environment.slug)>"Limits of this environment"</a>
        </p>
    }
    .into_any()
}

/// What can be done with the environment as a whole; what removes it comes last.
#[component]
fn EnvironmentMenu(environment: EnvironmentRow) -> impl IntoView {
    let [rename, kind, limits, remove] = [
        address::environment_rename,
        address::environment_kind,
        address::environment_limits,
        address::environment_remove,
    ]
    .map(|address| address(&environment.slug));
    view! {
        <More>
            <a href=rename>"Rename"</a>
            <a href=kind>"Change kind"</a>
            <a href=limits>"Change limits"</a>
            <a class="quiet-link" href=remove>
                "Remove"
            </a>
        </More>
    }
}

/// What comes after a country was added.
#[component]
fn KeyComesNext(scope: ScopeName) -> impl IntoView {
    let name = scope.country.name();
    view! {
        <Callout tone=Tone::Quiet title=format!("Next: a key for {name}")>
            <p>"Services cannot encrypt in " {name} " until you add an encryption key."</p>
            <p>
                <ButtonLink
                    label="Add encryption key"
                    href=address::key_add(&scope)
                    weight=Weight::Primary
                />
            </p>
        </Callout>
    }
}
