//! Passwords from an address that several persons have: the address of a proxy that Keystead cannot see through.
//!
//! Strangers behind the proxy fill the counter of its network, and the counter would lock out everybody behind it. Therefore a
//! right password passes the full counter. A wrong password gets the answer of the full counter.
//!
//! A stranger can pretend to be a proxy. The comparisons that the stranger gains have three bounds: the counter of the name, a
//! number a minute for each network, and the queue of the hasher. They make no rows.

use crate::base::clock::Steady;
use crate::base::error::ChangesError;
use crate::base::network::Network;
use crate::changes::Changes;
use crate::changes::throttle::{Try, TryKind, begin};
use crate::store::users::User;
use crate::{Client, Error};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Maximum number of passwords that a server compares within `LATELY` for a network whose counter is full.
const MOST: u32 = 20;
const LATELY: Duration = Duration::from_secs(60);
/// Maximum number of networks for which a server compares passwords within `LATELY` although their counters are full.
const NETWORKS: usize = 256;

/// The networks with a full counter, each with the begin of its minute and the number of passwords compared since.
#[derive(Default)]
pub(super) struct PastNetworks(Mutex<HashMap<Network, (Steady, u32)>>);

impl PastNetworks {
    /// Counts a comparison for a network, unless the network has had its number.
    fn take(&self, network: Network, now: Steady) -> bool {
        let mut networks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !networks.contains_key(&network) && networks.len() >= NETWORKS {
            networks.retain(|_, (since, _)| now.since(*since) < LATELY);
            if networks.len() >= NETWORKS {
                return false;
            }
        }
        let (since, compared) = networks.entry(network).or_insert((now, 0));
        if now.since(*since) >= LATELY {
            (*since, *compared) = (now, 0);
        }
        *compared += 1;
        *compared <= MOST
    }
}

impl Changes {
    /// Checks whether Keystead compares a password although the counter of its network has refused it.
    pub(crate) fn may_pass(&self, refused: &Error, from: &Client) -> bool {
        let is_blocked = matches!(refused, Error::Changes(ChangesError::Blocked { .. }));
        is_blocked
            && from.is_shared
            && self.past_networks.take(Network::of_text(&from.address), self.vault.steady())
    }

    /// Counts a password for the name alone, because the counter of its network is full. Every name causes the same work. A name
    /// that nobody has gets no counter, so guesses at such names make no rows.
    ///
    /// Returns `None` when no password of this name is right now.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn begin_past_network(
        &self,
        name: &str,
        user: Option<&User>,
        from: &Client,
    ) -> Result<Option<Try>, Error> {
        let subject = match user {
            Some(_) => self.name_subject(name),
            None => self.network_subject(&from.address),
        };
        let (now, of) = (self.vault.now(), &subject);
        let counted = self
            .vault
            .db()
            .write(|mut tx| async move {
                let held = tx.throttle().hold(&of.hash, now).await?;
                let counted = user.and_then(|_| begin(held, of, TryKind::Password, now).ok());
                // The counter is written in any case, so that the time of the answer does not tell whether somebody has the name.
                tx.throttle().set(&of.hash, counted.unwrap_or(held)).await?;
                tx.commit_unaudited("a try past a full counter is counted before it is compared").await?;
                Ok(counted)
            })
            .await?;
        Ok(counted.map(|counter| Try {
            subject,
            kind: TryKind::Password,
            blocked_until: counter.blocked_until,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_gets_twenty_comparisons_a_minute_past_its_counter() {
        let (past, now) = (PastNetworks::default(), Steady::default());
        let network = Network::of_text("192.0.2.7");
        let taken = |at| (0..50).filter(|_| past.take(network, at)).count();
        assert_eq!((taken(now), taken(now.plus(LATELY / 2)), taken(now.plus(LATELY))), (20, 0, 20));
    }

    #[test]
    fn the_memory_for_networks_is_bounded() {
        let (past, now) = (PastNetworks::default(), Steady::default());
        let network = |number: usize| Network::of_text(&format!("10.0.{}.{}", number / 256, number % 256));
        let taken = |at| (0..1000).filter(|number| past.take(network(*number), at)).count();
        assert_eq!((taken(now), taken(now.plus(LATELY))), (NETWORKS, NETWORKS));
    }
}
