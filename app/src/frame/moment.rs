//! Points in time: written in UTC; an island adds the local time on hover.

use crate::islands::countdown::Countdown;
use chrono::{DateTime, SecondsFormat, Utc};
use domain::base::words;
use leptos::prelude::*;

fn machine(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// "22 Nov 2026, 14:05 UTC".
#[component]
pub fn Moment(at: DateTime<Utc>) -> impl IntoView {
    view! { <time datetime=machine(at)>{words::moment(at)}</time> }
}

/// "22 Nov 2026".
#[component]
pub fn Day(at: DateTime<Utc>) -> impl IntoView {
    view! { <time datetime=machine(at)>{words::date(at)}</time> }
}

/// "in 5 h 12 min"; an island counts it down.
#[component]
pub fn Until(at: DateTime<Utc>, now: DateTime<Utc>) -> impl IntoView {
    let left = (at - now).num_seconds().to_string();
    view! {
        <Countdown>
            <time datetime=machine(at) data-left=left>{words::until(at, now)}</time>
        </Countdown>
    }
}
