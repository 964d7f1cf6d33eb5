//! Items that every room uses: addresses, identifiers, forms, problems, numbers, typed text, and the portal's words for times and refusals.

pub mod address;
pub mod form;
pub mod id;
pub mod number;
pub mod pages;
pub mod problem;
pub mod typed;
pub mod words;
