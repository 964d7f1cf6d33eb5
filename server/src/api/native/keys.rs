//! The versions of a scope's key.

use super::operations::{call, counted};
use super::problem::Failed;
use super::reference::{KeyKind, KeyStatus, ListingFailures};
use crate::api::{Ask, json};
use axum::extract::Query;
use axum::response::Response;
use chrono::{DateTime, Utc};
use domain::data::code::ApiCode;
use domain::data::operation::{AuditNote, Deed};
use domain::keys::view::VersionRow;
use engine::Error;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;
use utoipa::{IntoParams, ToSchema};

/// A version of the scope's key, without secrets.
#[derive(Serialize, ToSchema)]
pub struct KeyVersion {
    version: u32,
    /// The key ID in ciphertexts, unique in the portal. The TSP API calls it `kmsConfigId`.
    id: i64,
    #[schema(value_type = KeyStatus)]
    status: &'static str,
    #[schema(value_type = KeyKind)]
    key_type: &'static str,
    created_at: DateTime<Utc>,
    /// When Keystead rotates it automatically. Only an Active managed version has it.
    rotates_at: Option<DateTime<Utc>>,
}

/// Versions of the scope's key, newest first.
#[derive(Serialize, ToSchema)]
pub struct KeyVersions {
    versions: Vec<KeyVersion>,
    /// Present if there are more versions: repeat the request with `before` set to this number.
    before: Option<u32>,
}

impl KeyVersions {
    pub fn new(rows: &[VersionRow], before: Option<u32>) -> Self {
        let version = |row: &VersionRow| KeyVersion {
            version: row.number,
            id: row.id,
            status: row.status.word(),
            key_type: row.key_type.word(),
            created_at: row.created_at,
            // A deprecated version keeps its due date in the database, but nothing rotates it any more.
            rotates_at: row.due_at.filter(|_| row.status == domain::keys::key_version::Status::Active),
        };
        Self { versions: rows.iter().map(version).collect(), before }
    }
}

/// Where in the list of versions to begin.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Before {
    /// Lists versions below this number. If omitted, the list begins with the newest version.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 4294967295_i64)]
    before: Option<NonZeroU32>,
}

/// Lists the versions of the scope's key, newest first, 50 at a time. The list contains no secrets.
#[utoipa::path(
    get, path = "/api/v1/scopes/{environment}/{country}/keys", tag = "keys", operation_id = "keys",
    params(
        ("environment" = String, Path, description = "The environment's URL name, such as `production`.", pattern = "^[a-z0-9-]{1,40}$"),
        ("country" = String, Path, description = "The country code (ISO 3166-1 alpha-2, or `XK`), such as `DE`.", pattern = "^[A-Z]{2}$"),
        Before,
    ),
    responses(
        (status = 200, description = "The versions.", body = KeyVersions),
        ListingFailures,
    ),
    security(("api_key" = []), ("bearer" = [])),
)]
pub async fn keys(ask: Ask) -> Result<Response, Failed> {
    let title = "The query string is not valid. Its only parameter is `before`, the number of a version.";
    let Query(Before { before }) = Query::try_from_uri(&ask.parts.uri)
        .map_err(|_| Failed::Unreadable(ApiCode::Unreadable, title.into()))?;
    let app = ask.app.clone();
    let call = call(ask, AuditNote::default());
    let listed = app.portal().data().versions_for(&call, before.map(NonZeroU32::get)).await;
    let (rows, older) = counted(Deed::Keys, listed.map(|listed| vec![Ok(listed)]))?
        .into_iter()
        .next()
        .ok_or(Error::NotFound)??;
    Ok(json(&KeyVersions::new(&rows, older)))
}
