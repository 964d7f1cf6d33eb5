//! The result of a pre-flight, line by line.

use crate::ui::badge::{Badge, Tone};
use domain::custody::preflight::{Line, Report, Verdict};
use leptos::prelude::*;

#[component]
pub fn Preflight(report: Report) -> impl IntoView {
    let line = |line: Line| {
        let tone = match (line.verdict, line.check.is_positive()) {
            (Verdict::Passed, _) => Tone::Ok,
            (Verdict::NotReached, _) => Tone::Quiet,
            (_, true) => Tone::Bad,
            (_, false) => Tone::Warn,
        };
        let explanation = line.explanation();
        view! {
            <li data-verdict=line.verdict.word()>
                <span class="preflight-check">{line.check.label()}</span>
                <Badge tone label=line.verdict.label() />
                {line.code.map(|code| view! { <code>{code.to_string()}</code> })}
                {explanation.map(|words| view! { <p class="quiet">{words}</p> })}
            </li>
        }
    };
    view! { <ul class="preflight">{report.lines.into_iter().map(line).collect_view()}</ul> }.into_any()
}
