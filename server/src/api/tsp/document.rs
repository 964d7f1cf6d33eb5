//! Data keys of documents in the words of this door, one or many.

use super::problem::Refusal;
use super::wire::counted;
use data_encoding::BASE64;
use domain::data::code::ApiCode;
use domain::data::operation::Deed;
use engine::Error;
use engine::base::refused::Refused;
use engine::data::context::Context;
use engine::data::{Answers, Opened, ToWrap, Wrapped};
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Serialize)]
pub(super) struct WrappedKey {
    dek: String,
    edek: String,
}

#[derive(Serialize)]
pub(super) struct UnwrappedKey {
    dek: String,
}

/// The answer to a batch. Both maps are always present.
#[derive(Serialize)]
pub(super) struct Batch<T> {
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

pub(super) fn new_key() -> Result<ToWrap, Refused> {
    Ok(ToWrap { dek: None, context: Context::new() })
}

/// Returns the answer to a request of a single item.
pub(super) fn only<T>(done: Result<Answers<T>, Error>) -> Result<T, Error> {
    done?.into_iter().next().unwrap_or(Err(Error::NotFound))
}

/// The entries of a batch by their names. One that cannot be read has the refusal that answers it.
pub(super) type Entries<T> = BTreeMap<String, Result<T, Refusal>>;

/// The names of a batch in the order of its items; one whose entry cannot be read has its refusal.
pub(super) type Names = Vec<(String, Option<Refusal>)>;

/// Separates the names of a batch from its items. The engine gets an item for each name, so that it counts all of them.
pub(super) fn apart<T>(entries: Entries<Result<T, Refused>>) -> (Names, Vec<Result<T, Refused>>) {
    let separate = |(name, entry)| match entry {
        Ok(item) => ((name, None), item),
        Err(refusal) => ((name, Some(refusal)), Err(Refused::Unread(ApiCode::Unreadable))),
    };
    entries.into_iter().map(separate).unzip()
}

/// Assigns the answers to the names of the request.
pub(super) fn batch<T, W: From<T>>(deed: Deed, names: Names, answers: Answers<T>) -> Batch<W> {
    let mut batch = Batch { keys: BTreeMap::new(), failures: BTreeMap::new() };
    for ((name, unread), answer) in names.into_iter().zip(answers) {
        match counted(deed, 1, answer) {
            Ok(done) => drop(batch.keys.insert(name, W::from(done))),
            Err(refusal) => drop(batch.failures.insert(name, unread.unwrap_or(refusal))),
        }
    }
    batch
}

/// Returns the answers of a batch. A batch that fails as a whole is counted here; otherwise `batch` counts each entry.
pub(super) fn whole<T>(deed: Deed, done: Result<Answers<T>, Error>) -> Result<Answers<T>, Refusal> {
    match done {
        Err(_) => counted(deed, 1, done),
        Ok(answers) => Ok(answers),
    }
}
