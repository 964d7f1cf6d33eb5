//! Reads all of the journal without a run of it: for `doctor`, for the check of a backup, and after a restore.

use crate::Error;
use crate::audit::journal::blocking;
use crate::audit::journal::chain::Key;
use crate::audit::journal::keep::TOO_BIG;
use crate::audit::journal::search::{events_of, gaps, in_row};
use crate::audit::journal::segment::Name;
use crate::base::files;
use crate::store::Db;
use crate::store::journal::{Mark, begin_of_time, end_of_time};
use crate::vault::envelope::Keyring;
use domain::audit::journal::JournalGap;
use domain::data::operation::DataEvent;
use domain::scopes::scope::ScopeName;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use uuid::Uuid;

/// Number of rows listed at once, without their bodies.
const LISTED: u32 = 64;

/// What the journal holds.
#[derive(Debug, Default)]
pub struct Whole {
    pub segments: u64,
    pub events: u64,
    /// What is wrong with the segments that are not as they were stored.
    pub damaged: Vec<String>,
    pub gaps: Vec<JournalGap>,
    /// The highest version that a service used, for each scope by its name.
    numbers: BTreeMap<String, u32>,
}

impl Whole {
    /// Returns the highest version of each scope that a service used.
    pub fn numbers(&self) -> impl Iterator<Item = (ScopeName, u32)> {
        // Requests that name no scope have another text in the journal.
        self.numbers.iter().filter_map(|(name, number)| Some((name.parse().ok()?, *number)))
    }

    fn add(&mut self, events: &[(u64, DataEvent)]) {
        self.segments += 1;
        self.events += events.len() as u64;
        for (_, event) in events {
            let Some(highest) = event.versions.iter().max() else { continue };
            let known = self.numbers.entry(event.scope.clone()).or_default();
            *known = (*known).max(*highest);
        }
    }
}

/// Reads and verifies every segment of the database.
///
/// # Errors
/// When the database fails.
pub(crate) async fn rows(db: &Db, keyring: &Keyring) -> Result<Whole, Error> {
    let (mut whole, mut mark, key) = (Whole::default(), None::<Mark>, Arc::new(Key::new(keyring)));
    let (from, to) = (begin_of_time(), end_of_time());
    loop {
        let rows = db.journal().oldest_segments(from, to, mark, LISTED).await?;
        for row in &rows {
            // Retention may have deleted it since it was listed.
            let Some(body) = db.journal().segment_body(row.server, row.first_sequence).await? else {
                continue;
            };
            let (key, server, first, row) = (Arc::clone(&key), row.server, row.first_sequence, row.clone());
            match blocking(move || in_row(&row, &body, &key.run(server))).await? {
                Ok(events) => whole.add(&events),
                Err(damage) => whole.damaged.push(format!("segment {server}, event {first}: {damage}")),
            }
        }
        match rows.last() {
            Some(last) if rows.len() == LISTED as usize => {
                mark = Some((last.first_at, last.server, last.first_sequence));
            }
            _ => break,
        }
    }
    whole.gaps = gaps(db).await?;
    Ok(whole)
}

/// Reads the files of a folder that are not rows yet. Returns their content, and the runs that wrote something into them.
///
/// # Errors
/// When a file cannot be read.
pub(crate) async fn files(folder: &Path, keyring: &Keyring) -> Result<(Whole, BTreeSet<Uuid>), Error> {
    let (folder, key) = (folder.to_owned(), Key::new(keyring));
    let shown = folder.display().to_string();
    let read = blocking(move || read_files(&folder, &key)).await?;
    read.map_err(|error| Error::Fault(format!("The journal's folder {shown} cannot be read: {error}.")))
}

fn read_files(folder: &PathBuf, key: &Key) -> io::Result<(Whole, BTreeSet<Uuid>)> {
    let (mut whole, mut runs) = (Whole::default(), BTreeSet::new());
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok((whole, runs)),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse::<Name>().ok());
        let Some(name) = name else { continue };
        let text = match files::read(&path, TOO_BIG) {
            // A running server has stored it in the meantime.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => {
                whole.damaged.push(format!("file {name}: {error}"));
                continue;
            }
            Ok(text) => text,
        };
        match events_of(name, &text, &key.run(name.run)) {
            Ok(events) if events.is_empty() => {}
            Ok(events) => {
                whole.add(&events);
                runs.insert(name.run);
            }
            Err(damage) => whole.damaged.push(format!("file {name}: {damage}")),
        }
    }
    Ok((whole, runs))
}
