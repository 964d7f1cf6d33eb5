//! The data plane: one engine behind every API. An API translates; the engine decides, executes, and writes the journal.
//!
//! ```text
//! call ── may it? ──> scope ── newest version, or the one the ciphertext names ──> lease ── material ──> result
//!                                                                                    journal ──> answer
//! ```
//!
//! Reading order: `context`, `message` and `edek` (the formats that services store), this file (the operations), `record` (the
//! lines of the journal), `rekey`, `derive` and `events` (the operations that only the TSP API has). Each operation writes its
//! line of the journal before it answers; no result bypasses the journal.

pub mod access;
mod changes;
pub mod context;
pub mod derive;
pub mod edek;
pub mod events;
pub mod message;
mod record;
mod rekey;
pub mod tenant_secrets;

use crate::audit::Audit;
use crate::base::error::CustodyError;
use crate::base::random;
use crate::base::refused::Refused;
use crate::custody::Custody;
use crate::custody::material::{Ciphers, Material};
use crate::data::access::{Access, Caller, KnownScope, Version};
use crate::data::tenant_secrets::Secrets;
use crate::services::usage::UseCounter;
use crate::vault::opened::Vault;
use crate::{Error, SecretBytes};
use context::Context;
use domain::base::id::ScopeId;
use domain::data::code::ApiCode;
use domain::data::operation::{AuditNote, Deed, Door, Operation};
use domain::keys::view::VersionRow;
use edek::{DEK, Edek};
use futures_util::future::join_all;
use message::Message;
use record::{Asked, Done, count};
use std::sync::Arc;

/// Maximum items of one request.
pub const ITEMS: usize = 1000;

/// Number of versions on one page of a list.
const LISTED: u32 = 50;

/// A request: its caller, its API, its scope, and what it says about itself for the journal.
pub struct Call {
    pub caller: Caller,
    pub door: Door,
    /// `production/DE` or an alias, as the caller wrote it.
    pub scope: String,
    pub told: AuditNote,
}

/// A plaintext to encrypt.
pub struct ToEncrypt {
    pub plaintext: SecretBytes,
    pub context: Context,
}

/// A ciphertext or an EDEK.
pub struct ToOpen {
    pub sealed: Vec<u8>,
    pub context: Context,
}

/// A data key to wrap. Keystead makes a new one if none is given.
pub struct ToWrap {
    pub dek: Option<SecretBytes>,
    pub context: Context,
}

/// A ciphertext or an EDEK, and the number of the version that made it.
pub struct Sealed {
    pub bytes: Vec<u8>,
    pub version: u32,
}

/// A decrypted plaintext or data key, and the number of the version that opened it.
pub struct Opened {
    pub bytes: SecretBytes,
    pub version: u32,
}

/// A data key in plaintext and wrapped.
pub struct Wrapped {
    pub dek: SecretBytes,
    pub edek: Vec<u8>,
    pub version: u32,
}

/// The items of a request. An item that the API could not read carries its refusal.
pub type Items<T> = [Result<T, Refused>];

/// One answer per item, in the order of the items.
pub type Answers<T> = Vec<Result<T, Error>>;

/// A ciphertext or an EDEK, which names the version it was made with.
trait Foreign {
    fn version(&self) -> u32;
    fn open(&self, ciphers: &mut Ciphers<'_>, context: &Context) -> Result<SecretBytes, Refused>;
}

impl Foreign for Message<'_> {
    fn version(&self) -> u32 {
        self.version
    }
    fn open(&self, ciphers: &mut Ciphers<'_>, context: &Context) -> Result<SecretBytes, Refused> {
        Message::open(self, ciphers, context)
    }
}

impl Foreign for Edek {
    fn version(&self) -> u32 {
        self.version
    }
    fn open(&self, ciphers: &mut Ciphers<'_>, context: &Context) -> Result<SecretBytes, Refused> {
        Edek::open(self, ciphers, context)
    }
}

fn read_messages(items: &Items<ToOpen>) -> Vec<Result<Message<'_>, Refused>> {
    items.iter().map(|item| Message::read(&item.as_ref().map_err(|refused| *refused)?.sealed)).collect()
}

/// Reads EDEKs. A tenant that a client wrote into an EDEK must be a present or former name of the scope.
fn read_edeks(scope: &KnownScope, items: &Items<ToOpen>) -> Vec<Result<Edek, Refused>> {
    let is_of = |edek: &Edek| edek.tenant.is_empty() || scope.was_called(&edek.tenant);
    let read = items.iter().map(|item| Edek::read(&item.as_ref().map_err(|refused| *refused)?.sealed));
    read.map(|read| read.and_then(|edek| if is_of(&edek) { Ok(edek) } else { Err(Refused::NotOpened) }))
        .collect()
}

