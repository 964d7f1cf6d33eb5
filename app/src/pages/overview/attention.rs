//! What needs attention, the worst first. Each line leads to where it is mended.

use crate::frame::moment::Moment;
use crate::pages::overview::lack::LackBadge;
use crate::ui::badge::{Badge, Tone};
use crate::ui::icon::{Draw, Icon};
use chrono::{DateTime, Utc};
use domain::base::{address, words};
use domain::keys::limits::CUSTOMER_SUPPLIED_MAX;
use domain::overview::attention::{AttentionView, EndingKey, EndingKeys, Lacking};
use domain::overview::frame::Unsaved;
use domain::overview::grid::Only;
use domain::overview::lack::Lack;
use domain::overview::upkeep::{JournalState, UpkeepView};
use leptos::prelude::*;

/// The address of the part of the page that explains what an operator does.
const INSTALLATION: &str = "#installation";

/// A line of the list.
struct Line {
    badge: AnyView,
    href: String,
    /// What the line is about; it is the text of the link.
    subject: String,
    what: AnyView,
}

/// The lines, and the number of things that they stand for.
#[derive(Default)]
struct Lines {
    lines: Vec<Line>,
    count: u32,
}

impl Lines {
    fn push(
        &mut self,
        tone: Tone,
        badge: &'static str,
        subject: impl Into<String>,
        href: &str,
        what: AnyView,
    ) {
        let (badge, href) = (view! { <Badge tone label=badge /> }.into_any(), href.to_owned());
        self.lines.push(Line { badge, href, subject: subject.into(), what });
        self.count += 1;
    }

    /// Adds the countries with a lack, and a line for those that are not named.
    fn lack(&mut self, of: &AttentionView, lack: Lack, now: DateTime<Utc>) {
        let all = of.count(lack);
        let named = of.lacking.iter().filter(|one| one.lack == lack);
        let named: Vec<_> = named.map(|one| country_line(one, now)).collect();
        let rest = all.saturating_sub(u32::try_from(named.len()).unwrap_or(u32::MAX));
        self.count = self.count.saturating_add(all);
        self.lines.extend(named);
        if rest > 0 {
            self.lines.push(Line {
                badge: view! { <LackBadge lack /> }.into_any(),
                href: address::overview(&[("show", Only::Lack(lack).word())]),
                subject: words::count(rest, "more country", "more countries"),
                what: ().into_any(),
            });
        }
    }

    /// Adds the API keys that have ended, or will end, and a line for those that are not named.
    fn api_keys(&mut self, keys: &EndingKeys, has_ended: bool, now: DateTime<Utc>) {
        let (tone, badge) = if has_ended { (Tone::Bad, "ended") } else { (Tone::Warn, "ends soon") };
        for EndingKey { id, name, expires_at } in &keys.named {
            let (at, left) = (*expires_at, words::until(*expires_at, now));
            let what = match has_ended {
                true => {
                    view! { "Ended at " <Moment at /> ". Keystead refuses the services that use it. Create the next one, then revoke this one." }
                        .into_any()
                }
                false => {
                    view! { "Ends " {left} ", at " <Moment at /> ". Keystead refuses the services that use it from then on." }
                        .into_any()
                }
            };
            let subject = format!("API key {} ({}…)", words::quoted(name), id.seen());
            self.push(tone, badge, subject, &address::api_key_row(*id), what);
        }
        let rest = keys.count.saturating_sub(u32::try_from(keys.named.len()).unwrap_or(u32::MAX));
        if rest > 0 {
            let subject = words::count(rest, "more API key", "more API keys");
            self.push(tone, badge, subject, address::API_KEYS, ().into_any());
            self.count = self.count.saturating_add(rest - 1);
        }
    }

    /// Adds what stops keys or services.
    fn broken(&mut self, upkeep: &UpkeepView) {
        if upkeep.journal == JournalState::Stopped {
            let what = "Keystead cannot write its journal, so services get no answers.".into_any();
            self.push(Tone::Bad, "stopped", "Journal", INSTALLATION, what);
        }
        if upkeep.older_than.is_some() {
            let what = "Keystead creates no versions until an operator accepts the database.".into_any();
            self.push(Tone::Bad, "older", "Database", INSTALLATION, what);
        }
        if upkeep.unproved > 0 {
            let rows = u32::try_from(upkeep.unproved).unwrap_or(u32::MAX);
            let what =
                format!("{} damaged or not written by Keystead.", words::count(rows, "row is", "rows are"));
            self.push(Tone::Bad, "damaged", "Database", INSTALLATION, what.into_any());
        }
        if let Some(off) = upkeep.clock_off {
            let what = format!(
                "It is {} off the database's. Keystead refuses verification codes and pauses automatic rotation.",
                words::span(off)
            );
            self.push(Tone::Bad, "wrong", "Server's clock", INSTALLATION, what.into_any());
        }
        if upkeep.journal == JournalState::OnReserve {
            let what = "The disk is full. The journal uses the space that was kept for this.".into_any();
            self.push(Tone::Bad, "disk full", "Journal", INSTALLATION, what);
        }
    }

