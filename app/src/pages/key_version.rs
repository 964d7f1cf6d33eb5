//! One version of an encryption key.

use crate::components::frame::Frame;
use crate::components::moment::Moment;
use crate::components::page_head::{PageHead, about_scope};
use crate::components::status_badge::StatusBadge;
use crate::components::ui::button::ButtonLink;
use crate::components::ui::copy::Copyable;
use crate::components::ui::facts::{Fact, Facts};
use crate::pages::keys::keys_crumbs;
use crate::paths;
use domain::key_version::Status;
use domain::scope::ScopeName;
use domain::view::{Chrome, VersionRow};
use domain::words;
use leptos::prelude::*;

#[component]
pub fn KeyVersionPage(
    chrome: Chrome,
    scope: ScopeName,
    environment_name: String,
    version: VersionRow,
) -> impl IntoView {
    let now = chrome.now;
    let (all_versions, scope_name) = (paths::keys(&scope), scope.to_string());
    let heading = format!("Version {}", version.number);
    let does = match version.status {
        Status::Active => "Encrypts and decrypts.",
        Status::Deprecated => "Still decrypts what was encrypted with it.",
    };
    view! {
        <Frame chrome crumbs=keys_crumbs(&scope, &environment_name, Some(&heading))>
            <PageHead heading=heading.clone() about=about_scope(&scope, &environment_name)>
                <ButtonLink label="All versions" href=all_versions />
            </PageHead>
            <Facts>
                <Fact label="Status">
                    <span class="with-note">
                        <StatusBadge status=version.status />
                        <span class="quiet">{does}</span>
                    </span>
                </Fact>
                <Fact label="Type">{version.key_type.label()}</Fact>
                <Fact label="Rotation period">
                    {version.period.map_or("–".to_owned(), |period| format!("{} days", period.days()))}
                </Fact>
                {version
                    .due_at
                    .filter(|_| version.status == Status::Active)
                    .map(|at| {
                        view! {
                            <Fact label="Next rotation">
                                <Moment at />
                                <span class="quiet">" · " {words::until(at, now)}</span>
                            </Fact>
                        }
                    })}
                <Fact label="Created">
                    <Moment at=version.created_at />
                </Fact>
                <Fact label="Created by">{version.created_by}</Fact>
                <Fact label="Scope">
                    <Copyable text=scope_name />
                </Fact>
                <Fact label="Portal-wide id">
                    <Copyable text=version.id.to_string() />
                </Fact>
            </Facts>
        </Frame>
    }
}
