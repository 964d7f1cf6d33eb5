//! The OpenAPI document, generated from the operations, and the extract of it that a page shows.

use super::problem::ProblemDetails;
use crate::web::unread::Shared;
use axum::body::Bytes;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use domain::data::code::{ApiCode, ApiCodeRow, CODES};
use domain::data::view::{ApiField, ApiOperation};
use domain::keys::key_type::KeyType;
use domain::keys::key_version::Status;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::response::{self, ResponseBuilder};
use utoipa::openapi::schema::SchemaType;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{
    Content, Header, Object, ObjectBuilder, OpenApi as Document, Ref, RefOr, Schema, Type,
};
use utoipa::{IntoResponses, Modify, OpenApi, PartialSchema, ToSchema};

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
    modifiers(&Schemes),
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

/// The responses to requests that fail, by status, from the table of codes.
pub struct Failures;

/// As [`Failures`], of a request that has no body and touches no key.
pub struct ListingFailures;

/// Codes that a listing of versions cannot have.
const NOT_OF_LISTINGS: [ApiCode; 12] = [
    ApiCode::NotAllowed,
    ApiCode::KmsRefused,
    ApiCode::NoKey,
    ApiCode::NotOpened,
    ApiCode::Malformed,
    ApiCode::NotBase64,
    ApiCode::NotADataKey,
    ApiCode::TooLong,
    ApiCode::BatchSize,
    ApiCode::AuditTooLong,
    ApiCode::KmsThrottled,
    ApiCode::KmsUnreachable,
];
/// Codes that no endpoint of the document answers: the document has no other method, and no secret paths.
const NOT_OF_THE_DOCUMENT: [ApiCode; 2] = [ApiCode::MethodNotAllowed, ApiCode::TooManySecrets];

impl IntoResponses for Failures {
    fn responses() -> BTreeMap<String, RefOr<response::Response>> {
        failures(|_| true)
    }
}

impl IntoResponses for ListingFailures {
    fn responses() -> BTreeMap<String, RefOr<response::Response>> {
        failures(|code| !NOT_OF_LISTINGS.contains(&code))
    }
}

fn failures(happens: impl Fn(ApiCode) -> bool) -> BTreeMap<String, RefOr<response::Response>> {
    let mut causes: BTreeMap<u16, Vec<String>> = BTreeMap::new();
    let rows = CODES.iter().filter(|row| !NOT_OF_THE_DOCUMENT.contains(&row.code) && happens(row.code));
    for row in rows {
        for status in row.statuses {
            causes.entry(*status).or_default().push(format!("`{}`: {}", row.word, row.cause));
        }
    }
    let response = |(status, causes): (u16, Vec<String>)| {
        let content = Content::new(Some(Ref::from_schema_name(ProblemDetails::name())));
        let mut response =
            ResponseBuilder::new().description(causes.join(" ")).content("application/problem+json", content);
        response = match status {
            401 => {
                response.header("WWW-Authenticate", header(Type::String, "The scheme to authenticate with."))
            }
            429 | 503 => response.header("Retry-After", header(Type::Integer, "Seconds to wait.")),
            _ => response,
        };
        (status.to_string(), response.build().into())
    };
    causes.into_iter().map(response).collect()
}

fn header(kind: Type, about: &str) -> Header {
    let schema = Object::with_type(SchemaType::new(kind));
    HeaderBuilder::new().schema(Some(schema)).description(Some(about)).build()
}

/// Defines types whose schema is one of several words.
macro_rules! words {
    ($($(#[$meta:meta])* $name:ident: $words:expr, $about:expr;)*) => {$(
        $(#[$meta])*
        pub struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let schema = ObjectBuilder::new().schema_type(SchemaType::new(Type::String));
                schema.enum_values(Some($words)).description(Some($about)).into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                stringify!($name).into()
            }
        }
    )*};
}

words! {
    /// What failed.
    ErrorCode: CODES.iter().map(|row| row.word), codes();
    KeyStatus: Status::ALL.map(Status::word), "`active` (encrypts and decrypts) or `deprecated` (only decrypts).";
    KeyKind: KeyType::ALL.map(KeyType::word), "Who holds the key.";
}

/// Returns the table of codes for readers of the document.
fn codes() -> String {
    let head = "| code | status | again? | cause | what to do |\n| --- | --- | --- | --- | --- |".to_owned();
    let line = |row: &ApiCodeRow| {
        let again = if row.again { "yes" } else { "no" };
        format!("| `{}` | {} | {again} | {} | {} |", row.word, row.status_list(), row.cause, row.remedy)
    };
    std::iter::once(head).chain(CODES.iter().map(line)).collect::<Vec<_>>().join("\n")
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
        Some(ApiOperation {
            method,
            path: path.clone(),
            about: text("summary"),
            name: text("operationId"),
            request: fields(&document, &schema(&operation["requestBody"])),
            answer: fields(&document, &schema(&operation["responses"]["200"])),
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
            about: about(property).to_owned(),
        };
        let within = if field.kind == "object" { fields(document, property) } else { Vec::new() };
        let within =
            within.into_iter().map(|inner| ApiField { name: format!("{name}.{}", inner.name), ..inner });
        std::iter::once(field).chain(within.collect::<Vec<_>>())
    };
    properties.flat_map(field).collect()
}

/// Returns the description of a property. That of a property with a named type stands beside the name.
fn about(property: &Value) -> &str {
    let choices = property["oneOf"].as_array().into_iter().flatten();
    std::iter::once(property).chain(choices).find_map(|one| one["description"].as_str()).unwrap_or_default()
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

    /// What generators of clients cannot read, or read wrongly.
    #[test]
    fn generators_of_clients_can_read_the_document() {
        let document = serde_json::to_value(document()).expect("JSON");
        let schemas = document["components"]["schemas"].as_object().expect("schemas");
        for (name, schema) in schemas {
            for choice in schema["oneOf"].as_array().into_iter().flatten() {
                assert!(choice["$ref"].is_string(), "{name}: a choice without a name");
            }
        }
        let text = document.to_string();
        assert!(!text.contains("\"links\""), "some refuse links whose body is an object");
        assert!(!text.contains("[`"), "a link of Rust's documentation");
        for operation in reference() {
            // Generators name types of their own so.
            let name = format!("{}{}", operation.name[..1].to_uppercase(), &operation.name[1..]);
            for end in ["Request", "Response", "Params", "Error", "Data"] {
                assert!(!schemas.contains_key(&format!("{name}{end}")), "{name}{end}");
            }
        }
        let codes = schemas["ErrorCode"]["enum"].as_array().expect("an enum");
        assert_eq!(codes.len(), CODES.len());
        let encrypt =
            &document["paths"]["/api/v1/scopes/{environment}/{country}/encrypt"]["post"]["responses"];
        let happens = |row: &ApiCodeRow| !NOT_OF_THE_DOCUMENT.contains(&row.code);
        for row in CODES.iter().filter(|row| happens(row)) {
            for status in row.statuses {
                let said = encrypt[status.to_string()]["description"].as_str().unwrap_or_default();
                assert!(said.contains(&format!("`{}`", row.word)), "{status} lacks {}", row.word);
            }
        }
    }
}
