//! Texts with NUL (U+0000), which PostgreSQL refuses and SQLite takes: nothing is found under them, no name has one, and no
//! record keeps one.

use crate::support::*;
use domain::audit::event::{Action, AuditQuery, Outcome};
use domain::base::problem::{Code, Problem};
use domain::data::operation::Operation;
use domain::scopes::alias::Alias;
use domain::scopes::scope::{Country, EnvironmentKind, NameRefused, Slug};
use domain::services::api_key::Lifetime;
use engine::base::error::{PeopleError, ScopesError, StoreError};
use engine::overview::backup;
use engine::store::Db;
use engine::testing::{DatabaseKind, PASSWORD, Place, TestPortal, from, look, root_key};
use engine::{Error, Portal, Settings};

stories! {
    nothing_is_found_under_a_text_with_nul,
    wildcards_and_letters_of_every_script_are_compared_alike,
    no_name_has_a_nul,
    no_record_keeps_a_nul,
    a_backup_with_nul_is_restored_in_both,
    a_value_that_postgresql_cannot_represent_is_a_fault_and_no_outage,
}

const REPLACED: &str = "\u{fffd}";

async fn nothing_is_found_under_a_text_with_nul(t: &TestPortal) {
    let ada = t.administrator().await;
    scope(t, &ada, "DE").await;
    let unknown = logged(t, Action::SignIn, Outcome::Refused).await;
    for name in ["\0", "a\0b", &format!("{}\0", ada.email), &format!("\0{}", ada.email)] {
        refused!(password(&t.portal, name, PASSWORD).await, Error::People(PeopleError::WrongPassword));
        refused!(t.portal.administrators().disable(name).await, Error::People(_) | Error::NotFound);
    }
    assert_eq!(logged(t, Action::SignIn, Outcome::Refused).await, unknown + 1);
    t.portal.changes().strangers().end().await;
    let told =
        log(t).await.into_iter().find(|line| line.detail.contains("more")).expect("a line for the others");
    assert_eq!(told.detail, "unknown e-mail: 3 more since the line before, from 1 network");
    for text in ["\0", "production\0", "\0production", "production\0/DE", &format!("{}\0", ada.email)] {
        for (place, who) in [(Some(text), None), (None, Some(text)), (Some(text), Some(text))] {
            let owned = |text: Option<&str>| text.map(str::to_owned);
            let query = AuditQuery { place: owned(place), who: owned(who), ..AuditQuery::default() };
            let found = t.portal.audit().search_log(&query, None).await.expect("a page").events;
            assert_eq!(found, [], "{query:?}");
            assert_eq!(t.portal.audit().export_log(&query, 0).await.expect("a piece"), [], "{query:?}");
        }
    }
    assert!(!log(t).await.is_empty());
}

async fn wildcards_and_letters_of_every_script_are_compared_alike(t: &TestPortal) {
    let ada = t.administrator().await;
    scope(t, &ada, "DE").await;
    let found = async |place: Option<&str>, who: Option<&str>| {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let query = AuditQuery { place: owned(place), who: owned(who), ..AuditQuery::default() };
        t.portal.audit().search_log(&query, None).await.expect("a page").events.len()
    };
    for nothing in [
        "%",
        "_",
        "\\",
        "production%",
        "product_on",
        "produc\\tion",
        "PRODUCTİON",
        "productıon",
        "production/ſe",
    ] {
        assert_eq!(found(Some(nothing), None).await, 0, "{nothing}");
    }
    for email in
        ["İpek@example.com", "STRAẞE@example.com", "ΟΔΟΣ@example.com", "_%@example.com", "ﬁ@example.com"]
    {
        let made = t.portal.administrators().create(email, text(PASSWORD), None, |_, _| Ok(())).await;
        made.expect("an administrator");
        let _ = password(&t.portal, email, "wrong").await;
        assert_eq!(found(None, Some(email)).await, 1, "{email}");
        assert_eq!(found(None, Some(&email.to_lowercase())).await, 1, "{email}");
    }
}

