//! Batch wrap: a new data key for each of many documents.

use super::document::{Entries, WrappedKey, apart, batch, new_key, whole};
use super::problem::Refusal;
use super::wire::{Metadata, asked, few_enough, within_bounds};
use crate::api::strict::Text;
use crate::api::{Ask, json};
use axum::response::Response;
use domain::data::operation::Deed;
use engine::base::refused::Refused;
use engine::data::ToWrap;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BatchWrap {
    #[serde(flatten)]
    metadata: Metadata,
    document_ids: Vec<Text>,
}

/// Reads the ids. A document that is named twice gets one key. An id that is no string fails under the text that JSON has for
/// it, or under its place if it is an array or an object.
fn entries(document_ids: Vec<Text>) -> Entries<Result<ToWrap, Refused>> {
    let mut entries = Entries::new();
    for (index, id) in document_ids.into_iter().enumerate() {
        match id {
            Text::Is(id) => {
                let entry = within_bounds([&id]).map(|()| new_key());
                entries.insert(id, entry);
            }
            Text::IsNot(text) => {
                let name = text.unwrap_or_else(|| format!("documentIds[{index}]"));
                let refusal = Refusal::unreadable("The ID of a document must be a string.");
                // A document that has this text as its id gets its key.
                entries.entry(name).or_insert(Err(refusal));
            }
        }
    }
    entries
}

pub async fn batch_wrap(ask: Ask) -> Result<Response, Refusal> {
    let take = |BatchWrap { metadata, document_ids }| {
        few_enough(document_ids.len())?;
        Ok((metadata.call(&ask)?, entries(document_ids)))
    };
    let (call, entries) = asked(&ask, Deed::Wrap, take).await?;
    let (names, items) = apart(entries);
    let answers = whole(Deed::Wrap, ask.app.portal().data().wrap(&call, items).await)?;
    Ok(json(&batch::<_, WrappedKey>(Deed::Wrap, names, answers)))
}
