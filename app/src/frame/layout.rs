//! The frame around every page of a signed-in administrator.

use crate::frame::session_notice::SessionNotice;
use crate::frame::sidebar::Sidebar;
use crate::frame::top_bar::TopBar;
use crate::frame::unsaved::UnsavedNotices;
use crate::islands::page_comforts::PageComforts;
use crate::ui::flash::FlashMessage;
use domain::overview::frame::Chrome;
use leptos::prelude::*;

#[component]
pub fn Frame(chrome: Chrome, crumbs: Vec<(String, Option<String>)>, children: Children) -> impl IntoView {
    let Chrome { email, theme, path, next, filter, tree, flash, unsaved, session_end, now } = chrome;
    view! {
        <a class="skip-link" href="#main">
            "Skip to content"
        </a>
        <div class="frame">
            <Sidebar path=path.clone() filter tree />
            <div class="frame-body">
                <TopBar email theme next crumbs />
                <main id="main" tabindex="-1">
                    {flash.map(|flash| view! { <FlashMessage flash /> })}
                    <UnsavedNotices unsaved now />
                    {children()}
                </main>
            </div>
        </div>
        <SessionNotice end=session_end />
        <PageComforts />
    }
    .into_any()
}
