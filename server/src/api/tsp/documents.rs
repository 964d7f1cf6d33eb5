//! Data keys of documents: wrap and unwrap, one or many; rekey for another tenant.

use super::problem::Refusal;
use super::wire::{Metadata, asked, counted, edek, few_enough, within_bounds};
use crate::api::strict::Once;
use crate::api::{Ask, json};
use axum::response::Response;
use data_encoding::BASE64;
use domain::data::operation::Deed;
use engine::Error;
use engine::base::refused::Refused;
use engine::data::context::Context;
use engine::data::{Answers, Opened, ToWrap, Wrapped};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Deserialize)]
struct Wrap {
    #[serde(flatten)]
    metadata: Metadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Unwrap {
    #[serde(flatten)]
    metadata: Metadata,
    encrypted_document_key: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rekey {
    #[serde(flatten)]
    metadata: Metadata,
    encrypted_document_key: String,
    new_tenant_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BatchWrap {
    #[serde(flatten)]
    metadata: Metadata,
    document_ids: Vec<String>,
}

#[derive(Deserialize)]
struct BatchUnwrap {
    #[serde(flatten)]
    metadata: Metadata,
    edeks: Once<String>,
}

#[derive(Serialize)]
struct WrappedKey {
    dek: String,
    edek: String,
}

#[derive(Serialize)]
struct UnwrappedKey {
    dek: String,
}

/// The answer to a batch. Both maps are always present.
#[derive(Serialize)]
struct Batch<T> {
    keys: BTreeMap<String, T>,
    failures: BTreeMap<String, Refusal>,
}

impl From<Wrapped> for WrappedKey {
    fn from(wrapped: Wrapped) -> Self {
        Self { dek: BASE64.encode(wrapped.dek.expose()), edek: BASE64.encode(&wrapped.edek) }
    }
}

impl From<Opened> for UnwrappedKey {
    fn from(opened: Opened) -> Self {
        Self { dek: BASE64.encode(opened.bytes.expose()) }
    }
}

fn new_key() -> Result<ToWrap, Refused> {
    Ok(ToWrap { dek: None, context: Context::new() })
}

/// Returns the answer to a request of a single item.
fn only<T>(done: Result<Answers<T>, Error>) -> Result<T, Error> {
    done?.into_iter().next().unwrap_or(Err(Error::NotFound))
}

/// Assigns the answers to the names of the request.
fn batch<T, W: From<T>>(deed: Deed, names: Vec<String>, answers: Answers<T>) -> Batch<W> {
    let mut batch = Batch { keys: BTreeMap::new(), failures: BTreeMap::new() };
    for (name, answer) in names.into_iter().zip(answers) {
        match counted(deed, 1, answer) {
            Ok(done) => drop(batch.keys.insert(name, W::from(done))),
            Err(refusal) => drop(batch.failures.insert(name, refusal)),
        }
    }
    batch
}

/// Returns the answers of a batch. A batch that fails as a whole is counted here; otherwise `batch` counts each entry.
fn whole<T>(deed: Deed, done: Result<Answers<T>, Error>) -> Result<Answers<T>, Refusal> {
    match done {
        Err(_) => counted(deed, 1, done),
        Ok(answers) => Ok(answers),
    }
}

pub async fn wrap(ask: Ask) -> Result<Response, Refusal> {
    let take = |Wrap { metadata }| metadata.call(&ask);
    let call = asked(&ask, Deed::Wrap, take).await?;
    let done = only(ask.app.portal().data().wrap(&call, vec![new_key()]).await);
    Ok(json(&WrappedKey::from(counted(Deed::Wrap, 1, done)?)))
}

pub async fn unwrap(ask: Ask) -> Result<Response, Refusal> {
    let take = |Unwrap { metadata, encrypted_document_key }| {
        Ok((metadata.call(&ask)?, edek(&encrypted_document_key)))
    };
    let (call, edek) = asked(&ask, Deed::Unwrap, take).await?;
    let done = only(ask.app.portal().data().unwrap(&call, &[edek]).await);
    Ok(json(&UnwrappedKey::from(counted(Deed::Unwrap, 1, done)?)))
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
