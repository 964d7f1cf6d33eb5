//! The OpenAPI document, made from the operations themselves, and what a page shows of it.

use super::operations;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use domain::view::{ApiOperation, ApiStatus};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{OpenApi as Document, PathItem};
use utoipa::{Modify, OpenApi};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Keystead data plane",
        description = "Encrypt, decrypt, wrap and unwrap with the key of a scope: one environment in one country. A service \
                       comes in with an API key; every request is written into the journal before its answer leaves.",
        license(name = "Apache-2.0 OR MIT", identifier = "Apache-2.0 OR MIT"),
    ),
    paths(
        operations::keys, operations::encrypt, operations::decrypt, operations::reencrypt, operations::wrap,
        operations::unwrap, operations::rewrap,
    ),
    tags(
        (name = "operations", description = "One item, or `{\"items\": […]}` with up to 1000; a body has at most 1 MiB."),
        (name = "keys", description = "What there is."),
    ),
    modifiers(&Schemes),
)]
struct Native;

struct Schemes;

impl Modify for Schemes {
    fn modify(&self, document: &mut Document) {
        let components = document.components.get_or_insert_default();
        let key = ApiKeyValue::with_description("Authorization", "`ApiKey` and the key.");
        components.add_security_scheme("api_key", SecurityScheme::ApiKey(ApiKey::Header(key)));
        components.add_security_scheme("bearer", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    }
}

/// The document.
pub fn document() -> Document {
    Native::openapi()
}

pub async fn show_document() -> Response {
    let body = document().to_json().unwrap_or_default();
    let mut response = body.into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The operations as a person reads them.
pub fn reference() -> Vec<ApiOperation> {
    let document = document();
    let operations = document.paths.paths.iter().filter_map(|(path, item)| {
        let PathItem { get, post, .. } = item;
        let (method, operation) = match (get, post) {
            (Some(get), _) => ("GET", get),
            (None, Some(post)) => ("POST", post),
            _ => return None,
        };
        let statuses = operation.responses.responses.iter().filter_map(|(status, response)| match response {
            utoipa::openapi::RefOr::T(response) => {
                Some(ApiStatus { status: status.clone(), meaning: response.description.clone() })
            }
            utoipa::openapi::RefOr::Ref(_) => None,
        });
        Some(ApiOperation {
            method,
            path: path.clone(),
            about: operation.summary.clone().or(operation.description.clone()).unwrap_or_default(),
            name: operation.operation_id.clone().unwrap_or_default(),
            statuses: statuses.collect(),
        })
    });
    operations.collect()
}
