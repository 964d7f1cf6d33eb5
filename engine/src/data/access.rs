//! Access to the data plane: the valid API keys and the scopes, read from the database once and cached in memory. When the
//! database's epoch shows that something has changed, the server discards that part of the cache. A request that is served from
//! memory sends no query to the database.

mod newcomers;

use crate::base::clock::Steady;
use crate::base::error::{ServicesError, VaultError};
use crate::base::log::or_warn;
use crate::base::refused::Refused;
use crate::base::shares::Holder;
use crate::data::tenant_secrets;
use crate::services::api_keys::{self, Presented};
use crate::store::api_keys::ApiKey;
use crate::store::audit::Epoch;
use crate::store::authority::GrantMark;
use crate::store::keys::Numbered;
use crate::vault::latest::time_of_expiry;
use crate::vault::opened::{AHEAD, Vault};
use crate::{Error, SecretText};
use chrono::{DateTime, Utc};
use domain::base::id::{EnvironmentId, ScopeId};
use domain::data::operation::Operation;
use domain::keys::version_ref::LeaseKey;
use domain::scopes::alias::Alias;
use domain::scopes::scope::{Country, ScopeName, Slug};
use domain::services::api_key::ApiKeyId;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use newcomers::Newcomers;
use std::collections::{HashMap, HashSet};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use subtle::ConstantTimeEq;

/// Interval of the check whether something has changed.
pub const EVERY: Duration = Duration::from_millis(500);
/// Interval at which the last uses of keys are stored.
pub const NOTED: Duration = Duration::from_secs(5);
/// Time without a check after which a server serves nobody from memory, because a key may have been revoked elsewhere.
const BLIND: Duration = Duration::from_secs(60);

/// Maximum bytes a second, and at once, that the services with one key may add to the journal about their requests: plenty for
/// honest services, and too little to push the entries of others out of the journal soon.
const TOLD: NonZeroU32 = NonZeroU32::new(2 << 20).expect("not 0");
const TOLD_AT_ONCE: NonZeroU32 = NonZeroU32::new(32 << 20).expect("not 0");

/// One server's view of keys and scopes, cached in memory. Clones share it.
#[derive(Clone)]
pub struct Access {
    vault: Vault,
    remembered: Arc<RwLock<Option<Arc<Known>>>>,
    /// Number of items that named a version that their scope does not have.
    unknown: Arc<AtomicU64>,
    newcomers: Arc<Newcomers>,
}

struct Known {
    looked: RwLock<Look>,
    keys: Arc<HashMap<ApiKeyId, Arc<KnownKey>>>,
    /// Each scope is as it was at the epoch, or later.
    scopes: RwLock<Scopes>,
    /// All aliases, so that an unknown name costs no more than a known one.
    aliases: Arc<HashMap<Alias, ScopeName>>,
    secrets: Arc<tenant_secrets::Cache>,
}

/// The last check of a server, and its result: nothing in the cache had changed until then.
#[derive(Clone, Copy)]
struct Look {
    /// When the check began, and when its answer had arrived.
    at: Steady,
    read: Steady,
    epoch: Epoch,
    /// Number of changes by this server that were committed before the check began.
    moved: u64,
}

impl Look {
    /// Checks whether this check began after the other had its answer, and still found a lower number.
    fn is_behind(&self, last: &Self) -> bool {
        // Answers of checks that overlap may come in either order. A lower number proves something only after the other's answer.
        let (now, then) = (self.epoch, last.epoch);
        self.at > last.read && (now.number < then.number || now.sequence < then.sequence)
    }
}

/// Scopes by their names as services write them.
type Scopes = HashMap<Arc<str>, Arc<KnownScope>>;

/// A valid API key as the data plane keeps it in memory.
struct KnownKey {
    id: ApiKeyId,
    name: String,
    hash: Vec<u8>,
    operations: Vec<Operation>,
    /// The countries it reaches in each environment; `None`: every country.
    reach: HashMap<Slug, Vec<Option<Country>>>,
    expires_at: DateTime<Utc>,
    /// Microseconds. A value newer than `noted` is not stored yet.
    used: AtomicI64,
    noted: AtomicI64,
    told: Arc<DefaultDirectRateLimiter>,
}

