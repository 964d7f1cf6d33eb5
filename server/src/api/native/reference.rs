//! The OpenAPI document, generated from the operations, and the extract of it that a page shows.

use crate::web::unread::Shared;
use axum::body::Bytes;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use domain::data::view::{ApiField, ApiOperation, ApiStatus};
use serde_json::Value;
use std::sync::LazyLock;
use utoipa::openapi::link::Link;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{OpenApi as Document, RefOr};
use utoipa::{Modify, OpenApi};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Keystead data plane",
        description = "Encrypt, decrypt, wrap and unwrap with the key of a scope: one environment in one country. A service \
                       authenticates with an API key. Keystead writes every authenticated request to the journal before it answers.",
        license(name = "Apache-2.0 OR MIT", identifier = "Apache-2.0 OR MIT"),
    ),
    paths(
        super::keys::keys, super::encrypt::encrypt, super::decrypt::decrypt, super::reencrypt::reencrypt, super::wrap::wrap,
        super::unwrap::unwrap, super::rewrap::rewrap,
    ),
    tags(
        (name = "operations", description = "Send one item, or `{\"items\": […]}` with up to 1000. A request body may have up to 1 MiB."),
        (name = "keys", description = "The versions of a scope's key."),
    ),
    modifiers(&Schemes, &Links),
)]
struct Native;

struct Schemes;

impl Modify for Schemes {
    fn modify(&self, document: &mut Document) {
        let components = document.components.get_or_insert_default();
        // OpenAPI takes the names of HTTP schemes from IANA's registry, which has `Bearer` and no `ApiKey`.
        let key = ApiKeyValue::with_description("Authorization", "`ApiKey`, a space, and the key.");
        components.add_security_scheme("api_key", SecurityScheme::ApiKey(ApiKey::Header(key)));
        components.add_security_scheme("bearer", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    }
}

/// Fields of an answer that another operation takes: (from, field, to).
const FOLLOWS: [(&str, &str, &str); 8] = [
    ("encrypt", "ciphertext", "decrypt"),
    ("encrypt", "ciphertext", "reencrypt"),
    ("reencrypt", "ciphertext", "decrypt"),
    ("reencrypt", "ciphertext", "reencrypt"),
    ("wrap", "edek", "unwrap"),
    ("wrap", "edek", "rewrap"),
    ("rewrap", "edek", "unwrap"),
    ("rewrap", "edek", "rewrap"),
];

/// Adds `FOLLOWS` to the document as links, so that tools can follow them.
struct Links;

impl Modify for Links {
    fn modify(&self, document: &mut Document) {
        let operations = document.paths.paths.values_mut().filter_map(|item| item.post.as_mut());
        for operation in operations {
            let from = operation.operation_id.clone().unwrap_or_default();
            let Some(RefOr::T(answer)) = operation.responses.responses.get_mut("200") else { continue };
            for (_, field, to) in FOLLOWS.iter().filter(|(first, _, _)| *first == from) {
                let body = serde_json::json!({ *field: format!("$response.body#/{field}") });
                let link = Link::builder()
                    .operation_id(*to)
                    .parameter("environment", "$request.path.environment")
                    .parameter("country", "$request.path.country")
                    .request_body(Some(body));
                answer.links.insert((*to).to_owned(), RefOr::T(link.build()));
            }
        }
    }
}

/// Returns the OpenAPI document.
pub fn document() -> Document {
    Native::openapi()
}

pub fn show_document() -> Response {
    static TEXT: LazyLock<Bytes> = LazyLock::new(|| document().to_json().unwrap_or_default().into());
    let mut response = TEXT.clone().into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.extensions_mut().insert(Shared);
    response
}

/// Returns the operations as a page shows them: the contents of the document, flattened.
pub fn reference() -> Vec<ApiOperation> {
    let document = serde_json::to_value(document()).unwrap_or_default();
    let Some(paths) = document["paths"].as_object() else { return Vec::new() };
    let operations = paths.iter().filter_map(|(path, item)| {
        let (method, operation) = match (item.get("post"), item.get("get")) {
            (Some(post), _) => ("POST", post),
            (None, Some(get)) => ("GET", get),
            _ => return None,
        };
        let text = |name: &str| operation[name].as_str().unwrap_or_default().to_owned();
        let schema = |body: &Value| body["content"]["application/json"]["schema"].clone();
        let statuses =
            operation["responses"].as_object().into_iter().flatten().map(|(status, answer)| ApiStatus {
                status: status.clone(),
                meaning: answer["description"].as_str().unwrap_or_default().to_owned(),
            });
        Some(ApiOperation {
            method,
            path: path.clone(),
            about: text("summary"),
            name: text("operationId"),
            request: fields(&document, &schema(&operation["requestBody"])),
            answer: fields(&document, &schema(&operation["responses"]["200"])),
            statuses: statuses.collect(),
        })
    });
    operations.collect()
}

/// Resolves a schema: follows its reference; of a choice between one and many, takes the one.
fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let named = schema["$ref"].as_str().and_then(|path| document.pointer(path.trim_start_matches('#')));
    match named.or_else(|| schema["oneOf"].as_array().and_then(|all| all.first())) {
        Some(inner) => resolved(document, inner),
        None => schema,
    }
}

