//! An attacker with write access to the database changes, swaps and restores sealed values. None of
//! them opens; the error names table and row for the log, and the answer reveals nothing.

use crate::support::*;
use domain::base::id::ChangeId;
use domain::keys::command::CreateKey;
use domain::keys::rotation::RotationPeriod;
use domain::scopes::scope::ScopeName;
use engine::base::error::VaultError;
use engine::base::error::{ChangesError, PeopleError};
use engine::testing::{PASSWORD, Person, TestPortal, root_key, scale};
use engine::{Error, Portal};

stories! {
    no_changed_bit_opens,
    nothing_sealed_opens_in_the_place_of_another,
    an_authenticator_put_back_as_it_was_does_not_open,
    a_note_put_back_as_it_was_does_not_open,
    a_spent_change_put_back_as_it_was_does_nothing,
    the_answer_says_nothing_of_it,
}

/// A sealed value in the database, and how Keystead opens it.
struct Cell {
    table: &'static str,
    column: &'static str,
    /// Finds the row.
    row: String,
    opener: Opener,
}

#[derive(Clone)]
enum Opener {
    Start,
    Seed(&'static str),
    Note(&'static str),
    Change(ChangeId),
    Material(ScopeName, u32),
    Secret(ScopeName, &'static str),
}

struct House {
    ada: Person,
    cells: Vec<Cell>,
}

impl Cell {
    async fn read(&self, t: &TestPortal) -> Vec<u8> {
        bytes(t.db(), &format!("SELECT {} FROM {} WHERE {}", self.column, self.table, self.row)).await
    }

    async fn write(&self, t: &TestPortal, to: &[u8]) {
        put_bytes(t.db(), &format!("UPDATE {} SET {} = $1 WHERE {}", self.table, self.column, self.row), to)
            .await;
    }

    async fn open(&self, t: &TestPortal, house: &House) -> Result<(), Error> {
        let session = &house.ada.session;
        match &self.opener {
            Opener::Start => {
                let portal: Portal = t.try_second(&root_key()).await?;
                portal.close().await;
                Ok(())
            }
            Opener::Seed(email) => t.open_stored_seed(email).await,
            Opener::Note(form) => t.portal.notes().kept(session, form).await.map(drop),
            Opener::Change(id) => t.portal.prepared::<CreateKey>(session, *id).await.map(drop),
            Opener::Secret(scope, path) => t.portal.open_tenant_secrets(scope, path).await,
            Opener::Material(scope, number) => t.portal.material(scope, *number).await.map(drop),
        }
    }

    /// Checks that the value does not open and that the error names its place for the log.
    async fn is_refused(&self, t: &TestPortal, house: &House, what: &str) {
        let name = format!("{}.{}", self.table, self.column);
        match self.open(t, house).await {
            Err(Error::Vault(VaultError::Sealed(place))) => {
                let kind = match &self.opener {
                    Opener::Note(form) => format!("session_note.{form}"),
                    Opener::Change(_) => "prepared_change.".to_owned(),
                    _ => name,
                };
                assert!(place.starts_with(&kind) && place.contains(" of "), "{what}: the log says {place}");
            }
            // The canary decides whether the root key is the right one.
            Err(Error::Fault(sentence)) if self.table == "instance" => {
                assert!(sentence.starts_with("This is not the root key"), "{sentence}");
            }
            other => panic!("{what} in {name} of {}: {other:?}", self.row),
        }
    }
}

/// Creates a sealed value in every column that has seals, and in more than one row where possible.
async fn furnished(t: &TestPortal) -> House {
    let ada = t.administrator().await;
    colleague(t, "eve@example.com").await;
    let (de, fr) = (scope(t, &ada, "DE").await, scope(t, &ada, "FR").await);
    create(t, &ada, &de, RotationPeriod::Days30).await;
    create(t, &ada, &fr, RotationPeriod::Days30).await;
    t.clock.advance(chrono::TimeDelta::hours(13));
    let new = sign_in(t, &ada.email, &ada.seed).await;
    let ada = Person { session: new.session, token: new.token, ..ada };
    rotate(t, &ada, &de).await;
    let mut cells =
        vec![Cell { table: "instance", column: "canary", row: "id = 1".to_owned(), opener: Opener::Start }];
    for purpose in texts(t.db(), "SELECT purpose FROM keyring ORDER BY purpose").await {
        let row = format!("purpose = '{purpose}'");
        cells.push(Cell { table: "keyring", column: "sealed", row, opener: Opener::Start });
    }
    for email in ["ada@example.com", "eve@example.com"] {
        let row = format!("email = '{email}'");
        cells.push(Cell { table: "administrator", column: "totp_seed", row, opener: Opener::Seed(email) });
    }
    for form in ["one", "two"] {
        t.portal.notes().keep(&ada.session, form, &[("secret", &text("violets"))]).await.expect("kept");
        let row = format!("kind = '{form}'");
        cells.push(Cell { table: "session_note", column: "sealed", row, opener: Opener::Note(form) });
    }
    t.clock.advance(chrono::TimeDelta::minutes(10));
    for _ in 0..2 {
        t.clock.advance(chrono::TimeDelta::seconds(1));
        let plan = t.portal.keys().plan_create(&ada.session, &fr, RotationPeriod::Days30).await;
        let id = t.portal.changes().prepare(&ada.session, &plan.expect("a plan")).await.expect("prepared");
        let newest = "SELECT CAST(MAX(created_at) AS TEXT) FROM prepared_change";
        let row = format!("CAST(created_at AS TEXT) = '{}'", texts(t.db(), newest).await[0]);
        cells.push(Cell { table: "prepared_change", column: "sealed", row, opener: Opener::Change(id) });
    }
    for (country, scope, number) in [("DE", &de, 1), ("DE", &de, 2), ("FR", &fr, 1)] {
        let row =
            format!("number = {number} AND scope_id = (SELECT id FROM scope WHERE country = '{country}')");
        let opener = Opener::Material(scope.clone(), number);
        cells.push(Cell { table: "key_version", column: "material", row, opener });
    }
    for (country, scope, path) in [("DE", &de, "users"), ("DE", &de, "orders"), ("FR", &fr, "users")] {
        t.portal.open_tenant_secrets(scope, path).await.expect("made");
        let row = format!(
            "secret_path = '{path}' AND scope_id = (SELECT id FROM scope WHERE country = '{country}')"
        );
        let opener = Opener::Secret(scope.clone(), path);
        cells.push(Cell { table: "tenant_secret", column: "secret", row, opener });
    }
    let house = House { ada, cells };
    for cell in &house.cells {
        cell.open(t, &house).await.expect("it opens as it was left");
    }
    house
}

async fn no_changed_bit_opens(t: &TestPortal) {
    let house = furnished(t).await;
    // A prime number, so that the short form also covers every bit position of a byte.
    let step = scale(61, 1);
    for cell in &house.cells {
        let right = cell.read(t).await;
        for bit in (0..right.len() * 8).step_by(step) {
            let mut changed = right.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            cell.write(t, &changed).await;
            cell.is_refused(t, &house, &format!("bit {bit}")).await;
        }
        cell.write(t, &right).await;
        cell.open(t, &house).await.expect("it opens again");
    }
}

async fn nothing_sealed_opens_in_the_place_of_another(t: &TestPortal) {
    let house = furnished(t).await;
    let mut values = Vec::new();
    for cell in &house.cells {
        values.push(cell.read(t).await);
    }
    for (cell, right) in house.cells.iter().zip(&values) {
        for (other, value) in house.cells.iter().zip(&values).filter(|(_, value)| *value != right) {
            cell.write(t, value).await;
            cell.is_refused(t, &house, &format!("{}.{} of {}", other.table, other.column, other.row)).await;
        }
        cell.write(t, right).await;
    }
    for cell in &house.cells {
        cell.open(t, &house).await.expect("everything in its own place opens");
    }
}

const ADMINISTRATOR: &str =
    "password_hash, password_changed_at, totp_seed, totp_floor, authenticator_since, security_epoch, mac";

async fn an_authenticator_put_back_as_it_was_does_not_open(t: &TestPortal) {
    let ada = t.administrator().await;
    execute(t.db(), "CREATE TABLE older AS SELECT * FROM administrator").await.expect("copied");
    let seed = t
        .portal
        .administrators()
        .reset_authenticator(&ada.email, |_| Ok(()))
        .await
        .expect("a new authenticator");
    t.open_stored_seed(&ada.email).await.expect("the new one opens");
    let back = format!(
        "UPDATE administrator SET ({ADMINISTRATOR}) = (SELECT {ADMINISTRATOR} FROM older WHERE older.id = administrator.id)"
    );
    execute(t.db(), &back).await.expect("put back");
    match t.open_stored_seed(&ada.email).await {
        Err(Error::Vault(VaultError::Sealed(place))) => {
            assert!(place.starts_with("administrator.totp_seed of "), "{place}")
        }
        other => panic!("{other:?}"),
    }
    // The row verifies only together with its revision.
    let nobody = password(&t.portal, &ada.email, PASSWORD).await;
    refused!(nobody.map(drop), Error::People(PeopleError::WrongPassword));
    t.sign_everything().await;
    let half = half_way(&t.portal, &ada.email).await;
    for app in [&ada.seed, &seed] {
        let code = app.code(t.clock.now());
        refused!(
            t.portal.people().check_sign_in_code(&half, &code).await,
            Error::Vault(VaultError::Sealed(_))
        );
    }
}

async fn a_note_put_back_as_it_was_does_not_open(t: &TestPortal) {
    let ada = t.administrator().await;
    let keep =
        async |word: &str| t.portal.notes().keep(&ada.session, "form", &[("secret", &text(word))]).await;
    keep("violets").await.expect("kept");
    execute(t.db(), "CREATE TABLE older AS SELECT * FROM session_note").await.expect("copied");
    keep("roses").await.expect("kept");
    execute(t.db(), "DELETE FROM session_note").await.expect("taken away");
    execute(t.db(), "INSERT INTO session_note SELECT * FROM older").await.expect("put back");
    refused!(t.portal.notes().kept(&ada.session, "form").await, Error::Vault(VaultError::Sealed(_)));
}

async fn a_spent_change_put_back_as_it_was_does_nothing(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    let plan = t.portal.keys().plan_create(&ada.session, &de, RotationPeriod::Days30).await.expect("a plan");
    let id = t.portal.changes().prepare(&ada.session, &plan).await.expect("prepared");
    let confirm = async || t.portal.proof::<CreateKey>(&ada.session, id, &t.code(&ada)).await;
    t.portal.keys().create(confirm().await.expect("confirmed")).await.expect("made");
    execute(t.db(), "UPDATE prepared_change SET spent_at = NULL").await.expect("put back");
    t.next_code();
    // Its revision ended when it was spent.
    refused!(confirm().await.map(drop), Error::Changes(ChangesError::ChangeGone));
    assert_eq!(versions(t, &de).await, [(1, "active")]);
}

async fn the_answer_says_nothing_of_it(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    create(t, &ada, &de, RotationPeriod::Days30).await;
    let of = "UPDATE key_version SET material = $1 WHERE number = 1";
    put_bytes(t.db(), of, PASSWORD.as_bytes()).await;
    let error = t.portal.material(&de, 1).await.map(drop).expect_err("it does not open");
    assert!(error.to_string().contains("key_version.material of "), "{error}");
    let answer = domain::base::problem::Problem::from(&error).message;
    assert!(!answer.contains("key_version") && !answer.contains("seal"), "{answer}");
}
