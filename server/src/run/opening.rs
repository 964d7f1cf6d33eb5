//! Opening the portal: the data folder, the database, the root key.

use super::postgres;
use crate::Stop;
use crate::settings::Settings;
use engine::store::{Db, check_folder, host_and_port};
use engine::vault::authority::Counts;
use engine::vault::envelope::RootKey;
use engine::vault::root_key;
use engine::{Adoption, Clock, Portal, instance_if_any, right_root_key};
use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

/// Creates a folder that nobody else can read, if it does not exist. Refuses one that everybody may change: others on this machine
/// could exchange the database or the root key.
pub fn make_folder(folder: &Path) -> Result<(), Stop> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let shown = folder.display();
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder).and_then(|()| folder.metadata());
    let meta = made.map_err(|error| Stop::new(format!("The folder {shown} cannot be created: {error}.")))?;
    if meta.mode() & 0o002 == 0 {
        return Ok(());
    }
    // A folder that others use as well, like /tmp or a volume of Kubernetes, keeps its mode.
    let is_own = meta.uid() == rustix::process::geteuid().as_raw() && meta.mode() & 0o7000 == 0;
    let remedy = match is_own {
        true => format!("Run: chmod 700 {shown}"),
        false => format!(
            "Use a folder inside it, for example {}, which Keystead makes for itself alone",
            folder.join("keystead").display()
        ),
    };
    Err(Stop::new(format!(
        "Everybody on this machine may change the folder {shown} (mode {:o}). {remedy}",
        meta.mode() & 0o7777
    )))
}

/// Opens the portal of an existing database. It changes nothing before it has checked that the root key is the right one.
///
/// # Errors
/// A sentence that says what is wrong and what to do.
pub async fn open_portal(settings: &Settings) -> Result<Portal, Stop> {
    Ok(open(settings, May::Find).await?.0)
}

/// Opens the portal, and makes a new one where there is none.
///
/// # Errors
/// A sentence that says what is wrong and what to do.
pub async fn open_or_make_portal(settings: &Settings) -> Result<Portal, Stop> {
    Ok(open(settings, May::Make).await?.0)
}

/// Does the same, and signs the rows of a database of an earlier release. Returns the numbers of rows that it has signed.
///
/// # Errors
/// A sentence that says what is wrong and what to do.
pub async fn migrate_portal(settings: &Settings) -> Result<(Portal, Counts), Stop> {
    open(settings, May::Adopt).await
}

/// What a command may do where there is no database yet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum May {
    Find,
    Make,
    /// Makes a database, or signs the rows of an earlier release.
    Adopt,
}

async fn open(settings: &Settings, may: May) -> Result<(Portal, Counts), Stop> {
    // Asked before `connect`, which creates the file.
    let is_new_folder = is_new_folder(settings);
    if is_new_folder && may == May::Find {
        return Err(nothing_here(settings));
    }
    if settings.database.url.is_none() {
        // Before a root key is made there.
        check_folder(&settings.data_dir)?;
    }
    let keys = find_root_keys(settings, is_new_folder)?;
    if is_new_folder {
        // Before `connect`, so that a refusal leaves no empty database.
        check_new(settings, may, is_new_folder)?;
    }
    let db = connect(settings).await?;
    let portal = async {
        let is_new = or_explained(&db, instance_if_any(&db).await).await?.is_none();
        if is_new {
            check_new(settings, may, is_new_folder)?;
        } else if settings.new_database {
            tracing::warn!("KEYSTEAD_NEW_DATABASE is set, and the database is not new; remove the setting");
        }
        let key = right_root_key(&db, keys).await?;
        let (clock, wanted) = (Clock::system(), settings.engine.clone());
        let (portal, adopted) = match may {
            May::Adopt => {
                let adoption = Adoption::In(&settings.data_dir);
                or_explained(&db, Portal::adopt(db.clone(), &key, clock, wanted, adoption).await).await?
            }
            May::Find | May::Make => {
                let opened = Portal::open(db.clone(), &key, clock, wanted).await;
                (or_explained(&db, opened).await?, Counts::new())
            }
        };
        end_rotation(settings, &key);
        if settings.root_key.text.is_none() {
            root_key::is_used_now(&settings.root_key.file);
        }
        portal.compare_clock().await?;
        Ok::<_, Stop>((portal, adopted))
    };
    let portal = portal.await;
    if portal.is_err() {
        // Closed, so that no SQLite journal stays beside a database that this server may not touch.
        db.close().await;
    }
    portal
}

/// Returns a result. The error says which file, or which right of the database account, is the cause.
async fn or_explained<T>(db: &Db, done: Result<T, engine::Error>) -> Result<T, Stop> {
    match done {
        Ok(done) => Ok(done),
        Err(error) => Err(db.explained(error).await.into()),
    }
}

pub(crate) fn is_new_folder(settings: &Settings) -> bool {
    // A file that may not be looked at exists; opening it says why it cannot be used.
    let is_missing = |error: std::io::Error| error.kind() == std::io::ErrorKind::NotFound;
    settings.database.url.is_none()
        && std::fs::metadata(settings.data_dir.join("keystead.db")).is_err_and(is_missing)
}

