//! The choice of system, light or dark theme: a form to `/theme`; with script, its island changes the theme at once.

use crate::islands::theme_now::ThemeNow;
use crate::ui::icon::{Draw, Icon};
use domain::base::address;
use domain::overview::frame::Theme;
use leptos::prelude::*;

#[component]
pub fn ThemeSwitch(theme: Theme, next: String) -> impl IntoView {
    let choices = [
        (Theme::System, "System theme", Icon::System),
        (Theme::Light, "Light theme", Icon::Light),
        (Theme::Dark, "Dark theme", Icon::Dark),
    ];
    let button = move |(choice, label, icon): (Theme, &'static str, Icon)| {
        let pressed = if choice == theme { "true" } else { "false" };
        view! {
            <button
                r#type="submit"
                name="theme"
                value=choice.word()
                title=label
                aria-label=label
                aria-pressed=pressed
            >
                <Draw icon />
            </button>
        }
    };
    view! {
        <ThemeNow>
            <form class="theme-switch" method="post" action=address::THEME>
                <input r#type="hidden" name="next" value=next />
                {choices.map(button).collect_view()}
            </form>
        </ThemeNow>
    }
    .into_any()
}
