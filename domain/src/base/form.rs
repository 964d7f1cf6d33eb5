//! The state of a form: typed values and errors, field by field.

use crate::base::problem::{Code, Problem};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A form that Keystead shows again after refusing it. Holds no secrets: a secret field is never put here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Form {
    values: BTreeMap<String, String>,
    errors: BTreeMap<String, String>,
    /// Secret fields whose value the server keeps sealed; the empty field shows dots.
    kept: Vec<String>,
    /// The error of the form as a whole.
    pub error: Option<String>,
    /// The kind of problem for which the form was refused.
    pub code: Option<Code>,
}

impl Form {
    pub fn new() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn with(mut self, field: &str, value: impl Into<String>) -> Self {
        self.values.insert(field.to_owned(), value.into());
        self
    }

    #[must_use]
    pub fn keeping(mut self, field: &str) -> Self {
        self.kept.push(field.to_owned());
        self
    }

    /// Returns the form with the values of another one in place of its own.
    #[must_use]
    pub fn over(mut self, typed: Self) -> Self {
        self.values.extend(typed.values);
        self
    }

    pub fn refuse(&mut self, field: &str, message: impl Into<String>) {
        // The first message stays. If the page does not show a value again, only that message says why the field is empty.
        self.errors.entry(field.to_owned()).or_insert_with(|| message.into());
    }

    /// Puts a problem beside its field, or above the form when it belongs to no field.
    #[must_use]
    pub fn refused(mut self, problem: &Problem) -> Self {
        self.code = Some(problem.code);
        match &problem.field {
            Some(field) => self.refuse(field, problem.message.clone()),
            None => self.error = Some(problem.message.clone()),
        }
        self
    }

    /// Checks whether no field is filled in.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    pub fn value(&self, field: &str) -> &str {
        self.values.get(field).map_or("", String::as_str)
    }

    pub fn error_of(&self, field: &str) -> Option<&str> {
        self.errors.get(field).map(String::as_str)
    }

    pub fn is_kept(&self, field: &str) -> bool {
        self.kept.iter().any(|kept| kept == field)
    }

    pub fn is_refused(&self) -> bool {
        self.error.is_some() || !self.errors.is_empty()
    }

    /// Returns the fields with errors and their messages, in the order of their names.
    pub fn errors(&self) -> impl Iterator<Item = (&str, &str)> {
        self.errors.iter().map(|(field, message)| (field.as_str(), message.as_str()))
    }
}
