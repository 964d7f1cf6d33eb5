//! Wrap: a new data key for a document.

use super::document::{WrappedKey, new_key, only};
use super::problem::Refusal;
use super::wire::{Metadata, asked, counted};
use crate::api::{Ask, json};
use axum::response::Response;
use domain::data::operation::Deed;
use serde::Deserialize;

#[derive(Deserialize)]
struct Wrap {
    #[serde(flatten)]
    metadata: Metadata,
}

pub async fn wrap(ask: Ask) -> Result<Response, Refusal> {
    let take = |Wrap { metadata }| metadata.call(&ask);
    let call = asked(&ask, Deed::Wrap, take).await?;
    let done = only(ask.app.portal().data().wrap(&call, vec![new_key()]).await);
    Ok(json(&WrappedKey::from(counted(Deed::Wrap, 1, done)?)))
}
