//! The frame around every page.

use crate::overview::view::Tree;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The theme: light, dark, or that of the operating system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    #[default]
    System,
    Light,
    Dark,
}

impl Theme {
    pub const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    pub fn word(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|theme| theme.word() == word)
    }
}

/// A message shown once after a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flash {
    /// Says what happened and what follows.
    pub message: String,
    /// The message is a warning, not a success.
    pub warns: bool,
}

/// Secrets that are shown once and wait to be saved, and until when they are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unsaved {
    pub recovery_codes_until: Option<DateTime<Utc>>,
    pub api_key_until: Option<DateTime<Utc>>,
}

/// How long the session of a page lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionEnd {
    pub seconds_left: i64,
    /// It ends then, used or not.
    pub is_final: bool,
}

/// Data that every signed-in page shows around its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chrome {
    pub email: String,
    pub theme: Theme,
    /// The path of the page, used to mark its place.
    pub path: String,
    /// The address to return to the page: its path, with its query.
    pub next: String,
    /// The text in the filter box of the sidebar.
    pub filter: String,
    pub tree: Tree,
    pub flash: Option<Flash>,
    pub unsaved: Unsaved,
    pub session_end: SessionEnd,
    /// The time at which the page is rendered; all spans on it count from this time.
    pub now: DateTime<Utc>,
}
