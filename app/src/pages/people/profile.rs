//! "Profile": the administrator's means of authentication, and their sessions.

use crate::frame::layout::Frame;
use crate::frame::moment::{Day, Moment};
use crate::frame::page_head::PageHead;
use crate::ui::badge::{Badge, Tone};
use crate::ui::button::{Button, ButtonLink};
use crate::ui::facts::{Fact, Facts};
use crate::ui::table::{Cell, Table};
use domain::base::address;
use domain::overview::frame::Chrome;
use domain::people::view::{ProfileView, SessionRow};
use leptos::prelude::*;

/// Number of remaining recovery codes at or below which the page asks for new ones.
const FEW_CODES: u32 = 3;

pub(crate) fn profile_crumbs(last: &str) -> Vec<(String, Option<String>)> {
    vec![("Profile".to_owned(), Some(address::PROFILE.to_owned())), (last.to_owned(), None)]
}

#[component]
pub fn ProfilePage(chrome: Chrome, view: ProfileView) -> impl IntoView {
    let ProfileView {
        email,
        created_at,
        password_changed_at,
        authenticator_since,
        recovery_codes_left,
        sessions,
    } = view;
    let few = recovery_codes_left <= FEW_CODES;
    let others = sessions.len() > 1;
    view! {
        <Frame chrome crumbs=vec![("Profile".to_owned(), None)]>
            <PageHead heading="Profile" about=email />
            <Facts>
                <Fact label="Administrator since">
                    <Day at=created_at />
                </Fact>
                <Fact label="Password">
                    <span class="with-action">
                        <span>"Changed " <Day at=password_changed_at /></span>
                        <ButtonLink label="Change password" href=address::PROFILE_PASSWORD />
                    </span>
                </Fact>
                <Fact label="Authenticator">
                    <span class="with-action">
                        <span>"In use since " <Day at=authenticator_since /></span>
                        <ButtonLink label="Replace authenticator" href=address::PROFILE_AUTHENTICATOR />
                    </span>
                </Fact>
                <Fact label="Recovery codes">
                    <span class="with-action">
                        <span class="with-note">
                            {format!("{recovery_codes_left} of 10 left")}
                            {few.then(|| view! { <Badge tone=Tone::Warn label="few left" /> })}
                        </span>
                        <ButtonLink label="New recovery codes" href=address::PROFILE_RECOVERY_CODES />
                    </span>
                </Fact>
            </Facts>
            <h2>"Sessions"</h2>
            <Table caption="Sessions" columns=&["Browser", "Address", "Signed in", "Last seen"]>
                {sessions.into_iter().map(|session| view! { <SessionLine session /> }).collect_view()}
            </Table>
            {others
                .then(|| {
                    view! {
                        <form class="after-table" method="post" action=address::PROFILE_SESSIONS>
                            <Button label="Sign out other sessions" />
                        </form>
                    }
                })}
        </Frame>
    }
}

#[component]
fn SessionLine(session: SessionRow) -> impl IntoView {
    view! {
        <tr>
            <Cell label="Browser">
                <span class="with-note">
                    {session.agent}
                    {session.is_this.then(|| view! { <Badge tone=Tone::Ok label="this session" /> })}
                </span>
            </Cell>
            <Cell label="Address">
                <span class="mono">{session.address}</span>
            </Cell>
            <Cell label="Signed in">
                <Moment at=session.created_at />
            </Cell>
            <Cell label="Last seen">
                <span class="with-action">
                    <Moment at=session.seen_at />
                    {(!session.is_this)
                        .then(|| {
                            view! {
                                <form method="post" action=address::PROFILE_SESSIONS>
                                    <input type="hidden" name="session" value=session.id.to_string() />
                                    <Button label="End session" />
                                </form>
                            }
                        })}
                </span>
            </Cell>
        </tr>
    }
}