/// A scope and the numbers of its versions.
pub struct KnownScope {
    pub id: ScopeId,
    pub name: ScopeName,
    /// Its name as a text.
    pub text: Arc<str>,
    /// The version that encrypts; `None` where the scope has no key.
    active: Option<Version>,
    /// The Active version's name, if its row does not verify.
    unproved: Option<String>,
    /// Sorted by id.
    versions: Vec<Version>,
    alias: Option<Alias>,
    /// Every present and former alias of the scope.
    aliases: Vec<String>,
}

/// A version, as ciphertexts name it (`id`) and as leases name it (`number`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// Portal-wide.
    pub id: u32,
    pub number: u32,
}

impl KnownScope {
    /// Returns the version that encrypts; `None` where the scope has no key.
    ///
    /// # Errors
    /// [`VaultError::Unproved`] when its row does not verify.
    pub fn active(&self) -> Result<Option<Version>, Error> {
        match &self.unproved {
            Some(name) => Err(Error::Vault(VaultError::Unproved(name.clone()))),
            None => Ok(self.active),
        }
    }

    /// Returns the version of this scope that has the portal-wide id.
    pub fn version(&self, id: u32) -> Option<Version> {
        let found = self.versions.binary_search_by_key(&id, |version| version.id).ok()?;
        self.versions.get(found).copied()
    }

    /// Checks whether the scope has or had this name.
    pub fn was_called(&self, name: &str) -> bool {
        self.aliases.iter().any(|alias| alias == name) || *self.text == *name
    }

    pub fn lease(&self, version: Version) -> LeaseKey {
        LeaseKey { scope: self.id, number: version.number }
    }
}

/// A service that has presented a valid API key.
#[derive(Clone)]
pub struct Caller {
    key: Arc<KnownKey>,
    pub address: Arc<str>,
    /// The cached view at the time of the request.
    known: Arc<Known>,
}

impl Caller {
    /// Returns the name of its key.
    pub fn name(&self) -> &str {
        &self.key.name
    }

    /// Returns the id of its key.
    pub fn key(&self) -> ApiKeyId {
        self.key.id
    }

    /// Returns the holder of what its requests use.
    pub fn holder(&self) -> Holder {
        Holder::Service(self.key.id)
    }

    /// Returns the part of its key that may be shown.
    pub fn seen(&self) -> String {
        self.key.id.seen()
    }

    /// Checks whether the key's quota allows this many more bytes in the journal.
    pub fn may_tell(&self, bytes: usize) -> bool {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        // The outer error means more than the quota allows at once, which no waiting helps against.
        NonZeroU32::new(bytes).is_none_or(|bytes| matches!(self.key.told.check_n(bytes), Ok(Ok(()))))
    }

    /// Checks whether the caller may know of the scope.
    pub fn reaches(&self, scope: &ScopeName) -> bool {
        let countries = self.key.reach.get(&scope.environment);
        countries
            .is_some_and(|some| some.iter().any(|one| one.is_none_or(|country| country == scope.country)))
    }

    pub fn may(&self, operation: Operation) -> bool {
        self.key.operations.contains(&operation)
    }
}

