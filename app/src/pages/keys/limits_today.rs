//! The used part of the daily limits, shown before a form is filled in.

use crate::frame::moment::{Day, Until};
use crate::ui::badge::Tone;
use crate::ui::callout::Callout;
use chrono::{DateTime, Utc};
use domain::base::words;
use domain::keys::key_type::KeyType;
use domain::keys::limits::{CUSTOMER_SUPPLIED_MAX, CUSTOMER_SUPPLIED_WARN, LimitReached};
use domain::keys::view::LimitsView;
use leptos::prelude::*;

/// One sentence about the used part; for each type whose limit is reached, a warning that names the limit.
#[component]
pub fn LimitsToday(limits: LimitsView, types: &'static [KeyType], now: DateTime<Utc>) -> impl IntoView {
    let of_type = types.iter().map(|key_type| {
        let used = limits.usage(*key_type).of_type_today;
        format!("{used} of {} {}", limits.daily.per_type, key_type.label())
    });
    let used = of_type.collect::<Vec<_>>().join(" · ");
    let reached = types.iter().filter_map(|key_type| {
        let reached = limits.daily.after_one_more(limits.usage(*key_type), *key_type, now).err()?;
        let title = match &reached {
            // "Rotate now" passes this one.
            LimitReached::DailyOfType { .. } => {
                format!("The daily limit of {} versions is reached", key_type.label())
            }
            _ => format!("No new {} version is possible now", key_type.label()),
        };
        // When the form offers several types, the stylesheet shows only the warning for the chosen one.
        let class = (types.len() > 1).then(|| format!("for-{}", key_type.word().replace('_', "-")));
        Some(view! {
            <div class=class>
                <Callout tone=Tone::Warn title>
                    <p>{words::limit_detail(&reached, now)}</p>
                </Callout>
            </div>
        })
    });
    let supplied = types.iter().any(|key_type| key_type.is_customer_supplied());
    let (ever, runs_out_at) = (limits.customer_supplied_used, limits.runs_out_at);
    view! {
        {reached.collect_view()}
        <p class="limits-today">
            "Used today: " {used} " · " {limits.today} " of " {limits.daily.per_scope} " in total · resets "
            <Until at=limits.resets_at now />
            {limits.own.is_any().then_some(" · limits set for this environment")}
        </p>
        {supplied
            .then(|| {
                view! {
                    <p class="limits-today" data-tone=(ever >= CUSTOMER_SUPPLIED_WARN).then_some("warn")>
                        "Customer-supplied versions: " {ever} " of " {CUSTOMER_SUPPLIED_MAX} " used"
                        {runs_out_at
                            .filter(|_| ever < CUSTOMER_SUPPLIED_MAX)
                            .map(|at| view! { ". At the current pace, they run out on " <Day at /> })} "."
                    </p>
                }
            })}
    }
    .into_any()
}
