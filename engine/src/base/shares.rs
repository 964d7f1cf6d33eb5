//! Capacities that many clients share, so that no client takes what the others need.
//!
//! Nobody may hold more than what they leave free. One hog gets half of a capacity, two get a third each, and so on: however many
//! there are, a newcomer finds room. (The "dynamic thresholds" of Choudhury and Hahne, 1998, for the buffers of switches.) The rule
//! holds for each holder, and for strangers on three levels: for all of them together, for each network, and for each connection
//! in it. So all strangers together hold less than half, and a client that shares its network with a hog finds room as well.

use super::network::Network;
use domain::base::id::UserId;
use domain::services::api_key::ApiKeyId;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// The client that a part of a capacity counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Holder {
    /// A client that has not proved who it is. `connection` is its number.
    Stranger { network: Network, connection: u64 },
    /// An administrator who is signed in.
    Person(UserId),
    /// A service with an API key that works.
    Service(ApiKeyId),
    /// The operator, on the host's command line.
    Host,
}

impl Holder {
    pub fn stranger(network: Network) -> Self {
        Self::Stranger { network, connection: 0 }
    }
}

/// A capacity. Clones share it.
#[derive(Clone)]
pub struct Shares(Arc<Inner>);

struct Inner {
    capacity: usize,
    taken: Mutex<Taken>,
    given_back: Notify,
}

#[derive(Default)]
struct Taken {
    all: usize,
    strangers: usize,
    networks: HashMap<Network, usize>,
    holders: HashMap<Holder, usize>,
    is_closed: bool,
}

impl Taken {
    /// Returns how much more this holder may take: as long as nobody has more than what is left free afterwards.
    fn room(&self, capacity: usize, holder: Holder) -> usize {
        let of_holder = self.holders.get(&holder).copied().unwrap_or(0);
        // What is taken counts on every level, and once more as taken from what is free.
        let (of_levels, counted) = match holder {
            Holder::Stranger { network, .. } => {
                (self.strangers + self.networks.get(&network).copied().unwrap_or(0), 4)
            }
            Holder::Person(_) | Holder::Service(_) | Holder::Host => (0, 2),
        };
        if self.is_closed { 0 } else { capacity.saturating_sub(self.all + of_levels + of_holder) / counted }
    }

    fn add(&mut self, holder: Holder, amount: usize) {
        self.all += amount;
        *self.holders.entry(holder).or_default() += amount;
        if let Holder::Stranger { network, .. } = holder {
            self.strangers += amount;
            *self.networks.entry(network).or_default() += amount;
        }
    }

    fn remove(&mut self, holder: Holder, amount: usize) {
        self.all -= amount;
        less(&mut self.holders, holder, amount);
        if let Holder::Stranger { network, .. } = holder {
            self.strangers -= amount;
            less(&mut self.networks, network, amount);
        }
    }
}

/// Takes an amount off a count. A count of nothing is removed, so that the map does not grow with the number of clients.
fn less<K: Eq + Hash>(counts: &mut HashMap<K, usize>, key: K, amount: usize) {
    if let Some(count) = counts.get_mut(&key) {
        *count -= amount;
        if *count == 0 {
            counts.remove(&key);
        }
    }
}

impl Shares {
    pub fn new(capacity: usize) -> Self {
        Self(Arc::new(Inner { capacity, taken: Mutex::default(), given_back: Notify::new() }))
    }

    /// Takes an amount until the result is dropped; returns `None` when the holder's share has no room for it.
    pub fn take(&self, holder: Holder, amount: usize) -> Option<Held> {
        let mut held = Held { shares: self.clone(), holder, amount: 0 };
        held.take_more(amount).then_some(held)
    }

    /// Checks whether the holder's share has room for this amount.
    pub fn has_room(&self, holder: Holder, amount: usize) -> bool {
        amount <= self.taken().room(self.0.capacity, holder)
    }