/// Returns the fields of an object. The fields of a nested object follow it, with its name before theirs.
fn fields(document: &Value, schema: &Value) -> Vec<ApiField> {
    let schema = resolved(document, schema);
    let required: Vec<_> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let properties = schema["properties"].as_object().into_iter().flatten();
    let field = |(name, property): (&String, &Value)| {
        let field = ApiField {
            name: name.clone(),
            kind: kind(document, property),
            is_required: required.contains(&name.as_str()),
            about: property["description"].as_str().unwrap_or_default().to_owned(),
        };
        let within = if field.kind == "object" { fields(document, property) } else { Vec::new() };
        let within =
            within.into_iter().map(|inner| ApiField { name: format!("{name}.{}", inner.name), ..inner });
        std::iter::once(field).chain(within.collect::<Vec<_>>())
    };
    properties.flat_map(field).collect()
}

/// Returns "string", "base64", "time", "number", "array", "object with string values" or "object".
fn kind(document: &Value, property: &Value) -> String {
    if let Some(some) = property["oneOf"].as_array() {
        let inner = some.iter().find(|one| one["type"] != "null");
        return inner.map_or_else(String::new, |inner| kind(document, inner));
    }
    let property = resolved(document, property);
    let of_type = |word: &str| match &property["type"] {
        Value::String(one) => one == word,
        Value::Array(some) => some.iter().any(|one| one == word),
        _ => false,
    };
    let is_map = property["additionalProperties"].is_object();
    let word = match property["format"].as_str() {
        Some("byte") => "base64",
        Some("date-time") => "time",
        _ if of_type("integer") => "number",
        _ if of_type("array") => "array",
        _ if of_type("object") && is_map => "object with string values",
        _ if of_type("object") => "object",
        _ => "string",
    };
    word.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_reads_every_field() {
        let operations = reference();
        let encrypt = operations.iter().find(|operation| operation.name == "encrypt").expect("encrypt");
        let said = |fields: &[ApiField]| -> Vec<String> {
            let word = |field: &ApiField| {
                format!("{} {}{}", field.name, field.kind, if field.is_required { "" } else { "?" })
            };
            fields.iter().map(word).collect()
        };
        assert_eq!(
            said(&encrypt.request),
            [
                "audit object?",
                "audit.custom object with string values?",
                "audit.data_label string?",
                "audit.object_id string?",
                "audit.request_id string?",
                "audit.requesting_id string?",
                "audit.source_ip string?",
                "context object with string values?",
                "plaintext base64",
            ]
        );
        assert_eq!(said(&encrypt.answer), ["ciphertext base64", "version number"]);
        assert_eq!(operations.len(), 7);
        for operation in operations {
            assert!(!operation.about.is_empty() && !operation.answer.is_empty(), "{}", operation.name);
            let told = operation.request.iter().filter(|field| field.name.starts_with("audit."));
            told.for_each(|field| assert!(!field.about.is_empty(), "{}: {}", operation.name, field.name));
        }
    }
}
