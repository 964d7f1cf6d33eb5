//! Names of administrators: one name has one form, however a browser or the host's command line spells it.

use crate::support::*;
use domain::audit::event::{Action, AuditQuery, Outcome};
use engine::base::error::ChangesError;
use engine::base::error::PeopleError;
use engine::testing::{PASSWORD, TestPortal};
use engine::{Error, Stage};

stories! {
    both_forms_of_a_domain_sign_in,
    a_row_of_an_earlier_release_is_found_in_either_form,
    two_rows_that_an_earlier_release_told_apart_stay_apart,
    a_name_that_nobody_can_have_is_an_unknown_one,
}

/// As a person types it, and as Firefox sends it.
const TYPED: &str = "Grete@Bücher.example";
/// As Chromium sends it.
const SENT: &str = "Grete@xn--bcher-kva.example";
const STORED: &str = "grete@xn--bcher-kva.example";
/// As an earlier release stored it.
const FORMER: &str = "grete@bücher.example";

/// Creates an administrator as an earlier release did.
async fn former(t: &TestPortal) {
    colleague(t, TYPED).await;
    let sql = format!("UPDATE administrator SET email = '{FORMER}' WHERE email = '{STORED}'");
    execute(t.db(), &sql).await.expect("renamed");
    t.sign_everything().await;
}

async fn found_by(t: &TestPortal, who: &str) -> usize {
    let query = AuditQuery { who: Some(who.to_owned()), ..AuditQuery::default() };
    t.portal.audit().search_log(&query, None).await.expect("the log").events.len()
}

async fn both_forms_of_a_domain_sign_in(t: &TestPortal) {
    let grete = colleague(t, TYPED).await;
    assert_eq!(grete.session.email, STORED);
    for name in [TYPED, SENT, STORED, FORMER] {
        sign_in(t, name, &grete.seed).await;
        let again = t.portal.administrators().create(name, text(PASSWORD), None, |_, _| Ok(())).await;
        refused!(again.map(drop), Error::People(PeopleError::EmailTaken));
        t.portal.administrators().unblock(name).await.expect("the host finds them");
    }
    let lines = found_by(t, STORED).await;
    assert_eq!((lines, found_by(t, TYPED).await), (5, 5), "the audit log finds them by either form");
    for name in [TYPED, SENT, FORMER, STORED] {
        refused!(password(&t.portal, name, "wrong").await, Error::People(PeopleError::WrongPassword));
    }
    refused!(password(&t.portal, TYPED, "wrong").await, Error::People(PeopleError::WrongPassword));
    refused!(password(&t.portal, SENT, "wrong").await, Error::Changes(ChangesError::Blocked { .. }));
    let shown = t.portal.people().profile(&grete.session).await.expect("a profile").email;
    assert_eq!(shown, FORMER, "people read it as it is written");
}

async fn a_row_of_an_earlier_release_is_found_in_either_form(t: &TestPortal) {
    former(t).await;
    let reset = t.portal.administrators().reset_authenticator(SENT, |new| {
        assert_eq!(new.account(), "grete@bücher.example (2)");
        Ok(())
    });
    let seed = reset.await.expect("the host finds them");
    for name in [TYPED, SENT, STORED, FORMER] {
        let session = sign_in(t, name, &seed).await.session;
        assert_eq!((session.stage, session.email.as_str()), (Stage::Full, FORMER), "{name}");
        let again = t.portal.administrators().create(name, text(PASSWORD), None, |_, _| Ok(())).await;
        refused!(again.map(drop), Error::People(PeopleError::EmailTaken));
    }
    let lines = found_by(t, FORMER).await;
    assert!(lines >= 4 && found_by(t, SENT).await == lines, "the audit log finds both forms");
    for name in [TYPED, SENT, FORMER, STORED, TYPED] {
        refused!(password(&t.portal, name, "wrong").await, Error::People(PeopleError::WrongPassword));
    }
    refused!(password(&t.portal, SENT, "wrong").await, Error::Changes(ChangesError::Blocked { .. }));
    t.portal.administrators().disable(SENT).await.expect("the host finds them");
    t.portal.administrators().unblock(SENT).await.expect("the host finds them");
    refused!(password(&t.portal, TYPED, PASSWORD).await, Error::People(PeopleError::WrongPassword));
}

async fn two_rows_that_an_earlier_release_told_apart_stay_apart(t: &TestPortal) {
    former(t).await;
    // The way out that operators took: another administrator, in the form that Chromium sends.
    colleague(t, "ada@example.com").await;
    let sql = format!("UPDATE administrator SET email = '{STORED}' WHERE email = 'ada@example.com'");
    execute(t.db(), &sql).await.expect("renamed");
    t.sign_everything().await;
    for (name, row) in [(TYPED, FORMER), (FORMER, FORMER), (SENT, STORED), (STORED, STORED)] {
        let half = password(&t.portal, name, PASSWORD).await.expect("the password is right");
        assert_eq!(half.session.email, row, "{name}");
    }
}

async fn a_name_that_nobody_can_have_is_an_unknown_one(t: &TestPortal) {
    let long = format!("a@{}.example", "b".repeat(64));
    for name in ["a@b..c", "a@-x.example", "a@example.com.", "a@my_host", "a@xn--a", &long] {
        let made = t.portal.administrators().create(name, text(PASSWORD), None, |_, _| Ok(())).await;
        refused!(made.map(drop), Error::People(PeopleError::NotAnEmail));
        for _ in 0..5 {
            refused!(password(&t.portal, name, PASSWORD).await, Error::People(PeopleError::WrongPassword));
        }
        refused!(password(&t.portal, name, PASSWORD).await, Error::Changes(ChangesError::Blocked { .. }));
        refused!(t.portal.administrators().unblock(name).await, Error::NotFound);
    }
    t.portal.changes().strangers().end().await;
    let told: Vec<_> = log(t).await.into_iter().filter(|line| line.action == Action::SignIn).collect();
    let told: Vec<_> = told.iter().map(|line| (line.detail.as_str(), line.outcome)).collect();
    let more = "unknown e-mail: 29 more since the line before, from 1 network";
    assert_eq!(
        told,
        [("unknown e-mail", Outcome::Refused), (more, Outcome::Refused)],
        "as for any unknown name"
    );
}
