//! Start and end of the server.

use crate::run::connections::Connections;
use crate::run::telemetry;
use crate::run::workers::{Workers, served};
use crate::settings::Settings;
use crate::{App, Stop, router};
use axum::Router;
use engine::audit::journal;
use engine::custody::{health, lease};
use engine::data::access;
use engine::keys::scheduler;
use engine::store::{Db, PgConnectOptions, PgSslMode};
use engine::vault::envelope::RootKey;
use engine::vault::root_key;
use engine::{Clock, Hardened, Portal, SecretText, right_root_key};
use hyper_util::server::graceful::GracefulShutdown;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{IsTerminal, Write};
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use url::Url;

/// Requests under way at the end get this long.
const DRAIN: Duration = Duration::from_secs(25);
/// Of it, for what is still under way when the last connections are cut.
const LAST: Duration = Duration::from_secs(1);
/// Connections that may wait to be accepted, where the system allows as many.
const QUEUE: u32 = 4096;
const SWEEP: Duration = Duration::from_secs(300);
/// How often the clock is compared with the database's.
const COMPARE: Duration = Duration::from_secs(10);

/// Makes a folder that nobody else can look into, if it is not there.
pub fn make_folder(folder: &Path) -> Result<(), Stop> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| Stop::new(format!("The folder {} cannot be made: {error}.", folder.display())))
}

/// Opens database and root key. Nothing is touched before the root key is known to be right.
///
/// # Errors
/// A sentence that says what is wrong and what to do.
pub async fn open_portal(settings: &Settings) -> Result<Portal, Stop> {
    let db_file = settings.data_dir.join("keystead.db");
    let is_new_folder = settings.database_url.is_none() && !db_file.exists();
    let keys = find_root_keys(settings, is_new_folder)?;
    let db = open_database(settings).await?;
    let portal = async {
        let key = right_root_key(&db, keys).await?;
        let portal = Portal::open(db.clone(), &key, Clock::system(), settings.engine()).await?;
        end_rotation(settings, &key);
        portal.compare_clock().await?;
        Ok::<_, engine::Error>(portal)
    };
    let portal = portal.await;
    if portal.is_err() {
        // No journal stays behind beside a database that is not ours to touch.
        db.close().await;
    }
    Ok(portal?)
}

/// # Errors
/// A sentence when it cannot be opened.
pub async fn open_database(settings: &Settings) -> Result<Db, Stop> {
    Ok(match &settings.database_url {
        Some(url) => Db::postgres(postgres_options(url)?, settings.pooler).await?,
        None => {
            make_folder(&settings.data_dir)?;
            Db::sqlite(&settings.data_dir.join("keystead.db")).await?
        }
    })
}

/// A rotation of the root key that was stopped after its commit left the right key beside its place.
fn end_rotation(settings: &Settings, right: &RootKey) {
    if settings.root_key.is_some() {
        return;
    }
    match root_key::finish_rotation(&settings.root_key_path(), right) {
        Ok(true) => {
            tracing::warn!("a rotation of the root key had been stopped; its new key is in place now")
        }
        Ok(false) => {}
        Err(error) => tracing::error!(%error, "a rotation of the root key is not finished"),
    }
}

/// Off this machine the connection is encrypted and the server's name is proved.
fn postgres_options(url: &Url) -> Result<PgConnectOptions, Stop> {
    let options = PgConnectOptions::from_str(url.as_str())
        .map_err(|error| Stop::new(format!("The setting KEYSTEAD_DATABASE_URL cannot be used: {error}.")))?;
    if options.get_socket().is_some() || is_loopback_name(options.get_host()) {
        return Ok(options);
    }
    let says_how = url.query_pairs().any(|(name, _)| name == "sslmode" || name == "ssl-mode");
    if says_how && !matches!(options.get_ssl_mode(), PgSslMode::VerifyFull) {
        return Err(Stop::new(
            "The setting KEYSTEAD_DATABASE_URL asks for a connection that others could listen to or answer. \
             Leave sslmode out (or write verify-full); a certificate authority of your own goes into sslrootcert.",
        ));
    }
    Ok(options.ssl_mode(PgSslMode::VerifyFull))
}

