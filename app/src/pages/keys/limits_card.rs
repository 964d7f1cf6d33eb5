//! The used part of a scope's limits, and the next rotation of the key.

use crate::frame::moment::{Day, Until};
use crate::ui::badge::Tone;
use crate::ui::meter::Meter;
use chrono::{DateTime, Utc};
use domain::base::words;
use domain::keys::key_type::KeyType;
use domain::keys::limits::{CUSTOMER_SUPPLIED_MAX, CUSTOMER_SUPPLIED_WARN};
use domain::keys::view::LimitsView;
use leptos::prelude::*;

#[component]
pub fn LimitsCard(
    limits: LimitsView,
    next_rotation: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> impl IntoView {
    let LimitsView {
        daily, own, of_type_today, today, resets_at, customer_supplied_used, runs_out_at, ..
    } = limits;
    // Said only where it is so: most environments have the server's settings.
    let is_own = |limit: Option<u32>| {
        limit.map(|_| view! { <dd class="limits-note">"limit set for this environment"</dd> })
    };
    let offered = of_type_today.into_iter().filter(|(key_type, _)| KeyType::OFFERED.contains(key_type));
    let of_type = offered.map(|(key_type, used)| {
        view! {
            <div>
                <dt>{key_type.label()} " today"</dt>
                <dd>{used} " of " {daily.per_type} " used"</dd>
                {is_own(own.per_type)}
            </div>
        }
    });
    view! {
        <dl class="limits">
            {of_type.collect_view()}
            <div>
                <dt>"All types today"</dt>
                <dd>{today} " of " {daily.per_scope} " used"</dd>
                <dd class="limits-note">"resets " <Until at=resets_at now /></dd>
                {is_own(own.per_scope)}
            </div>
            {next_rotation
                .map(|at| {
                    view! {
                        <div>
                            <dt>"Next rotation"</dt>
                            <dd>
                                <Day at />
                            </dd>
                            <dd class="limits-note">
                                {if at <= now { "due now".to_owned() } else { words::until(at, now) }}
                            </dd>
                        </div>
                    }
                })}
            {(customer_supplied_used > 0)
                .then(|| view! { <CustomerSupplied used=customer_supplied_used runs_out_at /> })}
        </dl>
    }
    .into_any()
}

#[component]
fn CustomerSupplied(used: u32, runs_out_at: Option<DateTime<Utc>>) -> impl IntoView {
    let (tone, warning) = match used {
        CUSTOMER_SUPPLIED_MAX.. => (Tone::Bad, Some("None left. Only Managed versions can be added.")),
        CUSTOMER_SUPPLIED_WARN.. => (Tone::Warn, Some("Few left. Add new ones only when necessary.")),
        _ => (Tone::Ok, None),
    };
    view! {
        <div class="limits-wide" data-tone=tone.word()>
            <dt>"Customer-supplied versions"</dt>
            <dd>{used} " of " {CUSTOMER_SUPPLIED_MAX} " used"</dd>
            <dd>
                <Meter label="Customer-supplied versions used" used limit=CUSTOMER_SUPPLIED_MAX tone />
            </dd>
            <dd class="limits-note">
                {warning} " "
                {runs_out_at
                    .filter(|_| used < CUSTOMER_SUPPLIED_MAX)
                    .map(|at| view! { "At the current pace, they run out on " <Day at /> "." })}
            </dd>
        </div>
    }
    .into_any()
}
