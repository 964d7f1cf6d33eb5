//! One environment: its countries, its name.

use crate::frame::layout::Frame;
use crate::frame::page_head::PageHead;
use crate::pages::scopes::countries::Countries;
use crate::ui::button::{Button, ButtonLink, Weight};
use crate::ui::card::Card;
use crate::ui::form::{Actions, PostForm};
use crate::ui::select::Select;
use domain::base::address;
use domain::base::form::Form;
use domain::overview::frame::Chrome;
use domain::overview::view::{EnvironmentRow, EnvironmentView};
use domain::scopes::country_names::other_names;
use domain::scopes::scope::Country;
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
    form: Form,
    choices: Vec<Country>,
) -> impl IntoView {
    let now = chrome.now;
    let EnvironmentView { environment, countries } = view;
    let [rename, kind, remove] =
        [address::environment_rename, address::environment_kind, address::environment_remove]
            .map(|address| address(&environment.slug));
    let limits = address::environment_limits(&environment.slug);
    let about = format!("{} environment · {}", environment.kind.label(), environment.slug);
    let crumbs = vec![
        ("Environments".to_owned(), Some(address::ENVIRONMENTS.to_owned())),
        (environment.name.clone(), None),
    ];
    let choices = choices.into_iter();
    let choices = choices.map(|country| (country.code().to_owned(), country.name().to_owned())).collect();
    view! {
        <Frame chrome crumbs>
            <PageHead heading=environment.name.clone() about>
                <ButtonLink label="Rename" href=rename />
                <ButtonLink label="Change kind" href=kind />
                <ButtonLink label="Change limits" href=limits />
                <ButtonLink label="Remove" href=remove />
            </PageHead>
            <Countries slug=environment.slug.clone() rows=countries now />
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
        </Frame>
    }
}