fn is_loopback_name(host: &str) -> bool {
    host == "localhost" || host.starts_with('/') || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The root key that is there (two while a rotation is not finished); made only for a new SQLite folder.
fn find_root_keys(settings: &Settings, is_new_folder: bool) -> Result<Vec<RootKey>, Stop> {
    if let Some(text) = &settings.root_key {
        tracing::warn!("the root key comes from the environment: fit for development only");
        return Ok(vec![root_key::from_text(text)?]);
    }
    let path = settings.root_key_path();
    let keys = root_key::read_all(&path)?;
    if !keys.is_empty() {
        return Ok(keys);
    }
    if is_new_folder {
        if let Some(folder) = path.parent() {
            make_folder(folder)?;
        }
        let key = root_key::create(&path)?;
        tracing::warn!(path = %path.display(), "a root key was made: keep a copy apart from the database, without it nothing opens");
        return Ok(vec![key]);
    }
    let shown = path.display();
    Err(Stop::new(match settings.database_url {
        None => format!(
            "There is a database in {} but no root key at {shown}. Put its root key there, or name it with KEYSTEAD_ROOT_KEY_FILE.",
            settings.data_dir.display()
        ),
        Some(_) => format!(
            "There is no root key at {shown}. For a new database run: keystead root-key init. For one in use, put its root key there or name it with KEYSTEAD_ROOT_KEY_FILE."
        ),
    }))
}

/// Serves until the program is told to end.
///
/// # Errors
/// A sentence when it cannot start.
pub async fn serve(settings: Settings, hardened: Hardened) -> Result<(), Stop> {
    let metrics = telemetry::start_metrics()?;
    metrics::gauge!("keystead_memory_locked").set(if hardened.is_locked { 1.0 } else { 0.0 });
    if settings.is_insecure() {
        tracing::warn!(url = %settings.public_url, "the public address is plain HTTP: passwords and codes cross the network in the clear");
    }
    let portal = open_portal(&settings).await?;
    let listener = listen(settings.listen).await?;
    let metrics_listener = match settings.metrics_listen {
        Some(address) => Some(listen(address).await?),
        None => None,
    };
    portal.open_journal(&settings.data_dir.join("journal")).await?;
    let app = App::new(portal.clone(), &settings);
    announce(&settings, &portal).await?;
    tokio::spawn(telemetry::keep_tidy(metrics.clone()));
    if let Some(listener) = metrics_listener {
        tokio::spawn(async move { axum::serve(listener, telemetry::metrics_router(metrics)).await });
    }
    let mut work = JoinSet::new();
    work.spawn(keep_working(portal.clone()));
    work.spawn(keep_leases(portal.clone()));
    work.spawn(keep_obeying(portal.clone()));
    work.spawn(keep_probing(portal.clone()));
    work.spawn(keep_looking(portal.clone()));
    work.spawn(keep_noting(portal.clone()));
    work.spawn(keep_journal(portal.clone()));
    work.spawn(keep_syncing(portal.clone()));
    let ended = accept(listener, router(app.clone()), app, &mut work).await;
    work.shutdown().await;
    portal.note_uses().await;
    portal.note_usage().await;
    portal.close().await;
    tracing::info!("ended");
    ended
}

async fn listen(address: std::net::SocketAddr) -> Result<TcpListener, Stop> {
    let listen = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        // A client that finds the queue full tries again after a whole second.
        socket.listen(QUEUE)
    };
    listen().map_err(|error| {
        Stop::new(format!(
            "The address {address} cannot be listened on: {error}. Choose another with KEYSTEAD_LISTEN."
        ))
    })
}

