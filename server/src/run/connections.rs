//! Limits of connections: a maximum number at a time, and time-outs for idle ones.
//!
//! Keystead closes a connection that has waited too long, for whatever reason. When every place is taken, it closes the one
//! that has waited longest, so that idle connections cannot keep others out.

use axum::http::Version;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};

/// Maximum number of connections: fewer than the 1,024 open files that a process is usually allowed.
const AT_ONCE: usize = 512;
/// Time-out of the first request, whatever its protocol, and of the headers of a later one.
pub const HEADERS: Duration = Duration::from_secs(10);
/// Time-out of a client that reads an answer, or of a kept connection that waits for its next request.
const QUIET: Duration = Duration::from_secs(30);

/// Time-outs of a connection that waits.
#[derive(Clone, Copy)]
struct Patience {
    /// Until the headers of its first request arrive.
    headers: Duration,
    /// After an answer.
    quiet: Duration,
}

/// All open connections.
#[derive(Clone)]
pub struct Connections {
    all: Arc<Mutex<All>>,
    patience: Patience,
}

#[derive(Default)]
struct All {
    open: HashMap<u64, Connection>,
    entered: u64,
}

impl Default for Connections {
    fn default() -> Self {
        Self { all: Arc::default(), patience: Patience { headers: HEADERS, quiet: QUIET } }
    }
}

/// A connection, shared by its requests.
#[derive(Clone)]
pub struct Connection(Arc<Shared>);

struct Shared {
    patience: Patience,
    state: Mutex<State>,
    make_room: Notify,
    /// The protocol, as soon as the first request has arrived.
    version: watch::Sender<Option<Version>>,
}

struct State {
    at_work: usize,
    has_asked: bool,
    /// Time of its last request, or of the end of its last work.
    since: Instant,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Connections {
    /// Admits one more connection; returns `None` when every connection is at work.
    pub fn enter(&self) -> Option<Entered> {
        let mut all = held(&self.all);
        if all.open.len() >= AT_ONCE {
            let waiting = all.open.iter().filter_map(|(id, open)| open.waits_since().zip(Some(*id)));
            let (_, id) = waiting.min()?;
            // Removed at once, although its socket closes a moment later: the next newcomer must not choose it again.
            all.open.remove(&id)?.0.make_room.notify_one();
        }
        all.entered += 1;
        let (id, connection) = (all.entered, Connection::new(self.patience));
        all.open.insert(id, connection.clone());
        Some(Entered { all: self.clone(), id, connection })
    }
}

/// A connection that is counted until it is dropped.
pub struct Entered {
    all: Connections,
    id: u64,
    pub connection: Connection,
}

impl Drop for Entered {
    fn drop(&mut self) {
        held(&self.all.all).open.remove(&self.id);
    }
}

impl Connection {
    fn new(patience: Patience) -> Self {
        let state = State { at_work: 0, has_asked: false, since: Instant::now() };
        let (make_room, version) = (Notify::new(), watch::Sender::new(None));
        Self(Arc::new(Shared { patience, state: Mutex::new(state), make_room, version }))
    }

    /// Records that the headers of a request have arrived.
    pub fn asked(&self, version: Version) {
        let is_first = {
            let mut state = held(&self.0.state);
            state.since = Instant::now();
            !std::mem::replace(&mut state.has_asked, true)
        };
        if is_first {
            self.0.version.send_replace(Some(version));
        }
    }

    /// Completes when the first request has arrived.
    pub async fn first_request(&self) {
        self.asks(|_| true).await;
    }

    /// Completes when a request over HTTP/2 has arrived.
    pub async fn speaks_http2(&self) {
        self.asks(|version| version == Version::HTTP_2).await;
    }

    async fn asks(&self, like: impl Fn(Version) -> bool) {
        // It cannot fail, because the sender lives as long as this connection.
        let _ = self.0.version.subscribe().wait_for(|version| version.is_some_and(&like)).await;
    }

    /// Marks the connection as at work until the result is dropped.
    pub fn at_work(self) -> AtWork {
        held(&self.0.state).at_work += 1;
        AtWork(self)
    }

