//! Derived keys.

use super::problem::Refusal;
use super::wire::{Metadata, asked, counted, few_enough, within_bounds};
use crate::api::strict::Once;
use crate::api::{Ask, json};
use axum::response::Response;
use data_encoding::BASE64;
use domain::data::operation::Deed;
use domain::data::tenant_secret::SecretType;
use engine::data::derive::{DerivedKey, ToDerive};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Derive {
    #[serde(flatten)]
    metadata: Metadata,
    paths: Once<BTreeSet<String>>,
    /// The only type that the clients request.
    #[serde(rename = "derivationType")]
    _derivation_type: DerivationType,
    secret_type: SecretType,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum DerivationType {
    Sha512,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Derived {
    has_primary_config: bool,
    derived_keys: BTreeMap<String, BTreeMap<String, Vec<Key>>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Key {
    derived_key: String,
    tenant_secret_id: u32,
    current: bool,
}

impl From<DerivedKey> for Key {
    fn from(key: DerivedKey) -> Self {
        let derived_key = BASE64.encode(key.key.expose());
        Self { derived_key, tenant_secret_id: key.secret, current: key.is_current }
    }
}

fn derivations(paths: &BTreeMap<String, BTreeSet<String>>) -> usize {
    paths.values().map(BTreeSet::len).sum()
}

pub async fn derive(ask: Ask) -> Result<Response, Refusal> {
    let take = |Derive { metadata, paths: Once(paths), secret_type, .. }| {
        // Paths without derivations count, too: otherwise a request could name any number of them.
        few_enough(derivations(&paths).max(paths.len()))?;
        within_bounds(paths.keys().chain(paths.values().flatten()))?;
        // PostgreSQL rejects a text with a NUL in it, and nobody types control characters.
        if paths.keys().any(|path| path.chars().any(char::is_control)) {
            return Err(Refusal::unreadable("A secret path must not contain control characters."));
        }
        Ok((metadata.call(&ask)?, ToDerive { secret_type, paths }))
    };
    let (call, to_derive) = asked(&ask, Deed::Derive, take).await?;
    let derivations = derivations(&to_derive.paths);
    let done = ask.app.portal().data().derive(&call, &to_derive).await;
    let derived = counted(Deed::Derive, derivations, done)?;
    let keys_of = |(path, keys): (String, Vec<DerivedKey>)| (path, keys.into_iter().map(Key::from).collect());
    let derived = derived.into_iter().map(|(path, keys)| (path, keys.into_iter().map(keys_of).collect()));
    // The engine refuses a tenant without a key, so every tenant that gets an answer has one.
    Ok(json(&Derived { has_primary_config: true, derived_keys: derived.collect() }))
}
