//! Environments and countries.

use crate::support::*;
use chrono::TimeDelta;
use domain::audit::event::{Action, Outcome};
use domain::base::typed::Hidden;
use domain::keys::rotation::RotationPeriod;
use domain::overview::lack::Lack;
use domain::scopes::scope::{EnvironmentKind, NameRefused};
use engine::Error;
use engine::base::error::ScopesError;

use engine::testing::{TestPortal, transaction};

stories! {
    the_address_is_made_from_the_name,
    a_name_is_refused_in_words,
    an_address_can_be_chosen,
    a_name_that_looks_like_another_is_refused,
    an_address_is_unique,
    of_a_large_portal_one_environment_shows_its_countries,
    there_are_two_hundred_environments_at_most,
    an_address_is_never_used_again,
    renaming_keeps_the_address,
    an_environment_with_a_key_cannot_be_removed,
    a_country_with_a_key_cannot_be_removed,
    a_country_is_in_an_environment_once,
    an_unknown_country_is_refused,
    what_was_removed_is_not_found,
    a_removal_and_a_new_country_at_once_leave_no_orphan,
    a_removal_and_a_first_key_at_once_leave_one_of_them,
    what_is_removed_before_its_turn_is_not_found,
    the_sidebar_says_what_a_country_lacks,
}

async fn the_address_is_made_from_the_name(t: &TestPortal) {
    let ada = t.administrator().await;
    let made =
        t.portal.scopes().add_environment(&ada.session, " EU — Staging 2 ", "", EnvironmentKind::Test).await;
    let made = made.expect("an environment");
    assert_eq!((made.slug.as_str(), made.name.as_str()), ("eu-staging-2", "EU — Staging 2"));
    let view = t.portal.scopes().environment(&made.slug).await.expect("it is there");
    assert_eq!((view.environment, view.countries), (made, vec![]));
}

async fn a_name_is_refused_in_words(t: &TestPortal) {
    let ada = t.administrator().await;
    for (name, why) in [
        (" ", NameRefused::Empty),
        ("a\nb", NameRefused::Hidden(Hidden::within("a\nb").expect("a line break"))),
        (&"x".repeat(61), NameRefused::TooLong),
    ] {
        let refused =
            t.portal.scopes().add_environment(&ada.session, name, "", EnvironmentKind::Production).await;
        assert!(matches!(refused, Err(Error::Scopes(ScopesError::Name(said))) if said == why), "{name}");
    }
}

async fn an_address_can_be_chosen(t: &TestPortal) {
    let ada = t.administrator().await;
    let add = async |name: &str, slug: &str| {
        let added = t.portal.scopes().add_environment(&ada.session, name, slug, EnvironmentKind::Test).await;
        added.map(|row| row.slug.to_string())
    };
    refused!(add("本番", " ").await, Error::Scopes(ScopesError::NoSlug));
    assert_eq!(add("本番", " Live-JP ").await.expect("chosen"), "live-jp");
    for bad in ["a b", "本番", "a/b", &"x".repeat(41)] {
        refused!(add("Other", bad).await, Error::Scopes(ScopesError::Slug(_)));
    }
    assert_eq!(add("Müller", "").await.expect("derived"), "muller");
    assert_eq!(add("Mäller", "").await.expect("another"), "maller");
    refused!(add("Müller Sandbox", "muller").await, Error::Scopes(ScopesError::SlugTaken(_)));
    assert_eq!(add("Mu\u{308}ller Sandbox", "muller-2").await.expect("chosen"), "muller-2");
    let names: Vec<_> =
        t.portal.scopes().environments().await.expect("a list").into_iter().map(|row| row.name).collect();
    assert!(names.contains(&"M\u{fc}ller Sandbox".to_owned()), "names are composed: {names:?}");
}

async fn a_name_that_looks_like_another_is_refused(t: &TestPortal) {
    let ada = t.administrator().await;
    let scopes = t.portal.scopes();
    let add = async |name: &str, slug: &str| {
        scopes.add_environment(&ada.session, name, slug, EnvironmentKind::Test).await.map(drop)
    };
    add("Payments", "").await.expect("added");
    for alike in [
        "P\u{430}yments",
        "payments",
        "PAYMENTS",
        " Payments ",
        "Ｐａｙｍｅｎｔｓ",
        "Payrnents",
        "PAY\u{41c}ENTS",
        "PAYMEN\u{422}S",
    ] {
        let refused = add(alike, "other").await;
        assert!(
            matches!(&refused, Err(Error::Scopes(ScopesError::LooksLike(name))) if name == "Payments"),
            "{alike}: {refused:?}"
        );
    }
    add("Healthy live", "").await.expect("added");
    refused!(add("\u{41d}ealthy LIVE", "other").await, Error::Scopes(ScopesError::LooksLike(_)));
    add("Payments EU", "").await.expect("another name");
    add("Payments  2", "").await.expect("another name");
    refused!(add("Payments 2", "other").await, Error::Scopes(ScopesError::LooksLike(_)));
    let eu = slug("payments-eu");
    let renamed = scopes.rename_environment(&ada.session, &eu, "P\u{430}yments").await;
    refused!(renamed, Error::Scopes(ScopesError::LooksLike(_)));
    scopes.rename_environment(&ada.session, &eu, "payments EU").await.expect("its own name in lower case");
    scopes.remove_environment(&ada.session, &slug("payments")).await.expect("removed");
    add("P\u{430}yments", "other").await.expect("nobody confuses it with a removed one");
}

