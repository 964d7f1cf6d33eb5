//! The HTTP layers around every page: hosts and origins, load limits, sessions, forms, headers, failures.

pub(crate) mod assets;
pub mod cookies;
pub mod draft;
pub mod error_pages;
pub mod failure;
pub mod forms;
pub mod framing;
pub mod guard;
pub mod headers;
pub mod once;
pub mod origin;
pub mod page;
pub mod proxies;
pub mod redirect;
pub mod turns;
pub mod twice;
pub mod unread;
pub mod visitor;