/// Says where the portal is, and, on a first run, hands out the setup token.
async fn announce(settings: &Settings, portal: &Portal) -> Result<(), Stop> {
    // Where nobody can read it, it is not said; the log has the address and the file the token.
    let mut out = std::io::stdout();
    let address = settings.public_url.as_str().trim_end_matches('/');
    let file = settings.data_dir.join("setup-token");
    let before = std::fs::read_to_string(&file).ok().map(SecretText::new);
    match portal.issue_setup_token(before).await? {
        Some(token) => {
            make_folder(&settings.data_dir)?;
            write_token(&file, &token)?;
            let _ = writeln!(
                out,
                "\nKeystead is at {address}\nOpen it and set it up with this one-time token (good for 60 minutes)."
            );
            // Without a terminal, standard output may be somebody's log.
            if settings.show_setup_token || std::io::stdout().is_terminal() {
                let _ = writeln!(out, "\n    Setup token: {}\n", token.expose());
            } else {
                let _ = writeln!(out, "The token is in the file {}\n", file.display());
            }
        }
        None => {
            let _ = std::fs::remove_file(&file);
            let _ = writeln!(out, "\nKeystead is at {address}\n");
        }
    }
    let _ = out.flush();
    tracing::info!(%address, "serving");
    Ok(())
}

fn write_token(file: &PathBuf, token: &SecretText) -> Result<(), Stop> {
    let _ = std::fs::remove_file(file);
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .and_then(|mut out| writeln!(out, "{}", token.expose()))
        .map_err(|error| {
            Stop::new(format!("The setup token cannot be written to {}: {error}.", file.display()))
        })
}

/// Work that comes again: what took longer than it should is followed by a whole pause.
fn ticks(every: Duration) -> tokio::time::Interval {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    ticks
}

/// Rotates what is due, every few seconds, and sweeps what is over, every few minutes.
async fn keep_working(portal: Portal) {
    let mut rotate = ticks(scheduler::EVERY);
    let mut sweep = tokio::time::interval(SWEEP);
    // The start has compared already.
    let mut compare = tokio::time::interval_at(tokio::time::Instant::now() + COMPARE, COMPARE);
    loop {
        let done = tokio::select! {
            _ = rotate.tick() => portal.rotate_due().await.map(|rotated| {
                metrics::counter!("keystead_automatic_rotations_total").increment(u64::from(rotated));
            }),
            _ = sweep.tick() => portal.sweep().await,
            _ = compare.tick() => portal.compare_clock().await,
        };
        if let Err(error) = done {
            tracing::error!(%error, "background work failed; it is tried again");
        }
    }
}

/// Looks after the leases; a KMS that is slow holds up nothing else.
async fn keep_leases(portal: Portal) {
    let mut tend = ticks(lease::EVERY);
    loop {
        tend.tick().await;
        portal.tend_leases().await;
    }
}

/// Obeys what other servers were refused.
async fn keep_obeying(portal: Portal) {
    let mut heed = ticks(lease::EVERY);
    loop {
        heed.tick().await;
        if let Err(error) = portal.heed_refusals().await {
            tracing::error!(%error, "what other servers were refused could not be read; it is tried again");
        }
    }
}

/// Looks what other servers changed for the data plane. Apart from everything that writes, so that nothing holds it up.
async fn keep_looking(portal: Portal) {
    let mut look = ticks(access::EVERY);
    loop {
        look.tick().await;
        if let Err(error) = portal.look_again().await {
            tracing::error!(%error, "what changed for the data plane could not be read; it is tried again");
        }
    }
}

/// Writes down when keys were used, and how much each version is.
async fn keep_noting(portal: Portal) {
    let mut note = ticks(access::NOTED);
    loop {
        note.tick().await;
        portal.note_uses().await;
        portal.note_usage().await;
    }
}

/// Probes the health of the customers' keys.
async fn keep_probing(portal: Portal) {
    let mut probe = ticks(health::EVERY);
    loop {
        probe.tick().await;
        if let Err(error) = portal.probe_due().await {
            tracing::error!(%error, "the health of keys could not be probed; it is tried again");
        }
    }
}

