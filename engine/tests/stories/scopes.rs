//! Environments and countries.

use crate::support::*;
use chrono::TimeDelta;
use domain::Problem;
use domain::audit::event::{Action, AuditQuery, Outcome};
use domain::base::typed::Hidden;
use domain::data::operation::Operation;
use domain::keys::rotation::RotationPeriod;
use domain::overview::lack::Lack;
use domain::scopes::scope::{EnvironmentKind, NameRefused, ScopeName, Slug};
use domain::services::api_key::{Lifetime, Reach};
use engine::Error;
use engine::base::error::{ChangesError, ScopesError};
use engine::testing::{TestPortal, transaction};

stories! {
    the_address_is_made_from_the_name,
    a_name_is_refused_in_words,
    an_address_can_be_chosen,
    a_name_that_looks_like_another_is_refused,
    an_address_is_unique,
    of_a_large_portal_one_environment_shows_its_countries,
    there_are_two_hundred_environments_at_most,
    an_address_without_keys_is_used_again,
    an_address_of_lost_versions_is_never_used_again,
    the_lines_of_two_environments_of_one_name_differ,
    nothing_of_a_removed_environment_reaches_the_next,
    the_kind_changes_without_a_code_until_there_is_a_version,
    the_kind_changes_with_a_code_once_there_is_a_version,
    a_key_that_reaches_another_environment_holds_the_kind,
    a_kind_and_a_first_version_at_once_leave_nothing_half_done,
    a_kind_and_an_api_key_at_once_leave_no_key_of_two_kinds,
    renaming_keeps_the_address,
    an_environment_with_a_key_cannot_be_removed,
    a_country_with_a_key_cannot_be_removed,
    a_country_is_in_an_environment_once,
    an_unknown_country_is_refused,
    what_was_removed_is_not_found,
    a_removal_says_which_api_keys_lose_access,
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

async fn a_removal_says_which_api_keys_lose_access(t: &TestPortal) {
    let ada = t.administrator().await;
    let (de, _) = (scope(t, &ada, "DE").await, scope(t, &ada, "FR").await);
    let keys = async |country: Option<&str>| {
        let country = country.map(|code| domain::scopes::scope::Country::from_code(code).expect("a country"));
        t.portal.scopes().keys_losing(&de.environment, country, 2).await.expect("known")
    };
    assert_eq!(keys(None).await, [""; 0]);
    for (id, name, reach) in [
        ([1; 6], "Orders", "production/DE"),
        ([2; 6], "Billing", "production/*"),
        ([3; 6], "Orders", "production/FR"),
    ] {
        t.api_key(id, name, reach, &[Operation::Encrypt]).await;
    }
    assert_eq!(keys(Some("DE")).await, ["Orders"], "a key of the whole environment keeps what it has");
    assert_eq!(keys(None).await, ["Billing", "Orders"]);
    t.clock.advance(TimeDelta::days(4000));
    assert_eq!(keys(None).await, [""; 0], "keys that have expired lose nothing");
    let nowhere = t.portal.scopes().keys_losing(&slug("nowhere"), None, 2).await;
    refused!(nowhere, Error::NotFound);
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

async fn an_address_without_keys_is_used_again(t: &TestPortal) {
    let ada = t.administrator().await;
    let scopes = t.portal.scopes();
    let add =
        async |name: &str| scopes.add_environment(&ada.session, name, "staging", EnvironmentKind::Test).await;
    for round in 0..3 {
        add("Staging").await.expect("it is free");
        refused!(add(&format!("Another {round}")).await, Error::Scopes(ScopesError::SlugTaken(_)));
        scopes.add_country(&ada.session, &slug("staging"), "FR").await.expect("a country");
        let removed = scopes.remove_environment(&ada.session, &slug("staging")).await.expect("removed");
        assert!(!removed.keeps_slug);
    }
    let again = add("Staging").await.expect("it is free");
    let view = scopes.environment(&again.slug).await.expect("it is there");
    assert_eq!((view.environment.countries, view.countries.len()), (0, 0), "the new one is empty");
    let of_slug = "SELECT COUNT(*) FROM environment WHERE slug = 'staging'";
    assert_eq!(number(t.db(), of_slug).await, 4, "the removed ones stay as rows");
    assert_eq!(t.portal.overview().verify().await.expect("it reads").unproved, [""; 0]);
}

/// An old database was started, whose newest versions are lost: their numbers are left out. Nobody may take their place.
async fn an_address_of_lost_versions_is_never_used_again(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    let fr = scope(t, &ada, "FR").await;
    let folder = tempfile::tempdir().expect("a folder");
    let lost = [(de.clone(), 7)].into();
    t.portal.overview().accept_older(folder.path(), lost).await.expect("accepted");
    let scopes = t.portal.scopes();
    assert!(scopes.environment(&de.environment).await.expect("it is there").environment.keeps_slug);
    scopes.remove_country(&ada.session, &de).await.expect("it has no key");
    assert!(scopes.environment(&de.environment).await.expect("it is there").environment.keeps_slug);
    scopes.remove_country(&ada.session, &fr).await.expect("it has no key");
    let removed = scopes.remove_environment(&ada.session, &de.environment).await.expect("removed");
    assert!(removed.keeps_slug);
    let add =
        async |slug| scopes.add_environment(&ada.session, "Production", slug, EnvironmentKind::Test).await;
    refused!(add("").await, Error::Scopes(ScopesError::SlugTaken(_)));
    add("live").await.expect("another one");
}

async fn the_lines_of_two_environments_of_one_name_differ(t: &TestPortal) {
    let ada = t.administrator().await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let de = scope(t, &ada, "DE").await;
        t.portal.scopes().remove_environment(&ada.session, &de.environment).await.expect("removed");
        let lines = log(t).await;
        let id = |action| {
            let of = lines.iter().rev().find(|line| line.action == action).expect("a line");
            of.place_id.parse::<uuid::Uuid>().expect("an id").to_string()
        };
        assert_eq!(id(Action::EnvironmentAdd), id(Action::EnvironmentRemove));
        ids.push((id(Action::EnvironmentAdd), id(Action::CountryAdd)));
    }
    let ((first, first_country), (second, second_country)) = (ids.remove(0), ids.remove(0));
    assert!(first != second && first_country != second_country && second != second_country);
    let found = async |place: &str| {
        let query = AuditQuery { place: Some(place.to_owned()), ..AuditQuery::default() };
        t.portal.audit().search_log(&query, None).await.expect("lines").events.len()
    };
    assert_eq!((found("production").await, found(&first).await, found(&first_country).await), (6, 2, 1));
    assert_eq!(found(&second.to_uppercase()).await, 2);
}

async fn nothing_of_a_removed_environment_reaches_the_next(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    let services = t.portal.services();
    let (operations, lifetime) = (vec![Operation::Encrypt], Lifetime::Days90);
    let reach: Vec<Reach> = ["production/*"].map(|text| text.parse().expect("a reach")).into();
    let show = |_: &engine::SecretText| Ok(());
    let key =
        services.create_api_key_on_host("orders", &reach, operations, lifetime, show).await.expect("a key");
    let sees = async || {
        let caller = t.portal.access().caller(&key, "192.0.2.9").await.expect("it comes in");
        t.portal.scope_of(&caller, &de).await.is_ok()
    };
    assert!(sees().await);
    let alias = t.portal.scopes().plan_alias(&ada.session, &de, "acme").await.expect("a plan");
    t.portal.scopes().set_alias(proof(t, &ada, &alias).await).await.expect("an alias");
    t.portal.scopes().remove_environment(&ada.session, &de.environment).await.expect("removed");
    assert_eq!(scope(t, &ada, "DE").await, de, "another one of the same name");
    assert!(!sees().await, "the grant is for the environment that was removed");
    let listed = services.api_keys(None).await.expect("the list").keys.remove(0);
    assert_eq!(listed.reach, [], "and the list names nothing that it does not reach");
    assert_eq!(t.portal.scopes().alias(&de).await.expect("it is there"), None);
}

async fn kind_of(t: &TestPortal, slug: &Slug) -> EnvironmentKind {
    t.portal.scopes().environment(slug).await.expect("it is there").environment.kind
}

async fn the_kind_changes_without_a_code_until_there_is_a_version(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    let (scopes, slug) = (t.portal.scopes(), &de.environment);
    let lacks = async || scopes.environment(slug).await.expect("it is there").countries[0].lacks;
    assert_eq!(
        (lacks().await, scopes.kind_needs_code(slug).await.expect("read")),
        (Some(Lack::NoKey), false)
    );
    refused!(
        scopes.plan_kind(&ada.session, slug, EnvironmentKind::Production).await,
        Error::Scopes(ScopesError::KindUnchanged(EnvironmentKind::Production))
    );
    let command = scopes.plan_kind(&ada.session, slug, EnvironmentKind::Test).await.expect("a plan");
    assert!(scopes.change_kind_at_once(&ada.session, &command).await.expect("changed").is_some());
    assert_eq!((kind_of(t, slug).await, lacks().await), (EnvironmentKind::Test, Some(Lack::NoKeyInTest)));
    let line = log(t).await.pop().expect("a line");
    assert_eq!(
        (line.action, line.place.as_str(), line.detail.as_str()),
        (Action::EnvironmentKind, "production", "Production → Test")
    );
    refused!(
        scopes.change_kind_at_once(&ada.session, &command).await,
        Error::Changes(ChangesError::Outdated(_))
    );
    assert_eq!(logged(t, Action::EnvironmentKind, Outcome::Refused).await, 1);
    assert_eq!(t.portal.overview().verify().await.expect("it reads").unproved, [""; 0], "its row is signed");
    let country =
        t.portal.overview().tree().await.expect("a tree").environments.remove(0).countries.remove(0);
    assert_eq!(country.lacks, Some(Lack::NoKeyInTest));
}

async fn the_kind_changes_with_a_code_once_there_is_a_version(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    let (scopes, slug) = (t.portal.scopes(), &de.environment);
    let early = scopes.plan_kind(&ada.session, slug, EnvironmentKind::Test).await.expect("a plan");
    create(t, &ada, &de, RotationPeriod::Days30).await;
    assert!(scopes.kind_needs_code(slug).await.expect("read"));
    assert!(
        scopes.change_kind_at_once(&ada.session, &early).await.expect("refused").is_none(),
        "it needs a code now"
    );
    assert_eq!(kind_of(t, slug).await, EnvironmentKind::Production);
    let second = t.second().await;
    scopes.set_kind(proof(t, &ada, &early).await).await.expect("changed");
    let seen = second.scopes().environment(slug).await.expect("it is there").environment;
    assert_eq!((seen.kind, seen.is_proved), (EnvironmentKind::Test, true));
    refused!(scopes.set_kind(proof(t, &ada, &early).await).await, Error::Changes(ChangesError::Outdated(_)));
}

async fn a_key_that_reaches_another_environment_holds_the_kind(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    let scopes = t.portal.scopes();
    scopes.add_environment(&ada.session, "Live", "", EnvironmentKind::Production).await.expect("added");
    let test =
        scopes.add_environment(&ada.session, "Staging", "", EnvironmentKind::Test).await.expect("added").slug;
    let services = t.portal.services();
    let create = async |name: &str, reach: &[&str]| {
        let reach: Vec<Reach> = reach.iter().map(|text| text.parse().expect("a reach")).collect();
        let show = |_: &engine::SecretText| Ok(());
        services
            .create_api_key_on_host(name, &reach, vec![Operation::Encrypt], Lifetime::Days90, show)
            .await
            .map(drop)
    };
    let refused = create("mixed", &["production/DE", "staging/*", "live/*"]).await.expect_err("two kinds");
    let refused = Problem::from(&refused);
    let said = "A key reaches environments of one kind only. These scopes are of both kinds: Production (production, live) and Test \
                (staging). Choose scopes of one kind, and create another key for the others.";
    assert_eq!((refused.message.as_str(), refused.field.as_deref()), (said, Some("scopes")));
    create("one", &["production/*"]).await.expect("one kind");
    create("orders", &["production/DE", "live/*"]).await.expect("one kind");
    let plan = async |slug| scopes.plan_kind(&ada.session, slug, EnvironmentKind::Test).await;
    let said = Problem::from(&plan(&de.environment).await.expect_err("a key reaches both")).message;
    assert!(said.starts_with("The API key \"orders\" reaches this environment and another one"), "{said}");
    // A key of an earlier release that reaches both kinds goes on; none of its environments changes its kind meanwhile.
    let grant = "INSERT INTO api_key_grant (api_key_id, environment_id) SELECT k.id, e.id FROM api_key k CROSS JOIN environment e \
                 WHERE k.name = 'one' AND e.slug = 'staging'";
    execute(t.db(), grant).await.expect("granted");
    let production = scopes.plan_kind(&ada.session, &test, EnvironmentKind::Production).await;
    assert!(matches!(production, Err(Error::Scopes(ScopesError::KeyReachesMore(names))) if names == ["one"]));
    for key in services.api_keys(None).await.expect("the list").keys {
        services.revoke_api_key_on_host(key.id).await.expect("revoked");
    }
    let command = plan(&de.environment).await.expect("no key that works reaches both");
    assert!(scopes.change_kind_at_once(&ada.session, &command).await.expect("changed").is_some());
}

async fn a_kind_and_a_first_version_at_once_leave_nothing_half_done(t: &TestPortal) {
    let ada = t.administrator().await;
    let second = t.second().await;
    for round in 0..8 {
        let name = format!("Round {round}");
        let added =
            t.portal.scopes().add_environment(&ada.session, &name, "", EnvironmentKind::Production).await;
        let slug = added.expect("added").slug;
        let country = t.portal.scopes().add_country(&ada.session, &slug, "DE").await.expect("a country");
        let de = ScopeName { environment: slug.clone(), country };
        let command =
            t.portal.keys().plan_create(&ada.session, &de, RotationPeriod::Days30).await.expect("a plan");
        let proof = proof(t, &ada, &command).await;
        let kind =
            t.portal.scopes().plan_kind(&ada.session, &slug, EnvironmentKind::Test).await.expect("a plan");
        let portal = second.clone();
        let creating = tokio::spawn(async move { portal.keys().create(proof).await.map(drop) });
        let changed = t.portal.scopes().change_kind_at_once(&ada.session, &kind).await.expect("an answer");
        creating.await.expect("a task ends").expect("a version");
        // Either the kind came first, or the version, and then it needs a code.
        let is_test = kind_of(t, &slug).await == EnvironmentKind::Test;
        assert_eq!((changed.is_some(), versions(t, &de).await), (is_test, vec![(1, "active")]));
    }
}

async fn a_kind_and_an_api_key_at_once_leave_no_key_of_two_kinds(t: &TestPortal) {
    let ada = t.administrator().await;
    let second = t.second().await;
    let of_two = "SELECT COUNT(*) FROM (SELECT g.api_key_id FROM api_key_grant g JOIN environment e ON e.id = g.environment_id \
                  GROUP BY g.api_key_id HAVING COUNT(DISTINCT e.kind) > 1) two";
    for round in 0..8 {
        let mut slugs = Vec::new();
        for name in ["One", "Two"] {
            let name = format!("{name} {round}");
            let added =
                t.portal.scopes().add_environment(&ada.session, &name, "", EnvironmentKind::Production).await;
            slugs.push(added.expect("added").slug);
        }
        let kind = t
            .portal
            .scopes()
            .plan_kind(&ada.session, &slugs[0], EnvironmentKind::Test)
            .await
            .expect("a plan");
        let reach: Vec<_> =
            slugs.into_iter().map(|environment| Reach { environment, country: None }).collect();
        let portal = second.clone();
        let making = tokio::spawn(async move {
            let show = |_: &engine::SecretText| Ok(());
            let (name, operations) = (format!("orders {round}"), vec![Operation::Encrypt]);
            portal
                .services()
                .create_api_key_on_host(&name, &reach, operations, Lifetime::Days90, show)
                .await
                .map(drop)
        });
        let changed = t.portal.scopes().change_kind_at_once(&ada.session, &kind).await.map(drop);
        let made = making.await.expect("a task ends");
        assert!(changed.is_ok() != made.is_ok(), "one of them is refused: {changed:?}, {made:?}");
        assert_eq!(number(t.db(), of_two).await, 0);
    }
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
    assert!(t.portal.keys().list(&fr, 1).await.is_ok(), "its other countries are still there");
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
    for bad in ["XA", "xk", "de", "DEU", ""] {
        refused!(
            t.portal.scopes().add_country(&ada.session, &de.environment, bad).await,
            Error::Scopes(ScopesError::Country(_))
        );
    }
    refused!(t.portal.scopes().add_country(&ada.session, &slug("nowhere"), "DE").await, Error::NotFound);
    let xk = t.portal.scopes().add_country(&ada.session, &de.environment, "XK").await.expect("Kosovo");
    let xk = ScopeName { environment: de.environment, country: xk };
    create(t, &ada, &xk, RotationPeriod::Days30).await;
    assert_eq!(versions(t, &xk).await, [(1, "active")]);
}

async fn what_was_removed_is_not_found(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    t.portal.scopes().remove_environment(&ada.session, &de.environment).await.expect("removed");
    refused!(t.portal.scopes().environment(&de.environment).await, Error::NotFound);
    refused!(t.portal.keys().list(&de, 1).await, Error::NotFound);
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
    assert_eq!(shown(None).await, (false, vec![250, 250, 250, 249, 1]), "a thousand are no more than that");
    scope(t, &ada, "FR").await;
    assert_eq!(shown(None).await, (true, vec![0; 5]));
    assert_eq!(shown(Some("bulk-1")).await, (true, vec![0, 250, 0, 0, 0]));
    assert_eq!(shown(Some("production")).await, (true, vec![0, 0, 0, 0, 2]));
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
