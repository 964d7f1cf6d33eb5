//! What this server does not know yet: another server, or a command on the host, may have made it a moment ago.

use super::{Access, Known};
use crate::Error;
use crate::base::network::Network;
use crate::base::window::Window;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// How often a network may have the database asked for a key or an alias that this server does not know, within a minute.
const LOOKS: u32 = 60;
/// Maximum number of networks that are counted. Their clients are answered from memory otherwise.
const LOOKERS: usize = 4096;
/// Time within which the database must answer then.
const PATIENCE: Duration = Duration::from_secs(1);

/// Looks into the database before something is refused because it is not known.
pub(super) struct Newcomers {
    looks: Window<Network>,
    /// One look at a time. Those who wait for it take its result.
    turn: Mutex<()>,
}

impl Default for Newcomers {
    fn default() -> Self {
        Self { looks: Window::new(LOOKS, Duration::from_secs(60), LOOKERS), turn: Mutex::default() }
    }
}

impl Access {
    /// Returns a view of the database that is newer than the request, before something is refused because this server does not know
    /// it. Returns `None` when the client's network has had its looks; what is made elsewhere is known half a second later anyway.
    ///
    /// # Errors
    /// When the database fails, because the answer is not known then.
    pub(super) async fn look_for_newcomer(&self, address: &str) -> Result<Option<Arc<Known>>, Error> {
        let asked = self.vault.steady();
        if !self.newcomers.looks.take(Network::of_text(address), asked) {
            return Ok(None);
        }
        let looking = async {
            let _turn = self.newcomers.turn.lock().await;
            if self.remembered().is_none_or(|known| known.looked().at <= asked) {
                self.refresh().await?;
            }
            self.known().await
        };
        let known = tokio::time::timeout(PATIENCE, looking).await.map_err(|_| Error::Busy)?;
        known.map(Some)
    }
}
