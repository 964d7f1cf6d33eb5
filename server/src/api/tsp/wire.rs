//! The contents common to all requests of this door, and how answers are written. The clients for Node, Java and Go omit
//! unknown values, Alloy sends them as `null`. Keystead ignores fields that it does not know.

use super::problem::Refusal;
use crate::api::strict::{Object, Once};
use crate::api::{Ask, base64, unreadable};
use crate::run::telemetry;
use domain::data::code::ApiCode;
use domain::data::operation::{AuditNote, Deed, Door, TOLD_BYTES, TOLD_PAIRS};
use engine::Error;
use engine::base::refused::Refused;
use engine::data::context::Context;
use engine::data::{Call, ITEMS, ToOpen};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Maximum length, in bytes, of a text of the metadata and of a name.
const TEXT: usize = 1024;

/// The metadata of a request.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    tenant_id: String,
    icl_fields: Object<IclFields>,
    #[serde(default)]
    custom_fields: Option<Once<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IclFields {
    requesting_id: String,
    #[serde(default)]
    data_label: Option<String>,
    #[serde(default)]
    source_ip: Option<String>,
    #[serde(default)]
    object_id: Option<String>,
    #[serde(default)]
    request_id: Option<String>,
    /// Only in security events.
    #[serde(default)]
    event: Option<String>,
}

impl Metadata {
    /// Takes the event out of the fields.
    pub fn event(&mut self) -> Option<String> {
        self.icl_fields.0.event.take()
    }

    /// Converts the metadata into a call of the engine.
    ///
    /// # Errors
    /// [`Refusal`] when the metadata is larger than the journal accepts.
    pub fn call(self, ask: &Ask) -> Result<Call, Refusal> {
        let Self { tenant_id, icl_fields: Object(fields), custom_fields } = self;
        let custom = custom_fields.map(|said| said.0).unwrap_or_default();
        let said = [&fields.data_label, &fields.source_ip, &fields.object_id, &fields.request_id];
        let texts = said.into_iter().flatten().chain(custom.iter().flat_map(|(key, value)| [key, value]));
        // Keystead refuses a text that is too long and does not cut it: the journal never holds half a text.
        within_bounds(texts.chain([&tenant_id, &fields.requesting_id]))?;
        if custom.len() > TOLD_PAIRS {
            return Err(Refusal::too_much(
                ApiCode::AuditTooLong,
                format!("A request may have at most {TOLD_PAIRS} custom fields."),
            ));
        }
        let told = AuditNote {
            requesting_id: Some(fields.requesting_id),
            data_label: fields.data_label,
            source_ip: fields.source_ip,
            object_id: fields.object_id,
            request_id: fields.request_id,
            custom,
        };
        if !told.is_within_bounds() {
            return Err(Refusal::too_much(
                ApiCode::AuditTooLong,
                format!("The metadata is too large: at most {TOLD_BYTES} bytes."),
            ));
        }
        Ok(Call { caller: ask.caller.clone(), door: Door::Tsp, scope: tenant_id, told })
    }
}

/// # Errors
/// [`Refusal`] when a text is longer than the maximum.
pub fn within_bounds<'a>(texts: impl IntoIterator<Item = &'a String>) -> Result<(), Refusal> {
    match texts.into_iter().all(|text| text.len() <= TEXT) {
        true => Ok(()),
        false => {
            Err(Refusal::unreadable(format!("A text in the request is too long: at most {TEXT} bytes.")))
        }
    }
}

/// # Errors
/// [`Refusal`] when there are more entries than a request may have.
pub fn few_enough(entries: usize) -> Result<(), Refusal> {
    match entries <= ITEMS {
        true => Ok(()),
        false => {
            Err(Refusal::too_much(ApiCode::BatchSize, format!("A request may have at most {ITEMS} entries.")))
        }
    }
}

/// Parses a body and converts it with `take`. Keystead writes every authenticated request to the journal, also one that it
/// cannot read.
///
/// # Errors
/// [`Refusal`] that says where the body is wrong, without quoting its values.
pub async fn asked<B: DeserializeOwned, T>(
    ask: &Ask,
    deed: Deed,
    take: impl FnOnce(B) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let read = serde_json::from_slice(&ask.body)
        .map_err(|error| Refusal::unreadable(unreadable::why(&ask.body, &error)));
    match read.and_then(take) {
        Ok(asked) => Ok(asked),
        Err(refusal) => {
            // Another field may be wrong. If the tenant cannot be read either, the event has no scope.
            let scope = serde_json::from_slice::<Tenant>(&ask.body).unwrap_or_default().tenant_id;
            let call =
                Call { caller: ask.caller.clone(), door: Door::Tsp, scope, told: AuditNote::default() };
            let written = ask.app.portal().data().unread(&call, deed, refusal.why()).await;
            written.map_err(|error| Refusal::of(&error, deed))?;
            Err(refusal)
        }
    }
}

/// The tenant of a body that is wrong otherwise, for the journal.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Tenant {
    tenant_id: String,
}

/// Decodes an EDEK from base64. These clients use no context.
pub fn edek(text: &str) -> Result<ToOpen, Refused> {
    Ok(ToOpen { sealed: base64(text)?, context: Context::new() })
}

/// Counts the outcome in the metrics and translates an error for this door.
pub fn counted<T>(deed: Deed, items: usize, done: Result<T, Error>) -> Result<T, Refusal> {
    let outcome = done.as_ref().err().map_or("done", Error::word);
    telemetry::count_data(Door::Tsp, deed, outcome, items);
    done.map_err(|error| Refusal::of(&error, deed))
}
