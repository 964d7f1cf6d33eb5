//! Start and end of the server.

use crate::run::background;
use crate::run::opening::{database_name, make_folder, open_or_make_portal};
use crate::run::reception;
use crate::run::telemetry;
use crate::settings::Settings;
use crate::{App, Stop};
use engine::base::disk::network_file_system;
use engine::base::files;
use engine::{Hardened, Portal, SecretText};
use std::fs::OpenOptions;
use std::io::{IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use tokio::net::{TcpListener, TcpSocket};

/// Maximum number of connections that wait to be accepted, where the system allows so many.
const QUEUE: u32 = 4096;

/// Serves until the program is told to end.
///
/// # Errors
/// A sentence when it cannot start.
pub async fn serve(settings: Settings, hardened: Hardened) -> Result<(), Stop> {
    let metrics = telemetry::start_metrics()?;
    metrics::gauge!("keystead_memory_locked").set(if hardened.is_locked { 1.0 } else { 0.0 });
    if settings.web.is_insecure() {
        tracing::warn!(url = %settings.web.public_url, listen = %settings.web.listen, "other machines are served over plain HTTP; passwords and codes cross the network unencrypted");
    }
    if settings.web.is_proxy_missing() {
        tracing::warn!(url = %settings.web.public_url, "a proxy ends TLS, but KEYSTEAD_TRUSTED_PROXIES is empty, so Keystead takes all visitors for one; set it to the address of the proxy");
    }
    let portal = open_or_make_portal(&settings).await?;
    tracing::info!(database = database_name(&settings), "the database is open");
    // Before the journal is opened: a second start on the same port ends here and adds no run to it.
    let listener = listen(settings.web.listen).await?;
    let metrics_listener = match settings.web.metrics_listen {
        Some(address) => Some(listen(address).await?),
        None => None,
    };
    make_folder(&settings.data_dir)?;
    if let Some(kind) = network_file_system(&settings.data_dir) {
        tracing::warn!(folder = %settings.data_dir.display(), kind, "the journal is on a network file system; services wait for the network, and get no answer while it is away; use a local disk for KEYSTEAD_DATA_DIR");
    }
    portal.overview().look_back(&settings.data_dir).await?;
    portal.audit().open_journal(&settings.data_dir.join("journal")).await?;
    let app = App::new(portal.clone(), &settings);
    announce(&settings, &portal).await?;
    tokio::spawn(telemetry::keep_tidy(metrics.clone()));
    if let Some(listener) = metrics_listener {
        tokio::spawn(async move { axum::serve(listener, telemetry::metrics_router(metrics)).await });
    }
    let mut work = background::start(&portal);
    let ended = reception::run(listener, app, settings.web.lame_duck, &mut work).await;
    work.shutdown().await;
    background::note_uses(&portal).await;
    background::leave_last_trace(&portal).await;
    portal.close().await;
    tracing::info!("Keystead has stopped");
    ended
}

async fn listen(address: std::net::SocketAddr) -> Result<TcpListener, Stop> {
    let listen = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        // A client that finds the queue full retries only after a whole second.
        socket.listen(QUEUE)
    };
    listen().map_err(|error| {
        Stop::new(format!(
            "Keystead cannot listen on {address}: {error}. Choose another address in KEYSTEAD_LISTEN or KEYSTEAD_METRICS_LISTEN."
        ))
    })
}

/// Prints the address of the portal; on a first run, issues the setup token.
async fn announce(settings: &Settings, portal: &Portal) -> Result<(), Stop> {
    // A failure to print is ignored: the log has the address, and the file has the token.
    let mut out = std::io::stdout();
    let address = settings.web.public_url.as_str().trim_end_matches('/');
    let file = settings.data_dir.join("setup-token");
    let before = files::read_text(&file, 256).ok().map(|text| SecretText::new(text.as_str()));
    match portal.people().issue_setup_token(before).await? {
        Some(token) => {
            make_folder(&settings.data_dir)?;
            write_token(&file, &token)?;
            let _ = writeln!(
                out,
                "\nKeystead is running at {address}\nOpen this URL and set up Keystead with the one-time setup token (valid for 60 minutes)."
            );
            // Without a terminal, standard output may end in a log.
            if settings.show_setup_token || std::io::stdout().is_terminal() {
                let _ = writeln!(out, "\n    Setup token: {}\n", token.expose());
            } else {
                let _ = writeln!(out, "The setup token is in the file {}\n", file.display());
            }
        }
        None => {
            let _ = std::fs::remove_file(&file);
            let _ = writeln!(out, "\nKeystead is running at {address}\n");
        }
    }
    let _ = out.flush();
    tracing::info!(%address, "Keystead is running");
    Ok(())
}

fn write_token(file: &PathBuf, token: &SecretText) -> Result<(), Stop> {
    let _ = std::fs::remove_file(file);
    // `create_new` follows no link and does not inherit the mode of an earlier file.
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
