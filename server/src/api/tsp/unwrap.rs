//! Unwrap: the data key of a document.

use super::document::{UnwrappedKey, only};
use super::problem::Refusal;
use super::wire::{Metadata, asked, counted, edek};
use crate::api::{Ask, json};
use axum::response::Response;
use domain::data::operation::Deed;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Unwrap {
    #[serde(flatten)]
    metadata: Metadata,
    encrypted_document_key: String,
}

pub async fn unwrap(ask: Ask) -> Result<Response, Refusal> {
    let take = |Unwrap { metadata, encrypted_document_key }| {
        Ok((metadata.call(&ask)?, edek(&encrypted_document_key)))
    };
    let (call, edek) = asked(&ask, Deed::Unwrap, take).await?;
    let done = only(ask.app.portal().data().unwrap(&call, &[edek]).await);
    Ok(json(&UnwrappedKey::from(counted(Deed::Unwrap, 1, done)?)))
}
