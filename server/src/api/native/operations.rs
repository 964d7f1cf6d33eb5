//! The operations, each: read, ask the engine, say.

use super::wire::{AnswerOrResults, OneOrMany};
use super::wire::{
    Asked, CiphertextItem, CiphertextRequest, Decrypted, EdekItem, EdekRequest, EncryptItem, EncryptRequest,
    Encrypted, KeyVersions, RewrappedKey, UnwrappedKey, WrapItem, WrapRequest, WrappedKey, told,
};
use crate::api::native::Failed;
use crate::api::native::problem::ProblemDetails;
use crate::api::{Ask, json};
use crate::run::telemetry;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;
use domain::data::operation::{Deed, Door, Operation, Told};
use engine::Error;
use engine::data::{Answers, Call};
use serde::Deserialize;
use std::num::NonZeroU32;
use utoipa::IntoParams;

fn call(ask: Ask, told: Told) -> Call {
    Call { caller: ask.caller, door: Door::Native, scope: ask.scope, told }
}

/// Counts what came of it, then hands it on.
fn counted<T>(deed: Deed, done: Result<Answers<T>, Error>) -> Result<Answers<T>, Failed> {
    match &done {
        Ok(answers) => {
            let refused = answers.iter().filter(|answer| answer.is_err()).count();
            telemetry::count_data(Door::Native, deed, "done", answers.len() - refused);
            telemetry::count_data(Door::Native, deed, "refused", refused);
        }
        Err(error) => telemetry::count_data(Door::Native, deed, error.word(), 1),
    }
    done.map_err(Failed::from)
}

macro_rules! operation {
    ($name:ident $path:literal $deed:ident $about:literal, $request:ident, $item:ident => $answer:ident, |$items:ident| $hand_over:expr) => {
        #[doc = $about]
        #[utoipa::path(
            post, path = $path, tag = "operations", operation_id = stringify!($name),
            params(
                ("environment" = String, Path, description = "The environment's address, like `production`.", pattern = "^[a-z0-9-]{1,40}$"),
                ("country" = String, Path, description = "The country (ISO 3166-1 alpha-2), like `DE`.", pattern = "^[A-Z]{2}$"),
            ),
            request_body = OneOrMany<$request, $item>,
            responses(
                (status = 200, description = "Done; in a batch, item by item.", body = AnswerOrResults<$answer>),
                (status = 400, description = "The body could not be read.", body = ProblemDetails, content_type = "application/problem+json"),
                (status = 401, description = "No API key, or one that does not work.", body = ProblemDetails, content_type = "application/problem+json"),
                (status = 403, description = "The key may not do this, or the customer's KMS refuses.", body = ProblemDetails, content_type = "application/problem+json"),
                (status = 404, description = "No such scope, or not for this key.", body = ProblemDetails, content_type = "application/problem+json"),
                (status = 409, description = "The scope has no encryption key.", body = ProblemDetails, content_type = "application/problem+json"),
                (status = 413, description = "The body is larger than 1 MiB.", body = ProblemDetails, content_type = "application/problem+json"),
                (status = 415, description = "The body is not application/json.", body = ProblemDetails, content_type = "application/problem+json"),
                (status = 422, description = "It was read and cannot be done: another context or a foreign ciphertext (not_opened), no base64, too much at once. The code says which.", body = ProblemDetails, content_type = "application/problem+json"),
                (status = 503, description = "Busy, or what it needs is out of reach; see Retry-After.", body = ProblemDetails, content_type = "application/problem+json"),
            ),
            security(("api_key" = []), ("bearer" = [])),
        )]
        pub async fn $name(ask: Ask) -> Result<Response, Failed> {
            let app = ask.app.clone();
            let asked = match Asked::<$request>::read(&ask.parts.headers, &ask.body) {
                Ok(asked) => asked,
                Err(failed) => {
                    // Whoever has a key leaves a trace, also with what cannot be read.
                    app.portal().data().unread(&call(ask, Told::default()), Operation::$deed.into()).await?;
                    return Err(failed);
                }
            };
            let call = call(ask, asked.told);
            let $items = asked.items;
            let done = app.portal().data().$name(&call, $hand_over).await;
            told::<$answer>(counted(Deed::$deed, done)?, asked.is_batch)
        }
    };
}

operation! { encrypt "/api/v1/scopes/{environment}/{country}/encrypt" Encrypt
"Encrypts up to 64 KiB with the newest version.", EncryptRequest, EncryptItem => Encrypted, |items| &items }
operation! { decrypt "/api/v1/scopes/{environment}/{country}/decrypt" Decrypt
"Decrypts, with the version that the ciphertext names.", CiphertextRequest, CiphertextItem => Decrypted, |items| &items }
operation! { reencrypt "/api/v1/scopes/{environment}/{country}/reencrypt" Reencrypt
"Moves a ciphertext to the newest version; the plaintext stays in Keystead.", CiphertextRequest, CiphertextItem => Encrypted, |items| &items }
operation! { wrap "/api/v1/scopes/{environment}/{country}/wrap" Wrap
"Wraps a data key, a new one unless one is given, with the newest version.", WrapRequest, WrapItem => WrappedKey, |items| items }
operation! { unwrap "/api/v1/scopes/{environment}/{country}/unwrap" Unwrap
"Unwraps a data key, with the version that the EDEK names.", EdekRequest, EdekItem => UnwrappedKey, |items| &items }
operation! { rewrap "/api/v1/scopes/{environment}/{country}/rewrap" Rewrap
"Moves an EDEK to the newest version; the data key stays in Keystead.", EdekRequest, EdekItem => RewrappedKey, |items| &items }

/// Where in the list of versions to begin.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Before {
    /// Versions below this number; without it, the newest.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 4294967295_i64)]
    before: Option<NonZeroU32>,
}

/// Lists the versions of the scope's key, newest first, 50 at a time. Nothing secret is in it.
#[utoipa::path(
    get, path = "/api/v1/scopes/{environment}/{country}/keys", tag = "keys", operation_id = "keys",
    params(
        ("environment" = String, Path, description = "The environment's address, like `production`.", pattern = "^[a-z0-9-]{1,40}$"),
        ("country" = String, Path, description = "The country (ISO 3166-1 alpha-2), like `DE`.", pattern = "^[A-Z]{2}$"),
        Before,
    ),
    responses(
        (status = 200, description = "The versions.", body = KeyVersions),
        (status = 400, description = "The query could not be read.", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 401, description = "No API key, or one that does not work.", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "No such scope, or not for this key.", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "Busy, or what it needs is out of reach; see Retry-After.", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("api_key" = []), ("bearer" = [])),
)]
pub async fn keys(ask: Ask) -> Result<Response, Failed> {
    let title = "The query takes `before`, a version's number, and nothing else.";
    let Query(Before { before }) = Query::try_from_uri(&ask.parts.uri)
        .map_err(|_| Failed::Unreadable(StatusCode::BAD_REQUEST, "unreadable", title.into()))?;
    let app = ask.app.clone();
    let call = call(ask, Told::default());
    let listed = app.portal().data().versions_for(&call, before.map(NonZeroU32::get)).await;
    let (rows, older) = counted(Deed::Keys, listed.map(|listed| vec![Ok(listed)]))?
        .into_iter()
        .next()
        .ok_or(Error::NotFound)??;
    Ok(json(&KeyVersions::new(&rows, older)))
}
