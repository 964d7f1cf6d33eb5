//! "Environments": the list, and "Add environment".

use crate::frame::layout::Frame;
use crate::frame::page_head::PageHead;
use crate::islands::url_preview::UrlPreview;
use crate::pages::keys::status_badge::Damaged;
use crate::pages::overview::lack::LackBadge;
use crate::ui::button::{Button, Weight};
use crate::ui::card::Card;
use crate::ui::empty::Empty;
use crate::ui::field::Field;
use crate::ui::form::{Actions, PostForm};
use crate::ui::radio_cards::{Choice, RadioCards};
use crate::ui::table::{Cell, Table};
use domain::base::address;
use domain::base::form::Form;
use domain::base::words;
use domain::overview::frame::Chrome;
use domain::overview::lack::Lack;
use domain::overview::view::EnvironmentRow;
use domain::scopes::scope::EnvironmentKind;
use leptos::prelude::*;
use std::collections::HashMap;

#[component]
pub fn EnvironmentsPage(chrome: Chrome, rows: Vec<EnvironmentRow>, form: Form) -> impl IntoView {
    // The frame of this page has every country, also in a large portal (the server's `chrome_of_all`).
    let lacks: HashMap<_, Vec<_>> = chrome
        .tree
        .environments
        .iter()
        .map(|environment| {
            (environment.slug.clone(), environment.countries.iter().filter_map(|row| row.lacks).collect())
        })
        .collect();
    let line = move |row: EnvironmentRow| {
        let lacks = lacks.get(&row.slug).cloned().unwrap_or_default();
        view! { <EnvironmentLine row lacks /> }
    };
    let list = if rows.is_empty() {
        view! {
            <Empty title="No environments yet">
                <p>
                    "An environment is a deployment stage of your product, such as production, staging or a customer's sandbox. Add the first one, then the countries where it stores data."
                </p>
            </Empty>
        }
        .into_any()
    } else {
        view! {
            <Table caption="Environments" columns=&["Name", "URL name", "Kind", "Countries"]>
                {rows.into_iter().map(line).collect_view()}
            </Table>
        }
        .into_any()
    };
    view! {
        <Frame chrome crumbs=vec![("Environments".to_owned(), None)]>
            <PageHead heading="Environments" about="The deployment stages of your product, and the countries where each one stores data." />
            {list}
            <Card title="New environment">
                <PostForm form action=address::ENVIRONMENTS>
                    <UrlPreview>
                        <Field name="name" label="Name" />
                        <Field
                            name="slug"
                            label="URL name"
                            hint="Part of URLs and of scope names, such as production/DE. It can't be changed later. If left empty, it is derived from the name."
                            optional=true
                        />
                    </UrlPreview>
                    <RadioCards
                        name="kind"
                        label="Kind"
                        choices=kind_choices()
                        initial=EnvironmentKind::default().word()
                    />
                    <Actions>
                        <Button label="Add environment" weight=Weight::Primary />
                    </Actions>
                </PostForm>
            </Card>
        </Frame>
    }
}

/// Returns the kinds to choose from.
pub(crate) fn kind_choices() -> Vec<Choice> {
    EnvironmentKind::ALL.map(kind_choice).into()
}

fn kind_choice(kind: EnvironmentKind) -> Choice {
    let explanation = match kind {
        EnvironmentKind::Production => "Real customer data. Countries without a key are flagged.",
        EnvironmentKind::Test => {
            "For development and trials, without real customer data. Countries without a key are not flagged."
        }
    };
    Choice { value: kind.word(), label: kind.label(), explanation }
}

#[component]
fn EnvironmentLine(
    row: EnvironmentRow,
    /// Everything that its countries lack.
    lacks: Vec<Lack>,
) -> impl IntoView {
    let (name, slug, href) = (row.name, row.slug.to_string(), address::environment(&row.slug));
    let badge = move |lack: Lack| {
        let number = lacks.iter().filter(|one| **one == lack).count();
        (number > 0).then(|| view! { <LackBadge lack countries=Some(number) /> })
    };
    view! {
        <tr>
            <Cell label="Name">
                <a href=href>{name}</a>
                {(!row.is_proved).then(|| view! { " " <Damaged /> })}
            </Cell>
            <Cell label="URL name">
                <span class="mono">{slug}</span>
            </Cell>
            <Cell label="Kind">
                <span class="tag">{row.kind.label()}</span>
            </Cell>
            <Cell label="Countries">
                <span class="with-note">
                    {words::count(row.countries, "country", "countries")}
                    {Lack::ALL.map(badge).collect_view()}
                </span>
            </Cell>
        </tr>
    }
}
