//! The use of a version in the last days: a plot, and the numbers behind it.

use crate::frame::moment::Moment;
use crate::ui::card::Card;
use crate::ui::plot::{Bar, Plot};
use crate::ui::table::{Cell, Table};
use domain::base::words;
use domain::keys::usage::{DAYS, DayUse, LateUse, User, UserCount};
use leptos::prelude::*;

/// The plot.
#[component]
pub fn UsageCard(late: LateUse) -> impl IntoView {
    let finding = late.finding();
    let Some(first) = late.users.first().map(|first| first.user.name().to_owned()) else {
        return view! {
            <Card title=format!("Use in the last {DAYS} days")>
                <p>{finding}</p>
            </Card>
        }
        .into_any();
    };
    let others = match late.users.len() - 1 {
        0 => None,
        1 => late.users.get(1).map(|other| other.user.name().to_owned()),
        more => Some(format!("{more} others")),
    };
    let bars =
        late.days.iter().map(|day| Bar { day: day.day, first: day.first, others: day.others }).collect();
    view! {
        <Card title=format!("Use in the last {DAYS} days")>
            <Plot finding bars first others />
        </Card>
    }
    .into_any()
}

/// The numbers behind the plot.
#[component]
pub fn UsageTables(late: LateUse) -> impl IntoView {
    if late.users.is_empty() {
        return ().into_any();
    }
    let users: Vec<_> = late.users.iter().map(|user| (user.clone(), late.share(user))).collect();
    let days: Vec<DayUse> = late.days.into_iter().rev().filter(|day| day.uses() > 0).collect();
    view! {
        <section class="version-users">
            <h2>"Use by API key"</h2>
            <Table
                caption="Use by API key, the most first"
                columns=&["API key", "Encrypted", "Decrypted", "Share", "Last used"]
            >
                {users.into_iter().map(|(user, share)| user_line(user, share)).collect_view()}
            </Table>
            <details class="fold">
                <summary>"Uses by day"</summary>
                <Table caption="Uses by day, the latest first" columns=&["Day", "Encrypted", "Decrypted"]>
                    {days.into_iter().map(day_line).collect_view()}
                </Table>
            </details>
        </section>
    }
    .into_any()
}

fn user_line(UserCount { user, issued, seen, last_at }: UserCount, share: String) -> impl IntoView {
    let id = match &user {
        User::ApiKey { id, .. } => Some(id.seen()),
        User::NotRecorded => None,
    };
    view! {
        <tr>
            <Cell label="API key">
                <span class="wrap">{user.name().to_owned()}</span>
                {id.map(|id| view! { <p class="cell-note mono">{id} "…"</p> })}
            </Cell>
            <Cell label="Encrypted">{words::thousands(issued)}</Cell>
            <Cell label="Decrypted">{words::thousands(seen)}</Cell>
            <Cell label="Share">{share}</Cell>
            <Cell label="Last used">
                <Moment at=last_at />
            </Cell>
        </tr>
    }
}

fn day_line(DayUse { day, issued, seen, .. }: DayUse) -> impl IntoView {
    view! {
        <tr>
            <Cell label="Day">{day.format("%-d %b %Y").to_string()}</Cell>
            <Cell label="Encrypted">{words::thousands(issued)}</Cell>
            <Cell label="Decrypted">{words::thousands(seen)}</Cell>
        </tr>
    }
}
