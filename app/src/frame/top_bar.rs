//! The top bar: the breadcrumb, the theme switch, and the administrator's menu.

use crate::ui::breadcrumb::Breadcrumb;
use crate::ui::icon::{Draw, Icon};
use crate::ui::theme_switch::ThemeSwitch;
use domain::base::address;
use domain::overview::frame::Theme;
use leptos::prelude::*;

#[component]
pub fn TopBar(
    email: String,
    theme: Theme,
    /// The address of the page.
    next: String,
    crumbs: Vec<(String, Option<String>)>,
) -> impl IntoView {
    view! {
        <header class="top-bar">
            <button
                class="icon-button phone-only"
                r#type="button"
                popovertarget="menu"
                aria-label="Open menu"
            >
                <Draw icon=Icon::Menu />
            </button>
            <Breadcrumb crumbs />
            <ThemeSwitch theme next />
            <details class="menu">
                <summary aria-label=format!("Menu of {email}")>
                    <Draw icon=Icon::Person />
                    <span class="menu-email">{email.clone()}</span>
                </summary>
                <div class="menu-sheet">
                    <p class="menu-person">"Signed in as " <strong>{email}</strong></p>
                    <a href=address::PROFILE>"Profile"</a>
                    <form method="post" action=address::SIGN_OUT>
                        <button r#type="submit">"Sign out"</button>
                    </form>
                </div>
            </details>
        </header>
    }
    .into_any()
}
