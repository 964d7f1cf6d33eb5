//! "API keys", with which the vendor's services authenticate.

use crate::frame::layout::Frame;
use crate::frame::moment::Moment;
use crate::frame::page_head::PageHead;
use crate::pages::keys::status_badge::Damaged;
use crate::ui::badge::{Badge, Tone};
use crate::ui::button::{Button, ButtonLink, Weight};
use crate::ui::empty::Empty;
use crate::ui::pagination::Pagination;
use crate::ui::table::{Cell, Table};
use chrono::{DateTime, TimeDelta, Utc};
use domain::base::address;
use domain::overview::frame::Chrome;
use domain::services::api_key::State;
use domain::services::view::{ApiKeyRow, ApiKeysView};
use leptos::prelude::*;

/// Time before its expiry at which the list begins to mark a key as ending soon.
const SOON: TimeDelta = TimeDelta::days(14);

pub(crate) fn api_key_crumbs(last: &str) -> Vec<(String, Option<String>)> {
    vec![("API keys".to_owned(), Some(address::API_KEYS.to_owned())), (last.to_owned(), None)]
}

#[component]
pub fn ApiKeysPage(chrome: Chrome, view: ApiKeysView) -> impl IntoView {
    let now = chrome.now;
    let ApiKeysView { keys, older, is_older_page } = view;
    let list = if keys.is_empty() {
        view! {
            <Empty title="No API keys yet">
                <p>
                    "Your services authenticate with API keys. Each key is limited to the scopes and operations you choose, and works until it expires or you revoke it."
                </p>
            </Empty>
        }
        .into_any()
    } else {
        view! {
            <Table
                caption="API keys, newest first"
                columns=&["Name", "Scopes", "Operations", "Expires", "Last used", "State", ""]
            >
                {keys.into_iter().map(|key| view! { <KeyLine key now /> }).collect_view()}
            </Table>
        }
        .into_any()
    };
    view! {
        <Frame chrome crumbs=vec![("API keys".to_owned(), None)]>
            <PageHead
                heading="API keys"
                about="Credentials your services use. The secret is shown once, until you confirm you saved it."
            >
                <ButtonLink label="How services use it" href=address::API_GUIDE />
                <ButtonLink label="Create API key" href=address::API_KEY_ADD weight=Weight::Primary />
            </PageHead>
            {list}
            <Pagination
                older_label="Older keys"
                older=older.map(|id| format!("?before={id}"))
                newest=is_older_page.then(|| address::API_KEYS.to_owned())
            />
        </Frame>
    }
}

#[component]
fn KeyLine(key: ApiKeyRow, now: DateTime<Utc>) -> impl IntoView {
    let is_live = key.state == State::Live;
    let reach = key.reach.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let reach = if reach.is_empty() { "none: its scopes were removed".to_owned() } else { reach };
    let operations: Vec<_> = key.operations.iter().map(|operation| operation.word()).collect();
    let (seen, state) = (key.seen(), key.state);
    let label = format!("Revoke {seen}");
    // One that has ended is revoked to say that nobody misses it.
    let revoke = (state != State::Revoked).then(|| {
        view! {
            <form method="post" action=address::api_key_revoke(key.id) aria-label=label>
                <Button label="Revoke" />
            </form>
        }
    });
    view! {
        <tr id=address::api_key_anchor(key.id) data-state=state.word()>
            <Cell label="Name">
                <span class="wrap">{key.name}</span>
                <p class="cell-note mono">{format!("{seen}…")}</p>
                <p class="cell-note">"created " <Moment at=key.created_at /></p>
            </Cell>
            <Cell label="Scopes">
                <span class="mono wrap">{reach}</span>
            </Cell>
            <Cell label="Operations">
                {operations.join(", ")}
            </Cell>
            <Cell label="Expires">
                <Moment at=key.expires_at />
            </Cell>
            <Cell label="Last used">
                {match key.last_used_at {
                    Some(at) => view! { <Moment at /> }.into_any(),
                    None => "never".into_any(),
                }}
            </Cell>
            <Cell label="State">
                {match key.is_proved {
                    true => view! { <StateBadge state ends_soon=is_live && key.expires_at - now < SOON /> }.into_any(),
                    false => view! { <Damaged /> }.into_any(),
                }}
            </Cell>
            <td>{revoke}</td>
        </tr>
    }
}

#[component]
fn StateBadge(state: State, ends_soon: bool) -> impl IntoView {
    match state {
        State::Live if ends_soon => view! { <Badge tone=Tone::Warn label="Expires soon" /> },
        State::Live => view! { <Badge tone=Tone::Ok label="Live" /> },
        State::Expired => view! { <Badge tone=Tone::Quiet label="Expired" /> },
        State::Revoked => view! { <Badge tone=Tone::Quiet label="Revoked" /> },
    }
}
