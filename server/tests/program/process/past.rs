//! Keys created in the past, so that their rotation is due now.

use super::EMAIL;
use domain::keys::rotation::RotationPeriod;
use domain::scopes::scope::{Country, EnvironmentKind as Stage, ScopeName, Slug};
use engine::changes::totp::Seed;
use engine::store::Db;
use engine::testing::{PASSWORD, from, root_key};
use engine::{Clock, Portal, SecretText, Session, Settings};

/// A portal in process whose clock stands in the past, with an administrator who creates keys.
pub struct Past {
    pub portal: Portal,
    clock: Clock,
    seed: Seed,
    session: Session,
}

impl Past {
    /// Opens the portal five weeks ago and creates an administrator.
    pub async fn of(db: Db) -> Self {
        let clock = Clock::standing_at(Clock::system().now() - chrono::TimeDelta::days(35));
        let settings = Settings::default();
        let portal = Portal::open(db, &root_key(), clock.clone(), settings).await.expect("it opens");
        let made =
            portal.administrators().create(EMAIL, SecretText::new(PASSWORD), None, |_, _| Ok(())).await;
        let (seed, _) = made.expect("an administrator");
        let half =
            portal.people().check_password(EMAIL, SecretText::new(PASSWORD), from("192.0.2.1"), None).await;
        let half = half.expect("the password is right").session;
        let new = portal.people().check_sign_in_code(&half, &seed.code(clock.now())).await;
        Self { portal, session: new.expect("the code is right").session, clock, seed }
    }

    async fn key(&self, scope: &ScopeName) {
        self.clock.advance(chrono::TimeDelta::seconds(30));
        let plan = self
            .portal
            .keys()
            .plan_create(&self.session, scope, RotationPeriod::Days30)
            .await
            .expect("a plan");
        let change = self.portal.changes().prepare(&self.session, &plan).await.expect("it is prepared");
        let code = self.seed.code(self.clock.now());
        let proof = self.portal.proof(&self.session, change, &code).await.expect("it is confirmed");
        self.portal.keys().create(proof).await.expect("a version");
    }

    /// Adds `count` countries to one environment, each with a key that was due days ago.
    pub async fn keys(&self, count: usize) {
        let made =
            self.portal.scopes().add_environment(&self.session, "Production", "", Stage::Production).await;
        made.expect("an environment");
        for country in Country::all().into_iter().take(count) {
            let scope = self.country(country.code()).await;
            self.key(&scope).await;
        }
    }

    /// Adds a country to the environment "Production".
    pub async fn country(&self, code: &str) -> ScopeName {
        let environment = Slug::try_from("production".to_owned()).expect("a slug");
        let country = self.portal.scopes().add_country(&self.session, &environment, code).await;
        ScopeName { environment, country: country.expect("a country") }
    }
}
