//! The style sheet.

use anyhow::{Context, Result};
use grass::{Options, OutputStyle};

use super::files::{self, Files};
use super::part;
use crate::place::Place;
use crate::progress;

/// Compiles `style/main.scss` to `keystead.css`.
pub fn make(place: &Place) -> Result<Files> {
    let folder = place.root().join("style");
    let main = folder.join("main.scss");
    if !main.exists() {
        progress::say("Style", "style/main.scss is not there: no style sheet");
        return Ok(Files::new());
    }
    part::keep(place, "style", files::fingerprint(files::read(&folder)?), || {
        progress::say("Style", "compiling style/main.scss …");
        let options = Options::default().style(OutputStyle::Compressed).load_path(&folder);
        let sheet = grass::from_path(&main, &options).context("style/main.scss does not compile")?;
        Ok(Files::from([("keystead.css".into(), sheet.into_bytes())]))
    })
}
