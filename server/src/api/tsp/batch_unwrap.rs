//! Batch unwrap: the data keys of many documents.

use super::document::{UnwrappedKey, batch, whole};
use super::problem::Refusal;
use super::wire::{Metadata, asked, edek, few_enough, within_bounds};
use crate::api::strict::Once;
use crate::api::{Ask, json};
use axum::response::Response;
use domain::data::operation::Deed;
use serde::Deserialize;

#[derive(Deserialize)]
struct BatchUnwrap {
    #[serde(flatten)]
    metadata: Metadata,
    edeks: Once<String>,
}

pub async fn batch_unwrap(ask: Ask) -> Result<Response, Refusal> {
    let take = |BatchUnwrap { metadata, edeks: Once(edeks) }| {
        few_enough(edeks.len())?;
        within_bounds(edeks.keys())?;
        Ok((metadata.call(&ask)?, edeks))
    };
    let (call, edeks) = asked(&ask, Deed::Unwrap, take).await?;
    let (names, edeks): (Vec<_>, Vec<_>) = edeks.into_iter().unzip();
    let items: Vec<_> = edeks.iter().map(|text| edek(text)).collect();
    let answers = whole(Deed::Unwrap, ask.app.portal().data().unwrap(&call, &items).await)?;
    Ok(json(&batch::<_, UnwrappedKey>(Deed::Unwrap, names, answers)))
}
