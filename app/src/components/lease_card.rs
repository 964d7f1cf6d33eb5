//! What this server holds of a key in memory, and what happens if the customer refuses now.

use super::moment::{Moment, Until};
use super::ui::facts::{Fact, Facts};
use chrono::{DateTime, Utc};
use domain::view::{HeldView, LeaseView};
use domain::words;
use leptos::prelude::*;

#[component]
pub fn LeaseCard(
    lease: LeaseView,
    /// When the next probe is due.
    probe_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> impl IntoView {
    let LeaseView { held, trouble } = lease;
    let facts = match held {
        None => view! {
            <Fact label="State">"Not in memory"</Fact>
            <Fact label="If your KMS refused now">"No decrypt is possible from this moment on."</Fact>
        }
        .into_any(),
        Some(HeldView { released_at, refresh_at, hold_until }) => {
            let heard_at = probe_at.map_or(refresh_at, |probe| refresh_at.min(probe)).max(now);
            view! {
                <Fact label="State">"In memory"</Fact>
                <Fact label="Age">
                    {words::span(now - released_at)} <span class="quiet">" · released " <Moment at=released_at /></span>
                </Fact>
                <Fact label="If your KMS refused now">
                    "The last decrypt is possible " <Until at=heard_at now /> "."
                </Fact>
                <Fact label="If your KMS could not be reached">
                    "The last decrypt is possible " <Until at=hold_until now /> "."
                </Fact>
            }
            .into_any()
        }
    };
    view! {
        <section class="lease">
            <h2>"Key material on this server"</h2>
            <Facts>
                {facts}
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
