//! What strangers try. It is counted for their networks, and a try that was wrong gets a line of the audit log at most once a minute:
//! strangers must not fill a log from which nothing is ever removed.

use crate::Error;
use crate::base::clock::Steady;
use crate::base::entry::{Actor, Entry};
use crate::base::log::or_warn;
use crate::base::network::{Network, Site};
use crate::changes::Changes;
use crate::changes::session::Client;
use crate::changes::throttle::{Subject, Try, TryKind};
use crate::store::throttle::Counter;
use crate::vault::envelope::Purpose;
use crate::vault::opened::Vault;
use domain::audit::event::Action;
use domain::base::id::UserId;
use domain::base::words;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Interval between two lines about the same kind of try.
const LINE: Duration = Duration::from_secs(60);
/// Interval at which lines whose minute is over are written.
pub const EVERY: Duration = Duration::from_secs(5);
/// Maximum number of networks that are told apart in one line.
const NETWORKS: usize = 10_000;

/// The tries of a stranger that are counted, and the refusal of a full counter that they have passed.
#[must_use = "tries that were right must be given back"]
pub(crate) struct Tries {
    counted: Vec<Try>,
    full: Option<Error>,
}

/// What strangers have tried since the last line, for each action and reason. Clones share it.
#[derive(Clone)]
pub struct Strangers {
    vault: Vault,
    counted: Arc<Mutex<HashMap<Kind, Since>>>,
}

/// The action, and why it was refused.
type Kind = (Action, String);

/// Tries since a line.
struct Since {
    line: Steady,
    more: u64,
    networks: HashSet<Network>,
    /// Address of the last try.
    address: String,
}

impl Strangers {
    /// Counts a wrong try. Returns false when the try gets a line of its own.
    fn count(&self, kind: Kind, address: &str, now: Steady) -> bool {
        let mut all = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        match all.get_mut(&kind) {
            Some(since) => {
                since.more += 1;
                if since.networks.len() < NETWORKS {
                    since.networks.insert(Network::of_text(address));
                }
                address.clone_into(&mut since.address);
                true
            }
            None => {
                all.insert(kind, Since::new(now));
                false
            }
        }
    }

    /// Takes back what could not be written, or the line that could not.
    fn not_written(&self, kind: Kind, unwritten: Option<Since>) {
        let mut all = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        match (all.remove(&kind), unwritten) {
            (Some(since), Some(mut unwritten)) => {
                unwritten.more += since.more;
                unwritten.networks.extend(since.networks);
                all.insert(kind, unwritten);
            }
            (_, Some(unwritten)) => drop(all.insert(kind, unwritten)),
            // Others were counted while the first waited for its line. They get theirs at once.
            (Some(since), None) if since.more > 0 => {
                all.insert(kind, Since { line: Steady::default(), ..since });
            }
            // Nobody was told of the first one, so the next gets the line.
            (_, None) => {}
        }
    }

    /// Takes what lines are due for. The minute of each begins anew; a kind of try that has ended is forgotten.
    fn due(&self, now: Steady, all_of_it: bool) -> Vec<(Kind, Since)> {
        let mut all = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = |_: &Kind, since: &mut Since| all_of_it || now.since(since.line) >= LINE;
        let due: Vec<_> = all.extract_if(is_due).filter(|(_, since)| since.more > 0).collect();
        for (kind, _) in &due {
            all.insert(kind.clone(), Since::new(now));
        }
        due
    }
}

impl Since {
    fn new(line: Steady) -> Self {
        Self { line, more: 0, networks: HashSet::new(), address: String::new() }
    }

    fn detail(&self, why: &str) -> String {
        let networks = u32::try_from(self.networks.len()).unwrap_or(u32::MAX);
        let networks = words::count(networks, "network", "networks");
        let or_more = if self.networks.len() < NETWORKS { "" } else { " or more" };
        format!("{why}: {} more since the line before, from {networks}{or_more}", self.more)
    }
}

