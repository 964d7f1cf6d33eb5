//! The values of a statement. PostgreSQL refuses a text with NUL (U+0000), and SQLite takes it. So that both answer alike, a
//! statement gets a text that others wrote only as [`Sought`] or [`Kept`].

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::query::{Query, QueryAs, QueryScalar};
use sqlx::query_builder::Separated;
use sqlx::{Database, Encode, QueryBuilder, Type};
use std::borrow::Cow;
use std::fmt::Display;

const NUL: char = '\0';
/// U+FFFD, the character for what cannot be represented.
const REPLACED: &str = "\u{fffd}";

/// A text to be compared with a column. No stored text has a NUL, so one with NUL becomes SQL's NULL, which equals nothing.
#[derive(Clone, Copy)]
pub struct Sought<'a>(&'a str);

/// A text to be stored, with U+FFFD in place of each NUL. No name has a NUL, because Keystead refuses it; a record may have one,
/// for example the detail of a line of the audit log.
pub struct Kept<'a>(Cow<'a, str>);

pub fn sought(text: &str) -> Sought<'_> {
    Sought(text)
}

pub fn kept(text: &str) -> Kept<'_> {
    Kept(if text.contains(NUL) { text.replace(NUL, REPLACED).into() } else { text.into() })
}

impl<'q, DB: Database> Encode<'q, DB> for Sought<'_>
where
    for<'a> &'a str: Encode<'q, DB>,
{
    fn encode_by_ref(&self, buffer: &mut DB::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
        if self.0.contains(NUL) { Ok(IsNull::Yes) } else { self.0.encode(buffer) }
    }
}

impl<'q, DB: Database> Encode<'q, DB> for Kept<'_>
where
    for<'a> &'a str: Encode<'q, DB>,
{
    fn encode_by_ref(&self, buffer: &mut DB::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
        (&*self.0).encode(buffer)
    }
}

impl<DB: Database> Type<DB> for Sought<'_>
where
    str: Type<DB>,
{
    fn type_info() -> DB::TypeInfo {
        str::type_info()
    }
}

impl<DB: Database> Type<DB> for Kept<'_>
where
    str: Type<DB>,
{
    fn type_info() -> DB::TypeInfo {
        str::type_info()
    }
}

/// A value that a statement may get. A text of the program itself (`'static`) has no NUL. Other texts are not in this list.
pub trait Value {}

macro_rules! values {
    ($($of:ty),+) => {
        $(impl Value for $of {})+
    };
}
values!(
    bool,
    i64,
    uuid::Uuid,
    chrono::DateTime<chrono::Utc>,
    [u8],
    Vec<u8>,
    &'static str,
    Sought<'_>,
    Kept<'_>
);
impl<T: Value> Value for Option<T> {}
impl<T: Value + ?Sized> Value for &T {}

/// Gives a statement its next value; `bind` and `push_bind` of the library accept every text.
pub trait With<'q, DB: Database>: Sized {
    fn with<T: Value + Encode<'q, DB> + Type<DB> + 'q>(self, value: T) -> Self;
}

macro_rules! with {
    ($([$($parameter:tt)*] $of:ty: $bind:ident;)+) => {
        $(impl<'q, DB: Database, $($parameter)*> With<'q, DB> for $of {
            fn with<T: Value + Encode<'q, DB> + Type<DB> + 'q>(self, value: T) -> Self {
                self.$bind(value)
            }
        })+
    };
}
with! {
    [] Query<'q, DB, DB::Arguments>: bind;
    [O] QueryAs<'q, DB, O, DB::Arguments>: bind;
    [O] QueryScalar<'q, DB, O, DB::Arguments>: bind;
    [] &mut QueryBuilder<DB>: push_bind;
    [S: Display] &mut Separated<'_, DB, S>: push_bind;
}
