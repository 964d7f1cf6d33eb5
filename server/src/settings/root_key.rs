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
        let file: Option<PathBuf> = source.get("root_key_file", "a file")?;
        // A message that names the file would quote the key.
        if file.as_ref().and_then(|file| file.to_str()).is_some_and(is_key) {
            return Err(Stop::new(
                "The setting KEYSTEAD_ROOT_KEY_FILE holds a root key. Expected: the path of the file that holds it.",
            ));
        }
        let text = source.get::<String>("root_key", "a root key")?;
        Ok(Self { file: file.unwrap_or_else(|| data_dir.join("root.key")), text: text.map(SecretText::new) })
    }
}

fn is_key(text: &str) -> bool {
    data_encoding::BASE64.decode(text.as_bytes()).is_ok_and(|bytes| bytes.len() == 32)
}
