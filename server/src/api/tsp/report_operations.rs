//! Operations that a client made on its own with keys that it keeps. The answer is exactly `null`, as for a security event.

use super::problem::Refusal;
use super::wire::{Metadata, asked, counted, edek, few_enough};
use crate::api::strict::{Object, Once};
use crate::api::{Ask, json};
use axum::response::Response;
use domain::data::operation::Deed;
use engine::data::events::Reported;
use serde::Deserialize;

#[derive(Deserialize)]
struct Report {
    #[serde(flatten)]
    metadata: Metadata,
    operations: Once<Object<Operations>>,
}

#[derive(Deserialize)]
struct Operations {
    #[serde(default)]
    wraps: u64,
    #[serde(default)]
    unwraps: u64,
}

pub async fn report_operations(ask: Ask) -> Result<Response, Refusal> {
    let take = |Report { metadata, operations: Once(operations) }| {
        few_enough(operations.len())?;
        Ok((metadata.call(&ask)?, operations))
    };
    let (call, operations) = asked(&ask, Deed::Report, take).await?;
    // The numbers are the client's: their sum must not overflow.
    let total =
        |of: fn(&Operations) -> u64| operations.values().map(|one| of(&one.0)).fold(0, u64::saturating_add);
    let edeks: Vec<_> =
        operations.keys().filter_map(|text| edek(text).ok()).map(|edek| edek.sealed).collect();
    let reported = Reported { edeks, wraps: total(|one| one.wraps), unwraps: total(|one| one.unwraps) };
    let done = ask.app.portal().data().reported_operations(call, &reported).await;
    counted(Deed::Report, operations.len(), done)?;
    Ok(json(&()))
}
