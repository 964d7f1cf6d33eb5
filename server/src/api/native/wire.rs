//! Requests and responses of the native door. Binary data is standard base64 with padding (RFC 4648, 4).

use crate::api::native::Failed;
use crate::api::native::problem::ProblemDetails;
use crate::api::strict::{Object, Once, elements};
use crate::api::{base64, json_text, unreadable as cause};
use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use domain::base::address;
use domain::data::code::ApiCode;
use domain::data::operation::{AuditNote, TOLD_BYTES, TOLD_PAIRS};
use engine::base::refused::Refused;
use engine::data::context::Context;
use engine::data::{Answers, ITEMS};
use memchr::{memchr, memmem};
use serde::de::{DeserializeOwned, IgnoredAny, Visitor};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use utoipa::ToSchema;

/// Metadata that Keystead writes to the journal with the request. It has no effect on the operation.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Audit {
    /// The person or service behind the request.
    #[serde(default)]
    requesting_id: Option<String>,
    /// The kind of data.
    #[serde(default)]
    data_label: Option<String>,
    /// The address that the original request came from.
    #[serde(default)]
    source_ip: Option<String>,
    /// The record or document that the request concerns.
    #[serde(default)]
    object_id: Option<String>,
    /// Your request ID.
    #[serde(default)]
    request_id: Option<String>,
    /// Other metadata: at most 32 pairs. All of `audit` together may have up to 8 KiB.
    #[schema(value_type = Option<Pairs>)]
    #[serde(default)]
    custom: Option<Said>,
}

impl From<Audit> for AuditNote {
    fn from(audit: Audit) -> Self {
        Self {
            requesting_id: audit.requesting_id,
            data_label: audit.data_label,
            source_ip: audit.source_ip,
            object_id: audit.object_id,
            request_id: audit.request_id,
            custom: context(audit.custom),
        }
    }
}

/// Strings by their names.
#[derive(ToSchema)]
#[schema(as = Context)]
#[expect(dead_code, reason = "its schema is what is used")]
pub struct Pairs(BTreeMap<String, String>);

/// A context as the request contains it.
pub type Said = Once<String>;

pub fn context(said: Option<Said>) -> Context {
    said.map_or_else(Context::new, |said| said.0)
}

