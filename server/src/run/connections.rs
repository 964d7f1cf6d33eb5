//! Limits of connections: a maximum number at a time, and time-outs for idle ones.
//!
//! Keystead closes a connection that has waited too long, for whatever reason. When every place is taken, it closes one that
//! waits, so that idle connections cannot keep others out: of the network that has the most connections, the one that has waited
//! longest, and first those that never asked.

use engine::base::network::Network;
use engine::base::shares::Holder;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
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
    /// How many are open from where.
    from: HashMap<Origin, usize>,
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
    number: u64,
    from: Origin,
    patience: Patience,
    state: Mutex<State>,
    make_room: Notify,
    /// Told when the first request arrives.
    first_request: Notify,
    /// Told when an answer is the last one over HTTP/2.
    last_answer: Notify,
}

struct State {
    at_work: usize,
    holder: Holder,
    has_asked: bool,
    /// Time of its last request, or of the end of its last work.
    since: Instant,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Connections {
    /// Admits one more connection; returns `None` when every connection is at work.
    pub fn enter(&self, from: Origin) -> Option<Entered> {
        let mut all = held(&self.all);
        if all.open.len() >= AT_ONCE {
            let id = all.to_close()?;
            // Removed at once, although its socket closes a moment later: the next newcomer must not choose it again.
            all.remove(id)?.0.make_room.notify_one();
        }
        all.entered += 1;
        let (id, connection) = (all.entered, Connection::new(all.entered, from, self.patience));
        all.add(id, connection.clone());
        Some(Entered { all: self.clone(), id, connection })
    }
}

impl All {
    /// Returns the connection that makes room for another.
    fn to_close(&self) -> Option<u64> {
        // A proxy has the connections of all its clients, so it comes last.
        let networks = self.from.iter().filter(|(from, _)| **from != Origin::Proxy);
        let largest = networks.max_by_key(|(_, many)| **many).map(|(from, _)| *from);
        largest.and_then(|from| self.waiting(|of| of == from)).or_else(|| self.waiting(|_| true))
    }

    /// Returns the connection that has waited longest, and first those that never asked.
    fn waiting(&self, is_meant: impl Fn(Origin) -> bool) -> Option<u64> {
        let meant = self.open.iter().filter(|(_, open)| is_meant(open.0.from));
        let waiting =
            meant.filter_map(|(id, open)| open.waits().map(|(has_asked, since)| (has_asked, since, *id)));
        waiting.min().map(|(_, _, id)| id)
    }

    fn add(&mut self, id: u64, connection: Connection) {
        *self.from.entry(connection.0.from).or_default() += 1;
        self.open.insert(id, connection);
    }

    fn remove(&mut self, id: u64) -> Option<Connection> {
        let connection = self.open.remove(&id)?;
        if let Entry::Occupied(mut many) = self.from.entry(connection.0.from) {
            *many.get_mut() -= 1;
            if *many.get() == 0 {
                many.remove();
            }
        }
        Some(connection)
    }
}

/// Where a connection comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    Network(Network),
    /// A trusted proxy.
    Proxy,
}

/// A connection that is counted until it is dropped.
pub struct Entered {
    all: Connections,
    id: u64,
    pub connection: Connection,
}

impl Drop for Entered {
    fn drop(&mut self) {
        held(&self.all.all).remove(self.id);
    }
}

impl Connection {
    fn new(number: u64, from: Origin, patience: Patience) -> Self {
        let network = match from {
            Origin::Network(network) => network,
            Origin::Proxy => Network::UNKNOWN,
        };
        let holder = Holder::Stranger { network, connection: number };
        let state = State { at_work: 0, holder, has_asked: false, since: Instant::now() };
        Self(Arc::new(Shared {
            number,
            from,
            patience,
            state: Mutex::new(state),
            make_room: Notify::new(),
            first_request: Notify::new(),
            last_answer: Notify::new(),
        }))
    }

    /// Returns its number, which no other connection has.
    pub fn number(&self) -> u64 {
        self.0.number
    }

    /// Records that the headers of a request have arrived.
    pub fn asked(&self) {
        let is_first = {
            let mut state = held(&self.0.state);
            state.since = Instant::now();
            !std::mem::replace(&mut state.has_asked, true)
        };
        if is_first {
            self.0.first_request.notify_one();
        }
    }

