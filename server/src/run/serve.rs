//! Start and end of the server.

use crate::run::background;
use crate::run::connections::Connections;
use crate::run::opening::{database_name, make_folder, open_or_make_portal};
use crate::run::telemetry;
use crate::run::workers::{Workers, served};
use crate::settings::Settings;
use crate::{App, Stop, router};
use axum::Router;
use engine::{Hardened, Portal, SecretText};
use hyper_util::server::graceful::GracefulShutdown;
use std::fs::OpenOptions;
use std::io::{IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

/// Time that requests at work get when the server ends.
const DRAIN: Duration = Duration::from_secs(25);
/// The part of it for work that goes on after the last connections are cut.
const LAST: Duration = Duration::from_secs(1);
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
        tracing::warn!(url = %settings.web.public_url, "the public URL uses plain HTTP; passwords and codes cross the network unencrypted");
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
    portal.overview().look_back(&settings.data_dir).await?;
    portal.audit().open_journal(&settings.data_dir.join("journal")).await?;
    let app = App::new(portal.clone(), &settings);
    announce(&settings, &portal).await?;
    tokio::spawn(telemetry::keep_tidy(metrics.clone()));
    if let Some(listener) = metrics_listener {
        tokio::spawn(async move { axum::serve(listener, telemetry::metrics_router(metrics)).await });
    }
    let mut work = background::start(&portal);
    let ended = accept(listener, router(app.clone()), app, &mut work).await;
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
    let before = std::fs::read_to_string(&file).ok().map(SecretText::new);
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

/// Accepts connections until SIGTERM or SIGINT, then drains. It also drains when a background job ends, which none of them
/// does: the supervisor of the server is expected to restart it.
async fn accept(listener: TcpListener, router: Router, app: App, work: &mut JoinSet<()>) -> Result<(), Stop> {
    let failed = |error| Stop::new(format!("Keystead cannot wait for termination signals: {error}."));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let graceful = GracefulShutdown::new();
    let connections = Connections::default();
    let workers = Workers::start()
        .map_err(|error| Stop::new(format!("Keystead cannot start a thread for connections: {error}.")))?;
    let mut ended = Ok(());
    let portal = app.portal().clone();
    let mut outdated = std::pin::pin!(portal.outdated());
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
            sentence = &mut outdated => {
                tracing::error!(sentence, "a newer release has changed the database");
                ended = Err(Stop::new(sentence));
                break;
            }
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = work.join_next() => {
                tracing::error!("a background job ended unexpectedly");
                ended = Err(Stop::new("A background job ended unexpectedly. Find the cause in the log, then start Keystead again."));
                break;
            }
        };
        // When every connection is at work, the new one is dropped.
        let Some(entered) = connections.enter() else { continue };
        // The stream leaves this runtime; the worker registers it with its own.
        let Ok(stream) = stream.into_std() else { continue };
        workers.spawn(served(app.clone(), router.clone(), (stream, peer), entered, graceful.watcher()));
    }
    app.drain();
    drop(listener);
    tracing::info!("stopping; waiting for requests in progress");
    let until = tokio::time::Instant::now() + DRAIN;
    // Connections first: `idle` takes free places at once, and requests under way would find none.
    let gone = tokio::time::timeout_at(until - LAST, graceful.shutdown()).await;
    // Work of services that have disconnected goes on until the journal has it.
    let idle = tokio::time::timeout_at(until, app.doors().idle()).await;
    if gone.is_err() || idle.is_err() {
        tracing::warn!("some requests did not finish in 25 seconds");
    }
    ended
}
