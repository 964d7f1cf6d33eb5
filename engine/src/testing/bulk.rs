//! Many scopes at once, without the plans and codes that people need: for measurements.

use crate::base::entry::{Actor, Entry};
use crate::base::random;
use crate::custody::material::Ciphers;
use crate::data::{edek, message};
use crate::keys::rows;
use crate::store::Tx;
use crate::store::authority::RowRef;
use crate::store::keys::NewVersionRow;
use crate::{Error, Portal};
use chrono::{DateTime, TimeDelta, Utc};
use domain::audit::event::Action;
use domain::base::id::{EnvironmentId, ScopeId};
use domain::keys::key_version::{NewVersion, Plan};
use domain::keys::limits::{DailyLimits, Left};
use domain::keys::rotation::RotationPeriod;
use domain::overview::view::EnvironmentRow;
use domain::scopes::scope::{Country, EnvironmentKind, ScopeName, Slug};

/// Maximum number of scopes made in one transaction.
const AT_ONCE: usize = 5_000;

impl Portal {
    /// Makes `scopes` scopes, each with `versions` managed versions that are `ago` old and rotate every 30 days.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn bulk(&self, scopes: usize, versions: u32, ago: TimeDelta) -> Result<Vec<ScopeName>, Error> {
        let countries = Country::all();
        let made_at = self.now() - ago;
        let mut names = Vec::with_capacity(scopes);
        for number in 0..scopes.div_ceil(countries.len()) {
            let environment = Slug::try_from(format!("bulk-{number}")).expect("a slug");
            let left = scopes - names.len();
            let name = |country: &Country| ScopeName { environment: environment.clone(), country: *country };
            names.extend(countries.iter().take(left).map(name));
        }
        // Whole environments, because the row of an environment is made in the transaction of its first country.
        for some in names.chunks(AT_ONCE / countries.len() * countries.len()) {
            self.vault().db().write(|tx| self.bulk_in(tx, some, versions, made_at)).await?;
        }
        Ok(names)
    }

    async fn bulk_in(
        &self,
        mut tx: Tx,
        names: &[ScopeName],
        versions: u32,
        at: DateTime<Utc>,
    ) -> Result<(), Error> {
        let mut environment = None::<(Slug, EnvironmentId)>;
        for name in names {
            let id = match &environment {
                Some((slug, id)) if *slug == name.environment => *id,
                _ => {
                    let id = EnvironmentId(random::uuid());
                    let slug = name.environment.clone();
                    let row = EnvironmentRow {
                        name: slug.to_string(),
                        slug: slug.clone(),
                        kind: EnvironmentKind::Production,
                        countries: 0,
                        with_key: 0,
                        created_at: at,
                        keeps_slug: false,
                        is_proved: true,
                    };
                    tx.scopes().insert_environment(id, &row).await?;
                    self.vault().sign_new(&mut tx, RowRef::Environment(id)).await?;
                    environment = Some((slug, id));
                    id
                }
            };
            let scope = ScopeId(random::uuid());
            tx.scopes().insert_scope(scope, id, name.country, at).await?;
            self.vault().sign_new(&mut tx, RowRef::Scope(scope)).await?;
            for number in 1..=versions {
                if number > 1 {
                    rows::deprecate(self.vault(), &mut tx, &[scope]).await?;
                }
                let new = NewVersion::Managed { period: RotationPeriod::Days30 };
                let due_at = new.period().map(|period| period.due_after(at));
                let left = Left { of_type_today: 0, today: 0, customer_supplied: 0 };
                let plan = Plan {
                    number,
                    new,
                    deprecates: None,
                    due_at,
                    customer_supplied_no: None,
                    left,
                    limits: DailyLimits::default(),
                    passes: None,
                };
                let material = self.custody().new_material(scope, number);
                let id = tx.keys().draw_ids(1).await?[0];
                let row = NewVersionRow {
                    id,
                    scope,
                    plan,
                    material: Some(material),
                    rotated_for_due: None,
                    created_at: at,
                    created_by: "bulk",
                };
                rows::insert(self.vault(), &mut tx, vec![row]).await?;
            }
        }
        tx.commit(Entry::done(at, Actor::Host, Action::KeyCreate).with("in bulk")).await
    }

    /// Encrypts a value under a version of a scope, without a context.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown scope or version.
    pub async fn sealed_under(&self, name: &ScopeName, number: u32, plain: &[u8]) -> Result<Vec<u8>, Error> {
        self.under(name, number, |ciphers, id| message::seal(ciphers, id, plain, &Default::default())).await
    }

    /// Wraps a data key under a version of a scope, without a context.
    ///
    /// # Errors
    /// As [`Portal::sealed_under`].
    pub async fn wrapped_under(
        &self,
        name: &ScopeName,
        number: u32,
        dek: &[u8; 32],
    ) -> Result<Vec<u8>, Error> {
        self.under(name, number, |ciphers, id| edek::seal(ciphers, id, dek, &Default::default())).await
    }

    async fn under<T>(
        &self,
        name: &ScopeName,
        number: u32,
        work: impl FnOnce(&mut Ciphers<'_>, u32) -> T,
    ) -> Result<T, Error> {
        let key = self.lease_key(name, number).await?;
        let id = self.vault().db().keys().version(key.scope, number).await?.unproved().id;
        let id = u32::try_from(id).map_err(|_| Error::NotFound)?;
        self.custody().with_material(key, 1, 0, |material| work(&mut material.ciphers(), id)).await
    }
}