async fn no_name_has_a_nul(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    let scopes = t.portal.scopes();
    for name in ["\0", "a\0b", "Staging\0"] {
        let added = scopes.add_environment(&ada.session, name, "", EnvironmentKind::Test).await;
        refused!(added, Error::Scopes(ScopesError::Name(NameRefused::Hidden(_))));
        let renamed = scopes.rename_environment(&ada.session, &de.environment, name).await;
        refused!(renamed, Error::Scopes(ScopesError::Name(NameRefused::Hidden(_))));
        refused!(scopes.plan_alias(&ada.session, &de, name).await, Error::Scopes(ScopesError::Alias(_)));
        let (operations, lifetime) = (vec![Operation::Wrap], Lifetime::Days30);
        let key = t.portal.services().plan_api_key(&ada.session, name, &[], operations, lifetime).await;
        refused!(key, Error::Scopes(ScopesError::Name(NameRefused::Hidden(_))));
        let made = t.portal.administrators().create(name, text(PASSWORD), None, |_, _| Ok(())).await;
        refused!(made, Error::People(PeopleError::NotAnEmail));
        assert!(Slug::try_from(name.to_owned()).is_err() && name.parse::<Alias>().is_err());
        assert!(Country::from_code(name).is_err());
    }
    refused!(
        scopes.add_country(&ada.session, &de.environment, "F\0").await,
        Error::Scopes(ScopesError::Country(_))
    );
}

async fn no_record_keeps_a_nul(t: &TestPortal) {
    let ada = t.administrator().await;
    t.portal.audit().begin_export(&ada.session, "an export at a\0b").await.expect("recorded");
    let last = log(t).await.pop().expect("an event");
    assert_eq!((last.action, last.detail), (Action::AuditExport, format!("an export at a{REPLACED}b")));
    let mut client = from("192.0.2.\0");
    client.agent = "Fire\0fox".to_owned();
    let half = t.portal.people().check_password(&ada.email, text(PASSWORD), client, None).await;
    let half = half.expect("the password is right").session;
    t.portal.people().check_sign_in_code(&half, &t.code(&ada)).await.expect("signed in");
    let last = log(t).await.pop().expect("an event");
    assert_eq!((last.action, last.address), (Action::SignIn, format!("192.0.2.{REPLACED}")));
    let agents = look::texts(t.db(), "SELECT agent FROM session").await;
    assert!(agents.contains(&format!("Fire{REPLACED}fox")), "{agents:?}");
}

/// A database of an earlier release on SQLite may have a NUL in a record.
async fn a_backup_with_nul_is_restored_in_both(t: &TestPortal) {
    let source = TestPortal::new(DatabaseKind::Sqlite).await;
    source.administrator().await;
    let nul = "UPDATE audit_event SET detail = 'a' || char(0) || 'b' WHERE sequence = 1";
    for sql in ["DROP TRIGGER audit_event_is_not_changed", nul] {
        execute(source.db(), sql).await.expect("written");
    }
    let made = backup::write(source.db(), root_key(), "test", t.clock.now(), Vec::new()).await;
    let file = std::io::Cursor::new(made.expect("a backup").1);
    let place = Place::fresh(t.kind()).await;
    let db = place.connect().await;
    backup::read_into(&db, vec![root_key()], t.clock.now(), file).await.expect("it is restored");
    let portal = Portal::open(db, &root_key(), t.clock.clone(), Settings::default()).await.expect("it opens");
    let events = portal.audit().log(None).await.expect("the log").events;
    assert_eq!(events.last().map(|event| event.detail.as_str()), Some(format!("a{REPLACED}b").as_str()));
    portal.close().await;
    place.remove().await;
    source.end().await;
}

async fn a_value_that_postgresql_cannot_represent_is_a_fault_and_no_outage(t: &TestPortal) {
    let Db::Postgres(pool, _) = t.db() else { return };
    let nul = sqlx::query("SELECT 1 WHERE $1 = ''").bind("a\0b").execute(pool).await.expect_err("refused");
    for (error, state) in [
        (nul, "22021"),
        (execute(t.db(), "SELECT CAST('9223372036854775807' AS INT)").await.expect_err("refused"), "22003"),
    ] {
        let code = error.as_database_error().and_then(|error| error.code().map(String::from));
        assert_eq!(code.as_deref(), Some(state));
        let error = Error::from(error);
        assert!(matches!(error, Error::Store(StoreError::Schema(_))) && error.is_fault(), "{error:?}");
        assert_eq!(Problem::from(&error).code, Code::Internal);
    }
}
