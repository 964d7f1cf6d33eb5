//! Security events that clients report. The answer must be exactly `null`: one of the clients compares it, two of them parse it.

use super::problem::Refusal;
use super::wire::{Metadata, asked, counted};
use crate::api::{Ask, json};
use axum::response::Response;
use domain::data::operation::Deed;
use serde::Deserialize;

/// Maximum length of an event's name, in bytes.
const NAME: usize = 128;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SecurityEvent {
    #[serde(flatten)]
    metadata: Metadata,
    /// Alloy sends it here, the other clients send it in `iclFields`.
    #[serde(default)]
    event: Option<String>,
    #[serde(default)]
    timestamp_millis: Option<u64>,
}

pub async fn security_event(ask: Ask) -> Result<Response, Refusal> {
    let take = |SecurityEvent { mut metadata, event, timestamp_millis }| {
        let event = event.or(metadata.event()).filter(|name| (1..=NAME).contains(&name.len()));
        let event = event.ok_or_else(|| {
            Refusal::unreadable(format!("The event must have a name of 1 to {NAME} bytes."))
        })?;
        let mut call = metadata.call(&ask)?;
        // After the bounds in `call`: Keystead's own pair takes no room from the client's.
        call.told.custom.extend(timestamp_millis.map(|at| ("timestampMillis".to_owned(), at.to_string())));
        Ok((call, event))
    };
    let (call, event) = asked(&ask, Deed::SecurityEvent, take).await?;
    let done = ask.app.portal().data().security_event(&call, &event).await;
    counted(Deed::SecurityEvent, 1, done)?;
    Ok(json(&()))
}
