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
        let file = source.path("root_key_file", "file")?;
        // A message that names the file would quote the key.
        if file.as_ref().and_then(|file| file.to_str()).is_some_and(is_key) {
            return Err(Stop::new(format!(
                "The setting {} holds a root key. Expected: the path of the file that holds it.",
                source.named("root_key_file")
            )));
        }
        let text = source.get::<String>("root_key", KEY)?.map(SecretText::new);
        if text.as_ref().is_some_and(|text| !is_key(text.expose())) {
            return Err(source.is_not("root_key", "", KEY));
        }
        Ok(Self { file: file.unwrap_or_else(|| data_dir.join("root.key")), text })
    }
}

const KEY: &str = "32 bytes as base64 (44 characters)";

fn is_key(text: &str) -> bool {
    data_encoding::BASE64.decode(text.as_bytes()).is_ok_and(|bytes| bytes.len() == 32)
}