/// Looks after the journal: its files become rows, its oldest rows go.
async fn keep_journal(portal: Portal) {
    let mut tend = ticks(journal::EVERY);
    loop {
        tend.tick().await;
        if let Err(error) = portal.tend_journal().await {
            tracing::error!(%error, "the journal could not be looked after; it is tried again");
        }
        let states = [
            ("keystead_journal_on_reserve", portal.is_journal_on_reserve()),
            ("keystead_journal_writable", portal.is_journal_writable()),
        ];
        for (name, is_so) in states {
            metrics::gauge!(name).set(if is_so { 1.0 } else { 0.0 });
        }
    }
}

/// Puts the journal on the disk; a database that is slow holds up nothing of it.
async fn keep_syncing(portal: Portal) {
    let mut sync = ticks(journal::EVERY);
    loop {
        sync.tick().await;
        if let Err(error) = portal.sync_journal().await {
            tracing::error!(%error, "the journal could not be synced; until it can, each event is before its answer");
        }
    }
}

/// Accepts connections until SIGTERM or SIGINT, then drains. Also when work in the background ended, which none of it does: whoever
/// looks after the server starts it again.
async fn accept(listener: TcpListener, router: Router, app: App, work: &mut JoinSet<()>) -> Result<(), Stop> {
    let failed = |error| Stop::new(format!("Signals cannot be waited for: {error}."));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let graceful = GracefulShutdown::new();
    let connections = Connections::default();
    let workers = Workers::start()
        .map_err(|error| Stop::new(format!("A thread for connections cannot be started: {error}.")))?;
    let mut ended = Ok(());
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, most likely: wait for some to come back.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    continue;
                }
            },
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = work.join_next() => {
                tracing::error!("work in the background has ended");
                ended = Err(Stop::new("Work in the background has ended; the log says why. Start Keystead again."));
                break;
            }
        };
        // With work under way on every connection there is nothing to be had here.
        let Some(entered) = connections.enter() else { continue };
        let Ok(stream) = stream.into_std() else { continue };
        workers.spawn(served(app.clone(), router.clone(), (stream, peer), entered, graceful.watcher()));
    }
    app.drain();
    drop(listener);
    tracing::info!("ending: requests under way are finished");
    let until = tokio::time::Instant::now() + DRAIN;
    let gone = tokio::time::timeout_at(until - LAST, graceful.shutdown()).await;
    // Work of services goes on when they are gone, until it is written down.
    let idle = tokio::time::timeout_at(until, app.doors().idle()).await;
    if gone.is_err() || idle.is_err() {
        tracing::warn!("some requests did not finish in 25 seconds");
    }
    ended
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(url: &str) -> Result<PgConnectOptions, Stop> {
        postgres_options(&url.parse().expect("a URL"))
    }

    #[test]
    fn off_this_machine_the_servers_name_is_proved() {
        for url in [
            "postgres://keystead@db.example.com/keystead",
            "postgres://keystead@db.example.com/keystead?sslmode=verify-full",
            "postgres://keystead@203.0.113.7/keystead?application_name=verify-full",
            "postgres://keystead@localhost/keystead?host=db.example.com",
        ] {
            let options = options(url).expect("it is used");
            assert!(matches!(options.get_ssl_mode(), PgSslMode::VerifyFull), "{url}");
        }
    }

    #[test]
    fn what_others_could_listen_to_is_refused() {
        for mode in ["disable", "allow", "prefer", "require", "verify-ca"] {
            for url in [
                format!("postgres://keystead@db.example.com/keystead?sslmode={mode}"),
                format!("postgres://keystead@db.example.com/keystead?ssl-mode={mode}"),
                format!(
                    "postgres://keystead@db.example.com/keystead?sslmode={mode}&application_name=verify-full"
                ),
            ] {
                let said = options(&url).err().map(|stop| stop.to_string()).unwrap_or_default();
                assert!(said.contains("sslmode"), "{url}: {said}");
            }
        }
    }

    #[test]
    fn on_this_machine_nothing_is_asked_for() {
        for url in [
            "postgres://keystead@localhost/keystead",
            "postgres://keystead@127.0.0.1/keystead",
            "postgres://keystead@localhost/keystead?host=/run/postgresql",
        ] {
            assert!(options(url).is_ok(), "{url}");
        }
    }
}
