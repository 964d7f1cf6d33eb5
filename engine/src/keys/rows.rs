//! The rows of versions: each is signed when it is made and when it is deprecated, because its row says which version is Active.

use crate::Error;
use crate::store::Tx;
use crate::store::authority::{Kind, Signed, VersionMark};
use crate::store::keys::NewVersionRow;
use crate::vault::authority::resigned;
use crate::vault::opened::Vault;
use domain::base::id::ScopeId;
use domain::keys::key_version::Status;
use std::collections::HashSet;

/// Deprecates the Active versions of these scopes. Each of the scopes must have one, and the caller holds their locks. A row that
/// does not verify is deprecated as well, so that its scope gets a version that does; it still does not verify.
pub(crate) async fn deprecate(vault: &Vault, tx: &mut Tx, scopes: &[ScopeId]) -> Result<(), Error> {
    let active = tx.keys().active_marks(scopes).await?;
    if active.len() != scopes.len() {
        return Err(Error::Fault("an Active version was not there to deprecate".into()));
    }
    let ids: Vec<i64> = active.iter().map(|mark| mark.k_id).collect();
    let signed = active.into_iter().filter_map(|mark| {
        let now = mark.clone().claim();
        let changed = VersionMark { k_status: Status::Deprecated.word().to_owned(), ..mark };
        resigned(vault, now, &changed.claim())
    });
    let signed: Vec<Signed> = signed.collect();
    tx.keys().deprecate(&ids).await?;
    tx.authority().set_signed(Kind::Version, &signed).await
}

/// Returns those of the scopes, whose locks the caller holds, in which the row of the Active version verifies.
pub(crate) async fn genuine(
    vault: &Vault,
    tx: &mut Tx,
    scopes: impl Iterator<Item = ScopeId>,
) -> Result<HashSet<ScopeId>, Error> {
    let active = tx.keys().active_marks(&scopes.collect::<Vec<_>>()).await?;
    let proved = |mark: VersionMark| {
        let (scope, claim) = (ScopeId(mark.k_scope_id), mark.claim());
        vault.proves(&claim).then_some(scope)
    };
    Ok(active.into_iter().filter_map(proved).collect())
}

/// Inserts versions as the Active ones of their scopes.
pub(crate) async fn insert(vault: &Vault, tx: &mut Tx, rows: Vec<NewVersionRow<'_>>) -> Result<(), Error> {
    let signed = rows.into_iter().map(|row| {
        let code = vault.code(&row.mark().claim(), 0);
        (row, code)
    });
    tx.keys().insert_versions(&signed.collect::<Vec<_>>()).await
}
