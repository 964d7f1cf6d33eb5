//! The trace that a server leaves in its data folder: how far the audit log had come. A database that ends before it is older than
//! the one that the server saw.

use crate::Error;
use crate::base::files;
use crate::vault::envelope::{Keyring, Purpose};
use chrono::{DateTime, Utc};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use subtle::ConstantTimeEq;
use uuid::Uuid;

const NAME: &str = "last-seen";
const LONGEST: u64 = 64 << 10;

/// A state of a database: the line of the audit log that it ends with, on a timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Moment {
    /// First, because a later timeline follows all of an earlier one.
    pub timeline: i64,
    pub sequence: i64,
}

/// A state that a server saw, and when the line was written with which the audit log ended then. After a restore, another line may
/// have the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub moment: Moment,
    pub at: Option<DateTime<Utc>>,
}

#[derive(Serialize, Deserialize)]
struct Trace {
    instance: Uuid,
    seen: Seen,
    mac: String,
}

/// Labels of the code. Only servers of a database whose rows carry codes write the second.
const BEFORE_CODES: &[u8] = b"keystead trace v1";
const WITH_CODES: &[u8] = b"keystead trace v2, rows carry codes";

/// Returns the code over a trace, so that nobody without the root key writes one.
fn mac(label: &[u8], keyring: &Keyring, instance: Uuid, seen: Seen) -> [u8; 32] {
    let at = seen.at.map_or(i64::MIN, |at| at.timestamp_micros());
    let mut message = label.to_vec();
    message.extend_from_slice(instance.as_bytes());
    for number in [seen.moment.timeline, seen.moment.sequence, at] {
        message.extend_from_slice(&number.to_be_bytes());
    }
    keyring.keyed_hash(Purpose::Audit, &message)
}

fn path(folder: &Path) -> PathBuf {
    folder.join(NAME)
}

/// Reads the trace of this instance. A file that is not whole, or that belongs to another instance, proves nothing.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn read(folder: &Path, keyring: &Keyring, instance: Uuid) -> Result<Option<Seen>, Error> {
    Ok(read_labelled(folder, keyring, instance)?.map(|(seen, _)| seen))
}

/// Checks whether a server of this folder has seen the database with codes in its rows.
///
/// # Errors
/// When the file cannot be read.
pub(super) fn is_adopted(folder: &Path, keyring: &Keyring, instance: Uuid) -> Result<bool, Error> {
    Ok(read_labelled(folder, keyring, instance)?.is_some_and(|(_, label)| label == WITH_CODES))
}

fn read_labelled(
    folder: &Path,
    keyring: &Keyring,
    instance: Uuid,
) -> Result<Option<(Seen, &'static [u8])>, Error> {
    let text = match files::read(&path(folder), LONGEST) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        text => text.map_err(|error| failed(folder, &error))?,
    };
    let Ok(trace) = serde_json::from_slice::<Trace>(&text) else { return Ok(None) };
    let stated = HEXLOWER.decode(trace.mac.as_bytes()).unwrap_or_default();
    let wrote =
        |label: &&[u8]| bool::from(mac(label, keyring, instance, trace.seen).as_slice().ct_eq(&stated));
    let label = [WITH_CODES, BEFORE_CODES].into_iter().find(wrote).filter(|_| trace.instance == instance);
    Ok(label.map(|label| (trace.seen, label)))
}

/// Writes the trace: whole, or not at all.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn write(folder: &Path, keyring: &Keyring, instance: Uuid, seen: Seen) -> Result<(), Error> {
    let mac = HEXLOWER.encode(&mac(WITH_CODES, keyring, instance, seen));
    let text = serde_json::to_vec(&Trace { instance, seen, mac })
        .map_err(|error| Error::Fault(format!("a trace cannot be written: {error}")))?;
    let written = tempfile::Builder::new().prefix(".last-seen-").tempfile_in(folder).and_then(|mut file| {
        file.write_all(&text)?;
        file.as_file().sync_all()?;
        file.persist(path(folder)).map_err(|refused| refused.error)?;
        File::open(folder)?.sync_all()
    });
    written.map_err(|error| failed(folder, &error))
}

fn failed(folder: &Path, error: &std::io::Error) -> Error {
    Error::Fault(format!("the trace {} cannot be used: {error}", path(folder).display()))
}