async fn an_address_is_unique(t: &TestPortal) {
    let ada = t.administrator().await;
    let second = t.second().await;
    let tasks = (0..8).map(|number| {
        let portal = if number % 2 == 0 { t.portal.clone() } else { second.clone() };
        let session = ada.session.clone();
        async move {
            let name = format!("Stage {number}");
            portal.scopes().add_environment(&session, &name, "staging", EnvironmentKind::Test).await.map(drop)
        }
    });
    let (done, refused): (Vec<_>, Vec<_>) = at_once(tasks).await.into_iter().partition(Result::is_ok);
    assert_eq!(done.len(), 1);
    assert!(
        refused
            .iter()
            .all(|one| matches!(one, Err(Error::Scopes(ScopesError::SlugTaken(slug))) if slug == "staging"))
    );
}

async fn an_address_is_never_used_again(t: &TestPortal) {
    let ada = t.administrator().await;
    t.portal
        .scopes()
        .add_environment(&ada.session, "Staging", "", EnvironmentKind::Test)
        .await
        .expect("an environment");
    t.portal.scopes().remove_environment(&ada.session, &slug("staging")).await.expect("removed");
    refused!(
        t.portal.scopes().add_environment(&ada.session, "staging", "", EnvironmentKind::Test).await,
        Error::Scopes(ScopesError::SlugTaken(_))
    );
}

async fn renaming_keeps_the_address(t: &TestPortal) {
    let ada = t.administrator().await;
    scope(t, &ada, "DE").await;
    let production = slug("production");
    t.portal.scopes().rename_environment(&ada.session, &production, "Live").await.expect("renamed");
    assert_eq!(
        t.portal.scopes().environment(&production).await.expect("it is there").environment.name,
        "Live"
    );
    refused!(
        t.portal.scopes().rename_environment(&ada.session, &production, " Live ").await,
        Error::Scopes(ScopesError::NameUnchanged)
    );
    refused!(t.portal.scopes().rename_environment(&ada.session, &slug("live"), "X").await, Error::NotFound);
}

async fn an_environment_with_a_key_cannot_be_removed(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    let fr = scope(t, &ada, "FR").await;
    create(t, &ada, &de, RotationPeriod::Days30).await;
    refused!(
        t.portal.scopes().remove_environment(&ada.session, &de.environment).await,
        Error::Scopes(ScopesError::HasKeys)
    );
    assert!(t.portal.keys().list(&fr, None).await.is_ok(), "its other countries are still there");
    assert_eq!(logged(t, Action::EnvironmentRemove, Outcome::Refused).await, 1);
}

async fn a_country_with_a_key_cannot_be_removed(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    let fr = scope(t, &ada, "FR").await;
    create(t, &ada, &de, RotationPeriod::Days30).await;
    refused!(t.portal.scopes().remove_country(&ada.session, &de).await, Error::Scopes(ScopesError::HasKeys));
    t.portal.scopes().remove_country(&ada.session, &fr).await.expect("it has no key");
    assert_eq!(logged(t, Action::CountryRemove, Outcome::Refused).await, 1);
}

async fn a_country_is_in_an_environment_once(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    let again = t.portal.scopes().add_country(&ada.session, &de.environment, "DE").await;
    refused!(again, Error::Scopes(ScopesError::CountryTaken("Germany")));
    t.portal.scopes().remove_country(&ada.session, &de).await.expect("removed");
    assert!(t.portal.scopes().add_country(&ada.session, &de.environment, "DE").await.is_ok());
}

async fn an_unknown_country_is_refused(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    for bad in ["XK", "de", "DEU", ""] {
        refused!(
            t.portal.scopes().add_country(&ada.session, &de.environment, bad).await,
            Error::Scopes(ScopesError::Country(_))
        );
    }
    refused!(t.portal.scopes().add_country(&ada.session, &slug("nowhere"), "DE").await, Error::NotFound);
}

async fn what_was_removed_is_not_found(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    t.portal.scopes().remove_environment(&ada.session, &de.environment).await.expect("removed");
    refused!(t.portal.scopes().environment(&de.environment).await, Error::NotFound);
    refused!(t.portal.keys().list(&de, None).await, Error::NotFound);
    refused!(t.portal.scopes().add_country(&ada.session, &de.environment, "FR").await, Error::NotFound);
    refused!(t.portal.scopes().remove_environment(&ada.session, &de.environment).await, Error::NotFound);
    assert_eq!(
        (t.portal.scopes().environments().await.expect("a list"), number(t.db(), SCOPES).await),
        (vec![], 0)
    );
}

const SCOPES: &str = "SELECT COUNT(*) FROM scope";