    /// Completes, for one caller, when the first request has arrived.
    pub async fn first_request(&self) {
        self.0.first_request.notified().await;
    }

    /// Lets the connection end with the answer that is about to be sent. Only HTTP/2 needs it: over HTTP/1, the answer says so.
    pub fn end_with_answer(&self) {
        self.0.last_answer.notify_one();
    }

    /// Completes when an answer ends the connection.
    pub async fn last_answer(&self) {
        self.0.last_answer.notified().await;
    }

    /// Marks the connection as at work for somebody until the result is dropped.
    pub fn at_work(self, holder: Holder) -> AtWork {
        {
            let mut state = held(&self.0.state);
            state.at_work += 1;
            state.holder = holder;
        }
        AtWork(self)
    }

    /// Returns the holder for whom the connection was at work last; `None` for a proxy's, which has many.
    pub fn holder(&self) -> Option<Holder> {
        (self.0.from != Origin::Proxy).then(|| held(&self.0.state).holder)
    }

    /// Returns whether the connection has ever asked and since when it has waited; `None` if it is at work.
    fn waits(&self) -> Option<(bool, Instant)> {
        let state = held(&self.0.state);
        (state.at_work == 0).then_some((state.has_asked, state.since))
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

    const NEAR: Origin = Origin::Network(Network::UNKNOWN);

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
        let busy = connections.enter(NEAR).expect("a place");
        let _work = busy.connection.clone().at_work(Holder::Host);
        let mut waiting = Vec::new();
        for _ in 1..AT_ONCE {
            waiting.push(connections.enter(NEAR).expect("a place"));
            // So that no two have waited equally long.
            tokio::time::sleep(Duration::from_micros(10)).await;
        }
        let _next = connections.enter(NEAR).expect("the oldest makes room");
        waiting[0].connection.over().await;
        for other in [&busy, &waiting[1]] {
            let stays = tokio::time::timeout(Duration::from_millis(100), other.connection.over()).await;
            assert!(stays.is_err());
        }
    }

    #[tokio::test]
    async fn whoever_has_the_most_connections_makes_room() {
        let connections = Connections::default();
        let from = |address: &str| Origin::Network(Network::of_text(address));
        let enter = |from| connections.enter(from).expect("a place");
        let honest = enter(from("192.0.2.1"));
        let proxies: Vec<_> = (0..AT_ONCE / 2).map(|_| enter(Origin::Proxy)).collect();
        let asked = enter(from("192.0.2.2"));
        asked.connection.asked();
        let many: Vec<_> = (proxies.len() + 2..AT_ONCE).map(|_| enter(from("192.0.2.2"))).collect();
        let newcomers: Vec<_> = (0..many.len()).map(|_| enter(from("192.0.2.3"))).collect();
        for closed in &many[..many.len() / 2] {
            closed.connection.over().await;
        }
        for other in [&honest, &proxies[0], &asked, &newcomers[newcomers.len() - 1]] {
            let stays = tokio::time::timeout(Duration::from_millis(20), other.connection.over()).await;
            assert!(stays.is_err());
        }
    }

    #[tokio::test]
    async fn where_everybody_works_nobody_enters() {
        let connections = Connections::default();
        let all: Vec<_> = (0..AT_ONCE).map(|_| connections.enter(NEAR).expect("a place")).collect();
        let work: Vec<_> =
            all.iter().map(|entered| entered.connection.clone().at_work(Holder::Host)).collect();
        assert!(connections.enter(NEAR).is_none());
        drop((all, work));
        assert!(connections.enter(NEAR).is_some());
    }

    #[tokio::test]
    async fn a_connection_that_asks_nothing_is_over_when_the_time_for_headers_is() {
        let connections = hasty();
        let (silent, asked) =
            (connections.enter(NEAR).expect("a place"), connections.enter(NEAR).expect("a place"));
        asked.connection.asked();
        let began = Instant::now();
        silent.connection.over().await;
        assert!(began.elapsed() >= connections.patience.headers);
        asked.connection.over().await;
        assert!(began.elapsed() >= connections.patience.quiet, "one that has asked may wait longer");
    }

    #[tokio::test]
    async fn no_connection_is_over_while_it_is_worked_for() {
        let connections = hasty();
        let entered = connections.enter(NEAR).expect("a place");
        entered.connection.asked();
        let work = entered.connection.clone().at_work(Holder::Host);
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