impl Known {
    fn scope(&self, name: &str) -> Option<Arc<KnownScope>> {
        self.scopes.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    fn looked(&self) -> Look {
        *self.looked.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a copy without the scopes whose versions have changed. A task that is reading one of these scopes writes it into
    /// the old view, which no new request uses.
    fn without(&self, moved: &HashSet<String>, looked: RwLock<Look>) -> Self {
        let mut scopes = self.scopes.read().unwrap_or_else(PoisonError::into_inner).clone();
        scopes.retain(|name, _| !moved.contains(&**name));
        Self {
            looked,
            keys: Arc::clone(&self.keys),
            scopes: RwLock::new(scopes),
            aliases: Arc::clone(&self.aliases),
            secrets: Arc::clone(&self.secrets),
        }
    }
}

/// Checks whether a service's text for a scope can only be an alias.
fn is_alias(text: &str) -> bool {
    text.parse::<ScopeName>().is_err() && text.parse::<Alias>().is_ok()
}

impl Access {
    pub(crate) fn new(vault: Vault) -> Self {
        Self { vault, remembered: Arc::default(), unknown: Arc::default(), newcomers: Arc::default() }
    }

    /// Counts items that name a version that their scope does not have.
    pub(crate) fn count_unknown(&self, items: u64) {
        self.unknown.fetch_add(items, Ordering::Relaxed);
    }

    /// Returns how many items named a version that their scope does not have. Anybody can write such an item, so it proves nothing;
    /// after a restore, many of them mean that versions are lost.
    pub fn unknown_versions(&self) -> u64 {
        self.unknown.load(Ordering::Relaxed)
    }

    /// Wipes the secrets.
    pub(crate) fn clear(&self) {
        if let Some(known) = self.remembered() {
            known.secrets.clear();
        }
    }

    fn remembered(&self) -> Option<Arc<Known>> {
        self.remembered.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Checks whether something has changed, and discards it: single scopes where only their versions have changed, otherwise
    /// everything, and reads the keys and the aliases again.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn refresh(&self) -> Result<(), Error> {
        // Read before the epoch. Read after it, the counter could include a change that the epoch does not show yet.
        let (at, moved) = (self.vault.steady(), self.vault.moved().count());
        let epoch = self.vault.db().audit().data_epoch().await?;
        let look = Look { at, read: self.vault.steady(), epoch, moved };
        let before = self.remembered().map(|known| (known.looked(), known));
        // The database was restored, or replaced by an incomplete replica: the cached view may no longer be true.
        let went_back = before.as_ref().is_some_and(|(last, _)| look.is_behind(last));
        self.vault.look(epoch);
        if let Some((last, _)) =
            before.as_ref().filter(|(last, _)| went_back && last.epoch.timeline >= epoch.timeline)
        {
            let why = format!(
                "line {} of the audit log was seen, with change {}; the database has line {} and change {}",
                last.epoch.sequence, last.epoch.number, epoch.sequence, epoch.number
            );
            self.vault.is_older(last.epoch.into(), epoch.into(), why).await;
        }
        if let Some((last, known)) = &before
            && last.epoch.number == epoch.number
            && !went_back
        {
            let mut looked = known.looked.write().unwrap_or_else(PoisonError::into_inner);
            // A check that began later may have ended first, and its result must stay.
            if looked.at <= look.at {
                *looked = look;
            }
            return Ok(());
        }
        let moved = match &before {
            Some((last, _)) if !went_back => self.vault.db().audit().scopes_moved(last.epoch, epoch).await?,
            _ => None,
        };
        let (before, looked) = (before.map(|(_, known)| known), RwLock::new(look));
        let known = match (&before, moved) {
            (Some(known), Some(moved)) => known.without(&moved, looked),
            _ => Known {
                looked,
                keys: self.read_keys(before.as_deref()).await?,
                scopes: RwLock::default(),
                aliases: self.vault.db().aliases().all().await?.into(),
                secrets: Arc::default(),
            },
        };
        let mut place = self.remembered.write().unwrap_or_else(PoisonError::into_inner);
        // The later check knows more.
        let is_newer = |there: Look| there.epoch.number <= epoch.number && there.at <= at;
        if went_back || place.as_ref().is_none_or(|there| is_newer(there.looked())) {
            *place = Some(Arc::new(known));
        }
        Ok(())
    }

    /// Reads the valid keys. The usage of keys that are in the cache already is kept.
    async fn read_keys(
        &self,
        before: Option<&Known>,
    ) -> Result<Arc<HashMap<ApiKeyId, Arc<KnownKey>>>, Error> {
        let mut keys = HashMap::new();
        // The revoked ones are proved as well, so that this server knows the revision that has ended each of them.
        let mut live = self
            .vault
            .only_readable(self.vault.db().api_keys().unexpired(time_of_expiry(&self.vault)).await?);
        live.retain(|key| key.revoked_at.is_none());
        let places = self.places(&live).await?;
        for key in live {
            let noted = key.last_used_at.map_or(0, |at| at.timestamp_micros());
            let known = before.and_then(|known| known.keys.get(&key.id));
            let used = known.map_or(noted, |known| known.used.load(Ordering::Relaxed));
            let quota = Quota::per_second(TOLD).allow_burst(TOLD_AT_ONCE);
            // A known key keeps its limiter, because a new one would give it its whole quota again at each change.
            let told =
                known.map_or_else(|| Arc::new(RateLimiter::direct(quota)), |known| Arc::clone(&known.told));
            let mut reach = HashMap::<_, Vec<_>>::new();
            for grant in &key.grants {
                if let Some((environment, country)) = places.get(grant) {
                    reach.entry(environment.clone()).or_default().push(*country);
                }
            }
            let known = KnownKey {
                id: key.id,
                name: key.name,
                hash: key.hash,
                operations: key.operations,
                reach,
                expires_at: key.expires_at,
                used: AtomicI64::new(used.max(noted)),
                noted: AtomicI64::new(noted),
                told,
            };
            keys.insert(known.id, Arc::new(known));
        }
        Ok(keys.into())
    }

    /// Returns the names of what the keys' grants stand for, from rows that verify. A grant for anything else gives nothing.
    async fn places(&self, keys: &[ApiKey]) -> Result<HashMap<GrantMark, (Slug, Option<Country>)>, Error> {
        let slugs: HashMap<_, _> =
            self.vault.only_readable(self.vault.db().scopes().slugs().await?).into_iter().collect();
        let wanted: HashSet<_> = keys.iter().flat_map(|key| key.grants.iter().copied()).collect();
        let of_scopes: Vec<_> = wanted.iter().filter_map(|grant| grant.scope_id.map(ScopeId)).collect();
        let scopes = self.vault.only_readable(self.vault.db().scopes().places(&of_scopes).await?);
        let countries: HashMap<_, _> = scopes
            .into_iter()
            .map(|place| ((place.environment, Some(place.scope.0)), place.country))
            .collect();
        let named = wanted.into_iter().filter_map(|grant| {
            let environment = EnvironmentId(grant.environment_id);
            let slug = slugs.get(&environment)?.clone();
            let country = match grant.scope_id {
                None => None,
                scope => Some(*countries.get(&(environment, scope))?),
            };
            Some((grant, (slug, country)))
        });
        Ok(named.collect())
    }

    /// Returns the cached view if it is recent enough.
    async fn known(&self) -> Result<Arc<Known>, Error> {
        for _ in 0..2 {
            if let Some(known) = self.remembered()
                && let Look { at, moved, .. } = known.looked()
                && self.vault.steady().since(at) < BLIND
                // A change that this server made must hold for its next request.
                && moved == self.vault.moved().count()
            {
                return Ok(known);
            }
            self.refresh().await?;
        }
        Err(Error::Busy)
    }

    /// Returns the caller whose API key this is.
    ///
    /// # Errors
    /// [`ServicesError::UnknownApiKey`] for every kind of invalid key.
    pub async fn caller(&self, key: &SecretText, address: impl Into<Arc<str>>) -> Result<Caller, Error> {
        let Some(presented) = api_keys::read(key.expose()) else {
            return Err(Error::Services(ServicesError::UnknownApiKey));
        };
        let known = self.known().await?;
        let address = address.into();
        if let Some(key) = self.key_of(&known, &presented) {
            return Ok(Caller { key, address, known });
        }
        // A wrong secret and an expired key cost the same as an unknown one, so that the time does not tell which ids exist.
        let known = self.look_for_newcomer(&address).await?;
        match known.as_ref().and_then(|known| self.key_of(known, &presented)).zip(known) {
            Some((key, known)) => Ok(Caller { key, address, known }),
            None => Err(Error::Services(ServicesError::UnknownApiKey)),
        }
    }

    /// Returns the key that was presented, if it is valid.
    fn key_of(&self, known: &Known, presented: &Presented) -> Option<Arc<KnownKey>> {
        const NOBODY: [u8; 32] = [0; 32];
        let found = known.keys.get(&presented.id);
        // An id that does not exist is compared as well, so that the time does not tell which ids exist.
        let hash = found.map_or(&NOBODY[..], |key| &key.hash);
        let is_right = bool::from(presented.hash.ct_eq(hash));
        let now = self.vault.now();
        let key = found.filter(|key| is_right && key.expires_at > self.vault.latest().or_later(now))?;
        key.used.fetch_max(now.timestamp_micros(), Ordering::Relaxed);
        Some(Arc::clone(key))
    }

    /// Returns the same caller at a later time, and authenticates it again if anything has changed since.
    ///
    /// # Errors
    /// As [`Access::caller`].
    pub async fn still_there(&self, caller: Caller, key: &SecretText) -> Result<Caller, Error> {
        if Arc::ptr_eq(&caller.known, &self.known().await?)
            && caller.key.expires_at > time_of_expiry(&self.vault)
        {
            return Ok(caller);
        }
        self.caller(key, caller.address).await
    }

    /// Returns the name of the scope that a text means, `production/DE` or an alias, and the scope itself if the caller may
    /// know of it. A scope that the caller may not know of is answered like one that does not exist.
    pub(crate) async fn scope_for(
        &self,
        caller: &Caller,
        text: &str,
    ) -> (Option<Arc<str>>, Result<Arc<KnownScope>, Error>) {
        let known = match self.known().await {
            Ok(known) => known,
            Err(error) => return (None, Err(error)),
        };
        if let Some(scope) = known.scope(text) {
            let text = Arc::clone(&scope.text);
            let reached = if caller.reaches(&scope.name) { Ok(scope) } else { Err(Error::NotFound) };
            return (Some(text), reached);
        }
        match self.named_in(&known, caller, text).await {
            // A name of the form `production/DE` is read from the database itself.
            (_, Err(Error::NotFound)) if is_alias(text) => {}
            found => return found,
        }
        // An alias that exists and is not the caller's costs the same as one that does not exist.
        match self.look_for_newcomer(&caller.address).await {
            Ok(Some(known)) => self.named_in(&known, caller, text).await,
            Ok(None) => (None, Err(Error::NotFound)),
            Err(error) => (None, Err(error)),
        }
    }

    /// Does the same with a view, for a name that its scopes do not have.
    async fn named_in(
        &self,
        known: &Known,
        caller: &Caller,
        text: &str,
    ) -> (Option<Arc<str>>, Result<Arc<KnownScope>, Error>) {
        let alias: Option<Alias> = text.parse().ok();
        let (name, by_alias) = match text.parse() {
            Ok(name) => (name, None),
            Err(_) => match alias.as_ref().and_then(|alias| known.aliases.get(alias)) {
                Some(name) => (name.clone(), alias),
                None => return (None, Err(Error::NotFound)),
            },
        };
        let text = Arc::from(name.to_string());
        let scope = match known.scope(&text) {
            // This comes before the database is asked, so that an existing scope and an unknown one cost the same.
            _ if !caller.reaches(&name) => Err(Error::NotFound),
            Some(scope) => Ok(scope),
            None => self.read_scope(known, &name).await,
        };
        // The list of aliases is not proved; the scope's row, which names its alias, is.
        let is_so = |scope: &KnownScope| by_alias.is_none() || scope.alias == by_alias;
        (Some(text), scope.and_then(|scope| if is_so(&scope) { Ok(scope) } else { Err(Error::NotFound) }))
    }

    /// Returns the cached tenant secrets. They are discarded when more than versions has changed.
    pub(crate) async fn known_secrets(&self) -> Result<Arc<tenant_secrets::Cache>, Error> {
        Ok(Arc::clone(&self.known().await?.secrets))
    }

    /// Reads the scope again, because another server may have made a version a moment ago.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it was removed.
    pub(crate) async fn scope_anew(&self, name: &ScopeName) -> Result<Arc<KnownScope>, Error> {
        let known = self.known().await?;
        self.read_scope(&known, name).await
    }

    /// Returns the version of a scope that encrypts. A scope without a key is read again, because it may have got its first a moment
    /// ago.
    ///
    /// # Errors
    /// [`Refused::NoKey`]; as [`KnownScope::active`].
    pub(crate) async fn active(&self, scope: &KnownScope) -> Result<Version, Error> {
        let active = match scope.active()? {
            None => self.scope_anew(&scope.name).await?.active()?,
            active => active,
        };
        Ok(active.ok_or(Refused::NoKey)?)
    }

    async fn read_scope(&self, known: &Known, name: &ScopeName) -> Result<Arc<KnownScope>, Error> {
        let scope = self.vault.named(self.vault.db().scopes().named(name).await?)?;
        let aliases = self.vault.db().aliases().ever(scope.id).await?;
        let (name, text, versions) = (name.clone(), name.to_string().into(), Vec::new());
        let (id, alias) = (scope.id, scope.alias);
        let mut read = KnownScope { id, name, text, active: None, unproved: None, versions, alias, aliases };
        for Numbered { id, number } in self.vault.db().keys().version_numbers(scope.id).await? {
            let id = u32::try_from(id).map_err(|_| Error::Fault("a version's id is too large".into()))?;
            read.versions.push(Version { id, number });
        }
        // Only the row of the Active version says something that counts here. The others are proved when their keys are released.
        if let Some(active) = self.vault.db().keys().active_number(scope.id).await? {
            let (Numbered { id, number }, unproved) = self.vault.checked(active);
            let id = u32::try_from(id).map_err(|_| Error::Fault("a version's id is too large".into()))?;
            (read.active, read.unproved) = (Some(Version { id, number }), unproved);
        }
        // `KnownScope::version` searches by id, and the rows come by number.
        read.versions.sort_unstable_by_key(|version| version.id);
        read.versions.shrink_to_fit();
        let read = Arc::new(read);
        let mut scopes = known.scopes.write().unwrap_or_else(PoisonError::into_inner);
        scopes.insert(Arc::clone(&read.text), Arc::clone(&read));
        Ok(read)
    }

    /// Stores when keys were last used. A crash loses the last seconds of it.
    pub async fn note_uses(&self) {
        let Some(known) = self.remembered() else { return };
        let mut used: Vec<_> = known
            .keys
            .values()
            .filter(|key| key.used.load(Ordering::Relaxed) > key.noted.load(Ordering::Relaxed))
            .map(|key| (Arc::clone(key), key.used.load(Ordering::Relaxed)))
            .collect();
        if used.is_empty() {
            return;
        }
        // Every server locks the rows in this order, so no two of them wait for each other.
        used.sort_unstable_by_key(|(key, _)| key.id);
        let these = &used;
        let noted = self.vault.db().write(|mut tx| async move {
            for (key, at) in these {
                if let Some(at) = DateTime::from_timestamp_micros(*at) {
                    tx.api_keys().was_used(key.id, at, self.vault.now() + AHEAD).await?;
                }
            }
            tx.commit_unaudited("the last use of an API key; each use is in the journal").await
        });
        match noted.await {
            // The stored value, not the present one: a use during the write is stored the next time.
            Ok(()) => used.iter().for_each(|(key, at)| key.noted.store(*at, Ordering::Relaxed)),
            error => or_warn(error, "the last-used times of API keys could not be saved"),
        }
    }
}
