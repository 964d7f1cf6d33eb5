//! Tenant secrets, from which the keys of deterministic fields and vectors are derived. Each type and path of a scope has its
//! own. Keystead makes a secret when it is first requested, seals it like the material of a managed key, and caches it until
//! more than versions has changed.

use crate::base::error::ChangesError;
use crate::base::random;
use crate::base::refused::Refused;
use crate::changes::authority::Authorised;
use crate::data::access::Access;
use crate::services::usage::UseCounter;
use crate::store::authority::{Kind, SecretMark, Signed};
use crate::store::tenant_secrets::{NewSecretRow, SecretName, StoredSecret};
use crate::store::usage::PreviousSums;
use crate::store::{Lock, Tx};
use crate::vault::authority::resigned;
use crate::vault::envelope::{Purpose, SealContext};
use crate::vault::opened::Vault;
use crate::{Error, SecretBytes, Session, Stage};
use chrono::{DateTime, Utc};
use domain::base::words;
use domain::changes::view::About;
use domain::data::command::RotateTenantSecrets;
use domain::data::tenant_secret::RotationStep;
use domain::data::view::{PreviousUses, TenantSecretsView};
use domain::keys::rotation::day_start;
use domain::scopes::command::ScopeRef;
use domain::scopes::scope::ScopeName;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::Mutex;

/// Number of bytes of a secret: as many as the digest that uses it has (HMAC-SHA512).
const BYTES: usize = 64;
/// Maximum secrets of a scope, for services that make up paths.
const MOST: i64 = 1000;

/// A secret in memory.
pub struct TenantSecret {
    /// Portal-wide, from 1. It precedes data that is encrypted with the secret.
    pub id: u32,
    pub is_current: bool,
    pub bytes: SecretBytes,
}

/// The current secret, and the one before it while a rotation is under way.
pub type TenantSecrets = Arc<Vec<TenantSecret>>;

/// The tenant secrets in the memory of a server.
#[derive(Default)]
pub struct Cache {
    held: RwLock<HashMap<SecretName, TenantSecrets>>,
    /// One task at a time reads or makes missing secrets; the others wait for it.
    loading: Mutex<()>,
}

