//! The notices on every page that a secret still waits to be saved by the person who made it.

use crate::frame::moment::Moment;
use crate::ui::badge::Tone;
use crate::ui::callout::Callout;
use chrono::{DateTime, Utc};
use domain::base::address;
use domain::overview::frame::Unsaved;
use leptos::prelude::*;

#[component]
pub fn UnsavedNotices(unsaved: Unsaved, now: DateTime<Utc>) -> impl IntoView {
    let Unsaved { recovery_codes_until, api_key_until } = unsaved;
    let notice = move |until: Option<DateTime<Utc>>, title, about, href| {
        until.filter(|until| *until > now).map(|until| {
            view! {
                <Callout tone=Tone::Warn title>
                    <p>
                        {about} <Moment at=until /> ". "
                        <a href=href>{if href == address::API_KEY_NEW { "Show it" } else { "Show them" }}</a>
                    </p>
                </Callout>
            }
        })
    };
    view! {
        {notice(
            recovery_codes_until,
            "You have unsaved recovery codes",
            "Keystead shows them until you confirm that you saved them or sign out, at the latest until ",
            address::PROFILE_RECOVERY_CODES_SHOW,
        )}
        {notice(
            api_key_until,
            "You have an unsaved API key",
            "Keystead shows its secret until you confirm that you saved it or sign out, at the latest until ",
            address::API_KEY_NEW,
        )}
    }
}
