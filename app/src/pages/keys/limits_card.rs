//! The used part of a scope's limits, in one line that unfolds.

use crate::frame::moment::{Day, Until};
use crate::ui::badge::{Badge, Tone};
use crate::ui::meter::Meter;
use chrono::{DateTime, Utc};
use domain::keys::key_type::KeyType;
use domain::keys::limits::{CUSTOMER_SUPPLIED_MAX, CUSTOMER_SUPPLIED_WARN};
use domain::keys::view::LimitsView;
use leptos::prelude::*;

#[component]
pub fn LimitsCard(limits: LimitsView, now: DateTime<Utc>) -> impl IntoView {
    let managed = limits.usage(KeyType::Managed);
    let LimitsView {
        daily,
        own,
        of_type_today,
        today,
        resets_at,
        customer_supplied_used,
        runs_out_at,
        active_type,
        ..
    } = limits;
    // Said only where it is so: most environments have the server's settings.
    let is_own = |limit: Option<u32>| {
        limit.map(|_| view! { <dd class="limits-note">"limit set for this environment"</dd> })
    };
    let offered: Vec<_> =
        of_type_today.into_iter().filter(|(key_type, _)| KeyType::OFFERED.contains(key_type)).collect();
    let made: Vec<_> = offered
        .iter()
        .map(|(key_type, used)| format!("{used} of {} {}", daily.per_type, key_type.label()))
        .collect();
    let is_reached = today >= daily.per_scope || offered.iter().any(|(_, used)| *used >= daily.per_type);
    // Only the limit of the managed type can be passed, and only below that of all types.
    let can_pass = active_type == Some(KeyType::Managed)
        && daily.reached_of_type(managed).is_some()
        && daily.after_one_passing(managed, KeyType::Managed, now).is_ok();
    let supplied = (customer_supplied_used > 0).then(|| {
        format!(" · {customer_supplied_used} of {CUSTOMER_SUPPLIED_MAX} customer-supplied versions")
    });
    let warns = is_reached || customer_supplied_used >= CUSTOMER_SUPPLIED_WARN;
    let of_type = offered.into_iter().map(|(key_type, used)| {
        view! {
            <div>
                <dt>{key_type.label()} " today"</dt>
                <dd>{used} " of " {daily.per_type} " used"</dd>
                {is_own(own.per_type)}
            </div>
        }
    });
    view! {
        <details class="fold limits-fold">
            <summary>
                <strong>"Limits"</strong>
                <span class="quiet">
                    {format!(" Today: {} · {today} of {} in total", made.join(" · "), daily.per_scope)} {supplied}
                </span>
                {warns
                    .then(|| {
                        let label = if is_reached { "reached today" } else { "few left" };
                        view! {
                            " "
                            <Badge tone=Tone::Warn label />
                        }
                    })}
            </summary>
            <dl class="limits">
                {of_type.collect_view()} <div>
                    <dt>"All types today"</dt>
                    <dd>{today} " of " {daily.per_scope} " used"</dd>
                    <dd class="limits-note">"resets " <Until at=resets_at now /></dd>
                    {is_own(own.per_scope)}
                </div>
                {(customer_supplied_used > 0)
                    .then(|| view! { <CustomerSupplied used=customer_supplied_used runs_out_at /> })}
            </dl>
            {can_pass
                .then(|| {
                    view! {
                        <p class="limits-note">
                            "If the key must be replaced today all the same, choose “Add version”: “Rotate now” passes the limit of the type."
                        </p>
                    }
                })}
        </details>
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
