//! Passwords from an address that several persons have: the address of a proxy that Keystead cannot see through.
//!
//! Strangers behind the proxy fill the counter of its network, and the counter would lock out everybody behind it. Therefore a
//! right password passes the full counter. A wrong password gets the answer of the full counter.
//!
//! A stranger can pretend to be a proxy. The comparisons that the stranger gains have three bounds: five for a name in a quarter of
//! an hour, and none while the name's own counter blocks it; twenty a minute for a network; and the queue of the hasher. They make
//! no rows, and known and unknown names are treated alike.

use crate::base::error::ChangesError;
use crate::base::network::Network;
use crate::base::window::Window;
use crate::changes::Changes;
use crate::{Client, Error};
use std::time::Duration;

/// The passwords that a server compares although the counter of their network is full.
pub(super) struct PastNetworks {
    networks: Window<Network>,
    /// By the keyed hash of the name, known or unknown.
    names: Window<[u8; 32]>,
}

impl Default for PastNetworks {
    fn default() -> Self {
        Self {
            networks: Window::new(20, Duration::from_secs(60), 256),
            // As many as the longest wait of the name's own counter allows.
            names: Window::new(5, Duration::from_secs(15 * 60), 4096),
        }
    }
}

impl Changes {
    /// Checks whether Keystead compares a password although the counter of its network has refused it.
    pub(crate) fn may_pass(&self, refused: &Error, from: &Client) -> bool {
        let is_blocked = matches!(refused, Error::Changes(ChangesError::Blocked { .. }));
        is_blocked
            && from.is_shared
            && self.past_networks.networks.take(Network::of_text(&from.address), self.vault.steady())
    }

    /// Counts a password for a name past the full counter of its network. Returns false when it must not be compared. The name's own
    /// counter stays as it is, so a stranger can neither block the name this way nor learn whether somebody has it.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn may_pass_for(&self, name: &str) -> Result<bool, Error> {
        let subject = self.name_subject(name);
        let is_open = !self.is_blocked(&subject).await?;
        Ok(self.past_networks.names.take(subject.hash, self.vault.steady()) && is_open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::Steady;

    #[test]
    fn a_network_gets_twenty_comparisons_a_minute_past_its_counter() {
        let (past, now) = (PastNetworks::default(), Steady::default());
        let network = Network::of_text("192.0.2.7");
        let taken = |at| (0..50).filter(|_| past.networks.take(network, at)).count();
        let minute = Duration::from_secs(60);
        assert_eq!((taken(now), taken(now.plus(minute / 2)), taken(now.plus(minute))), (20, 0, 20));
    }

    #[test]
    fn a_name_gets_five_comparisons_in_a_quarter_of_an_hour() {
        let (past, now) = (PastNetworks::default(), Steady::default());
        let taken = |at| (0..50).filter(|_| past.names.take([7; 32], at)).count();
        let quarter = Duration::from_secs(15 * 60);
        assert_eq!((taken(now), taken(now.plus(quarter / 2)), taken(now.plus(quarter))), (5, 0, 5));
    }
}
