//! Accepts connections until the server has to end, and ends it.

use super::connections::{Connections, Origin};
use super::ending::{Ending, Phase};
use super::workers::{Workers, served};
use crate::{App, Stop, router};
use axum::Router;
use engine::base::network::Network;
use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

/// Time that requests at work get when the server ends.
const DRAIN: Duration = Duration::from_secs(25);
/// The part of it for work that goes on after the last connections are cut.
const LAST: Duration = Duration::from_secs(1);

/// Why the server ends.
enum Why {
    /// SIGTERM. It loses no request: first the lame-duck time, then the drain.
    Terminated,
    /// SIGINT, or a second signal: somebody does not want to wait.
    AtOnce,
    Failed(Stop),
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn watch() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> Why {
        tokio::select! {
            _ = self.terminate.recv() => Why::Terminated,
            _ = self.interrupt.recv() => Why::AtOnce,
        }
    }

    async fn second(&mut self) {
        self.next().await;
    }
}

/// Admits clients.
struct Reception {
    app: App,
    router: Router,
    connections: Connections,
    workers: Workers,
    ending: Ending,
}

/// Serves until the server has to end: it is told to, a newer release has changed the database, or a background job ended, which
/// none of them does. The supervisor of the server is expected to restart it then.
///
/// # Errors
/// A sentence when it cannot begin, and where it ended because something failed.
pub(super) async fn run(
    listener: TcpListener,
    app: App,
    lame_duck: Duration,
    work: &mut JoinSet<()>,
) -> Result<(), Stop> {
    let mut signals = Signals::watch()
        .map_err(|error| Stop::new(format!("Keystead cannot wait for termination signals: {error}.")))?;
    let workers = Workers::start()
        .map_err(|error| Stop::new(format!("Keystead cannot start a thread for connections: {error}.")))?;
    let reception = Reception {
        router: router(app.clone()),
        app,
        connections: Connections::default(),
        workers,
        ending: Ending::default(),
    };
    let mut why = reception.receive(&listener, &mut signals, work).await;
    reception.app.drain();
    if matches!(why, Why::Terminated) && !lame_duck.is_zero() {
        why = reception.be_lame_duck(&listener, lame_duck, &mut signals).await;
    }
    reception.close(listener);
    let until = match why {
        Why::AtOnce => Instant::now() + LAST,
        Why::Terminated | Why::Failed(_) => reception.drain(&mut signals).await,
    };
    // Work of services that have disconnected goes on until the journal has it.
    if timeout_at(until, reception.app.doors().idle()).await.is_err() {
        tracing::warn!("some requests did not finish before the end");
    }
    match why {
        Why::Failed(stop) => Err(stop),
        Why::Terminated | Why::AtOnce => Ok(()),
    }
}

impl Reception {
    async fn receive(&self, listener: &TcpListener, signals: &mut Signals, work: &mut JoinSet<()>) -> Why {
        let portal = self.app.portal();
        tokio::select! {
            never = self.accept(listener) => match never {},
            sentence = portal.outdated() => {
                tracing::error!(sentence, "a newer release has changed the database");
                Why::Failed(Stop::new(sentence))
            }
            why = signals.next() => why,
            _ = work.join_next() => {
                tracing::error!("a background job ended unexpectedly");
                Why::Failed(Stop::new("A background job ended unexpectedly. Find the cause in the log, then start Keystead again."))
            }
        }
    }

    /// Serves on while balancers find out that this server ends.
    async fn be_lame_duck(&self, listener: &TcpListener, time: Duration, signals: &mut Signals) -> Why {
        tracing::info!(
            "stopping; serving for {} more seconds until balancers send no more requests",
            time.as_secs()
        );
        self.ending.begin(Phase::LameDuck);
        tokio::select! {
            never = self.accept(listener) => match never {},
            () = sleep(time) => Why::Terminated,
            () = signals.second() => Why::AtOnce,
        }
    }

    async fn accept(&self, listener: &TcpListener) -> Infallible {
        loop {
            match listener.accept().await {
                // The stream leaves this runtime; the worker registers it with its own.
                Ok((stream, address)) => {
                    if let Ok(stream) = stream.into_std() {
                        self.admit(stream, address);
                    }
                }
                Err(error) => {
                    // Out of file descriptors, most likely: wait for some to come back.
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(Duration::from_millis(200)).await;
                }
            }
        }
    }

    fn admit(&self, stream: TcpStream, address: SocketAddr) {
        // When every connection is at work, the new one is dropped.
        let is_proxy = self.app.proxies().is_trusted(address.ip());
        let from = if is_proxy { Origin::Proxy } else { Origin::Network(Network::of(address.ip())) };
        let Some(entered) = self.connections.enter(from) else { return };
        let (app, router) = (self.app.clone(), self.router.clone());
        self.workers.spawn(served(app, router, (stream, address), entered, self.ending.follow()));
    }

    /// Stops listening.
    fn close(&self, listener: TcpListener) {
        // These clients are connected, and may have sent a request. The system is asked, because tokio knows only the ones that it
        // has been told of.
        if let Ok(listener) = listener.into_std() {
            while let Ok((stream, address)) = listener.accept() {
                // An accepted stream of the standard library blocks.
                if stream.set_nonblocking(true).is_ok() {
                    self.admit(stream, address);
                }
            }
        }
        self.ending.begin(Phase::Draining);
    }

    /// Waits until the last connection has ended; returns the time that is left for work without one.
    async fn drain(&self, signals: &mut Signals) -> Instant {
        tracing::info!("stopping; waiting for requests in progress");
        let until = Instant::now() + DRAIN;
        tokio::select! {
            gone = timeout_at(until - LAST, self.ending.all_gone()) => if gone.is_err() {
                tracing::warn!("some clients did not finish in {} seconds", (DRAIN - LAST).as_secs());
            },
            () = signals.second() => return Instant::now() + LAST,
        }
        until
    }
}
