//! Batch wrap: a new data key for each of many documents.

use super::document::{WrappedKey, batch, new_key, whole};
use super::problem::Refusal;
use super::wire::{Metadata, asked, few_enough, within_bounds};
use crate::api::{Ask, json};
use axum::response::Response;
use domain::data::operation::Deed;
use serde::Deserialize;
use std::collections::BTreeSet;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BatchWrap {
    #[serde(flatten)]
    metadata: Metadata,
    document_ids: Vec<String>,
}

pub async fn batch_wrap(ask: Ask) -> Result<Response, Refusal> {
    let take = |BatchWrap { metadata, document_ids }| {
        few_enough(document_ids.len())?;
        within_bounds(&document_ids)?;
        Ok((metadata.call(&ask)?, document_ids))
    };
    let (call, document_ids) = asked(&ask, Deed::Wrap, take).await?;
    // A document that is named twice gets one key.
    let names: BTreeSet<String> = document_ids.into_iter().collect();
    let items = names.iter().map(|_| new_key()).collect();
    let answers = whole(Deed::Wrap, ask.app.portal().data().wrap(&call, items).await)?;
    Ok(json(&batch::<_, WrappedKey>(Deed::Wrap, names.into_iter().collect(), answers)))
}
