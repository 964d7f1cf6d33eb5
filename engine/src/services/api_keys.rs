//! API keys: made, shown once, revoked.
//!
//! A key is 44 characters of standard base64: three fixed bytes (`kstd`), six of the id, 24 of the secret. Keystead stores
//! its SHA-256: the key has full entropy, so a plain hash protects it (unlike passwords).

use crate::base::error::ChangesError;
use crate::base::random;
use crate::changes::authority::Authorised;
use crate::services::Services;
use crate::store::Lock;
use crate::store::api_keys::ApiKey;
use crate::store::authority::RowRef;
use crate::store::scopes::Environment;
use crate::vault::latest::time_of_expiry;
use crate::{Error, SecretText, Session, Stage};
use chrono::{DateTime, Utc};
use data_encoding::BASE64;
use domain::data::operation::Operation;
use domain::scopes::scope::{EnvironmentKind, ScopeName, display_name};
use domain::services::api_key::{
    ApiKeyId, ApiKeyRefused, Grant, LENGTH, LIVE_OF_A_NAME, Lifetime, OfKinds, PREFIX, Reach, State, words,
};
use domain::services::command::{CreateApiKey, RevokeApiKey};
use domain::services::view::{ApiKeyRow, ApiKeysView, NewApiKeyView};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Number of keys on one page of the list.
const PAGE: u32 = 50;
const SECRET_BYTES: usize = 24;
/// Kind of the note that keeps a new key until its owner has seen it.
const NOTE: &str = "new api key";

#[derive(Serialize, Deserialize)]
struct Note {
    name: String,
    key: Zeroizing<String>,
    reach: Vec<String>,
    operations: String,
    expires_at: DateTime<Utc>,
}

/// A key that a client presented: an id to look up, and the hash to compare.
pub(crate) struct Presented {
    pub id: ApiKeyId,
    pub hash: [u8; 32],
}

/// Reads a key strictly, so that each key has exactly one text. Returns `None` for a text that is no key of Keystead.
pub(crate) fn read(text: &str) -> Option<Presented> {
    if text.len() != LENGTH || !text.starts_with(PREFIX) {
        return None;
    }
    let mut bytes = Zeroizing::new([0; LENGTH / 4 * 3]);
    // 44 characters need no padding and leave no bit over, so no other text decodes to the same bytes.
    BASE64.decode_mut(text.as_bytes(), bytes.as_mut()).ok().filter(|length| *length == bytes.len())?;
    let id = bytes[3..9].try_into().ok()?;
    Some(Presented { id: ApiKeyId(id), hash: Sha256::digest(*bytes).into() })
}

fn draw() -> (SecretText, Presented) {
    let secret = random::secret(SECRET_BYTES);
    let id = ApiKeyId(random::bytes());
    let mut text = Zeroizing::new(String::with_capacity(LENGTH));
    // Prefix and id are nine bytes, a multiple of three, so their base64 is a prefix of the whole key's base64.
    text.push_str(&id.seen());
    BASE64.encode_append(secret.expose(), &mut text);
    let presented = read(&text).expect("a key of ours is read");
    (SecretText::new(std::mem::take(&mut *text)), presented)
}

fn row((key, unproved): (ApiKey, Option<String>), now: DateTime<Utc>) -> ApiKeyRow {
    ApiKeyRow {
        state: State::of(key.revoked_at, key.expires_at, now),
        id: key.id,
        name: key.name,
        reach: key.reach,
        operations: key.operations,
        created_at: key.created_at,
        created_by: key.created_by,
        expires_at: key.expires_at,
        revoked_at: key.revoked_at,
        last_used_at: key.last_used_at,
        is_proved: unproved.is_none(),
    }
}

