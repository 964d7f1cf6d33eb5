//! Removing an environment or a country: only while no encryption key exists. No data is lost, and it can be added again, so the
//! page asks for nothing but a press of the button.

use crate::frame::layout::Frame;
use crate::frame::page_head::PageHead;
use crate::pages::scopes::environment::crumbs;
use crate::ui::badge::Tone;
use crate::ui::button::{Button, ButtonLink, Weight};
use crate::ui::callout::Callout;
use crate::ui::card::Card;
use crate::ui::form::{Actions, PostForm};
use domain::base::address;
use domain::base::form::Form;
use domain::base::words;
use domain::overview::frame::Chrome;
use domain::overview::view::{CountryRow, EnvironmentRow};
use leptos::prelude::*;

/// Maximum number of API keys that the page names.
const NAMED: usize = 10;
/// Number of names that the page needs: one more tells that there are others.
pub const KEY_NAMES: u32 = NAMED as u32 + 1;

#[component]
pub fn RemoveEnvironmentPage(
    chrome: Chrome,
    environment: EnvironmentRow,
    /// API keys that reach the environment or a country of it, at most [`KEY_NAMES`].
    keys: Vec<String>,
    form: Form,
) -> impl IntoView {
    let refusal = (!environment.is_removable()).then(|| {
        let have = if environment.with_key == 1 { "has" } else { "have" };
        let countries = words::count(environment.with_key, "country", "countries");
        format!(
            "{countries} in this environment {have} an encryption key. Removing the environment would make encrypted data unreadable."
        )
    });
    let name = &environment.name;
    let mut consequences = vec![match environment.countries {
        0 => format!("{name} has no countries and no encryption key, so no data is lost."),
        1 => format!("{name} and its country go. The country has no encryption key, so no data is lost."),
        countries => {
            format!(
                "{name} and its {countries} countries go. None of them has an encryption key, so no data is lost."
            )
        }
    }];
    consequences.extend(losing(&keys, &environment.slug.to_string()));
    consequences.push(format!("You can add the environment again. {}", slug_after_removal(&environment)));
    view! {
        <Frame chrome crumbs=crumbs(&environment, "Remove")>
            <Removal
                heading="Remove environment"
                about=environment.name.clone()
                refusal
                consequences
                back=address::environment(&environment.slug)
                form
            />
        </Frame>
    }
}

/// Says which API keys lose their access to what is removed.
fn losing(keys: &[String], place: &str) -> Option<String> {
    let mut names: Vec<_> = keys.iter().take(NAMED).map(|name| format!("\"{name}\"")).collect();
    if keys.len() > NAMED {
        names.push("others".to_owned());
    }
    let (key, loses, it) = match names.len() {
        0 => return None,
        1 => ("API key", "loses its", "it"),
        _ => ("API keys", "lose their", "they"),
    };
    let last = names.pop().unwrap_or_default();
    let names = if names.is_empty() { last } else { format!("{} and {last}", names.join(", ")) };
    let does = if it == "it" { "does" } else { "do" };
    Some(format!(
        "The {key} {names} {loses} access to {place}. If you add it again, {it} {does} not get the access back: create new API keys."
    ))
}

/// Says whether another environment can get the URL name.
pub fn slug_after_removal(EnvironmentRow { slug, keeps_slug, .. }: &EnvironmentRow) -> String {
    match keeps_slug {
        false => format!("The URL name {slug} can be used again."),
        true => format!(
            "The URL name {slug} can't be reused: a country of this environment once had an encryption key."
        ),
    }
}

#[component]
pub fn RemoveCountryPage(
    chrome: Chrome,
    environment: EnvironmentRow,
    country: CountryRow,
    /// API keys that reach this country and not its whole environment, at most [`KEY_NAMES`].
    keys: Vec<String>,
    form: Form,
) -> impl IntoView {
    let name = country.country.name();
    let refusal = country.active.map(|_| {
        format!("{name} has an encryption key. Removing the country would make encrypted data unreadable.")
    });
    let mut consequences = vec![format!("{name} has no encryption key, so no data is lost.")];
    consequences.extend(losing(&keys, &format!("{}/{}", environment.slug, country.country)));
    consequences.push("Its alias goes with it, if it has one. You can add the country again.".to_owned());
    view! {
        <Frame chrome crumbs=crumbs(&environment, "Remove country")>
            <Removal
                heading="Remove country"
                about=format!("{name} · {}", environment.name)
                refusal
                consequences
                back=address::environment(&environment.slug)
                form
            />
        </Frame>
    }
}

/// Either the reason why the object cannot be removed and a way back, or the consequences and the button.
#[component]
fn Removal(
    heading: &'static str,
    about: String,
    refusal: Option<String>,
    consequences: Vec<String>,
    back: String,
    form: Form,
) -> impl IntoView {
    let body = match refusal {
        Some(reason) => view! {
            <Callout tone=Tone::Quiet title="This cannot be removed">
                <p>{reason}</p>
            </Callout>
            <p>
                <ButtonLink label="Back" href=back />
            </p>
        }
        .into_any(),
        None => view! {
            <Card title="What will happen">
                <ul class="effects">
                    {consequences.into_iter().map(|line| view! { <li>{line}</li> }).collect_view()}
                </ul>
            </Card>
            <PostForm form>
                <Actions>
                    <ButtonLink label="Cancel" href=back />
                    <Button label="Remove" weight=Weight::Primary />
                </Actions>
            </PostForm>
        }
        .into_any(),
    };
    view! {
        <div class="narrow">
            <PageHead heading about />
            {body}
        </div>
    }
}
