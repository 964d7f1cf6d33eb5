//! The site for the browser: `target/site`, which the server embeds.

mod compress;
mod files;
mod front;
mod part;
mod publish;
mod style;

use std::fs::{self, File};

use anyhow::{Context, Result, ensure};

use crate::place::Place;
use crate::{progress, setup};
use files::Files;

/// Compiles the parts that changed since the last time; writes nothing if nothing changed.
pub fn make(place: &Place) -> Result<()> {
    let compiler = setup::for_building(place)?;
    fs::create_dir_all(place.front())?;
    // Two of these processes at once would remove each other's folders.
    let alone = File::create(place.front().join("lock"))?;
    alone.lock().context("the site is locked")?;
    let parts = [front::make(place, compiler)?, style::make(place)?, public(place)?];
    if publish::publish(&place.site(), &together(parts)?)? {
        progress::say("Site", "target/site is new");
    }
    Ok(())
}

/// Returns the fonts and the icon, which are not compiled.
fn public(place: &Place) -> Result<Files> {
    let files = files::read(&place.root().join("public"))?;
    part::keep(place, "public", files::fingerprint(&files), || Ok(files.clone()))
}

fn together(parts: [Files; 3]) -> Result<Files> {
    let mut all = Files::new();
    for (name, bytes) in parts.into_iter().flatten() {
        ensure!(!all.contains_key(&name), "two files of the site are called {}: rename one", name.display());
        all.insert(name, bytes);
    }
    Ok(all)
}