async fn a_removal_and_a_new_country_at_once_leave_no_orphan(t: &TestPortal) {
    let ada = t.administrator().await;
    for round in 0..10 {
        let name = format!("Round {round}");
        let made = t
            .portal
            .scopes()
            .add_environment(&ada.session, &name, "", EnvironmentKind::Test)
            .await
            .expect("an environment");
        let adding = ["DE", "FR", "IT", "PT", "ES"].map(|country| {
            let (portal, session, slug) = (t.portal.clone(), ada.session.clone(), made.slug.clone());
            tokio::spawn(async move { portal.scopes().add_country(&session, &slug, country).await.is_ok() })
        });
        t.portal.scopes().remove_environment(&ada.session, &made.slug).await.expect("it has no key");
        for one in adding {
            one.await.expect("a task ends");
        }
        let orphans = "SELECT COUNT(*) FROM scope s JOIN environment e ON e.id = s.environment_id \
                       WHERE e.removed_at IS NOT NULL";
        assert_eq!(number(t.db(), orphans).await, 0);
    }
}

async fn a_removal_and_a_first_key_at_once_leave_one_of_them(t: &TestPortal) {
    let ada = t.administrator().await;
    let second = t.second().await;
    for code in ["DE", "AT", "CH", "FR", "IT", "ES", "PT", "NL", "BE", "LU", "DK", "SE"] {
        let de = scope(t, &ada, code).await;
        let command = t.portal.keys().plan_create(&ada.session, &de, RotationPeriod::Days30).await;
        let proof = proof(t, &ada, &command.expect("a plan")).await;
        let portal = second.clone();
        let creating = tokio::spawn(async move { portal.keys().create(proof).await });
        let removed = t.portal.scopes().remove_country(&ada.session, &de).await;
        match creating.await.expect("a task ends") {
            Ok(_) => refused!(removed, Error::Scopes(ScopesError::HasKeys)),
            Err(error) => {
                assert!(matches!(error, Error::NotFound), "{error:?}");
                removed.expect("removed");
            }
        }
    }
}

/// The race above with a fixed order: the removal comes first.
async fn what_is_removed_before_its_turn_is_not_found(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    let lock = transaction::lock_of(t.db(), &de).await.expect("a scope");
    t.portal.scopes().remove_country(&ada.session, &de).await.expect("removed");
    let locked = transaction::write(t.db(), |mut tx| async move { transaction::lock(&mut tx, lock).await });
    refused!(locked.await, Error::NotFound);
}

async fn the_sidebar_says_what_a_country_lacks(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    scope(t, &ada, "AT").await;
    create(t, &ada, &de, RotationPeriod::Days30).await;
    let lacks = async || {
        let tree = t.portal.overview().tree().await.expect("a tree").environments;
        tree[0].countries.iter().map(|entry| (entry.country.code(), entry.lacks)).collect::<Vec<_>>()
    };
    assert_eq!(lacks().await, [("AT", Some(Lack::NoKey)), ("DE", None)]);
    t.clock.advance(TimeDelta::days(31));
    assert_eq!(lacks().await, [("AT", Some(Lack::NoKey)), ("DE", Some(Lack::Rotate))]);
}

async fn of_a_large_portal_one_environment_shows_its_countries(t: &TestPortal) {
    let ada = t.administrator().await;
    scope(t, &ada, "DE").await;
    let shown = async |environment: Option<&str>| {
        let environment = environment.map(slug);
        let tree = t.portal.overview().tree_around(environment.as_ref()).await.expect("a tree");
        let countries = tree.environments.iter().map(|one| one.countries.len()).collect::<Vec<_>>();
        (tree.is_large, countries)
    };
    assert_eq!(shown(None).await, (false, vec![1]));
    t.portal.bulk(999, 0, TimeDelta::zero()).await.expect("in bulk");
    assert_eq!(
        shown(None).await,
        (false, vec![249, 249, 249, 249, 3, 1]),
        "a thousand are no more than that"
    );
    scope(t, &ada, "FR").await;
    assert_eq!(shown(None).await, (true, vec![0; 6]));
    assert_eq!(shown(Some("bulk-1")).await, (true, vec![0, 249, 0, 0, 0, 0]));
    assert_eq!(shown(Some("production")).await, (true, vec![0, 0, 0, 0, 0, 2]));
    let all = t.portal.overview().tree().await.expect("a tree");
    let countries = all.environments.iter().map(|one| one.countries.len()).sum::<usize>();
    assert_eq!((all.is_large, countries), (true, 1_001));
}

async fn there_are_two_hundred_environments_at_most(t: &TestPortal) {
    let ada = t.administrator().await;
    let add = |number| {
        let (t, ada) = (&t, &ada);
        async move {
            t.portal
                .scopes()
                .add_environment(&ada.session, &format!("Sandbox {number}"), "", EnvironmentKind::Test)
                .await
        }
    };
    for number in 0..200 {
        add(number).await.expect("added");
    }
    refused!(add(200).await, Error::Scopes(ScopesError::TooManyEnvironments { limit: 200 }));
    t.portal.scopes().remove_environment(&ada.session, &slug("sandbox-7")).await.expect("removed");
    add(201).await.expect("there is room again");
}
