//! The steps that all operations share: read the request, call the engine, write the response.

use super::problem::Failed;
use crate::api::Ask;
use crate::run::telemetry;
use domain::data::operation::{AuditNote, Deed, Door};
use engine::Error;
use engine::data::{Answers, Call};

pub(super) fn call(ask: Ask, told: AuditNote) -> Call {
    Call { caller: ask.caller, door: Door::Native, scope: ask.scope, told }
}

/// Counts the outcomes in the metrics and returns the result.
pub(super) fn counted<T>(deed: Deed, done: Result<Answers<T>, Error>) -> Result<Answers<T>, Failed> {
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
    ($name:ident $path:literal $deed:ident $about:literal, $request:ident, $body:ident => $answer:ident, $answers:ident, |$items:ident| $hand_over:expr) => {
        #[doc = $about]
        #[utoipa::path(
            post, path = $path, tag = "operations", operation_id = stringify!($name),
            params(
                ("environment" = String, Path, description = "The environment's URL name, such as `production`.", pattern = "^[a-z0-9-]{1,40}$"),
                ("country" = String, Path, description = "The country code (ISO 3166-1 alpha-2, or `XK`), such as `DE`.", pattern = "^[A-Z]{2}$"),
            ),
            request_body = $body,
            responses(
                (status = 200, description = "Success. In a batch, each result says whether its item succeeded.", body = $answers),
                $crate::api::native::reference::Failures,
            ),
            security(("api_key" = []), ("bearer" = [])),
        )]
        pub async fn $name(
            ask: $crate::api::Ask,
        ) -> Result<axum::response::Response, $crate::api::native::Failed> {
            let app = ask.app.clone();
            let asked = match $crate::api::native::wire::Asked::<$request>::read(&ask.parts.headers, &ask.body) {
                Ok(asked) => asked,
                Err(failed) => {
                    // Keystead writes every authenticated request to the journal, also one that it cannot read.
                    let call = $crate::api::native::operations::call(ask, domain::data::operation::AuditNote::default());
                    app.portal().data().unread(&call, domain::data::operation::Operation::$deed.into(), failed.code()).await?;
                    return Err(failed);
                }
            };
            let call = $crate::api::native::operations::call(ask, asked.told);
            let $items = asked.items;
            let done = app.portal().data().$name(&call, $hand_over).await;
            let done = $crate::api::native::operations::counted(domain::data::operation::Deed::$deed, done)?;
            $crate::api::native::wire::told::<$answer>(done, &asked.form)
        }
    };
}
pub(super) use operation;
