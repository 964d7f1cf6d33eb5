//! The Active version of a scope: its health, its next rotation, and who uses it.

use crate::frame::moment::Moment;
use crate::pages::custody::check_now::CheckNow;
use crate::pages::custody::health_badge::{HealthBadge, HealthWord};
use crate::pages::keys::status_badge::StatusBadge;
use crate::ui::facts::{Fact, Facts};
use chrono::{DateTime, Utc};
use domain::base::address;
use domain::base::words;
use domain::custody::health::HealthState;
use domain::keys::usage::LateUse;
use domain::keys::view::VersionRow;
use domain::scopes::scope::ScopeName;
use leptos::prelude::*;

#[component]
pub fn ActiveVersion(
    scope: ScopeName,
    version: VersionRow,
    late: LateUse,
    now: DateTime<Utc>,
) -> impl IntoView {
    let number = version.number;
    let check = version.health.is_some().then(|| view! { <CheckNow scope=scope.clone() number /> });
    let health = match version.health {
        Some(health) => view! { <HealthBadge health /> }.into_any(),
        None if version.is_proved => view! {
            <HealthWord state=HealthState::Healthy />
            <span class="quiet">" Keystead keeps the key."</span>
        }
        .into_any(),
        None => view! { <span class="quiet">"Nothing uses it. An operator runs “keystead doctor” on the host."</span> }
            .into_any(),
    };
    // Only Keystead's own keys have a schedule.
    let rotation = version.due_at.map(|at| {
        view! {
            <Fact label="Next rotation">
                <Moment at />
                <span class="quiet">
                    " · " {if at <= now { "due now".to_owned() } else { words::until(at, now) }}
                </span>
            </Fact>
        }
    });
    let last = late.users.iter().map(|user| user.last_at).max();
    view! {
        <section class="active-version" aria-label="Active version">
            <Facts>
                <Fact label="Active version">
                    <span class="with-note">
                        <a href=address::version(&scope, number)>{format!("Version {number}")}</a>
                        <StatusBadge status=version.status is_proved=version.is_proved />
                        <span class="quiet">{version.key_type.label()}</span>
                        {check}
                    </span>
                </Fact>
                <Fact label="Health">{health}</Fact>
                {rotation}
                <Fact label="Used by">
                    {late.finding()}
                    {last.map(|at| view! { <span class="quiet">" Last at " <Moment at /> "."</span> })}
                </Fact>
            </Facts>
        </section>
    }
    .into_any()
}
