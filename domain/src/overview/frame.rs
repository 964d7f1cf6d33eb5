//! What stands around every page.

use crate::overview::view::Tree;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Light, dark, or what the system says.
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
    /// What happened and what follows.
    pub message: String,
    /// What happened is not what was hoped for.
    pub warns: bool,
}

/// What every signed-in page shows around its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chrome {
    pub email: String,
    pub theme: Theme,
    /// The path of the page, to mark its place and to come back to.
    pub path: String,
    /// What stands in the filter box of the sidebar.
    pub filter: String,
    pub tree: Tree,
    pub flash: Option<Flash>,
    /// Every page is made at one moment; spans are counted from it.
    pub now: DateTime<Utc>,
}
