//! Removing an environment or a country: only while no encryption key exists.

use crate::frame::layout::Frame;
use crate::frame::page_head::PageHead;
use crate::pages::scopes::environment::crumbs;
use crate::ui::badge::Tone;
use crate::ui::button::ButtonLink;
use crate::ui::callout::Callout;
use crate::ui::danger_form::DangerForm;
use domain::base::address;
use domain::base::form::Form;
use domain::base::words;
use domain::overview::frame::Chrome;
use domain::overview::view::{CountryRow, EnvironmentRow};
use leptos::prelude::*;

#[component]
pub fn RemoveEnvironmentPage(chrome: Chrome, environment: EnvironmentRow, form: Form) -> impl IntoView {
    let refusal = (!environment.is_removable()).then(|| {
        let have = if environment.with_key == 1 { "has" } else { "have" };
        let countries = words::count(environment.with_key, "country", "countries");
        format!(
            "{countries} in this environment {have} an encryption key. Removing the environment would make encrypted data unreadable."
        )
    });
    let consequences = vec![
        match environment.countries {
            0 => "The environment has no countries.".to_owned(),
            countries => format!("{} will be removed too.", words::count(countries, "country", "countries")),
        },
        slug_after_removal(&environment),
    ];
    view! {
        <Frame chrome crumbs=crumbs(&environment, "Remove")>
            <Removal
                heading="Remove environment"
                about=environment.name.clone()
                refusal
                warning="This cannot be undone"
                consequences
                typed=environment.slug.to_string()
                back=address::environment(&environment.slug)
                form
            />
        </Frame>
    }
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
    form: Form,
) -> impl IntoView {
    let name = country.country.name();
    let refusal = country.active.map(|_| {
        format!("{name} has an encryption key. Removing the country would make encrypted data unreadable.")
    });
    view! {
        <Frame chrome crumbs=crumbs(&environment, "Remove country")>
            <Removal
                heading="Remove country"
                about=format!("{name} · {}", environment.name)
                refusal
                warning="The country will be removed"
                consequences=vec![
                    "The country has no encryption key, so no data is lost. You can add it again later.".to_owned(),
                ]
                typed=format!("{}/{}", environment.slug, country.country)
                back=address::environment(&environment.slug)
                form
            />
        </Frame>
    }
}

/// Either the reason why the object cannot be removed and a way back, or the consequences and the form.
#[component]
fn Removal(
    heading: &'static str,
    about: String,
    refusal: Option<String>,
    warning: &'static str,
    consequences: Vec<String>,
    typed: String,
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
            <Callout tone=Tone::Bad title=warning>
                {consequences.into_iter().map(|line| view! { <p>{line}</p> }).collect_view()}
            </Callout>
            <DangerForm form name=typed back />
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