impl Services {
    /// Returns a page of API keys: those below `before`, or the newest.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn api_keys(&self, before: Option<ApiKeyId>) -> Result<ApiKeysView, Error> {
        let now = time_of_expiry(&self.vault);
        let mut keys = self.vault.db().api_keys().list(before, PAGE + 1).await?;
        let has_older = keys.len() > PAGE as usize;
        keys.truncate(PAGE as usize);
        let keys: Vec<_> = keys.into_iter().map(|key| row(self.vault.checked(key), now)).collect();
        let older = has_older.then(|| keys.last().map(|key| key.id)).flatten();
        Ok(ApiKeysView { keys, older, is_older_page: before.is_some() })
    }

    /// Returns one key.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn api_key(&self, id: ApiKeyId) -> Result<ApiKeyRow, Error> {
        Ok(row(self.vault.checked(self.vault.db().api_keys().get(id).await?), time_of_expiry(&self.vault)))
    }

    /// Plans the change "Create API key".
    ///
    /// # Errors
    /// A sentence that says what is wrong with the request.
    pub async fn plan_api_key(
        &self,
        who: &Session,
        name: &str,
        reach: &[Reach],
        operations: Vec<Operation>,
        lifetime: Lifetime,
    ) -> Result<CreateApiKey, Error> {
        who.require(Stage::Full)?;
        self.asked_api_key(name, reach, operations, lifetime).await
    }

    pub(crate) async fn asked_api_key(
        &self,
        name: &str,
        reach: &[Reach],
        operations: Vec<Operation>,
        lifetime: Lifetime,
    ) -> Result<CreateApiKey, Error> {
        let name = display_name(name)?;
        let mut grants: Vec<Grant> = Vec::new();
        let mut of_kinds = OfKinds::default();
        for reach in reach {
            let (grant, kind) = self.grant(reach).await?;
            of_kinds.add(kind, &reach.environment);
            if !grants.contains(&grant) {
                grants.push(grant);
            }
        }
        if grants.is_empty() {
            return Err(ApiKeyRefused::NoScope.into());
        }
        of_kinds.are_one()?;
        if operations.is_empty() {
            return Err(ApiKeyRefused::NoOperation.into());
        }
        // A grant for a whole environment includes its countries, so grants for single countries of it are dropped.
        let whole: Vec<_> =
            grants.iter().filter(|grant| grant.scope.is_none()).map(|grant| grant.environment).collect();
        grants.retain(|grant| grant.scope.is_none() || !whole.contains(&grant.environment));
        // This check comes before a code is spent; only the count in the transaction is reliable.
        room_for_another(
            self.vault.db().api_keys().count_live(&name, time_of_expiry(&self.vault)).await?,
            &name,
        )?;
        Ok(CreateApiKey { name, grants, operations, lifetime })
    }

    /// Returns the grant with the ids of the rows that a reach stands for.
    async fn grant(&self, reach: &Reach) -> Result<(Grant, EnvironmentKind), Error> {
        let unknown = |error| match error {
            Error::NotFound => ApiKeyRefused::UnknownScope(reach.clone()).into(),
            error => error,
        };
        let environment = self.vault.db().scopes().environment(&reach.environment).await.map_err(unknown)?;
        let Environment { id: environment, row, .. } = self.vault.proved(environment)?;
        let scope = match reach.country {
            None => None,
            Some(country) => {
                let name = ScopeName { environment: reach.environment.clone(), country };
                Some(self.vault.scope(&name).await.map_err(unknown)?.0.id)
            }
        };
        Ok((Grant { environment, scope, reach: reach.clone() }, row.kind))
    }

    /// Makes the key and keeps it sealed, for its owner to see in this session.
    ///
    /// # Errors
    /// [`ServicesError::ApiKey`] when two keys of its name work already.
    pub async fn create_api_key(
        &self,
        proof: Authorised<CreateApiKey>,
        session: &Session,
    ) -> Result<(), Error> {
        let made = self.make_api_key(&proof, Some(session), |_| Ok(())).await;
        self.vault.db().or_refuse(made, proof.refusal("")).await.map(drop)
    }

    /// Makes a key for `keystead api-key create`. The key is shown before it works, so that no key works that nobody has seen.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the request; the error of `show`. The key then does not work.
    pub async fn create_api_key_on_host(
        &self,
        name: &str,
        reach: &[Reach],
        operations: Vec<Operation>,
        lifetime: Lifetime,
        show: impl FnOnce(&SecretText) -> Result<(), Error>,
    ) -> Result<SecretText, Error> {
        let command = self.asked_api_key(name, reach, operations, lifetime).await?;
        self.make_api_key(&Authorised::on_host(command, self.vault.now()), None, show).await
    }

    async fn make_api_key(
        &self,
        proof: &Authorised<CreateApiKey>,
        show_in: Option<&Session>,
        show: impl FnOnce(&SecretText) -> Result<(), Error>,
    ) -> Result<SecretText, Error> {
        let command = proof.command();
        // Drawn outside the transaction, which may run again: the key that is returned must be the key that is stored.
        let (key, Presented { id, hash }) = &draw();
        let shown = SecretText::new(key.expose());
        show(&shown)?;
        let now = self.vault.now();
        let note = &Note {
            name: command.name.clone(),
            key: Zeroizing::new(key.expose().to_owned()),
            reach: command.grants.iter().map(|grant| grant.reach.to_string()).collect(),
            operations: words(&command.operations),
            expires_at: command.lifetime.end(now),
        };
        self.vault
            .db()
            .write(|mut tx| async move {
                // Keys are made one after the other, so that the count is still true at the commit.
                tx.lock(Lock::Instance).await?;
                let live = tx.api_keys().count_live(&command.name, time_of_expiry(&self.vault)).await?;
                room_for_another(live, &command.name)?;
                tx.api_keys().insert(*id, hash, command, proof.by().name(), now).await?;
                // A kind may have been changed since the plan. Kinds are changed under the same lock.
                if tx.api_keys().count_kinds(*id).await? > 1 {
                    let why = "The kind of an environment was changed in the meantime. A key reaches environments of one kind only.";
                    return Err(Error::Changes(ChangesError::Outdated(why.into())));
                }
                self.vault.sign_new(&mut tx, RowRef::ApiKey(*id)).await?;
                if let Some(session) = show_in {
                    let plain = Zeroizing::new(
                        serde_json::to_vec(note)
                            .map_err(|_| Error::Fault("a new API key cannot be kept".into()))?,
                    );
                    self.notes.put(&mut tx, session.id, NOTE, &plain).await?;
                }
                let detail = format!(
                    "{} ({}…), {}, {} days",
                    command.name,
                    id.seen(),
                    words(&command.operations).replace(',', ", "),
                    command.lifetime.days()
                );
                tx.commit(proof.entry(detail)).await
            })
            .await?;
        self.vault.moved().raise();
        Ok(shown)
    }

    /// Returns the new key that still waits to be seen in this session.
    ///
    /// # Errors
    /// [`Error::NotFound`] when none waits.
    pub async fn new_api_key(&self, session: &Session) -> Result<NewApiKeyView, Error> {
        session.require(Stage::Full)?;
        let note = self.notes.get(session.id, NOTE).await?.ok_or(Error::NotFound)?;
        let mut note: Note = serde_json::from_slice(note.expose())
            .map_err(|_| Error::Fault("the stored new API key could not be read".into()))?;
        Ok(NewApiKeyView {
            name: note.name,
            key: std::mem::take(&mut *note.key),
            reach: note.reach,
            operations: note.operations,
            expires_at: note.expires_at,
        })
    }

    /// Deletes the kept key, because the person has it; it is never shown again.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget_new_api_key(&self, session: &Session) -> Result<(), Error> {
        self.vault
            .db()
            .write(|mut tx| async move {
                tx.sessions().delete_note(session.id, NOTE).await?;
                tx.commit_unaudited("a new API key was seen").await
            })
            .await
    }

    /// Plans the change "Revoke".
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such key; [`ChangesError::Outdated`] when it is revoked already.
    pub async fn plan_revoke(&self, who: &Session, id: ApiKeyId) -> Result<RevokeApiKey, Error> {
        who.require(Stage::Full)?;
        self.asked_revocation(id).await
    }

    async fn asked_revocation(&self, id: ApiKeyId) -> Result<RevokeApiKey, Error> {
        // A key that does not verify can be revoked as well.
        let key = self.vault.db().api_keys().get(id).await?.unproved();
        if key.revoked_at.is_some() {
            return Err(already_revoked(&key.name));
        }
        Ok(RevokeApiKey { id, name: key.name })
    }

    /// Revokes the key: on this server at once, on every other server within a second.
    ///
    /// # Errors
    /// [`ChangesError::Outdated`] when it was revoked in the meantime.
    pub async fn revoke_api_key(&self, proof: Authorised<RevokeApiKey>) -> Result<(), Error> {
        let proof = &proof;
        let done = self.vault.db().write(|mut tx| async move {
            let RevokeApiKey { id, name } = proof.command();
            tx.authority().lock(&RowRef::ApiKey(*id)).await?;
            if !tx.api_keys().revoke(*id, self.vault.now()).await? {
                return Err(already_revoked(name));
            }
            // Signed also if it did not verify before: nobody makes a revoked key live again, so this ends it for good.
            self.vault.sign_new(&mut tx, RowRef::ApiKey(*id)).await?;
            tx.commit(proof.entry(format!("{name} ({}…)", id.seen()))).await
        });
        self.vault.db().or_refuse(done.await, proof.refusal("")).await?;
        self.vault.moved().raise();
        Ok(())
    }

    /// Revokes a key for `keystead api-key revoke`; returns the key's name.
    ///
    /// # Errors
    /// As [`Services::plan_revoke`].
    pub async fn revoke_api_key_on_host(&self, id: ApiKeyId) -> Result<String, Error> {
        let command = self.asked_revocation(id).await?;
        let name = command.name.clone();
        self.revoke_api_key(Authorised::on_host(command, self.vault.now())).await?;
        Ok(name)
    }
}