/// Returns the sentence for a command that works on an existing database only.
fn nothing_here(settings: &Settings) -> Stop {
    Stop::new(match settings.database.url {
        None => format!(
            "There is no Keystead in the folder {}: it has no keystead.db. Set KEYSTEAD_DATA_DIR to the right folder.",
            settings.data_dir.display()
        ),
        Some(_) => format!(
            "There is no Keystead in this database: {}. Set KEYSTEAD_DATABASE_URL to the right one.",
            database_name(settings)
        ),
    })
}

/// Checks whether an empty database may become a new one. A lost database must not be taken for a new one.
fn check_new(settings: &Settings, may: May, is_new_folder: bool) -> Result<(), Stop> {
    if may == May::Find {
        return Err(nothing_here(settings));
    }
    let (file, name) = (settings.root_key.file.display(), database_name(settings));
    let is_from_text = settings.root_key.text.is_some();
    if !is_from_text && root_key::is_unused(&settings.root_key.file) {
        return Ok(());
    }
    if settings.database.url.is_none() && !is_new_folder {
        return Err(Stop::new(format!(
            "The database is empty: {name}. Its newest changes may be in keystead.db-wal: copy that file too, or restore a backup. \
             For a new Keystead, delete the empty file."
        )));
    }
    if settings.new_database {
        return Ok(());
    }
    let key = if is_from_text { "KEYSTEAD_ROOT_KEY".to_owned() } else { format!("the root key at {file}") };
    Err(Stop::new(format!(
        "There is no Keystead in this database: {name}. But {key} may be the key of another one. If the data is elsewhere, correct \
         KEYSTEAD_DATA_DIR or KEYSTEAD_DATABASE_URL. If it is lost, restore a backup. To make a new database under this key, set \
         KEYSTEAD_NEW_DATABASE=true for the first start."
    )))
}

/// Returns where the database is, without user and password.
pub(crate) fn database_name(settings: &Settings) -> String {
    let Some(url) = &settings.database.url else {
        let file = settings.data_dir.join("keystead.db");
        return format!("SQLite, {}", std::path::absolute(&file).unwrap_or(file).display());
    };
    match postgres::options(url) {
        Ok(options) => {
            let name = options.get_database().unwrap_or(options.get_username());
            match options.get_socket() {
                Some(socket) => format!("PostgreSQL, {name} at {}", socket.display()),
                None => format!("PostgreSQL, {name} at {}", host_and_port(&options)),
            }
        }
        Err(_) => "PostgreSQL".to_owned(),
    }
}

/// Opens the database that exists, and changes nothing in it.
///
/// # Errors
/// A sentence when there is none, or it cannot be opened.
pub async fn open_database(settings: &Settings) -> Result<Db, Stop> {
    if is_new_folder(settings) {
        return Err(nothing_here(settings));
    }
    connect(settings).await
}

/// # Errors
/// A sentence when it cannot be opened.
pub(crate) async fn connect(settings: &Settings) -> Result<Db, Stop> {
    Ok(match &settings.database.url {
        Some(url) => Db::postgres(postgres::options(url)?, settings.database.pooler).await?,
        None => {
            make_folder(&settings.data_dir)?;
            Db::sqlite(&settings.data_dir.join("keystead.db")).await?
        }
    })
}

/// Finishes a rotation of the root key that was stopped after its commit: puts the right key, which lies beside the file, in
/// place.
pub(crate) fn end_rotation(settings: &Settings, right: &RootKey) {
    if settings.root_key.text.is_some() {
        return;
    }
    match root_key::finish_rotation(&settings.root_key.file, right) {
        Ok(true) => {
            tracing::warn!("an interrupted root key rotation was completed; the new root key is in place")
        }
        Ok(false) => {}
        // The server has the right key in memory, and the next start tries both files again.
        Err(error) => tracing::error!(%error, "an interrupted root key rotation could not be completed"),
    }
}

/// Returns the root key, or two while a rotation is unfinished; creates one only for a new SQLite folder.
pub(crate) fn find_root_keys(settings: &Settings, is_new_folder: bool) -> Result<Vec<RootKey>, Stop> {
    if let Some(text) = &settings.root_key.text {
        tracing::warn!("the root key comes from KEYSTEAD_ROOT_KEY; use this for development only");
        return Ok(vec![root_key::from_text(text)?]);
    }
    let path = settings.root_key.file.clone();
    let keys = root_key::read_all(&path)?;
    if !keys.is_empty() {
        return Ok(keys);
    }
    // Never for PostgreSQL: two servers on an empty database would each make a key.
    if is_new_folder {
        if let Some(folder) = path.parent() {
            make_folder(folder)?;
        }
        // Made before the database: a start that is killed in between finds this key again.
        let key = root_key::create_first(&path)?;
        tracing::warn!(path = %path.display(), "a root key was created; keep a copy apart from the database, because nothing can be decrypted without it");
        return Ok(vec![key]);
    }
    let shown = path.display();
    Err(Stop::new(match settings.database.url {
        None => format!(
            "There is a database in {} but no root key at {shown}. Copy its root key there, or set KEYSTEAD_ROOT_KEY_FILE to the path of its root key.",
            settings.data_dir.display()
        ),
        Some(_) => format!(
            "There is no root key at {shown}. For a new database, run: keystead root-key init. For an existing database, copy its root key there, or set KEYSTEAD_ROOT_KEY_FILE to the path of its root key."
        ),
    }))
}