impl Changes {
    /// Counts a stranger's try for the network and the site of its address, and for a subject of its own. The networks come first:
    /// a blocked one counts nothing for a name, so it cannot prolong the name's block. From an address that several persons have,
    /// a right try passes the full counter (`past_network`).
    ///
    /// # Errors
    /// [`crate::base::error::ChangesError::Blocked`]; the caller must not compare then.
    pub(crate) async fn begin_strangers_try(
        &self,
        own: Option<Subject>,
        from: &Client,
    ) -> Result<Tries, Error> {
        let site = Site::of_text(&from.address).map(|site| self.site_subject(site));
        let networks = [Some(self.network_subject(&from.address)), site];
        let mut counted = Vec::new();
        for subject in networks.into_iter().flatten() {
            match self.begin_try(subject, TryKind::Password).await {
                Ok(tried) => counted.push(tried),
                Err(full) if self.may_pass(&full, from) => return Ok(Tries { counted, full: Some(full) }),
                // Nothing is compared, so nothing counts for the network.
                Err(full) => {
                    Tries { counted, full: None }.give_back(self).await?;
                    return Err(full);
                }
            }
        }
        if let Some(own) = own {
            counted.push(self.begin_try(own, TryKind::Password).await?);
        }
        Ok(Tries { counted, full: None })
    }

    /// Counts a try from a browser with which this person has signed in.
    ///
    /// # Errors
    /// As [`Changes::begin_try`].
    pub(crate) async fn begin_own_try(&self, person: UserId) -> Result<Tries, Error> {
        let counted = vec![self.begin_try(self.device_subject(person), TryKind::Password).await?];
        Ok(Tries { counted, full: None })
    }
}

impl Strangers {
    pub(super) fn new(vault: Vault) -> Self {
        Self { vault, counted: Arc::default() }
    }

    /// Records a stranger's wrong try: a line, or one more in the line of the next minute.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn record(&self, action: Action, why: &str, from: &Client) -> Result<(), Error> {
        let kind = (action, why.to_owned());
        if self.count(kind.clone(), &from.address, self.vault.steady()) {
            return self.count_in_database().await;
        }
        let actor = Actor::Stranger { address: from.address.clone() };
        let done = self.vault.db().record(Entry::refused(self.vault.now(), actor, action).with(why)).await;
        if done.is_err() {
            self.not_written(kind, None);
        }
        done
    }

    /// Raises a counter of all strangers. A wrong password for a name that somebody has gets a line, and the time of an answer must
    /// not tell which names these are: this takes as long.
    async fn count_in_database(&self) -> Result<(), Error> {
        let subject = self.vault.keyring().keyed_hash(Purpose::Names, b"strangers");
        let (subject, now) = (&subject, self.vault.now());
        let counted = self.vault.db().write(|mut tx| async move {
            let counter = tx.throttle().hold(subject, now).await?;
            let counter =
                Counter { failures: counter.failures.saturating_add(1), updated_at: now, ..counter };
            tx.throttle().set(subject, counter).await?;
            tx.commit_unaudited("a wrong try of a stranger is counted").await
        });
        counted.await
    }

    /// Writes the lines about strangers that are due.
    ///
    /// # Errors
    /// When the database fails; what was counted is told with the next line then.
    pub async fn record_due(&self) -> Result<(), Error> {
        self.write(false).await
    }

    /// Writes every line about strangers, because the server ends.
    pub async fn end(&self) {
        or_warn(self.write(true).await, "the number of wrong sign-ins could not be recorded");
    }

    async fn write(&self, all_of_it: bool) -> Result<(), Error> {
        let mut done = Ok(());
        for ((action, why), since) in self.due(self.vault.steady(), all_of_it) {
            let actor = Actor::Stranger { address: since.address.clone() };
            let entry = Entry::refused(self.vault.now(), actor, action).with(since.detail(&why));
            if let Err(error) = self.vault.db().record(entry).await {
                self.not_written((action, why), Some(since));
                done = Err(error);
            }
        }
        done
    }
}

impl Tries {
    /// Takes the counts back, because the try was right.
    pub(crate) async fn give_back(self, changes: &Changes) -> Result<(), Error> {
        for tried in self.counted.into_iter().rev() {
            changes.give_back(tried).await?;
        }
        Ok(())
    }

    /// Checks whether the try has passed a full counter.
    pub(crate) fn is_past(&self) -> bool {
        self.full.is_some()
    }

    /// Returns the refusal of a try that was wrong: that of the full counter, which must not tell that anything was compared.
    pub(crate) fn refusal(self, wrong: Error) -> Error {
        self.full.unwrap_or(wrong)
    }
}