impl Cache {
    fn get(&self, name: &SecretName) -> Option<TenantSecrets> {
        self.held.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    pub(crate) fn clear(&self) {
        self.held.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn put(&self, name: &SecretName, secrets: &TenantSecrets) {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        held.insert(name.clone(), Arc::clone(secrets));
    }
}

/// The room of the tenant secrets. Clones share the cache.
#[derive(Clone)]
pub struct Secrets {
    vault: Vault,
    access: Access,
    uses: Arc<UseCounter>,
}

impl Secrets {
    pub(crate) fn new(vault: Vault, access: Access, uses: Arc<UseCounter>) -> Self {
        Self { vault, access, uses }
    }

    pub(super) async fn about(&self, scope: &ScopeName) -> Result<About, Error> {
        self.vault.about(scope).await
    }

    /// Returns the secrets of a type and path. Makes one if there are none; `made` counts it.
    ///
    /// # Errors
    /// [`Refused::TooManySecrets`]; when the database fails.
    pub(crate) async fn get(&self, name: &SecretName, made: &mut u32) -> Result<TenantSecrets, Error> {
        // The cache belongs to one view of the database. After a rotation requests get a new view, so a late `put` harms nobody.
        let cache = self.access.known_secrets().await?;
        if let Some(secrets) = cache.get(name) {
            return Ok(secrets);
        }
        let _alone = cache.loading.lock().await;
        if let Some(secrets) = cache.get(name) {
            return Ok(secrets);
        }
        let mut stored = self.vault.db().tenant_secrets().of(name).await?;
        if stored.is_empty() {
            *made += u32::from(self.make(name).await?);
            // Read in either case, because another server may have made the secret first.
            stored = self.vault.db().tenant_secrets().of(name).await?;
        }
        let opened = stored.into_iter().map(|stored| self.open(name, &self.vault.proved(stored)?));
        let secrets: TenantSecrets = Arc::new(opened.collect::<Result<_, _>>()?);
        if !secrets.iter().any(|secret| secret.is_current) {
            return Err(Error::Fault("a tenant secret was not created".into()));
        }
        cache.put(name, &secrets);
        Ok(secrets)
    }

    /// Makes a secret. Returns false when another server made it first.
    async fn make(&self, name: &SecretName) -> Result<bool, Error> {
        let made = self.vault.db().write(|mut tx| async move {
            // The lock keeps a concurrent rotation of the scope from missing the new secret.
            tx.lock(Lock::Scope(name.scope)).await?;
            if tx.tenant_secrets().has(name).await? {
                return Ok(false);
            }
            if tx.tenant_secrets().count(name.scope, "current").await? >= MOST {
                return Err(Error::Data(Refused::TooManySecrets { limit: MOST }));
            }
            self.insert(&mut tx, name, 1).await?;
            tx.commit_unaudited(
                "a tenant secret is made when it is first asked for; the request is in the journal",
            )
            .await?;
            Ok(true)
        });
        made.await
    }

    async fn insert(&self, tx: &mut Tx, name: &SecretName, generation: u64) -> Result<(), Error> {
        let row = row_of(name);
        let secret = random::secret(BYTES);
        let sealed =
            self.vault.keyring().seal(Purpose::TenantSecret, place(name, &row, generation), secret.expose());
        let generation = i64::try_from(generation).map_err(|_| Error::Fault("too many rotations".into()))?;
        let id = tx.tenant_secrets().draw_id().await?;
        let row = NewSecretRow { id, name, generation, sealed: &sealed, created_at: self.vault.now() };
        let code = self.vault.code(&row.mark().claim(), 0);
        tx.tenant_secrets().insert(row, &code).await
    }

    /// Gives the secrets of a scope that have the status `from` the status `to`, and signs those that verify. Returns how many
    /// there were.
    async fn set_status(
        &self,
        tx: &mut Tx,
        scope: &ScopeRef,
        from: &'static str,
        to: &'static str,
    ) -> Result<usize, Error> {
        let marks = tx.tenant_secrets().marks(scope.id, from).await?;
        let signed = marks.into_iter().filter_map(|mark| {
            let now = mark.clone().claim();
            let changed = SecretMark { t_status: to.to_owned(), ..mark };
            resigned(&self.vault, now, &changed.claim())
        });
        let signed: Vec<Signed> = signed.collect();
        let moved = tx.tenant_secrets().set_status(scope.id, from, to).await?;
        tx.authority().set_signed(Kind::TenantSecret, &signed).await?;
        Ok(moved)
    }

    /// Returns the ids of secrets that do not open.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn unopened(&self) -> Result<Vec<String>, Error> {
        let (mut unopened, mut after) = (Vec::new(), 0);
        loop {
            let secrets = self.vault.db().tenant_secrets().sealed(after, 500).await?;
            let Some((_, last)) = secrets.last() else { return Ok(unopened) };
            after = last.id;
            for (name, stored) in &secrets {
                if self.open(name, stored).is_err() {
                    unopened.push(format!("tenant secret {}", stored.id));
                }
            }
        }
    }

    pub(crate) fn open(&self, name: &SecretName, stored: &StoredSecret) -> Result<TenantSecret, Error> {
        let row = row_of(name);
        let place = place(name, &row, stored.generation);
        let bytes = self.vault.keyring().open(Purpose::TenantSecret, place, &stored.sealed)?;
        Ok(TenantSecret { id: stored.id, is_current: stored.is_current, bytes })
    }

    /// Returns the number of secrets, whether a rotation is under way, and how often the previous secrets were used.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown scope.
    pub async fn of(&self, name: &ScopeName) -> Result<TenantSecretsView, Error> {
        let (scope, _) = self.vault.scope(name).await?;
        let view = self.vault.db().tenant_secrets().count(scope.id).await?;
        let since = self.counted_from();
        let sums = self.vault.db().usage().of_previous_secrets(scope.id, since).await?;
        let uses = self.uses_of(&sums, view.rotating_since);
        Ok(TenantSecretsView { uses, ..view })
    }

    /// Returns the same after this server has written its counts, for a decision. Of other servers, the uses of the last seconds may
    /// be missing.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown scope.
    pub async fn of_now(&self, name: &ScopeName) -> Result<TenantSecretsView, Error> {
        self.uses.save(&self.vault).await?;
        self.of(name).await
    }

    fn counted_from(&self) -> DateTime<Utc> {
        day_start(self.vault.now() - PreviousUses::LOOKS_BACK)
    }

    fn uses_of(&self, sums: &PreviousSums, rotating_since: Option<DateTime<Utc>>) -> PreviousUses {
        let count = sums.issued.and_then(|sum| u64::try_from(sum).ok()).unwrap_or_default();
        PreviousUses::new(count, sums.last_at, rotating_since, sums.counted_since, self.vault.now())
    }

    /// Plans the requested step. `accepted_uses`: the number of uses of the previous secrets that the person has seen and accepted.
    ///
    /// # Errors
    /// [`ChangesError::Outdated`] when it is not the step that is due.
    pub async fn plan_rotate(
        &self,
        who: &Session,
        name: &ScopeName,
        step: &str,
        accepted_uses: u64,
    ) -> Result<RotateTenantSecrets, Error> {
        who.require(Stage::Full)?;
        let (scope, _) = self.vault.scope(name).await?;
        let secrets = self.vault.db().tenant_secrets().count(scope.id).await?;
        let followed = secrets.followed;
        match secrets.due() {
            Some(due) if due.word() == step => {
                Ok(RotateTenantSecrets { scope, step: due, followed, accepted_uses })
            }
            _ => Err(Error::Changes(ChangesError::Outdated("The rotation is at a different step.".into()))),
        }
    }

    /// Runs `keystead tenant-secret rotate`. Returns the number of secrets that the step changed.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown scope; [`ChangesError::Outdated`] when it is not the step that is due, or when there were
    /// more uses of the previous secrets than the operator accepts.
    pub async fn rotate_on_host(
        &self,
        name: &ScopeName,
        step: RotationStep,
        accepted_uses: u64,
    ) -> Result<usize, Error> {
        let (scope, _) = self.vault.scope(name).await?;
        let followed = self.vault.db().tenant_secrets().count(scope.id).await?.followed;
        let command = RotateTenantSecrets { scope, step, followed, accepted_uses };
        self.rotate(Authorised::on_host(command, self.vault.now())).await
    }

    /// Begins a rotation (every secret of the scope gets a successor, and services are given both), or finishes it (services
    /// are no longer given the previous secrets).
    ///
    /// # Errors
    /// [`ChangesError::Outdated`] when it is not the step that is due, or when services have received more keys of the previous
    /// secrets than the person accepted.
    pub async fn rotate(&self, proof: Authorised<RotateTenantSecrets>) -> Result<usize, Error> {
        let proof = &proof;
        // What this server has counted since it last wrote counts too.
        self.uses.save(&self.vault).await?;
        let rotating_since = self.of(&proof.command().scope.name).await?.rotating_since;
        let done = self.vault.db().write(|mut tx| async move {
            let RotateTenantSecrets { scope, step, followed, accepted_uses } = proof.command();
            tx.lock(Lock::Scope(scope.id)).await?;
            // The step alone does not tell: after a whole rotation in the meantime, the same step is due again.
            if tx.tenant_secrets().followed(scope.id).await? != *followed {
                return Err(Error::Changes(ChangesError::Outdated(
                    "The secrets were rotated in the meantime.".into(),
                )));
            }
            let (moved, what) = match step {
                RotationStep::Begin => {
                    let begun = self.begin(&mut tx, scope).await?;
                    (begun, format!("begun, {}", counted(begun)))
                }
                RotationStep::Finish => {
                    let sums = tx.usage().of_previous_secrets(scope.id, self.counted_from()).await?;
                    let uses = self.uses_of(&sums, rotating_since);
                    if uses.count > *accepted_uses {
                        return Err(Error::Changes(ChangesError::Outdated(asked_again(&uses, scope))));
                    }
                    let finished = self.finish(&mut tx, scope).await?;
                    (
                        finished,
                        format!("finished, {}; previous secrets used: {}", counted(finished), uses.text()),
                    )
                }
            };
            tx.commit(proof.entry(what)).await?;
            Ok(moved)
        });
        let moved = self.vault.db().or_refuse(done.await, proof.refusal("")).await?;
        self.vault.moved().raise();
        Ok(moved)
    }

    async fn begin(&self, tx: &mut Tx, scope: &ScopeRef) -> Result<usize, Error> {
        if tx.tenant_secrets().count(scope.id, "previous").await? > 0 {
            return Err(Error::Changes(ChangesError::Outdated(
                "A rotation is under way. Finish it first.".into(),
            )));
        }
        let current = tx.tenant_secrets().current(scope.id).await?;
        if current.is_empty() {
            return Err(Error::Changes(ChangesError::Outdated(
                "This scope has no tenant secret yet.".into(),
            )));
        }
        // Before the successors are inserted, because an index allows one current secret of a name.
        self.set_status(tx, scope, "current", "previous").await?;
        for (name, generation) in &current {
            self.insert(tx, name, generation + 1).await?;
        }
        Ok(current.len())
    }

    async fn finish(&self, tx: &mut Tx, scope: &ScopeRef) -> Result<usize, Error> {
        match self.set_status(tx, scope, "previous", "retired").await? {
            0 => Err(Error::Changes(ChangesError::Outdated("No rotation is under way.".into()))),
            moved => Ok(moved),
        }
    }
}

fn counted(secrets: usize) -> String {
    words::count(u32::try_from(secrets).unwrap_or(u32::MAX), "secret", "secrets")
}

/// Says that services have received more keys of the previous secrets than the person accepted.
fn asked_again(uses: &PreviousUses, scope: &ScopeRef) -> String {
    format!(
        "Services have received keys of the previous secrets in the meantime: {}. If services keep asking and the rotation must end, an \
         operator runs “keystead tenant-secret rotate --scope {} finish --accept-uses” on the host.",
        uses.text(),
        scope.name
    )
}

/// Returns "deterministic/users". A type contains no slash, so no two names have the same text.
fn row_of(name: &SecretName) -> String {
    format!("{}/{}", name.secret_type.word(), name.path)
}

fn place<'a>(name: &'a SecretName, row: &'a str, generation: u64) -> SealContext<'a> {
    SealContext {
        table: "tenant_secret",
        column: "secret",
        row: row.as_bytes(),
        scope: name.scope.0.as_bytes(),
        number: generation,
    }
}
