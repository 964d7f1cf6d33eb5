//! "Create API key": the key's permissions, and its secret, shown until it is saved.

use crate::frame::change_steps::ChangeSteps;
use crate::frame::layout::Frame;
use crate::frame::moment::Moment;
use crate::frame::page_head::PageHead;
use crate::frame::shown_once::ShownOnce;
use crate::pages::services::api_keys::api_key_crumbs;
use crate::ui::badge::Tone;
use crate::ui::button::{Button, ButtonLink, Weight};
use crate::ui::callout::Callout;
use crate::ui::check_list::{CheckList, Tick, Ticks};
use crate::ui::copy::Copyable;
use crate::ui::facts::{Fact, Facts};
use crate::ui::field::Field;
use crate::ui::form::{Actions, PostForm};
use crate::ui::select::Select;
use domain::base::address;
use domain::base::form::Form;
use domain::data::operation::Operation;
use domain::overview::frame::Chrome;
use domain::overview::view::TreeEnvironment;
use domain::services::api_key::{Lifetime, Reach};
use domain::services::view::NewApiKeyView;
use leptos::prelude::*;

#[component]
pub fn AddApiKeyPage(chrome: Chrome, form: Form) -> impl IntoView {
    let scopes: Vec<_> = chrome.tree.environments.iter().map(ticks).collect();
    let operations = Operation::ALL.iter().map(|operation| Tick {
        value: operation.word().to_owned(),
        label: operation.word().to_owned(),
        explanation: Some(operation.explanation().to_owned()),
    });
    let operations = vec![Ticks { name: None, ticks: operations.collect() }];
    let lifetimes = Lifetime::ALL.map(|lifetime| {
        let ends = domain::base::words::date(lifetime.end(chrome.now));
        (lifetime.days().to_string(), format!("in {} days, on {ends}", lifetime.days()))
    });
    let body = if scopes.is_empty() {
        view! {
            <Callout tone=Tone::Quiet title="No environments yet">
                <p>"An API key works in the environments and countries you choose. Add an environment first."</p>
            </Callout>
            <p>
                <ButtonLink label="Environments" href=address::ENVIRONMENTS />
            </p>
        }
        .into_any()
    } else {
        view! {
            <PostForm form>
                <Field
                    name="name"
                    label="Name"
                    hint="The service that uses this key. Two active keys may share a name, so you can roll over without downtime."
                    first=true
                />
                <CheckList
                    name="scopes"
                    label="Scopes"
                    hint="Where this key works, in environments of one kind (Production or Test). All other scopes are invisible to it."
                    groups=scopes
                />
                <CheckList name="operations" label="Operations" groups=operations />
                <Select
                    name="lifetime"
                    label="Expires"
                    options=lifetimes.to_vec()
                    initial=Lifetime::default().days().to_string()
                />
                <Actions>
                    <ButtonLink label="Cancel" href=address::API_KEYS />
                    <Button label="Next" weight=Weight::Primary />
                </Actions>
            </PostForm>
        }
        .into_any()
    };
    view! {
        <Frame chrome crumbs=api_key_crumbs("Create API key")>
            <div class="narrow">
                <PageHead heading="Create API key" />
                <ChangeSteps confirm=false />
                {body}
            </div>
        </Frame>
    }
}

/// Returns the boxes of an environment: the whole environment, then each of its countries.
fn ticks(environment: &TreeEnvironment) -> Ticks {
    let reach = |country| Reach { environment: environment.slug.clone(), country }.to_string();
    let whole = Tick {
        value: reach(None),
        label: format!("All of {}", environment.name),
        explanation: Some("All countries, including ones added later.".to_owned()),
    };
    let countries = environment.countries.iter().map(|row| Tick {
        value: reach(Some(row.country)),
        label: format!("{} ({})", row.country.name(), row.country),
        explanation: None,
    });
    Ticks { name: Some(environment.name.clone()), ticks: std::iter::once(whole).chain(countries).collect() }
}

#[component]
pub fn NewApiKeyPage(view: NewApiKeyView) -> impl IntoView {
    let NewApiKeyView { name, key, reach, operations, expires_at } = view;
    view! {
        <ShownOnce
            heading="Your new API key"
            title="Save it before you go on"
            about="Store it in a secret manager, never in source code. You can return to this page for 15 minutes, unless you confirm or sign out earlier. After that Keystead keeps only a hash."
            saved="I have saved this key"
            next=None
        >
            <div class="secret new-key">
                <Copyable text=key />
            </div>
            <Facts>
                <Fact label="Name">{name}</Fact>
                <Fact label="Scopes">
                    <span class="mono wrap">{reach.join(", ")}</span>
                </Fact>
                <Fact label="Operations">{operations.replace(',', ", ")}</Fact>
                <Fact label="Expires">
                    <Moment at=expires_at />
                </Fact>
            </Facts>
        </ShownOnce>
    }
}