    /// Adds what an operator should do soon.
    fn upkeep(&mut self, upkeep: &UpkeepView) {
        if let Some(free) = upkeep.free {
            let what = format!("{} MiB are left in the data folder.", free >> 20);
            self.push(Tone::Warn, "disk nearly full", "Data folder", INSTALLATION, what.into_any());
        }
        if upkeep.ahead > 0 {
            let rows = words::count(upkeep.ahead, "row carries", "rows carry");
            let what = format!("{rows} times of the future.");
            self.push(Tone::Warn, "future", "Database", INSTALLATION, what.into_any());
        }
        if upkeep.proxy.is_some() {
            let what = "Keystead cannot tell its visitors apart.".into_any();
            self.push(Tone::Warn, "unclear", "Proxy", INSTALLATION, what);
        }
        if upkeep.is_backup_late() {
            let what = match upkeep.backup_at {
                Some(at) => view! { "The last one was made at " <Moment at /> "." }.into_any(),
                None => "None was ever made.".into_any(),
            };
            self.push(Tone::Warn, "due", "Backup", INSTALLATION, what);
        }
    }

    fn unsaved(&mut self, unsaved: Unsaved) {
        if let Some(at) = unsaved.api_key_until {
            let what = view! { "Keystead shows it until " <Moment at /> "." }.into_any();
            self.push(Tone::Warn, "not saved", "New API key", address::API_KEY_NEW, what);
        }
        if let Some(at) = unsaved.recovery_codes_until {
            let what = view! { "Keystead shows them until " <Moment at /> "." }.into_any();
            self.push(
                Tone::Warn,
                "not saved",
                "New recovery codes",
                address::PROFILE_RECOVERY_CODES_SHOW,
                what,
            );
        }
    }
}

fn country_line(one: &Lacking, now: DateTime<Utc>) -> Line {
    let Lacking { lack, scope, environment_name, at, code, supplied } = one;
    let (lack, at) = (*lack, *at);
    let reason = code.as_ref().map(|code| format!(" {}", first_sentence(code.explanation())));
    let what = match lack {
        Lack::NoKey | Lack::NoKeyInTest => "Services cannot encrypt until you add a key.".into_any(),
        Lack::Damaged => view! { "Since " <Moment at /> ". Services cannot decrypt." {reason} }.into_any(),
        Lack::Refused => view! { "Since " <Moment at /> ". Services cannot decrypt." {reason} }.into_any(),
        Lack::Unreachable => view! {
            "Since " <Moment at /> ". Services decrypt only while servers hold the key in memory." {reason}
        }
        .into_any(),
        Lack::Rotate => view! { "The rotation was due at " <Moment at /> "." }.into_any(),
        Lack::LimitNear => {
            format!("{supplied} of {CUSTOMER_SUPPLIED_MAX} customer-supplied versions are used.").into_any()
        }
        Lack::DueSoon => format!("Keystead rotates the key {}.", words::until(at, now)).into_any(),
    };
    Line {
        badge: view! { <LackBadge lack /> }.into_any(),
        href: address::keys(scope),
        subject: format!("{} · {environment_name}", scope.country.name()),
        what,
    }
}

fn first_sentence(text: &str) -> &str {
    text.find(". ").map_or(text, |end| &text[..=end])
}

#[component]
pub fn Attention(
    attention: AttentionView,
    upkeep: UpkeepView,
    unsaved: Unsaved,
    /// Without an environment there is nothing that could be in order.
    has_environments: bool,
    now: DateTime<Utc>,
) -> impl IntoView {
    let mut all = Lines::default();
    for lack in [Lack::Damaged, Lack::Refused] {
        all.lack(&attention, lack, now);
    }
    all.broken(&upkeep);
    for lack in [Lack::Unreachable, Lack::NoKey, Lack::Rotate] {
        all.lack(&attention, lack, now);
    }
    all.api_keys(&attention.ended, true, now);
    all.api_keys(&attention.ending, false, now);
    all.unsaved(unsaved);
    all.lack(&attention, Lack::LimitNear, now);
    all.upkeep(&upkeep);
    all.lack(&attention, Lack::DueSoon, now);
    let Lines { lines, count } = all;
    if lines.is_empty() {
        return has_environments
            .then(|| {
                view! {
                    <p class="attention-none" role="status">
                        <Badge tone=Tone::Ok label="in order" />
                        " Nothing needs attention."
                    </p>
                }
            })
            .into_any();
    }
    let line = |Line { badge, href, subject, what }| {
        view! {
            <li>
                <span class="attention-state">{badge}</span>
                <a href=href>{subject}</a>
                <span class="attention-what">{what}</span>
                <Draw icon=Icon::Chevron />
            </li>
        }
    };
    view! {
        <section class="attention" aria-labelledby="attention">
            <h2 id="attention">{format!("Needs attention ({count})")}</h2>
            <ul>{lines.into_iter().map(line).collect_view()}</ul>
        </section>
    }
    .into_any()
}
