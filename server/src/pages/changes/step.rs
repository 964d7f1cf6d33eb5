//! Which of the two steps of a change a request is.

use crate::web::failure::Failure;
use crate::web::forms::{CodeForm, Tried, Typed};
use crate::web::redirect::query_value;
use axum::extract::{FromRequest, Request};
use domain::base::id::ChangeId;
use engine::SecretText;
use serde::de::DeserializeOwned;

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
