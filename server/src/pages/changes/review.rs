//! The second step of every change: what will happen, and the code that makes it happen.

use crate::App;
use crate::web::failure::{Failure, Shown, refused};
use crate::web::forms::{CodeForm, Tried, Typed};
use crate::web::page::{Page, chrome, done};
use crate::web::redirect::query_value;
use crate::web::visitor::SignedIn;
use app::pages::ConfirmPage;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use domain::base::form::Form;
use domain::base::id::ChangeId;
use domain::changes::view::PreparedView;
use domain::custody::preflight::Report;
use engine::base::error::ChangesError;
use engine::changes::authority::Sensitive;
use engine::{Error, SecretText};
use leptos::prelude::*;
use serde::de::DeserializeOwned;

/// What the page of a prepared change says.
pub struct Review {
    pub heading: &'static str,
    /// What it changes: the scope, or the account.
    pub about: String,
    pub crumbs: Vec<(String, Option<String>)>,
    /// Something was filled in before; where nothing is to be, there are no steps to count.
    pub has_parameters: bool,
    /// The word on the button that acts.
    pub verb: &'static str,
    /// The address of the first step, with what was chosen there.
    pub back: String,
    pub effects: Vec<String>,
    pub warning: Option<String>,
    /// What the customer's KMS was found to do, where it was asked.
    pub report: Option<Report>,
    /// The least-privilege policy for the key it is about.
    pub policy: Option<String>,
}

/// What is posted to the address of a change. Which step it is, the address says.
pub enum Step<T> {
    /// "Next": what was filled in.
    Prepare(T),
    /// The prepared change, and the code that confirms it.
    Confirm(ChangeId, SecretText),
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Step<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        match named(request.uri().query().unwrap_or_default()) {
            Some(id) => Tried::<CodeForm>::from_request(request, state)
                .await
                .map(|Tried(typed)| Self::Confirm(id, typed.code)),
            None => Typed::from_request(request, state).await.map(|Typed(typed)| Self::Prepare(typed)),
        }
    }
}

/// The prepared change that the query of an address names.
pub fn named(query: &str) -> Option<ChangeId> {
    query_value(query, "change")?.parse().ok()
}

/// The address of the second step.
pub fn address(path: &str, id: ChangeId) -> String {
    format!("{path}?change={id}")
}

/// A change that is over leads back to where it began.
///
/// # Errors
/// When the database fails.
pub async fn gone(app: &App, who: &SignedIn, first: &str) -> Result<Response, Failure> {
    let message = "This change has expired or was confirmed already. Start it again.";
    Ok(done(app, who, first, message).await)
}

/// The second step, or where it leads when the change is gone; after a refused code with the error beside the field.
///
/// # Errors
/// When the database fails.
pub async fn second_step<C: Sensitive>(
    app: &App,
    who: &SignedIn,
    first: &str,
    review: impl FnOnce(&C) -> Review,
    id: ChangeId,
    error: Option<Error>,
) -> Result<Response, Failure> {
    let prepared = match app.portal().changes().prepared::<C>(&who.session, id).await {
        Err(Error::Changes(ChangesError::ChangeGone)) => return gone(app, who, first).await,
        prepared => prepared?,
    };
    let shown = match error {
        None => (Form::new(), StatusCode::OK),
        Some(error) => refused(Form::new(), error)?,
    };
    show(app, who, review(&prepared.command), prepared.expires_at, shown).await
}

/// Shows what will happen and asks for the code.
///
/// # Errors
/// When the database fails.
pub async fn show(
    app: &App,
    who: &SignedIn,
    review: Review,
    expires_at: DateTime<Utc>,
    (form, status): Shown,
) -> Result<Response, Failure> {
    let chrome = chrome(app, who).await?;
    let Review { heading, about, crumbs, has_parameters, verb, back, effects, warning, report, policy } =
        review;
    let prepared = PreparedView { effects, warning, report, policy, expires_at };
    let page = Page::framed(who, heading).status(status);
    Ok(page.show(
        app,
        move || view! { <ConfirmPage chrome heading=heading.to_owned() about crumbs has_parameters prepared verb=verb.to_owned() back form /> },
    ))
}