fn room_for_another(live: i64, name: &str) -> Result<(), Error> {
    if live < LIVE_OF_A_NAME as i64 { Ok(()) } else { Err(ApiKeyRefused::TwoLive(name.to_owned()).into()) }
}

fn already_revoked(name: &str) -> Error {
    Error::Changes(ChangesError::Outdated(format!("The key \"{name}\" was already revoked.")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::services::api_key::SEEN;

    #[test]
    fn a_key_has_44_characters_and_begins_with_its_id() {
        let (key, presented) = draw();
        let text = key.expose();
        assert_eq!((text.len(), &text[..4]), (LENGTH, PREFIX));
        assert_eq!(text[..SEEN], presented.id.seen());
        assert_eq!(BASE64.decode(text.as_bytes()).expect("standard base64").len(), 33);
        assert_ne!(draw().0.expose(), text);
    }

    #[test]
    fn every_other_text_is_another_key_or_none() {
        let (key, presented) = draw();
        let text = key.expose();
        for index in 0..text.len() {
            let mut other = text.to_owned().into_bytes();
            other[index] = if other[index] == b'A' { b'B' } else { b'A' };
            let other = String::from_utf8(other).expect("text");
            assert!(read(&other).is_none_or(|read| read.hash != presented.hash), "{index}");
        }
        for not_it in [&text[1..], &format!("{text}A"), &format!("{text} "), &format!(" {text}"), ""] {
            assert!(read(not_it).is_none());
        }
    }
}
