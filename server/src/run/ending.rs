//! The end of the server, in phases that every connection follows.
//!
//! In the lame-duck time Keystead serves as before, but `/readyz` answers 503 and each connection ends after its next answer, so
//! that balancers and clients go elsewhere. Then it drains: it accepts no connection, and requests in progress are completed.

use super::connections::Connection;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

/// Time that a connection without a request gets for one when the drain begins: its client may have sent it already.
const FIRST_REQUEST: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    Serving,
    LameDuck,
    Draining,
}

/// Tells all connections how far the end is.
pub struct Ending(watch::Sender<Phase>);

impl Default for Ending {
    fn default() -> Self {
        Self(watch::Sender::new(Phase::Serving))
    }
}

impl Ending {
    pub fn begin(&self, phase: Phase) {
        self.0.send_replace(phase);
    }

    pub fn follow(&self) -> Follower {
        Follower(self.0.subscribe())
    }

    /// Waits until the last connection has ended.
    pub async fn all_gone(&self) {
        self.0.closed().await;
    }
}

/// A connection's view of the end. The connection counts as open until this is dropped.
pub struct Follower(watch::Receiver<Phase>);

impl Follower {
    /// Completes when the connection has to end after the requests it has.
    pub async fn has_to_end(&mut self, connection: &Connection) {
        self.reached(Phase::LameDuck).await;
        tokio::select! {
            // GOAWAY goes with an answer, as `Connection: close` does. A connection without a request does not get it at once: its
            // client may be sending one, and hyper's client takes a request for lost that meets GOAWAY on its way.
            () = connection.last_answer() => {}
            () = self.reached(Phase::Draining) => {
                let _ = timeout(FIRST_REQUEST, connection.first_request()).await;
            }
        }
    }

    async fn reached(&mut self, phase: Phase) {
        if self.0.wait_for(|now| *now >= phase).await.is_err() {
            // The sender is dropped at the end of the program only, which ends the connections itself.
            std::future::pending().await
        }
    }
}
