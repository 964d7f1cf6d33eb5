//! Batch unwrap: the data keys of many documents.

use super::document::{Entries, UnwrappedKey, apart, batch, whole};
use super::problem::Refusal;
use super::wire::{Metadata, asked, edek, few_enough, within_bounds};
use crate::api::strict::{Pairs, Text};
use crate::api::{Ask, json};
use axum::response::Response;
use domain::data::operation::Deed;
use engine::base::refused::Refused;
use engine::data::ToOpen;
use serde::Deserialize;

#[derive(Deserialize)]
struct BatchUnwrap {
    #[serde(flatten)]
    metadata: Metadata,
    edeks: Pairs<Text>,
}

/// Reads the EDEKs. A document that is named twice gets neither data key, because one reader of the request sees the first EDEK
/// and another reader the last.
fn entries(edeks: Vec<(String, Text)>) -> Entries<Result<ToOpen, Refused>> {
    let mut entries = Entries::new();
    for (name, text) in edeks {
        let entry = match text {
            _ if entries.contains_key(&name) => {
                Err(Refusal::unreadable("The request names this document more than once."))
            }
            Text::Is(text) => within_bounds([&name]).map(|()| edek(&text)),
            Text::IsNot(_) => Err(Refusal::unreadable("The EDEK of this document must be a string.")),
        };
        entries.insert(name, entry);
    }
    entries
}

pub async fn batch_unwrap(ask: Ask) -> Result<Response, Refusal> {
    let take = |BatchUnwrap { metadata, edeks: Pairs(edeks) }| {
        few_enough(edeks.len())?;
        Ok((metadata.call(&ask)?, entries(edeks)))
    };
    let (call, entries) = asked(&ask, Deed::Unwrap, take).await?;
    let (names, items) = apart(entries);
    let answers = whole(Deed::Unwrap, ask.app.portal().data().unwrap(&call, &items).await)?;
    Ok(json(&batch::<_, UnwrappedKey>(Deed::Unwrap, names, answers)))
}
