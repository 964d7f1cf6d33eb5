//! Rekey: the data key of a document, wrapped for another tenant.

use super::document::WrappedKey;
use super::problem::Refusal;
use super::wire::{Metadata, asked, counted, edek, within_bounds};
use crate::api::{Ask, json};
use axum::response::Response;
use domain::data::operation::Deed;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rekey {
    #[serde(flatten)]
    metadata: Metadata,
    encrypted_document_key: String,
    new_tenant_id: String,
}

pub async fn rekey(ask: Ask) -> Result<Response, Refusal> {
    let take = |Rekey { metadata, encrypted_document_key, new_tenant_id }| {
        within_bounds([&new_tenant_id])?;
        Ok((metadata.call(&ask)?, new_tenant_id, edek(&encrypted_document_key)))
    };
    let (call, new_tenant, edek) = asked(&ask, Deed::Rekey, take).await?;
    let done = ask.app.portal().data().rekey(&call, &new_tenant, edek).await;
    Ok(json(&WrappedKey::from(counted(Deed::Rekey, 1, done)?)))
}
