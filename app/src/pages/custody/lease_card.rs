//! The state of a key's material in this server's memory, and its fate when the source refuses or does not answer.

use crate::frame::moment::{Moment, Until};
use crate::ui::badge::{Badge, Tone};
use crate::ui::facts::{Fact, Facts};
use crate::ui::table::{Cell, Table};
use chrono::{DateTime, Utc};
use domain::base::words;
use domain::custody::view::{HeldView, LeaseView, ServerLease};
use leptos::prelude::*;

/// The source of a version's key, and whether the source still releases it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The database: Keystead generated the key.
    Managed,
    Kms,
    /// The customer's KMS, which refused the last call.
    RefusingKms,
    /// What is stored of the key is damaged, so nobody is asked.
    Damaged,
}

#[component]
pub fn LeaseCard(
    lease: LeaseView,
    source: Source,
    /// When the next probe is due.
    probe_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> impl IntoView {
    let LeaseView { held, trouble } = lease;
    let fact = |label, words: &'static str| Some(view! { <Fact label>{words}</Fact> }.into_any());
    let refused = match (source, held.as_ref().map(|held| held.refresh_at)) {
        (Source::Managed, _) => None,
        (Source::Damaged, _) => fact(
            "While it is damaged",
            "Services cannot encrypt or decrypt with this version. If only the credentials are damaged, replace them. Otherwise an operator must restore a backup.",
        ),
        (Source::RefusingKms, None) => fact(
            "While the customer's KMS refuses",
            "Decryption is not possible until the customer's KMS releases the key again.",
        ),
        (Source::RefusingKms, Some(_)) => fact(
            "While the customer's KMS refuses",
            "This server wipes the key within seconds. Decryption is then no longer possible.",
        ),
        (Source::Kms, None) => {
            fact("If the customer revoked access now", "Decryption would stop immediately.")
        }
        (Source::Kms, Some(refresh_at)) => {
            // The latest time at which Keystead learns of the refusal.
            let at = probe_at.map_or(refresh_at, |probe| refresh_at.min(probe)).max(now);
            let words = view! { "The last decrypt is possible " <Until at now /> "." };
            Some(view! { <Fact label="If the customer revoked access now">{words}</Fact> }.into_any())
        }
    };
    let from = match source {
        Source::Managed => "loaded from the database on demand",
        Source::Damaged => "not used",
        Source::Kms | Source::RefusingKms => "fetched from the customer's KMS on demand",
    };
    let (state, age, hold) = match held {
        None => (view! { "Not in memory" <span class="quiet">" · " {from}</span> }.into_any(), None, None),
        Some(HeldView { released_at, hold_until, .. }) => (
            "In memory".into_any(),
            Some(view! {
                <Fact label="Age">
                    {words::span(now - released_at)} <span class="quiet">" · released " <Moment at=released_at /></span>
                </Fact>
            }),
            match source {
                Source::RefusingKms | Source::Damaged => None,
                // This holds however long the key may stay in memory: the server checks the database every 500 ms for changes to
                // API keys, and serves nobody when it could not do so for a minute.
                Source::Managed => fact(
                    "If the database could not be reached",
                    "The last decrypt is possible one minute later. Servers stop answering without the database.",
                ),
                Source::Kms => {
                    let words = view! { "The last decrypt is possible " <Until at=hold_until now /> "." };
                    Some(
                        view! { <Fact label="If the customer's KMS could not be reached">{words}</Fact> }
                            .into_any(),
                    )
                }
            },
        ),
    };
    view! {
        <section class="lease">
            <h2>"Key material on this server"</h2>
            <Facts>
                <Fact label="State">{state}</Fact>
                {age}
                {refused}
                {hold}
                {trouble
                    .map(|code| {
                        view! {
                            <Fact label="Last failure">
                                <code>{code.to_string()}</code>
                                <span class="quiet">" " {code.explanation()}</span>
                            </Fact>
                        }
                    })}
            </Facts>
        </section>
    }
}

/// What the other servers hold of the version, as each last wrote it.
#[component]
pub fn OtherServers(others: Vec<ServerLease>, now: DateTime<Utc>) -> impl IntoView {
    let body = if others.is_empty() {
        view! { <p class="quiet">"No other server holds key material of this version."</p> }.into_any()
    } else {
        let line = move |other: ServerLease| view! { <OtherServer other now /> };
        view! {
            <Table
                caption="Key material on other servers"
                columns=&["Server", "State", "Released", "Last decrypt possible", "Last failure"]
            >
                {others.into_iter().map(line).collect_view()}
            </Table>
        }
        .into_any()
    };
    view! {
        <section class="lease">
            <h2>"Key material on other servers"</h2>
            {body}
        </section>
    }
    .into_any()
}

#[component]
fn OtherServer(other: ServerLease, now: DateTime<Utc>) -> impl IntoView {
    let is_silent = other.is_silent(now);
    let ServerLease { server, started_at, seen_at, lease: LeaseView { held, trouble } } = other;
    let (tone, label) = match (is_silent, held) {
        (true, _) => (Tone::Warn, "silent"),
        (false, Some(_)) => (Tone::Ok, "in memory"),
        (false, None) => (Tone::Quiet, "not in memory"),
    };
    view! {
        <tr>
            <Cell label="Server">
                <span class="wrap">{server}</span>
                <p class="cell-note">"running since " <Moment at=started_at /></p>
            </Cell>
            <Cell label="State">
                <Badge tone label />
                {is_silent
                    .then(|| view! { <p class="cell-note">"not heard of since " <Moment at=seen_at /></p> })}
            </Cell>
            <Cell label="Released">
                {match held {
                    Some(held) => view! { <Moment at=held.released_at /> }.into_any(),
                    None => "–".into_any(),
                }}
            </Cell>
            <Cell label="Last decrypt possible">
                {match held {
                    Some(held) => view! { <Until at=held.hold_until now /> }.into_any(),
                    None => "–".into_any(),
                }}
            </Cell>
            <Cell label="Last failure">
                {match trouble {
                    Some(code) => view! { <code>{code.to_string()}</code> }.into_any(),
                    None => "–".into_any(),
                }}
            </Cell>
        </tr>
    }
    .into_any()
}
