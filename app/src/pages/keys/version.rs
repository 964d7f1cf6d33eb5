//! One version of an encryption key.

use crate::frame::layout::Frame;
use crate::frame::moment::Moment;
use crate::frame::page_head::{PageHead, about_scope};
use crate::pages::custody::aws_fields::Policy;
use crate::pages::custody::check_now::CheckNow;
use crate::pages::custody::health_badge::HealthBadge;
use crate::pages::custody::lease_card::{LeaseCard, OtherServers, Source};
use crate::pages::custody::preflight::Preflight;
use crate::pages::keys::list::keys_crumbs;
use crate::pages::keys::status_badge::StatusBadge;
use crate::pages::keys::timeline::TimelineCard;
use crate::pages::keys::usage::{UsageCard, UsageTables};
use crate::ui::button::ButtonLink;
use crate::ui::copy::Copyable;
use crate::ui::facts::{Fact, Facts};
use chrono::{DateTime, Utc};
use domain::base::address;
use domain::base::words;
use domain::custody::health::HealthState;
use domain::custody::view::{AwsKeyView, LeaseView, ServerLease};
use domain::keys::key_version::Status;
use domain::keys::timeline::Timeline;
use domain::keys::usage::LateUse;
use domain::keys::view::{UsageView, VersionRow};
use domain::overview::frame::Chrome;
use domain::scopes::scope::ScopeName;
use leptos::prelude::*;

#[component]
pub fn KeyVersionPage(
    chrome: Chrome,
    scope: ScopeName,
    environment_name: String,
    version: VersionRow,
    usage: UsageView,
    late: LateUse,
    timeline: Timeline,
    /// Only for a version of type "Manual: AWS".
    aws: Option<AwsKeyView>,
    lease: LeaseView,
    /// What the other servers hold of the version.
    others: Vec<ServerLease>,
) -> impl IntoView {
    let now = chrome.now;
    let (all_versions, scope_name) = (address::keys(&scope), scope.to_string());
    let number = version.number;
    let replace = aws.is_some().then(|| address::version_credentials(&scope, number));
    let check = aws.is_some().then(|| view! { <CheckNow scope=scope.clone() number /> });
    let probe_at = aws.as_ref().and_then(|key| key.probe_at);
    let heading = format!("Version {}", version.number);
    let is_refused = version.health.as_ref().is_some_and(|health| health.state.is_refused());
    let changed_at = version.health.as_ref().map(|health| health.since);
    let is_damaged = !version.is_proved
        || version.health.as_ref().is_some_and(|health| health.state == HealthState::Damaged);
    let source = match aws {
        _ if is_damaged => Source::Damaged,
        None => Source::Managed,
        Some(_) if is_refused => Source::RefusingKms,
        Some(_) => Source::Kms,
    };
    let does = match version.status {
        _ if is_damaged => {
            "Keystead does not use this version: its row in the database is damaged, or Keystead did not write it. An operator runs “keystead doctor” on the host."
        }
        _ if is_refused => "Cannot encrypt or decrypt while the customer's KMS refuses.",
        Status::Active => "Encrypts and decrypts.",
        Status::Deprecated => "Decrypts existing data. New data is encrypted with the active version.",
    };
    view! {
        <Frame chrome crumbs=keys_crumbs(&scope, &environment_name, Some(&heading))>
            <PageHead heading=heading.clone() about=about_scope(&scope, &environment_name)>
                <ButtonLink label="All versions" href=all_versions />
                {replace
                    .map(|href| {
                        view! {
                            <ButtonLink label="Replace credentials" href />
                        }
                    })} {check}
            </PageHead>
            <Facts>
                <Fact label="Status">
                    <span class="with-note">
                        <StatusBadge status=version.status is_proved=version.is_proved />
                        <span class="quiet">{does}</span>
                    </span>
                </Fact>
                <Fact label="Type">{version.key_type.label()}</Fact>
                {version
                    .health
                    .clone()
                    .map(|health| {
                        let explanation = health.code.as_ref().map(|code| code.explanation());
                        view! {
                            <Fact label="Health">
                                <HealthBadge health />
                                {explanation.map(|words| view! { <p class="quiet">{words}</p> })}
                            </Fact>
                        }
                    })}
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
                <Fact label="Encrypted">
                    {words::thousands(usage.issued)}
                    <span class="quiet">" in all: ciphertexts and wrapped data keys"</span>
                </Fact>
                <Fact label="Decrypted in the last 90 days">
                    {words::thousands(usage.seen)}
                    <span class="quiet">
                        {match usage.seen {
                            0 => " · This counts what services decrypt. It does not show data that nobody reads.",
                            _ => " · While this isn't zero, data encrypted with this version is still in use.",
                        }}
                    </span>
                </Fact>
                <Fact label="Last used">
                    {match usage.last_used_at {
                        Some(at) => view! { <Moment at /> }.into_any(),
                        None => "Never".into_any(),
                    }}
                </Fact>
                <Fact label="Scope">
                    <Copyable text=scope_name />
                </Fact>
                <Fact label="Key ID (in ciphertexts)">
                    <Copyable text=version.id.to_string() />
                </Fact>
            </Facts>
            <div class="version-story">
                <UsageCard late=late.clone() />
                <TimelineCard timeline scope=scope.clone() number />
            </div>
            <UsageTables late />
            {aws.map(|key| view! { <AwsKey key changed_at /> })}
            <LeaseCard lease source probe_at now />
            <OtherServers others now />
        </Frame>
    }
}

/// The AWS data of a customer's key.
#[component]
fn AwsKey(
    key: AwsKeyView,
    /// Since when the key has its present state.
    changed_at: Option<DateTime<Utc>>,
) -> impl IntoView {
    let is_old = changed_at.filter(|changed_at| *changed_at > key.preflight_at);
    view! {
        <section class="aws-key">
            <h2>"AWS KMS"</h2>
            <Facts>
                <Fact label="Region">
                    <code>{key.region}</code>
                </Fact>
                <Fact label="CMK ARN">
                    <Copyable text=key.cmk_arn />
                </Fact>
                <Fact label="Encrypted key">
                    <Copyable text=key.encrypted_key />
                </Fact>
                <Fact label="IAM access key ID">
                    <code>{key.access_key_id}</code>
                    <span class="quiet">" since " <Moment at=key.credentials_at /></span>
                </Fact>
                <Fact label="Last full check">
                    <Moment at=key.preflight_at />
                    {is_old
                        .map(|changed_at| {
                            view! {
                                <p class="stale">
                                    "The state of the key has changed since, at " <Moment at=changed_at />
                                    ". Choose “Check now” to repeat the check."
                                </p>
                            }
                        })}
                    <Preflight report=key.preflight />
                </Fact>
            </Facts>
            <Policy policy=key.policy />
        </section>
    }
}