    fn waits_since(&self) -> Option<Instant> {
        let state = held(&self.0.state);
        (state.at_work == 0).then_some(state.since)
    }

    /// Completes when the connection has waited too long or has to make room for another.
    pub async fn over(&self) {
        let overdue = async {
            loop {
                let (until, is_over) = {
                    let state = held(&self.0.state);
                    let Patience { headers, quiet } = self.0.patience;
                    let patience = if state.has_asked { quiet } else { headers };
                    // Nothing wakes this loop when work ends, so it looks again when the connection can be over at the earliest.
                    let since = if state.at_work > 0 { Instant::now() } else { state.since };
                    (since + patience, state.at_work == 0 && state.since.elapsed() >= patience)
                };
                if is_over {
                    return;
                }
                sleep_until(until).await;
            }
        };
        tokio::select! {
            () = overdue => {}
            () = self.0.make_room.notified() => {}
        }
    }
}

/// Work on a connection; it ends when this is dropped.
pub struct AtWork(Connection);

impl Drop for AtWork {
    fn drop(&mut self) {
        let mut state = held(&self.0.0.state);
        state.at_work -= 1;
        state.since = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns connections with short time-outs, so that a test need not wait as long as a client may.
    fn hasty() -> Connections {
        let patience = Patience { headers: Duration::from_millis(100), quiet: Duration::from_millis(300) };
        Connections { patience, ..Connections::default() }
    }

    #[test]
    fn a_client_has_ten_seconds_to_ask_and_thirty_to_read_or_ask_again() {
        let Patience { headers, quiet } = Connections::default().patience;
        assert_eq!((headers.as_secs(), quiet.as_secs()), (10, 30));
    }

    #[tokio::test]
    async fn whoever_waited_longest_makes_room() {
        let connections = Connections::default();
        let busy = connections.enter().expect("a place");
        let _work = busy.connection.clone().at_work();
        let mut waiting = Vec::new();
        for _ in 1..AT_ONCE {
            waiting.push(connections.enter().expect("a place"));
            // So that no two have waited equally long.
            tokio::time::sleep(Duration::from_micros(10)).await;
        }
        let _next = connections.enter().expect("the oldest makes room");
        waiting[0].connection.over().await;
        for other in [&busy, &waiting[1]] {
            let stays = tokio::time::timeout(Duration::from_millis(100), other.connection.over()).await;
            assert!(stays.is_err());
        }
    }

    #[tokio::test]
    async fn where_everybody_works_nobody_enters() {
        let connections = Connections::default();
        let all: Vec<_> = (0..AT_ONCE).map(|_| connections.enter().expect("a place")).collect();
        let work: Vec<_> = all.iter().map(|entered| entered.connection.clone().at_work()).collect();
        assert!(connections.enter().is_none());
        drop((all, work));
        assert!(connections.enter().is_some());
    }

    #[tokio::test]
    async fn a_connection_that_asks_nothing_is_over_when_the_time_for_headers_is() {
        let connections = hasty();
        let (silent, asked) = (connections.enter().expect("a place"), connections.enter().expect("a place"));
        asked.connection.asked(Version::HTTP_11);
        let began = Instant::now();
        silent.connection.over().await;
        assert!(began.elapsed() >= connections.patience.headers);
        asked.connection.over().await;
        assert!(began.elapsed() >= connections.patience.quiet, "one that has asked may wait longer");
    }

    #[tokio::test]
    async fn no_connection_is_over_while_it_is_worked_for() {
        let connections = hasty();
        let entered = connections.enter().expect("a place");
        entered.connection.asked(Version::HTTP_11);
        let work = entered.connection.clone().at_work();
        let worked = connections.patience.quiet * 2;
        let began = Instant::now();
        let end = async {
            tokio::time::sleep(worked).await;
            drop(work);
        };
        tokio::join!(entered.connection.over(), end);
        assert!(began.elapsed() >= worked + connections.patience.quiet);
    }
}
