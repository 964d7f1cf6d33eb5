//! "Encryption keys" of a scope: the Active version, all versions, limits and actions.

use crate::frame::layout::Frame;
use crate::frame::moment::Moment;
use crate::frame::page_head::{PageHead, about_scope};
use crate::pages::custody::health_badge::HealthBadge;
use crate::pages::keys::active::ActiveVersion;
use crate::pages::keys::limits_card::LimitsCard;
use crate::pages::keys::status_badge::StatusBadge;
use crate::pages::overview::next_steps::NextStepsCard;
use crate::ui::button::{ButtonLink, Weight};
use crate::ui::empty::Empty;
use crate::ui::more::More;
use crate::ui::table::{Cell, Table};
use domain::base::pages::Page;
use domain::base::{address, words};
use domain::keys::view::{KeysView, UsageView, VersionRow};
use domain::overview::frame::Chrome;
use domain::overview::next_steps::NextSteps;
use domain::scopes::scope::ScopeName;
use leptos::prelude::*;

/// Returns the breadcrumbs of the keys page and of the pages below it.
pub(crate) fn keys_crumbs(
    scope: &ScopeName,
    environment_name: &str,
    below: Option<&str>,
) -> Vec<(String, Option<String>)> {
    let environment = address::environment(&scope.environment);
    let keys = address::keys(scope);
    let mut crumbs = vec![
        (environment_name.to_owned(), Some(environment)),
        (scope.country.name().to_owned(), Some(keys.clone())),
        ("Encryption keys".to_owned(), below.map(|_| keys)),
    ];
    crumbs.extend(below.map(|label| (label.to_owned(), None)));
    crumbs
}

#[component]
pub fn KeysPage(
    chrome: Chrome,
    view: KeysView,
    new: Option<u32>,
    /// What is left to do after the first key of the portal, if it is the key of this scope.
    #[prop(optional_no_strip)]
    next_steps: Option<NextSteps>,
) -> impl IntoView {
    let now = chrome.now;
    let has_unsaved_codes = chrome.unsaved.recovery_codes_until.is_some_and(|until| until > now);
    let next_steps = next_steps.map(|steps| view! { <NextStepsCard steps has_unsaved_codes /> });
    let is_empty = view.versions.is_empty();
    let is_managed = view.is_managed();
    let KeysView { scope, alias, environment_name, active, active_use, versions, usage, page, limits } = view;
    let [settings, rotate, add] =
        [address::key_settings, address::key_rotate, address::key_add].map(|address| address(&scope));
    let active = active.map(|version| {
        view! { <ActiveVersion scope=scope.clone() version late=active_use now /> }
    });
    // An empty page has the button in its middle.
    let add_key = view! { <ButtonLink label="Add encryption key" href=add weight=Weight::Primary /> };
    let (at_head, in_list) = if is_empty { (None, Some(add_key)) } else { (Some(add_key), None) };
    let list = if is_empty {
        view! {
            <Empty title="This country has no encryption key">
                <p>
                    "Services cannot encrypt here until you add a key. Keystead can generate and rotate the key, or the customer can keep it in their AWS KMS."
                </p>
                {in_list}
            </Empty>
        }
        .into_any()
    } else {
        let of_aws = versions.iter().any(|version| version.health.is_some());
        let columns: &[&str] = match of_aws {
            true => &[
                "Version",
                "Type",
                "Rotation period (months)",
                "Created",
                "Status",
                "Health",
                "Encrypted",
                "Decrypted (90 days)",
                "Last used",
            ],
            false => &[
                "Version",
                "Type",
                "Rotation period (months)",
                "Created",
                "Status",
                "Encrypted",
                "Decrypted (90 days)",
                "Last used",
            ],
        };
        let line = |(version, usage)| view! { <VersionLine scope=scope.clone() version usage new of_aws /> };
        let rows = versions.into_iter().zip(usage).map(line).collect_view();
        let to = |number: usize| match number {
            1 => address::keys(&scope),
            number => format!("{}?page={number}", address::keys(&scope)),
        };
        let (previous, next) = (page.previous().map(to), page.next().map(to));
        view! {
            <Table
                caption="Versions of the encryption key, newest first"
                columns
            >
                {rows}
            </Table>
            {page.is_part().then(|| view! { <NumberedPages page previous next /> })}
        }
        .into_any()
    };
    let (alias_page, secrets_page) = (address::alias(&scope), address::tenant_secrets(&scope));
    let about = match alias {
        Some(alias) => format!("{} · alias {alias}", about_scope(&scope, &environment_name)),
        None => about_scope(&scope, &environment_name),
    };
    view! {
        <Frame chrome crumbs=keys_crumbs(&scope, &environment_name, None)>
            <PageHead heading="Encryption keys" about>
                <More>
                    <a href=alias_page>"Alias"</a>
                    <a href=secrets_page>"Tenant secrets"</a>
                </More>
                {is_managed
                    .then(|| {
                        view! {
                            <ButtonLink label="Settings" href=settings />
                            <ButtonLink label="Add version" href=rotate />
                        }
                    })}
                {at_head}
            </PageHead>
            {next_steps}
            {active}
            {list}
            <LimitsCard limits now />
        </Frame>
    }
}

/// The links to newer and older versions. The list begins with the highest number, so its first page has the last numbers.
#[component]
fn NumberedPages(page: Page, previous: Option<String>, next: Option<String>) -> impl IntoView {
    view! {
        <nav class="pagination" aria-label="Versions, pages">
            <span class="quiet">{format!("Versions {}", page.label_from_last())}</span>
            {previous.map(|href| view! { <a class="button" href=href rel="prev">"Newer versions"</a> })}
            {next.map(|href| view! { <a class="button" href=href rel="next">"Older versions"</a> })}
        </nav>
    }
    .into_any()
}

#[component]
fn VersionLine(
    scope: ScopeName,
    version: VersionRow,
    usage: UsageView,
    new: Option<u32>,
    /// The list contains a version that a customer's KMS releases.
    of_aws: bool,
) -> impl IntoView {
    let is_new = new == Some(version.number);
    view! {
        <tr data-status=version.status.word() data-new=is_new.then_some("")>
            <Cell label="Version">
                <a href=address::version(&scope, version.number)>{version.number}</a>
            </Cell>
            <Cell label="Type">{version.key_type.label()}</Cell>
            <Cell label="Rotation period (months)">
                {version.period.map_or("–".to_owned(), |period| period.months().to_string())}
            </Cell>
            <Cell label="Created">
                <Moment at=version.created_at />
            </Cell>
            <Cell label="Status">
                <span class="with-note">
                    <StatusBadge status=version.status is_proved=version.is_proved />
                </span>
            </Cell>
            {of_aws
                .then(|| {
                    view! {
                        <Cell label="Health">
                            {match version.health {
                                Some(health) => view! { <HealthBadge health /> }.into_any(),
                                None => "–".into_any(),
                            }}
                        </Cell>
                    }
                })}
            <Cell label="Encrypted">{words::thousands(usage.issued)}</Cell>
            <Cell label="Decrypted (90 days)">{words::thousands(usage.seen)}</Cell>
            <Cell label="Last used">
                {match usage.last_used_at {
                    Some(at) => view! { <Moment at /> }.into_any(),
                    None => "Never".into_any(),
                }}
            </Cell>
        </tr>
    }
}
