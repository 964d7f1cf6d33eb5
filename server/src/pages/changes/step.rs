//! Distinguishes the two steps of a change.

use crate::web::failure::Failure;
use crate::web::forms::{CodeForm, Tried, Typed};
use crate::web::redirect::query_value;
use axum::extract::{FromRequest, Request};
use domain::base::id::ChangeId;
use engine::SecretText;
use serde::de::DeserializeOwned;

/// A form that is posted to the address of a change. The query of the address decides the step.
pub enum Step<T> {
    /// "Next": the form of the first step.
    Prepare(T),
    /// The prepared change, and the code that confirms it.
    Confirm(ChangeId, SecretText),
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Step<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        match named(request.uri().query().unwrap_or_default()) {
            // Only this step compares a code, so only here an unreadable form is a failed attempt.
            Some(id) => Tried::<CodeForm>::from_request(request, state)
                .await
                .map(|Tried(typed)| Self::Confirm(id, typed.code)),
            None => Typed::from_request(request, state).await.map(|Typed(typed)| Self::Prepare(typed)),
        }
    }
}

/// Returns the prepared change that the query of an address names.
pub fn named(query: &str) -> Option<ChangeId> {
    query_value(query, "change")?.parse().ok()
}

/// Returns the address of the second step.
pub fn address(path: &str, id: ChangeId) -> String {
    format!("{path}?change={id}")
}