/// Defines the types of each kind of request: the single request, which carries its own note for the journal; the item of a
/// batch, where the note stands beside the items. The batch and the choice between the two describe the body in the document;
/// [`Asked`] parses it. Each has a name, because generators of clients drop a choice between types without one.
macro_rules! requests {
    ($(
        $(#[$about:meta])*
        $request:ident, $item:ident, $batch:ident, $body:ident { $($(#[$field_about:meta])* $field:ident: $kind:ty,)* }
            => $read:ident: |$said:ident| $how:expr;
    )*) => {$(
        $(#[$about])*
        #[derive(serde::Deserialize, utoipa::ToSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $request {
            $($(#[$field_about])* $field: $kind,)*
            /// Authenticated but not stored: pass the same context to decrypt or unwrap.
            #[serde(default)]
            #[schema(value_type = Option<$crate::api::native::wire::Pairs>)]
            context: Option<$crate::api::native::wire::Said>,
            /// Metadata for the journal.
            #[serde(default)]
            #[schema(value_type = Option<$crate::api::native::wire::Audit>)]
            audit: Option<$crate::api::strict::Object<$crate::api::native::wire::Audit>>,
        }

        $(#[$about])*
        #[derive(serde::Deserialize, utoipa::ToSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $item {
            $($(#[$field_about])* $field: $kind,)*
            /// Authenticated but not stored: pass the same context to decrypt or unwrap.
            #[serde(default)]
            #[schema(value_type = Option<$crate::api::native::wire::Pairs>)]
            context: Option<$crate::api::native::wire::Said>,
        }

        /// A batch. The results come in the same order; an item that cannot be read has a problem in its place.
        #[derive(utoipa::ToSchema)]
        #[serde(deny_unknown_fields)]
        #[expect(dead_code, reason = "its schema is what is used")]
        pub struct $batch {
            #[schema(min_items = 1, max_items = 1000)]
            items: Vec<$item>,
            /// Metadata for the journal.
            audit: Option<$crate::api::native::wire::Audit>,
        }

        /// One item, or a batch.
        #[derive(utoipa::ToSchema)]
        #[serde(untagged)]
        #[expect(dead_code, reason = "its schema is what is used")]
        pub enum $body {
            One($request),
            Many($batch),
        }

        impl $crate::api::native::wire::Item for $item {
            type Read = $read;
            fn read(self) -> Result<$read, engine::base::refused::Refused> {
                let $said = self;
                $how
            }
        }

        impl $crate::api::native::wire::Request for $request {
            type Item = $item;
            fn apart(self) -> ($item, Option<$crate::api::native::wire::Audit>) {
                ($item { $($field: self.$field,)* context: self.context }, self.audit.map(|audit| audit.0))
            }
        }
    )*};
}

/// Bytes in base64. A decoding error concerns the item alone, not the batch.
pub struct Base64<T>(pub Result<T, Refused>);

impl<'de, T: From<Vec<u8>>> Deserialize<'de> for Base64<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text<T>(PhantomData<T>);

        impl<T: From<Vec<u8>>> Visitor<'_> for Text<T> {
            type Value = Base64<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Base64(base64(text).map(T::from)))
            }
        }

        deserializer.deserialize_str(Text(PhantomData))
    }
}

/// A batch of items.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch<T> {
    items: Vec<Object<T>>,
    #[serde(default)]
    audit: Option<Object<Audit>>,
}

/// An item of a batch.
pub trait Item: DeserializeOwned {
    type Read;
    /// # Errors
    /// [`Refused`] when a field of it cannot be read.
    fn read(self) -> Result<Self::Read, Refused>;
}

/// A request of a single item.
pub trait Request: DeserializeOwned {
    type Item: Item;
    /// Separates the item from the note for the journal.
    fn apart(self) -> (Self::Item, Option<Audit>);
}

/// A body that has been parsed: its items, and whether they came as a batch.
pub struct Asked<R: Request> {
    pub items: Vec<Result<<R::Item as Item>::Read, Refused>>,
    pub told: AuditNote,
    pub form: Form,
}

/// The form of a request, which its answer has, too.
pub enum Form {
    One,
    /// With the reasons why some of the items could not be read, by their place.
    Batch(BTreeMap<usize, String>),
}

/// A batch whose items have any form.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfAnything {
    items: Vec<IgnoredAny>,
    #[serde(default)]
    audit: Option<Object<Audit>>,
}

/// The items of a batch, or why they cannot be read, and the note for the journal.
type Items<I> = (Vec<Result<I, String>>, Option<Object<Audit>>);

#[derive(Deserialize)]
struct Probe {
    #[serde(default)]
    items: Option<IgnoredAny>,
}

fn has_items(body: &[u8]) -> Result<bool, Failed> {
    let probe: Probe = serde_json::from_slice(body).map_err(|error| not_json(body, &error))?;
    Ok(probe.items.is_some())
}

/// Checks whether a field may be called `items`, also with an escaped character. Few bodies of a single item pass this check.
fn may_be_batch(body: &[u8]) -> bool {
    memmem::find(body, b"\"items\"").is_some() || memchr(b'\\', body).is_some()
}

fn unreadable(title: impl Into<String>) -> Failed {
    Failed::Unreadable(ApiCode::Unreadable, title.into())
}

/// Adds to the cause of a refusal where the right form is described.
fn with_reference(cause: &str) -> String {
    format!("{cause} See {}.", address::OPENAPI)
}

/// Returns the failure for a body that serde rejects.
fn not_json(body: &[u8], error: &serde_json::Error) -> Failed {
    unreadable(with_reference(&cause::why(body, error)))
}

/// Checks that the header `Content-Type` says that the body is JSON.
fn says_json(headers: &HeaderMap) -> Result<(), Failed> {
    let kind = headers.get(CONTENT_TYPE).map(|kind| kind.to_str().unwrap_or_default());
    let kind = kind.map(|kind| kind.split(';').next().unwrap_or_default().trim());
    let said = match kind {
        Some(kind) if kind.eq_ignore_ascii_case("application/json") => return Ok(()),
        None => "The request has no header `Content-Type`.",
        Some("application/x-www-form-urlencoded") => {
            "The header `Content-Type` says that the body is a form; curl with -d says so by itself."
        }
        Some(_) => "The header `Content-Type` does not say that the body is JSON.",
    };
    let title = format!("{said} Send the body as JSON, with the header `Content-Type: application/json`.");
    Err(Failed::Unreadable(ApiCode::NotJson, title))
}

fn bounded(audit: Option<Audit>) -> Result<AuditNote, Failed> {
    let told = AuditNote::from(audit.unwrap_or_default());
    if told.is_within_bounds() {
        return Ok(told);
    }
    let title =
        format!("The audit metadata is too large: at most {TOLD_BYTES} bytes and {TOLD_PAIRS} custom pairs.");
    Err(Failed::Unreadable(ApiCode::AuditTooLong, title))
}

impl<R: Request> Asked<R> {
    /// # Errors
    /// [`Failed`] when the body as a whole cannot be read.
    pub fn read(headers: &HeaderMap, body: &Bytes) -> Result<Self, Failed> {
        says_json(headers)?;
        let Some((read, audit)) = Self::batch(body)? else {
            let one = serde_json::from_slice::<Object<R>>(body).map_err(|error| not_json(body, &error))?;
            let (item, audit) = one.0.apart();
            return Ok(Self { items: vec![item.read()], told: bounded(audit)?, form: Form::One });
        };
        if read.is_empty() || read.len() > ITEMS {
            let title = format!("A batch must have 1 to {ITEMS} items.");
            return Err(Failed::Unreadable(ApiCode::BatchSize, title));
        }
        let mut unread = BTreeMap::new();
        let mut items = Vec::with_capacity(read.len());
        for (index, item) in read.into_iter().enumerate() {
            items.push(match item {
                Ok(item) => item.read(),
                Err(why) => {
                    unread.insert(index, why);
                    Err(Refused::Unread(ApiCode::Unreadable))
                }
            });
        }
        Ok(Self { items, told: bounded(audit.map(|audit| audit.0))?, form: Form::Batch(unread) })
    }

    /// Returns the batch if the body is one; fails if the body has `items` but cannot be read as a batch.
    fn batch(body: &[u8]) -> Result<Option<Items<R::Item>>, Failed> {
        if !may_be_batch(body) {
            return Ok(None);
        }
        // A body that may be a batch is parsed as one at once: to look beforehand took 3 to 4 % of a batch's time.
        match serde_json::from_slice::<Object<Batch<R::Item>>>(body) {
            Ok(Object(Batch { items, audit })) => {
                Ok(Some((items.into_iter().map(|item| Ok(item.0)).collect(), audit)))
            }
            // The message must be about the form that the client meant; `items` may also be a key of a context.
            Err(_) if has_items(body)? => Self::one_by_one(body).map(Some),
            Err(_) => Ok(None),
        }
    }

    /// Reads the items of a batch one by one, so that one that cannot be read hides no other.
    fn one_by_one(body: &[u8]) -> Result<Items<R::Item>, Failed> {
        let batch = serde_json::from_slice::<Object<OfAnything>>(body);
        let Object(OfAnything { items, audit }) = batch.map_err(|error| not_json(body, &error))?;
        // Too many items get the answer of their number, and are not looked at.
        if items.len() > ITEMS {
            return Ok((items.iter().map(|_| Err(String::new())).collect(), audit));
        }
        let places = elements(body, "items").ok_or_else(|| unreadable("The items could not be read."))?;
        let lines = cause::Lines::of(body);
        let read = places.into_iter().map(|place| {
            let item = serde_json::from_slice::<Object<R::Item>>(&body[place.clone()]);
            item.map(|item| item.0)
                .map_err(|error| with_reference(&cause::why_in(body, &lines, place, &error)))
        });
        Ok((read.collect(), audit))
    }
}

/// An answer: its schema in the document and its serialisation.
pub trait Answer: ToSchema {
    type Done;
    /// Writes it as JSON. Base64 and numbers need no escaping, so Keystead does not search for characters to escape: that would
    /// take longer than encrypting.
    fn say(done: &Self::Done, out: &mut Vec<u8>);
}

/// Defines the types of answers. Their fields are bytes in base64; the number of the version comes last.
macro_rules! answers {
    ($(
        $(#[$about:meta])*
        $answer:ident, $result:ident, $results:ident, $body:ident, of $kind:ident: |$done:ident| { $($field:ident: $bytes:expr,)* }
    )*) => {$(
        $(#[$about])*
        #[derive(utoipa::ToSchema)]
        #[expect(dead_code, reason = "its schema is what is used")]
        pub struct $answer {
            $(#[schema(format = Byte)] $field: String,)*
            version: u32,
        }

        /// The result of an item, or why it failed.
        #[derive(utoipa::ToSchema)]
        #[serde(untagged)]
        #[expect(dead_code, reason = "its schema is what is used")]
        pub enum $result {
            Done($answer),
            Failed($crate::api::native::wire::ItemProblem),
        }

        /// The results of a batch, in the order of its items.
        #[derive(utoipa::ToSchema)]
        #[expect(dead_code, reason = "its schema is what is used")]
        pub struct $results {
            results: Vec<$result>,
        }

        /// The answer to one item, or to a batch.
        #[derive(utoipa::ToSchema)]
        #[serde(untagged)]
        #[expect(dead_code, reason = "its schema is what is used")]
        pub enum $body {
            One($answer),
            Many($results),
        }

        impl $crate::api::native::wire::Answer for $answer {
            type Done = $kind;
            fn say($done: &$kind, out: &mut Vec<u8>) {
                out.push(b'{');
                $(
                    out.extend_from_slice(concat!("\"", stringify!($field), "\":\"").as_bytes());
                    base64_simd::STANDARD.encode_append($bytes, out);
                    out.extend_from_slice(b"\",");
                )*
                out.extend_from_slice(b"\"version\":");
                // Writing into memory cannot fail.
                let _ = std::io::Write::write_fmt(out, format_args!( "{}}}", $done.version));
            }
        }
    )*};
}

pub(super) use {answers, requests};

/// An item that failed.
#[derive(ToSchema)]
#[expect(dead_code, reason = "its schema is what is used")]
pub struct ItemProblem {
    problem: ProblemDetails,
}

/// Returns the response in the form of the request: a single answer, or all of a batch.
pub fn told<W: Answer>(answers: Answers<W::Done>, form: &Form) -> Result<Response, Failed> {
    let mut out = Vec::new();
    let Form::Batch(unread) = form else {
        let one = answers.into_iter().next().ok_or(engine::Error::NotFound)??;
        W::say(&one, &mut out);
        return Ok(json_text(out));
    };
    out.extend_from_slice(br#"{"results":["#);
    for (index, answer) in answers.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        match answer {
            Ok(done) => W::say(done, &mut out),
            Err(error) => {
                let problem = match unread.get(&index) {
                    Some(why) => ProblemDetails::unreadable(why.clone()),
                    None => ProblemDetails::from(error),
                };
                out.extend_from_slice(br#"{"problem":"#);
                out.extend(serde_json::to_vec(&problem).unwrap_or_default());
                out.push(b'}');
            }
        }
    }
    out.extend_from_slice(b"]}");
    Ok(json_text(out))
}
