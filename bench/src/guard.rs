//! The short form, in `make test`: Keystead against our own limit, so that a person who makes it slower sees it.

use crate::data_plane::{self, Programs, SEAL, size};
use crate::load::Work;
use crate::report::ratio;
use crate::rounds::{MANY, Pace};
use anyhow::{Context, Result, ensure};
use std::path::Path;

/// Keystead's requests a second as a part of the limit's, over 16 connections: the lowest values that this form finds on quiet
/// machines. The faster a machine, the less of it the limit takes.
const KNOWN: [(Work, f64); 4] =
    [(Work::Encrypt, 0.4), (Work::Decrypt, 0.38), (Work::Wrap, 0.4), (Work::Unwrap, 0.37)];
/// Maximum drop that is no regression yet: the machine of the tests does other things as well.
const TOLERANCE: f64 = 0.25;
/// Number of tries. Keystead is slower only if it is slower in each of them.
const TRIES: usize = 3;
/// Number of scopes of the short form.
const SCOPES: usize = 200;
const PACE: Pace = Pace { warm_up: 1, seconds: 1, rounds: 3, connections: &[MANY] };

/// # Errors
/// When Keystead is slower than it was.
pub async fn check(programs: &Programs, folder: &Path) -> Result<()> {
    let mut slower = Vec::new();
    for number in 0..TRIES {
        let folder = folder.join(number.to_string());
        std::fs::create_dir(&folder)?;
        let works = KNOWN.map(|(work, _)| work);
        let found = data_plane::measure(programs, &folder, SCOPES, &works, PACE).await?;
        slower.clear();
        for (work, known) in KNOWN {
            let part = size(work).and_then(|size| ratio(&found.figures, work, SEAL, size, MANY));
            let part = part.context("a figure is missing")?;
            println!("figure: {} at {part:.2} of the limit, known {known:.2}", work.label());
            if part < known * (1.0 - TOLERANCE) {
                slower.push(format!("{} at {part:.2} of the limit, it was {known:.2}", work.label()));
            }
        }
        if slower.is_empty() {
            return Ok(());
        }
    }
    ensure!(slower.is_empty(), "slower than it was, in {TRIES} tries: {}", slower.join("; "));
    Ok(())
}
