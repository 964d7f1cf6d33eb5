//! What an operator must look after, for administrators to see.

use crate::frame::moment::Moment;
use crate::ui::badge::Tone;
use crate::ui::callout::Callout;
use domain::base::words;
use domain::overview::upkeep::{JournalState, ProxyProblem, UpkeepView};
use leptos::prelude::*;

/// Shows what is wrong; it stands at the head of a page.
#[component]
pub fn UpkeepWarnings(upkeep: UpkeepView) -> impl IntoView {
    let older = upkeep.older_than.is_some().then(|| {
        view! {
            <Callout tone=Tone::Bad title="The database is older than it was">
                <p>
                    "A backup was restored, or an old copy was started. Keystead creates no versions, so that none gets the number of a lost one. An operator runs "
                    <code>"keystead doctor"</code> " on the host."
                </p>
            </Callout>
        }
    });
    let unproved = (upkeep.unproved > 0).then(|| {
        let what = match upkeep.unproved {
            1 => "One row of the database is damaged or was not written by Keystead, so it gives nothing.".to_owned(),
            many => {
                format!("{many} rows of the database are damaged or were not written by Keystead, so they give nothing.")
            }
        };
        view! {
            <Callout tone=Tone::Bad title="The database is damaged, or was changed from outside">
                <p>
                    {what} " The audit log names them. An operator runs " <code>"keystead doctor"</code>
                    " on the host. If it is no fault of a disk, somebody else can write your database."
                </p>
            </Callout>
        }
    });
    let ahead = (upkeep.ahead > 0).then(|| {
        view! {
            <Callout tone=Tone::Warn title="Some times lie in the future">
                <p>
                    {format!("A server's clock was ahead, or is behind now. {} of the database carry times of the future, so keys may not rotate, API keys may end early, and limits may count too much. ", words::count(upkeep.ahead, "row", "rows"))}
                    "An operator runs " <code>"keystead doctor"</code> " on the host."
                </p>
            </Callout>
        }
    });
    let proxy = upkeep.proxy.as_ref().map(|problem| view! { <ProxyWarning problem=problem.clone() /> });
    let clock = upkeep.clock_off.map(|off| {
        view! {
            <Callout tone=Tone::Bad title="The server's clock is wrong">
                <p>
                    {format!("It is {} off the database's. Keystead refuses verification codes and pauses automatic rotation. ", words::span(off))}
                    "An operator corrects the clock (NTP)."
                </p>
            </Callout>
        }
    });
    let disk = upkeep.free.map(|free| {
        view! {
            <Callout tone=Tone::Warn title="The disk is nearly full">
                <p>
                    {format!("{} MiB are left in the data folder of the server that shows this page. ", free >> 20)}
                    "When nothing is left, services get no answers. An operator makes room."
                </p>
            </Callout>
        }
    });
    let journal = match upkeep.journal {
        JournalState::Works => None,
        JournalState::OnReserve => Some(
            "The disk is full. The journal uses the space that Keystead kept for this. When it is used up, services get no answers.",
        ),
        JournalState::Stopped => Some(
            "Keystead cannot write the journal of the server that shows this page, so its services get no answers.",
        ),
    };
    let journal = journal.map(|what| {
        view! {
            <Callout tone=Tone::Bad title="The journal has no room">
                <p>{what} " An operator makes room on the disk of the data folder."</p>
            </Callout>
        }
    });
    let late = upkeep.is_backup_late().then(|| {
        let when = match upkeep.backup_at {
            Some(at) => view! { "The last one was made at " <Moment at /> "." }.into_any(),
            None => view! { "None was ever made." }.into_any(),
        };
        view! {
            <Callout tone=Tone::Warn title="A backup is due">
                <p>{when} " An operator runs " <code>"keystead backup"</code> " on the host, best every day."</p>
            </Callout>
        }
    });
    (older, unproved, clock, journal, disk, ahead, proxy, late).into_any()
}

/// Says why Keystead takes several visitors for one. A stranger who writes headers can cause the first two, so they say "if".
#[component]
fn ProxyWarning(problem: ProxyProblem) -> impl IntoView {
    let (title, what, remedy) = match problem {
        ProxyProblem::Unnamed(address) => (
            "A proxy may not be named",
            format!(
                "Requests come through {address}, which says that it forwards for others. KEYSTEAD_TRUSTED_PROXIES does not name it, so Keystead takes all its visitors for one."
            ),
            "If it is your proxy, an operator adds its address to KEYSTEAD_TRUSTED_PROXIES. If not, somebody reaches Keystead without your proxy.",
        ),
        ProxyProblem::Unclear(address) => (
            "A proxy does not tell who visits",
            format!(
                "The proxy {address} does not tell for whom it forwards, or tells it in a form that Keystead does not read, so Keystead takes all its visitors for one."
            ),
            "If this goes on, an operator makes the proxy append the address of its client to X-Forwarded-For.",
        ),
        ProxyProblem::NoneNamed => (
            "No proxy is named",
            "The public URL is https, so a proxy ends TLS, but KEYSTEAD_TRUSTED_PROXIES is empty. Keystead takes all visitors for one."
                .to_owned(),
            "An operator sets KEYSTEAD_TRUSTED_PROXIES to the address of the proxy.",
        ),
    };
    view! {
        <Callout tone=Tone::Warn title>
            <p>{what} " Somebody who guesses passwords then delays the sign-in of the others. " {remedy}</p>
        </Callout>
    }
}

/// Shows the time of the last backup; it stands at the foot of a page.
#[component]
pub fn LastBackup(upkeep: UpkeepView) -> impl IntoView {
    // The warning has said it.
    if upkeep.is_backup_late() {
        return ().into_any();
    }
    let when = match upkeep.backup_at {
        Some(at) => view! { <Moment at /> }.into_any(),
        None => view! { "none yet" }.into_any(),
    };
    view! { <p class="quiet">"Last backup: " {when}</p> }.into_any()
}
