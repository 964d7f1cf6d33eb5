//! Settings of the root key.

use super::source::Source;
use crate::Stop;
use engine::SecretText;
use std::path::{Path, PathBuf};

pub struct RootKeySettings {
    /// `root.key` in the data folder, unless the operator names another file.
    pub file: PathBuf,
    /// The key itself, for development.
    pub text: Option<SecretText>,
}

impl RootKeySettings {
    pub(super) fn read(source: &Source, data_dir: &Path) -> Result<Self, Stop> {
        let file = source.get("root_key_file", "a file")?;
        let text = source.get::<String>("root_key", "a root key")?;
        Ok(Self { file: file.unwrap_or_else(|| data_dir.join("root.key")), text: text.map(SecretText::new) })
    }
}
