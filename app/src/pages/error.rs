//! The error pages: a page is missing, an action is not allowed, or something does not work. Each is calm and has a way back.

use crate::frame::layout::Frame;
use crate::frame::outside::Outside;
use crate::frame::page_head::PageHead;
use crate::ui::button::ButtonLink;
use domain::base::address;
use domain::overview::frame::Chrome;
use leptos::prelude::*;

#[component]
pub fn ErrorPage(title: String, message: String, back: String) -> impl IntoView {
    view! {
        <Outside heading=title>
            <p>{message}</p>
            <p>
                <ButtonLink label="Back" href=back />
            </p>
        </Outside>
    }
}

/// The same for a signed-in administrator, with the navigation beside it.
#[component]
pub fn NothingHerePage(chrome: Chrome, title: String, message: String) -> impl IntoView {
    view! {
        <Frame chrome crumbs=vec![(title.clone(), None)]>
            <PageHead heading=title about=message />
            <p>
                <ButtonLink label="Overview" href=address::HOME />
            </p>
        </Frame>
    }
}
