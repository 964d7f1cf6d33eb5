//! Counts down the seconds that were left when the server rendered the page (`data-left`). The browser's clock may be wrong,
//! so the island relies only on the time that elapses on it.

use leptos::prelude::*;
use web_sys::Element;

/// Formats the remaining time: "in 5 h 12 min", "in 4:41" within the last hour, "now".
pub(super) fn words(seconds: i64) -> String {
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        _ if seconds <= 0 => "now".to_owned(),
        (0, minutes, seconds) => format!("in {minutes}:{seconds:02}"),
        (hours, 0, _) => format!("in {hours} h"),
        (hours, minutes, _) => format!("in {hours} h {minutes} min"),
    }
}

#[island]
pub fn Countdown(children: Children) -> impl IntoView {
    let node = NodeRef::new();
    super::on_wake(node, |root| {
        let Some(time) = super::find::<Element>(&root, "time") else { return };
        // Whole seconds: a parser of floating-point numbers adds 14 KB to the first load.
        let left: i64 =
            time.get_attribute("data-left").and_then(|left| left.parse().ok()).unwrap_or_default();
        let end = js_sys::Date::now() + left as f64 * 1000.0;
        // Browsers slow the timers of background tabs, so each tick computes the time that is left.
        let tick = move || time.set_text_content(Some(&words(((end - js_sys::Date::now()) / 1000.0) as i64)));
        tick();
        set_interval(tick, std::time::Duration::from_secs(1));
    });
    view! {
        <span class="countdown" node_ref=node>
            {children()}
        </span>
    }
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn the_last_hour_is_counted_in_seconds() {
        let spans =
            [(18_720, "in 5 h 12 min"), (3600, "in 1 h"), (281, "in 4:41"), (9, "in 0:09"), (-3, "now")];
        for (seconds, text) in spans {
            assert_eq!(words(seconds), text);
        }
    }
}