/// The room of the data plane.
#[derive(Clone)]
pub struct Data {
    pub(crate) vault: Vault,
    pub(crate) access: Access,
    pub(crate) secrets: Secrets,
    pub(crate) custody: Custody,
    pub(crate) audit: Audit,
    pub(crate) uses: Arc<UseCounter>,
}

impl Data {
    /// Encrypts with the newest version.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a scope that does not exist or is not the caller's; [`ServicesError::NotAllowed`];
    /// [`Refused::NoKey`]; when the customer's KMS refuses or cannot be reached; when the journal cannot be written.
    pub async fn encrypt(&self, call: &Call, items: &Items<ToEncrypt>) -> Result<Answers<Sealed>, Error> {
        self.perform(call, Operation::Encrypt, items.len(), async |scope| {
            let bytes = items.iter().flatten().map(|item| item.plaintext.expose().len()).sum();
            let seal = |ciphers: &mut Ciphers<'_>, version: Version, index: usize| {
                let ToEncrypt { plaintext, context } = items[index].as_ref().map_err(|refused| *refused)?;
                if plaintext.expose().len() > message::LARGEST {
                    return Err(Refused::TooLong);
                }
                let bytes = message::seal(ciphers, version.id, plaintext.expose(), context);
                Ok(Sealed { bytes, version: version.number })
            };
            self.seal_all(call, &scope, items.len(), bytes, seal).await
        })
        .await
    }

    /// Decrypts with the version that each ciphertext names.
    ///
    /// # Errors
    /// As [`Data::encrypt`].
    pub async fn decrypt(&self, call: &Call, items: &Items<ToOpen>) -> Result<Answers<Opened>, Error> {
        self.perform(call, Operation::Decrypt, items.len(), async |scope| {
            self.open_all(call, scope, &read_messages(items), items).await
        })
        .await
    }

    /// Encrypts anew with the newest version. The plaintext does not leave Keystead.
    ///
    /// # Errors
    /// As [`Data::encrypt`].
    pub async fn reencrypt(&self, call: &Call, items: &Items<ToOpen>) -> Result<Answers<Sealed>, Error> {
        self.perform(call, Operation::Reencrypt, items.len(), async |scope| {
            let opened = self.open_all(call, Arc::clone(&scope), &read_messages(items), items).await?;
            self.seal_anew(call, &scope, opened, |ciphers, version, plain, index| {
                let ToOpen { context, .. } = items[index].as_ref().map_err(|refused| *refused)?;
                Ok(message::seal(ciphers, version, plain, context))
            })
            .await
        })
        .await
    }

    /// Wraps data keys, new ones or those given, with the newest version.
    ///
    /// # Errors
    /// As [`Data::encrypt`].
    pub async fn wrap(
        &self,
        call: &Call,
        items: Vec<Result<ToWrap, Refused>>,
    ) -> Result<Answers<Wrapped>, Error> {
        let count = items.len();
        self.perform(call, Operation::Wrap, count, async |scope| {
            let deks: Vec<_> = items
                .into_iter()
                .map(|item| item.map(|item| (item.dek.unwrap_or_else(|| random::secret(DEK)), item.context)))
                .collect();
            let seal = |ciphers: &mut Ciphers<'_>, version: Version, index: usize| {
                let (dek, context) = deks[index].as_ref().map_err(|refused| *refused)?;
                let dek: &[u8; DEK] = dek.expose().try_into().map_err(|_| Refused::NotADek)?;
                Ok((edek::seal(ciphers, version.id, dek, context), version.number))
            };
            let sealed = self.seal_all(call, &scope, count, count * DEK, seal).await?;
            let wrapped = sealed.into_iter().zip(deks).map(|(sealed, dek)| {
                let ((edek, version), (dek, _)) = (sealed?, dek?);
                Ok(Wrapped { dek, edek, version })
            });
            Ok(wrapped.collect())
        })
        .await
    }

    /// Unwraps data keys with the version that each EDEK names.
    ///
    /// # Errors
    /// As [`Data::encrypt`].
    pub async fn unwrap(&self, call: &Call, items: &Items<ToOpen>) -> Result<Answers<Opened>, Error> {
        self.perform(call, Operation::Unwrap, items.len(), async |scope| {
            let edeks = read_edeks(&scope, items);
            self.open_all(call, scope, &edeks, items).await
        })
        .await
    }

    /// Wraps anew with the newest version. The data key does not leave Keystead.
    ///
    /// # Errors
    /// As [`Data::encrypt`].
    pub async fn rewrap(&self, call: &Call, items: &Items<ToOpen>) -> Result<Answers<Sealed>, Error> {
        self.perform(call, Operation::Rewrap, items.len(), async |scope| {
            let edeks = read_edeks(&scope, items);
            let opened = self.open_all(call, Arc::clone(&scope), &edeks, items).await?;
            self.seal_anew(call, &scope, opened, |ciphers, version, dek, index| {
                let dek: &[u8; DEK] = dek.try_into().map_err(|_| Refused::NotADek)?;
                let ToOpen { context, .. } = items[index].as_ref().map_err(|refused| *refused)?;
                Ok(edek::seal(ciphers, version, dek, context))
            })
            .await
        })
        .await
    }

    /// Returns the versions of the scope below `before`, or the newest, and where the next page begins; without secrets.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn versions_for(
        &self,
        call: &Call,
        before: Option<u32>,
    ) -> Result<(Vec<VersionRow>, Option<u32>), Error> {
        let Asked { named, scope } = self.asked(&call.caller, &call.scope).await;
        let listed = match scope {
            Ok(scope) => self.versions(scope.id, before).await,
            Err(error) => Err(error),
        };
        let done = Done { failed: u32::from(listed.is_err()), ..Done::new(Deed::Keys, 1) };
        self.write_down(call, named, done, listed.as_ref().err()).await?;
        listed
    }

    async fn versions(
        &self,
        scope: ScopeId,
        before: Option<u32>,
    ) -> Result<(Vec<VersionRow>, Option<u32>), Error> {
        let (versions, older) = self.vault.db().keys().page(scope, before, LISTED).await?;
        Ok((versions.into_iter().map(|version| self.vault.shown(version)).collect(), older))
    }

    /// Records an authenticated request that the API could not read, with the code that it answers.
    ///
    /// # Errors
    /// [`AuditError::Journal`].
    pub async fn unread(&self, call: &Call, deed: Deed, code: ApiCode) -> Result<(), Error> {
        let named = self.asked(&call.caller, &call.scope).await.named;
        self.write_down(call, named, Done::nothing(deed, 1), Some(&Refused::Unread(code).into())).await
    }

    /// Checks the caller's permission, does the work, and records the result before the caller gets it.
    async fn perform<T: Numbered>(
        &self,
        call: &Call,
        operation: Operation,
        items: usize,
        work: impl AsyncFnOnce(Arc<KnownScope>) -> Result<Answers<T>, Error>,
    ) -> Result<Answers<T>, Error> {
        let (named, scope) = self.asked(&call.caller, &call.scope).await.allowed(&call.caller, operation);
        let done = match scope {
            Ok(scope) => work(scope).await,
            Err(error) => Err(error),
        };
        let mut record = Done::nothing(operation.into(), items);
        let mut why = done.as_ref().err();
        if let Ok(answers) = &done {
            record.failed = count(answers.iter().filter(|answer| answer.is_err()).count());
            record.versions = answers.iter().flatten().map(Numbered::number).collect();
            record.versions.sort_unstable();
            record.versions.dedup();
            // A line of the journal has room for one reason, so the first failed item gives it.
            why = answers.iter().find_map(|answer| answer.as_ref().err());
        }
        self.write_down(call, named, record, why).await?;
        done
    }

    /// Seals all items with the newest version. The material is lent once for all of them.
    async fn seal_all<T>(
        &self,
        call: &Call,
        scope: &KnownScope,
        items: usize,
        bytes: usize,
        seal: impl Fn(&mut Ciphers<'_>, Version, usize) -> Result<T, Refused>,
    ) -> Result<Answers<T>, Error> {
        let version = self.access.active(scope).await?;
        let all = |material: &Material| {
            let mut ciphers = material.ciphers();
            (0..items).map(|index| seal(&mut ciphers, version, index).map_err(Error::from)).collect()
        };
        let sealed: Answers<T> =
            self.custody.with_material(scope.lease(version), items as u64, bytes as u64, all).await?;
        let issued = sealed.iter().filter(|sealed| sealed.is_ok()).count();
        self.uses.count(version.id, call.caller.key(), issued, 0, self.vault.now());
        Ok(sealed)
    }

    /// Opens each item with the version it names. The material of a version is lent once for all of its items.
    async fn open_all<F: Foreign>(
        &self,
        call: &Call,
        mut scope: Arc<KnownScope>,
        read: &[Result<F, Refused>],
        items: &Items<ToOpen>,
    ) -> Result<Answers<Opened>, Error> {
        let read_ones =
            read.iter().enumerate().filter_map(|(index, foreign)| Some((foreign.as_ref().ok()?, index)));
        let mut of_version: Vec<_> = read_ones.map(|(foreign, index)| (foreign.version(), index)).collect();
        of_version.sort_unstable();
        // Another server may have made a version a moment ago, and with it an item that is to be opened here.
        if of_version.iter().any(|(id, _)| scope.version(*id).is_none()) {
            scope = self.access.scope_anew(&scope.name).await?;
            let unknown = of_version.iter().filter(|(id, _)| scope.version(*id).is_none()).count();
            self.access.count_unknown(unknown as u64);
        }
        // A version that this scope does not have gets the answer of a changed ciphertext, so nobody learns which versions exist.
        let refused =
            |foreign: &Result<F, Refused>| foreign.as_ref().err().copied().unwrap_or(Refused::NotOpened);
        let mut answers: Answers<Opened> = read.iter().map(|foreign| Err(refused(foreign).into())).collect();
        let of_known = of_version
            .chunk_by(|(one, _), (other, _)| one == other)
            .filter_map(|group| Some((scope.version(group[0].0)?, group)));
        // All versions at once, because a customer's KMS may have to be called for each.
        let opening = of_known.map(|(version, group)| {
            let scope = &scope;
            async move {
                let of_this = group.iter().filter_map(|(_, index)| items[*index].as_ref().ok());
                let bytes = of_this.map(|item| item.sealed.len()).sum::<usize>();
                let open = |material: &Material| -> Vec<_> {
                    let mut ciphers = material.ciphers();
                    let open = |(_, index): &(u32, usize)| match (&read[*index], &items[*index]) {
                        (Ok(foreign), Ok(item)) => foreign.open(&mut ciphers, &item.context),
                        (Err(refused), _) | (_, Err(refused)) => Err(*refused),
                    };
                    group.iter().map(open).collect()
                };
                let opened = self
                    .custody
                    .with_material(scope.lease(version), group.len() as u64, bytes as u64, open)
                    .await;
                (version, group, opened)
            }
        });
        for (version, group, opened) in join_all(opening).await {
            let indices = group.iter().map(|(_, index)| *index);
            match opened {
                Ok(opened) => {
                    let seen = opened.iter().filter(|opened| opened.is_ok()).count();
                    self.uses.count(version.id, call.caller.key(), 0, seen, self.vault.now());
                    for (index, opened) in indices.zip(opened) {
                        answers[index] = opened
                            .map(|bytes| Opened { bytes, version: version.number })
                            .map_err(Error::from);
                    }
                }
                // A failure of KMS for one version does not affect the items of other versions.
                Err(Error::Custody(CustodyError::KmsRefused(code))) => {
                    indices.for_each(|index| {
                        answers[index] = Err(Error::Custody(CustodyError::KmsRefused(code.clone())))
                    });
                }
                Err(Error::Custody(CustodyError::KmsUnreachable(code))) => {
                    indices.for_each(|index| {
                        answers[index] = Err(Error::Custody(CustodyError::KmsUnreachable(code.clone())))
                    });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(answers)
    }

    /// Seals the opened items with the newest version.
    async fn seal_anew(
        &self,
        call: &Call,
        scope: &KnownScope,
        opened: Answers<Opened>,
        seal: impl Fn(&mut Ciphers<'_>, u32, &[u8], usize) -> Result<Vec<u8>, Refused>,
    ) -> Result<Answers<Sealed>, Error> {
        let inside: Vec<(usize, &Opened)> =
            opened.iter().enumerate().filter_map(|(index, one)| Some((index, one.as_ref().ok()?))).collect();
        let bytes = inside.iter().map(|(_, opened)| opened.bytes.expose().len()).sum();
        let one = |ciphers: &mut Ciphers<'_>, version: Version, nth: usize| {
            let (index, opened) = inside[nth];
            let bytes = seal(ciphers, version.id, opened.bytes.expose(), index)?;
            Ok(Sealed { bytes, version: version.number })
        };
        // Items that did not open are neither sealed nor counted, and nobody is asked for material for them. A scope without a key
        // is refused by `seal_all` in any case.
        let sealed = match inside.is_empty() && scope.active()?.is_some() {
            true => Vec::new(),
            false => self.seal_all(call, scope, inside.len(), bytes, one).await?,
        };
        let mut sealed = sealed.into_iter();
        let mut next = |_| sealed.next().unwrap_or_else(|| Err(Refused::NotOpened.into()));
        Ok(opened.into_iter().map(|one| one.and_then(&mut next)).collect())
    }
}

/// An answer that some version made.
trait Numbered {
    fn number(&self) -> u32;
}

macro_rules! numbered {
    ($($answer:ident),*) => {$(
        impl Numbered for $answer {
            fn number(&self) -> u32 {
                self.version
            }
        }
    )*};
}
numbered!(Sealed, Opened, Wrapped);