    /// Waits until nothing is taken; afterwards nothing can be taken.
    pub async fn close(&self) {
        loop {
            let given_back = self.0.given_back.notified();
            {
                let mut taken = self.taken();
                taken.is_closed = taken.all == 0;
                if taken.is_closed {
                    return;
                }
            }
            given_back.await;
        }
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A part of a capacity, which is free again when this is dropped.
pub struct Held {
    shares: Shares,
    holder: Holder,
    amount: usize,
}

impl Held {
    /// Takes more for the same holder; returns whether there was room.
    #[must_use]
    pub fn take_more(&mut self, amount: usize) -> bool {
        let mut taken = self.shares.taken();
        let has_room = amount <= taken.room(self.shares.0.capacity, self.holder);
        if has_room {
            taken.add(self.holder, amount);
            self.amount += amount;
        }
        has_room
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let is_free = {
            let mut taken = self.shares.taken();
            taken.remove(self.holder, self.amount);
            taken.all == 0
        };
        if is_free {
            self.shares.0.given_back.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn stranger(network: &str, connection: u64) -> Holder {
        Holder::Stranger { network: Network::of_text(network), connection }
    }

    fn service(number: u8) -> Holder {
        Holder::Service(ApiKeyId([number; 6]))
    }

    /// Takes one at a time for as long as there is room.
    fn hog(shares: &Shares, holder: Holder) -> Vec<Held> {
        std::iter::from_fn(|| shares.take(holder, 1)).collect()
    }

    #[test]
    fn a_hog_gets_half_and_the_next_ones_half_of_the_rest() {
        let shares = Shares::new(1000);
        let held: Vec<_> = (0..3).map(|number| hog(&shares, service(number))).collect();
        assert_eq!(held.iter().map(Vec::len).collect::<Vec<_>>(), [500, 250, 125]);
        assert!(shares.take(service(8), 62).is_some() && shares.take(service(8), 126).is_none());
        drop(held);
        assert_eq!(hog(&shares, service(9)).len(), 500, "what was given back can be taken again");
    }

    #[test]
    fn strangers_together_hold_less_than_half_and_leave_room_for_each_other() {
        let shares = Shares::new(10_000);
        let mut held = Vec::new();
        for network in 0..200 {
            for connection in 0..20 {
                let taken = hog(&shares, stranger(&format!("10.0.0.{network}"), connection));
                assert!(connection > 0 || network > 5 || !taken.is_empty(), "network {network}");
                held.extend(taken);
            }
        }
        assert!(held.len() < 5000, "{}", held.len());
        assert!(hog(&shares, service(1)).len() > 2400, "a service has room");
    }

    #[test]
    fn a_stranger_beside_a_hog_in_the_same_network_finds_room() {
        let shares = Shares::new(32 << 20);
        let mut held = Vec::new();
        for connection in 0..33 {
            held.extend((0..16).map_while(|_| shares.take(stranger("192.0.2.7", connection), 64 << 10)));
        }
        assert!(shares.take(stranger("192.0.2.7", 33), 8 << 10).is_some(), "in the same network");
        assert!(shares.take(stranger("192.0.2.8", 34), 1 << 20).is_some(), "in another");
    }

    #[test]
    fn more_is_taken_for_the_same_holder() {
        let shares = Shares::new(10);
        let mut held = shares.take(service(1), 3).expect("room");
        assert!(held.take_more(2) && !held.take_more(1));
        drop(held);
        assert!(shares.take(service(2), 5).is_some());
    }

    #[tokio::test]
    async fn nothing_can_be_taken_after_the_last_was_given_back() {
        let shares = Shares::new(10);
        let held = shares.take(service(1), 1).expect("room");
        let (closing, other) = (shares.clone(), shares.clone());
        let closing = tokio::spawn(async move { closing.close().await });
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(!closing.is_finished() && other.take(service(1), 1).is_some(), "it waits");
        drop(held);
        closing.await.expect("it is closed");
        assert!(shares.take(service(1), 1).is_none());
    }
}
