//! What is used of the daily limits, before a form is filled in.

use super::moment::Until;
use super::ui::badge::Tone;
use super::ui::callout::Callout;
use chrono::{DateTime, Utc};
use domain::key_version::KeyType;
use domain::view::LimitsView;
use domain::words;
use leptos::prelude::*;

/// One sentence while there is room; a warning that names the limit when there is none.
#[component]
pub fn LimitsToday(limits: LimitsView, now: DateTime<Utc>) -> impl IntoView {
    let left = limits.daily.after_one_more(limits.managed, KeyType::Managed, now);
    match left {
        Err(reached) => view! {
            <Callout tone=Tone::Warn title="No new version is possible today">
                <p>{words::limit_reached(&reached, now)}</p>
            </Callout>
        }
        .into_any(),
        Ok(_) => view! {
            <p class="limits-today">
                "Today: " {limits.managed.of_type_today} " of " {limits.daily.per_type}
                " managed · " {limits.managed.today} " of " {limits.daily.per_scope}
                " in all · resets " <Until at=limits.resets_at now />
            </p>
        }
        .into_any(),
    }
}
