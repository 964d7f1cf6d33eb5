//! The timeline of a version.

use crate::frame::moment;
use crate::ui::badge::Tone;
use crate::ui::button::ButtonLink;
use crate::ui::card::Card;
use crate::ui::icon::{Draw, Icon};
use domain::base::address;
use domain::keys::timeline::{Happened, LINES, Moment, Timeline};
use domain::scopes::scope::ScopeName;
use leptos::prelude::*;

/// Returns the tone and the shape of an entry.
fn look(happened: Happened) -> (Tone, Icon) {
    match happened {
        Happened::Created | Happened::Healthy | Happened::CheckPassed => (Tone::Ok, Icon::Full),
        Happened::Postponed => (Tone::Warn, Icon::Half),
        Happened::Unhealthy | Happened::CheckFailed => (Tone::Bad, Icon::Close),
        Happened::Deprecated
        | Happened::PeriodChanged
        | Happened::CredentialsReplaced
        | Happened::FirstUse
        | Happened::LastUse => (Tone::Quiet, Icon::Ring),
    }
}

#[component]
pub fn TimelineCard(timeline: Timeline, scope: ScopeName, number: u32) -> impl IntoView {
    let Timeline { moments, is_cut } = timeline;
    let line = |Moment { at, happened, who, detail }: Moment| {
        let (tone, icon) = look(happened);
        view! {
            <li data-tone=tone.word()>
                <Draw icon />
                <div>
                    <p>
                        <strong>{happened.label()}</strong>
                        {(!who.is_empty()).then(|| format!(" by {who}"))}
                    </p>
                    {(!detail.is_empty()).then(|| view! { <p class="cell-note">{detail}</p> })}
                    <p class="cell-note">
                        <moment::Moment at />
                    </p>
                </div>
            </li>
        }
    };
    view! {
        <Card title="Timeline">
            <ol class="timeline">{moments.into_iter().map(line).collect_view()}</ol>
            {is_cut.then(|| view! { <p class="quiet">{format!("Only the newest {LINES} lines of the audit log are shown here.")}</p> })}
            <ButtonLink label="Lines of the audit log" href=address::audit_of_version(&scope, number) />
        </Card>
    }
    .into_any()
}
