//! A plot of sums by day, drawn on the server. A table with the numbers stands beside it.

use chrono::NaiveDate;
use domain::base::words;
use leptos::prelude::*;
use std::fmt::Write;

/// Height of the drawing in its own units. A day is one unit wide.
const HEIGHT: f64 = 100.0;
/// Width of a bar, and the gap on each side.
const BAR: f64 = 0.8;
const GAP: f64 = 0.1;

/// A day's sums of both series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bar {
    pub day: NaiveDate,
    pub first: u64,
    pub others: u64,
}

/// Returns the smallest of 1, 2, 5, 10, 20, 50, … that is not below a number.
fn ceiling(number: u64) -> u64 {
    let mut step: u64 = 1;
    loop {
        for factor in [1, 2, 5] {
            let candidate = step.saturating_mul(factor);
            if candidate >= number {
                return candidate;
            }
        }
        step = step.saturating_mul(10);
    }
}

/// Returns the outline of the bars of one series: each from `from` up to `to`, in units of a day.
fn outline(bars: impl Iterator<Item = (u64, u64)>, top: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a drawing needs three digits")]
    let height = |sum: u64| HEIGHT - HEIGHT * (sum as f64 / top as f64);
    let mut path = String::new();
    for (nth, (from, to)) in bars.enumerate().filter(|(_, (from, to))| from < to) {
        #[expect(clippy::cast_precision_loss, reason = "there are few days")]
        let left = nth as f64 + GAP;
        let _ = write!(path, "M{left:.1} {:.1}V{:.1}h{BAR}V{:.1}z", height(from), height(to), height(from));
    }
    path
}

/// Bars by day, in two series on top of each other.
#[component]
pub fn Plot(
    /// What the plot says, in words.
    finding: String,
    bars: Vec<Bar>,
    /// The names of the series. Without a name there is no second one.
    first: String,
    others: Option<String>,
) -> impl IntoView {
    let most = bars.iter().map(|bar| bar.first.saturating_add(bar.others)).max().unwrap_or_default();
    let top = ceiling(most);
    let of_first = outline(bars.iter().map(|bar| (0, bar.first)), top);
    let of_others = outline(bars.iter().map(|bar| (bar.first, bar.first.saturating_add(bar.others))), top);
    let width = bars.len();
    let lines = format!("M0 0H{width}M0 50H{width}M0 100H{width}");
    let named = |bar: Option<&Bar>| bar.map(|bar| bar.day.format("%-d %b").to_string());
    let dates = [named(bars.first()), named(bars.get(width / 2)), named(bars.last())];
    view! {
        <figure class="plot">
            <figcaption>{finding.clone()}</figcaption>
            <p class="plot-scale">"Uses a day, up to " {words::thousands(top)}</p>
            <svg
                viewBox=format!("0 0 {width} {HEIGHT}")
                preserveAspectRatio="none"
                role="img"
                aria-label=format!("Uses by day. {finding}")
            >
                <path class="plot-lines" d=lines />
                <path class="plot-first" d=of_first />
                <path class="plot-others" d=of_others />
            </svg>
            <p class="plot-dates">
                {dates.into_iter().map(|date| view! { <span>{date}</span> }).collect_view()}
            </p>
            {others
                .map(|others| {
                    view! {
                        <ul class="plot-series">
                            <li data-series="first">{first}</li>
                            <li data-series="others">{others}</li>
                        </ul>
                    }
                })}
        </figure>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_ends_at_a_round_number() {
        for (number, top) in
            [(0, 1), (1, 1), (2, 2), (3, 5), (6, 10), (11, 20), (501, 1000), (u64::MAX, u64::MAX)]
        {
            assert_eq!(ceiling(number), top, "{number}");
        }
    }

    #[test]
    fn days_without_use_draw_nothing() {
        let path = outline([(0, 0), (0, 5), (5, 10), (0, 10)].into_iter(), 10);
        assert_eq!(path, "M1.1 100.0V50.0h0.8V100.0zM2.1 50.0V0.0h0.8V50.0zM3.1 100.0V0.0h0.8V100.0z");
    }
}
