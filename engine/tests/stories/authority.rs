//! Somebody who can write the database and has no root key gains nothing: every table that gives authority, every way to write it.

use crate::support::*;
use chrono::TimeDelta;
use domain::audit::event::{Action, Outcome};
use domain::data::operation::{AuditNote, Door, Operation};
use domain::data::tenant_secret::{RotationStep, SecretType};
use domain::keys::command::CreateKey;
use domain::keys::rotation::RotationPeriod;
use domain::scopes::scope::{EnvironmentKind, ScopeName};
use domain::services::api_key::ApiKeyId;
use engine::base::error::{ChangesError, PeopleError, ServicesError, VaultError};
use engine::base::refused::Refused;
use engine::data::context::Context;
use engine::data::derive::ToDerive;
use engine::data::{Call, ToEncrypt, ToOpen};
use engine::testing::{DatabaseKind, PASSWORD, Person, TestPortal, from, root_key};
use engine::{Error, Portal, SecretBytes, SecretText, SetupState};
use sha2::{Digest, Sha256};

stories! {
    every_column_that_matters_is_covered,
    an_alias_that_somebody_else_wrote_leads_nowhere,
    the_scheduler_follows_no_row_that_somebody_else_wrote,
    an_api_key_that_somebody_else_wrote_opens_nothing,
    a_grant_cannot_be_widened_nor_a_key_brought_back,
    a_country_cannot_be_moved_to_where_a_key_reaches,
    two_environments_of_one_name_give_nothing,
    an_older_version_does_not_become_the_active_one,
    a_session_cannot_be_made_changed_or_brought_back,
    an_administrator_cannot_be_made_changed_or_brought_back,
    the_set_up_does_not_open_again,
    a_recovery_code_cannot_be_made_copied_or_used_again,
    a_waiting_change_is_bound_to_its_person_and_its_end,
    an_older_tenant_secret_does_not_become_the_current_one,
    what_somebody_else_wrote_is_not_signed_by_a_change,
    removing_a_country_leaves_keys_that_work,
    a_row_with_its_revision_is_noticed_by_who_saw_a_later_one,
    the_adoption_is_not_undone,
    counters_that_are_deleted_help_nobody,
    it_is_recorded_once_and_said,
    a_row_that_cannot_be_read_stops_nobody_else,
    a_due_date_that_somebody_moved_is_named,
    without_its_instance_a_database_is_not_taken_for_new,
}

/// `production/DE` and `staging/AT` with keys; an API key that reaches staging alone.
struct House {
    ada: Person,
    de: ScopeName,
    at: ScopeName,
    staging_key: SecretText,
    /// What production has encrypted.
    secret: Vec<u8>,
}

const STAGING: [u8; 6] = [1; 6];
const PRODUCTION: [u8; 6] = [2; 6];

async fn house(t: &TestPortal) -> House {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    create(t, &ada, &de, RotationPeriod::Days30).await;
    t.portal
        .scopes()
        .add_environment(&ada.session, "Staging", "", EnvironmentKind::Test)
        .await
        .expect("added");
    let staging = slug("staging");
    let country = t.portal.scopes().add_country(&ada.session, &staging, "AT").await.expect("added");
    let at = ScopeName { environment: staging, country };
    t.next_code();
    create(t, &ada, &at, RotationPeriod::Days30).await;
    t.open_journal(&t.portal).await;
    let staging_key = t.api_key(STAGING, "Trials", "staging/*", Operation::ALL).await;
    let production_key = t.api_key(PRODUCTION, "Orders", "production/DE", Operation::ALL).await;
    let secret = encrypt(&t.portal, &production_key, "production/DE").await.expect("it encrypts");
    House { ada, de, at, staging_key, secret }
}

async fn call(portal: &Portal, key: &SecretText, scope: &str) -> Result<Call, Error> {
    let caller = portal.access().caller(key, "192.0.2.9").await?;
    Ok(Call { caller, door: Door::Native, scope: scope.to_owned(), told: AuditNote::default() })
}

async fn encrypt(portal: &Portal, key: &SecretText, scope: &str) -> Result<Vec<u8>, Error> {
    let item = ToEncrypt { plaintext: SecretBytes::new(b"violets".to_vec()), context: Context::new() };
    let call = call(portal, key, scope).await?;
    let done = portal.data().encrypt(&call, &[Ok(item)]).await?;
    done.into_iter().next().expect("one answer").map(|sealed| sealed.bytes)
}

async fn decrypt(portal: &Portal, key: &SecretText, scope: &str, sealed: &[u8]) -> Result<(), Error> {
    let item = ToOpen { sealed: sealed.to_vec(), context: Context::new() };
    let call = call(portal, key, scope).await?;
    let done = portal.data().decrypt(&call, &[Ok(item)]).await?;
    done.into_iter().next().expect("one answer").map(drop)
}

/// Writes to the database as somebody who has no root key, and tells every server to read it again.
async fn attack(t: &TestPortal, statements: &[&str]) {
    for sql in statements {
        execute(t.db(), sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
    execute(t.db(), "UPDATE instance SET data_epoch = data_epoch + 1").await.expect("raised");
    t.portal.access().refresh().await.expect("it looks");
}

/// Starts a server that remembers nothing.
async fn fresh(t: &TestPortal) -> Portal {
    let server = t.second().await;
    t.open_journal(&server).await;
    server
}

async fn unproved(t: &TestPortal) -> Vec<String> {
    t.portal.overview().verify().await.expect("it reads").unproved
}

/// Keeps a copy of a table, for putting rows back.
async fn copy(t: &TestPortal, table: &str) {
    execute(t.db(), &format!("CREATE TABLE older_{table} AS SELECT * FROM {table}")).await.expect("copied");
}

/// Writes bytes as either database reads them in a statement.
fn blob(t: &TestPortal, bytes: &[u8]) -> String {
    let hex = data_encoding::HEXLOWER.encode(bytes);
    match t.kind() {
        DatabaseKind::Sqlite => format!("x'{hex}'"),
        DatabaseKind::Postgres => format!("'\\x{hex}'::bytea"),
    }
}

/// Columns of which nobody gains anything: sealed by themselves, counters, heartbeats, and dates that the scheduler moves.
const FREE: [&str; 17] = [
    "administrator.totp_floor",
    "session.seen_at",
    "session.address",
    "session.agent",
    "api_key.last_used_at",
    "environment.keeps_slug",
    "scope.lacks_key",
    "key_version.material",
    "key_version.due_at",
    "key_version.rotated_for_due",
    "key_version.deferred_until",
    "tenant_secret.secret",
    "administrator.mac",
    "session.mac",
    "api_key.mac",
    "key_version.mac",
    "tenant_secret.mac",
];

async fn every_column_that_matters_is_covered(t: &TestPortal) {
    let house = Box::pin(house(t)).await;
    let derived = ToDerive {
        secret_type: SecretType::Vector,
        paths: [("users".to_owned(), ["email".to_owned()].into())].into(),
    };
    let staging = call(&t.portal, &house.staging_key, "staging/AT").await.expect("it comes in");
    t.portal.data().derive(&staging, &derived).await.expect("derived");
    t.portal.people().issue_setup_token(None).await.expect("none is needed");
    assert_eq!(unproved(t).await, [""; 0]);
    let mut tried = 0;
    for table in [
        "administrator",
        "recovery_code",
        "session",
        "api_key",
        "api_key_grant",
        "environment",
        "scope",
        "key_version",
        "tenant_secret",
    ] {
        for (column, other) in columns(t, table).await {
            let name = format!("{table}.{column}");
            if FREE.contains(&name.as_str()) || column == "mac" {
                continue;
            }
            copy(t, table).await;
            // Where the schema forbids the change, there is nothing to gain.
            let sql = format!("UPDATE {table} SET {column} = {other}");
            if execute(t.db(), &sql).await.is_ok() {
                assert!(!unproved(t).await.is_empty(), "{name}");
                tried += 1;
                // The code of a row stays, and no two rows have the same.
                let key = if table == "api_key_grant" { "api_key_id" } else { "mac" };
                let back = format!(
                    "UPDATE {table} SET {column} = (SELECT o.{column} FROM older_{table} o WHERE o.{key} = {table}.{key})"
                );
                execute(t.db(), &back).await.expect("put back");
                assert_eq!(unproved(t).await, [""; 0], "{name}");
            }
            execute(t.db(), &format!("DROP TABLE older_{table}")).await.expect("dropped");
        }
    }
    assert!(tried > 30, "{tried} columns");
}

/// Returns the columns of a table, each with an expression of another value.
async fn columns(t: &TestPortal, table: &str) -> Vec<(String, String)> {
    let (names, types) = match t.kind() {
        DatabaseKind::Sqlite => {
            let sql = |what| format!("SELECT {what} FROM pragma_table_info('{table}') ORDER BY name");
            (texts(t.db(), &sql("name")).await, texts(t.db(), &sql("type")).await)
        }
        DatabaseKind::Postgres => {
            let sql = |what| {
                format!(
                    "SELECT CAST({what} AS TEXT) FROM information_schema.columns WHERE table_schema = current_schema() \
                     AND table_name = '{table}' ORDER BY CAST(column_name AS TEXT) COLLATE \"C\""
                )
            };
            (texts(t.db(), &sql("column_name")).await, texts(t.db(), &sql("data_type")).await)
        }
    };
    let other = |column: &str, of: &str| match of {
        "TEXT" if column.ends_with("_at") || column.ends_with("_since") => {
            "'2031-01-01T00:00:00.000000000+00:00'".to_owned()
        }
        "TEXT" | "text" => match column {
            "stage" => "'enrolment'".to_owned(),
            "kind" => "CASE kind WHEN 'test' THEN 'production' ELSE 'test' END".to_owned(),
            "status" => "CASE status WHEN 'active' THEN 'deprecated' ELSE 'previous' END".to_owned(),
            "secret_type" => "'deterministic'".to_owned(),
            "country" => "'FR'".to_owned(),
            "operations" => "'decrypt'".to_owned(),
            _ => format!("COALESCE({column}, '') || 'x'"),
        },
        "timestamp with time zone" => "now() + interval '5 years'".to_owned(),
        "INTEGER" | "bigint" if column == "rotation_days" => "60".to_owned(),
        "INTEGER" | "bigint" => format!("COALESCE({column}, 0) + 1"),
        "uuid" => "gen_random_uuid()".to_owned(),
        "bytea" => "sha256('x'::bytea)".to_owned(),
        _ => "randomblob(16)".to_owned(),
    };
    names.iter().zip(&types).map(|(name, of)| (name.clone(), other(name, of))).collect()
}

async fn an_api_key_that_somebody_else_wrote_opens_nothing(t: &TestPortal) {
    let house = Box::pin(house(t)).await;
    // The attacker's own key, as Keystead would store it.
    let id = ApiKeyId([7; 6]).seen();
    let mine = text(&format!("{}{}", id, "m".repeat(32)));
    let bytes = data_encoding::BASE64.decode(mine.expose().as_bytes()).expect("base64");
    let hash = blob(t, &Sha256::digest(&bytes));
    let id = blob(t, &[7; 6]);
    let columns = "name, operations, created_at, created_by, expires_at, revision_id, mac";
    let of = blob(t, &PRODUCTION);
    let insert = format!(
        "INSERT INTO api_key (id, hash, {columns}) SELECT {id}, {hash}, {columns} FROM api_key WHERE id = {of}"
    );
    let grant = format!(
        "INSERT INTO api_key_grant (api_key_id, environment_id, scope_id) \
         SELECT {id}, environment_id, scope_id FROM api_key_grant WHERE api_key_id = {of}"
    );
    attack(t, &[&insert, &grant]).await;
    for server in [&t.portal, &Box::pin(fresh(t)).await] {
        let opened = decrypt(server, &mine, "production/DE", &house.secret).await;
        refused!(opened, Error::Services(ServicesError::UnknownApiKey));
    }
    // Nor with the id of a genuine key, whose code is for another hash.
    let replace = format!("UPDATE api_key SET hash = {hash} WHERE id = {of}");
    attack(t, &[&replace]).await;
    let mine = text(&format!("{}{}", ApiKeyId(PRODUCTION).seen(), "m".repeat(32)));
    refused!(
        decrypt(&Box::pin(fresh(t)).await, &mine, "production/DE", &house.secret).await,
        Error::Services(ServicesError::UnknownApiKey)
    );
    let shown = t.portal.services().api_keys(None).await.expect("the list").keys;
    let marked: Vec<_> = shown.iter().map(|key| (key.name.as_str(), key.is_proved)).collect();
    assert!(marked.contains(&("Trials", true)) && marked.iter().filter(|(_, proved)| !proved).count() == 2);
}

async fn a_grant_cannot_be_widened_nor_a_key_brought_back(t: &TestPortal) {
    let house = Box::pin(house(t)).await;
    let (mine, production) = (blob(t, &STAGING), blob(t, &PRODUCTION));
    let widen = format!(
        "INSERT INTO api_key_grant (api_key_id, environment_id, scope_id) \
         SELECT {mine}, environment_id, scope_id FROM api_key_grant WHERE api_key_id = {production}"
    );
    attack(t, &[&widen]).await;
    for server in [&t.portal, &Box::pin(fresh(t)).await] {
        let opened = decrypt(server, &house.staging_key, "production/DE", &house.secret).await;
        refused!(opened, Error::Services(ServicesError::UnknownApiKey));
    }
    let narrow = format!("DELETE FROM api_key_grant WHERE api_key_id = {mine} AND scope_id IS NOT NULL");
    attack(t, &[&narrow]).await;
    encrypt(&t.portal, &house.staging_key, "staging/AT").await.expect("as it was, it works");

    // A revoked key that was put back as it was.
    copy(t, "api_key").await;
    let id = t.portal.services().api_keys(None).await.expect("the list").keys;
    let id = id.iter().find(|key| key.name == "Trials").expect("it is there").id;
    t.portal.services().revoke_api_key_on_host(id).await.expect("revoked");
    let back = format!(
        "UPDATE api_key SET revoked_at = NULL, mac = (SELECT mac FROM older_api_key o WHERE o.id = api_key.id) WHERE id = {mine}"
    );
    attack(t, &[&back]).await;
    for server in [&t.portal, &Box::pin(fresh(t)).await] {
        let encrypted = encrypt(server, &house.staging_key, "staging/AT").await;
        refused!(encrypted, Error::Services(ServicesError::UnknownApiKey));
    }
}

async fn a_country_cannot_be_moved_to_where_a_key_reaches(t: &TestPortal) {
    let house = Box::pin(house(t)).await;
    attack(
        t,
        &["UPDATE scope SET environment_id = (SELECT id FROM environment WHERE slug = 'staging') WHERE country = 'DE'"],
    )
    .await;
    for server in [&t.portal, &Box::pin(fresh(t)).await] {
        let opened = decrypt(server, &house.staging_key, "staging/DE", &house.secret).await;
        refused!(opened, Error::Vault(VaultError::Unproved(_)));
    }
    let view = t.portal.scopes().environment(&slug("staging")).await.expect("the page");
    let marked: Vec<_> = view.countries.iter().map(|row| (row.country.code(), row.is_proved)).collect();
    assert_eq!(marked, [("AT", true), ("DE", false)]);
    // The version's own row still names its scope, but nobody reaches it.
    refused!(t.portal.keys().list(&house.de, 1).await.map(drop), Error::NotFound);
    encrypt(&t.portal, &house.staging_key, "staging/AT").await.expect("what was left alone works");
}

async fn an_alias_that_somebody_else_wrote_leads_nowhere(t: &TestPortal) {
    let house = house(t).await;
    let key = t.api_key([3; 6], "Billing", "production/*", Operation::ALL).await;
    attack(t, &["UPDATE scope SET alias = 'acme' WHERE country = 'DE'"]).await;
    // The server has the alias in memory now; the row is put back, so that it verifies again.
    execute(t.db(), "UPDATE scope SET alias = NULL").await.expect("put back");
    refused!(decrypt(&t.portal, &key, "acme", &house.secret).await, Error::NotFound);
    decrypt(&t.portal, &key, "production/DE", &house.secret).await.expect("it opens under its name");
}

async fn the_scheduler_follows_no_row_that_somebody_else_wrote(t: &TestPortal) {
    let house = house(t).await;
    attack(t, &["UPDATE key_version SET rotation_days = 360, due_at = created_at WHERE scope_id = (SELECT id FROM scope WHERE country = 'DE')"]).await;
    t.clock.advance(TimeDelta::days(2));
    assert_eq!(t.portal.keys().rotate_due().await.expect("it looks"), 0);
    let list = t.portal.keys().list(&house.de, 1).await.expect("the page").versions;
    assert_eq!(list.iter().map(|row| (row.number, row.is_proved)).collect::<Vec<_>>(), [(1, false)]);
}

async fn two_environments_of_one_name_give_nothing(t: &TestPortal) {
    let house = Box::pin(house(t)).await;
    // The attacker may drop constraints, too.
    attack(
        t,
        &["DROP INDEX environment_slug", "UPDATE environment SET slug = 'production' WHERE slug = 'staging'"],
    )
    .await;
    for server in [&t.portal, &Box::pin(fresh(t)).await] {
        for scope in ["production/DE", "production/AT", "staging/AT"] {
            assert!(decrypt(server, &house.staging_key, scope, &house.secret).await.is_err(), "{scope}");
        }
    }
}

async fn an_older_version_does_not_become_the_active_one(t: &TestPortal) {
    let house = Box::pin(house(t)).await;
    let key = t.api_key([3; 6], "Billing", "production/DE", Operation::ALL).await;
    copy(t, "key_version").await;
    t.clock.advance(TimeDelta::days(31));
    assert_eq!(t.portal.keys().rotate_due().await.expect("rotated"), 2);
    let newest =
        "DELETE FROM key_version WHERE number = 2 AND scope_id = (SELECT id FROM scope WHERE country = 'DE')";
    let back = "UPDATE key_version SET status = 'active', mac = (SELECT mac FROM older_key_version o \
                WHERE o.id = key_version.id) WHERE number = 1 AND scope_id = (SELECT id FROM scope WHERE country = 'DE')";
    for statements in [
        // Only its status is changed.
        [
            "UPDATE key_version SET status = 'deprecated' WHERE number = 2 AND scope_id = (SELECT id FROM scope WHERE country = 'DE')",
            "UPDATE key_version SET status = 'active' WHERE number = 1 AND scope_id = (SELECT id FROM scope WHERE country = 'DE')",
        ],
        // The row is put back as it was when it was Active.
        [newest, back],
    ] {
        attack(t, &statements).await;
        for server in [&t.portal, &Box::pin(fresh(t)).await] {
            refused!(encrypt(server, &key, "production/DE").await, Error::Vault(VaultError::Unproved(_)));
        }
    }
    let list = t.portal.keys().list(&house.de, 1).await.expect("the page").versions;
    assert_eq!(list.iter().map(|row| (row.number, row.is_proved)).collect::<Vec<_>>(), [(1, false)]);
    let error = encrypt(&t.portal, &key, "production/DE").await.expect_err("refused");
    assert_eq!(error.word(), "damaged");
    // A new version helps the country; the damaged one stays so.
    t.clock.advance(TimeDelta::days(31));
    assert_eq!(
        t.portal.keys().rotate_due().await.expect("it looks"),
        1,
        "only that of the other country, by itself"
    );
    let ada = Person { session: sign_in(t, &house.ada.email, &house.ada.seed).await.session, ..house.ada };
    t.next_code();
    rotate(t, &ada, &house.de).await;
    t.portal.access().refresh().await.expect("it looks");
    encrypt(&t.portal, &key, "production/DE").await.expect("the new version encrypts");
    refused!(
        decrypt(&Box::pin(fresh(t)).await, &key, "production/DE", &house.secret).await,
        Error::Vault(VaultError::Unproved(_))
    );
}

async fn a_session_cannot_be_made_changed_or_brought_back(t: &TestPortal) {
    let ada = t.administrator().await;
    let eve = colleague(t, "eve@example.com").await;
    let is_full = async |token: &str| {
        for server in [&t.portal, &Box::pin(fresh_alone(t)).await] {
            refused!(
                server.people().session(&text(token), from("192.0.2.7")).await.map(drop),
                Error::Changes(ChangesError::SignedOut)
            );
        }
    };
    // A session of Ada with a token that the attacker knows.
    let hash = blob(t, &Sha256::digest(b"mine"));
    let columns = "stage, user_id, security_epoch, created_at, seen_at, expires_at, address, agent, mac";
    let id = match t.kind() {
        DatabaseKind::Sqlite => "randomblob(16)",
        DatabaseKind::Postgres => "gen_random_uuid()",
    };
    let insert = format!(
        "INSERT INTO session (id, token_hash, {columns}) SELECT {id}, {hash}, {columns} FROM session \
                          WHERE user_id = (SELECT id FROM administrator WHERE email = 'ada@example.com')"
    );
    execute(t.db(), &insert).await.expect("inserted");
    is_full("mine").await;
    // Eve's own session becomes Ada's.
    copy(t, "session").await;
    let turned =
        "UPDATE session SET user_id = (SELECT id FROM administrator WHERE email = 'ada@example.com')";
    execute(t.db(), turned).await.expect("changed");
    is_full(eve.token.expose()).await;
    execute(
        t.db(),
        "UPDATE session SET user_id = (SELECT user_id FROM older_session o WHERE o.id = session.id)",
    )
    .await
    .expect("put back");
    assert!(is_alive(t, &eve.token).await);
    // A password alone becomes a whole session.
    let half = password(&t.portal, &eve.email, PASSWORD).await.expect("the password is right");
    execute(t.db(), "UPDATE session SET stage = 'full'").await.expect("changed");
    is_full(half.token.expose()).await;
    // A session that has ended is put back.
    t.portal.people().sign_out(&ada.session).await.expect("signed out");
    execute(
        t.db(),
        "INSERT INTO session SELECT * FROM older_session o WHERE NOT EXISTS (SELECT 1 FROM session s WHERE s.id = o.id)",
    )
    .await
    .expect("put back");
    is_full(ada.token.expose()).await;
}

/// A fresh server, for what needs no journal.
async fn fresh_alone(t: &TestPortal) -> Portal {
    t.second().await
}

async fn an_administrator_cannot_be_made_changed_or_brought_back(t: &TestPortal) {
    let ada = t.administrator().await;
    let eve = colleague(t, "eve@example.com").await;
    let is_nobody = async |email: &str| {
        for server in [&t.portal, &Box::pin(fresh_alone(t)).await] {
            let entered = password(server, email, PASSWORD).await.map(drop);
            refused!(entered, Error::People(PeopleError::WrongPassword));
        }
        t.forgive(email).await;
    };
    copy(t, "administrator").await;
    // Disabled, and put back with an open session: neither the password nor the session works.
    t.portal.administrators().disable(&eve.email).await.expect("disabled");
    let columns = "security_epoch, disabled_at, mac";
    let back = format!(
        "UPDATE administrator SET ({columns}) = (SELECT {columns} FROM older_administrator o WHERE o.id = administrator.id)"
    );
    execute(t.db(), &back).await.expect("put back");
    is_nobody(&eve.email).await;
    assert!(!is_alive(t, &eve.token).await, "her session stays ended");
    // Another password: the attacker's own hash, or that of somebody else.
    let swapped = "UPDATE administrator SET password_hash = (SELECT password_hash FROM older_administrator o \
                   WHERE o.email = 'eve@example.com'), mac = (SELECT mac FROM older_administrator o \
                   WHERE o.email = 'eve@example.com') WHERE email = 'ada@example.com'";
    execute(t.db(), swapped).await.expect("changed");
    is_nobody(&ada.email).await;
    assert!(!is_alive(t, &ada.token).await, "whoever she is now");
    // A row of one's own, with the code of another.
    let id = match t.kind() {
        DatabaseKind::Sqlite => "randomblob(16)",
        DatabaseKind::Postgres => "gen_random_uuid()",
    };
    let columns =
        "password_hash, password_changed_at, totp_seed, authenticator_since, security_epoch, created_at, mac";
    let insert = format!(
        "INSERT INTO administrator (id, email, {columns}) SELECT {id}, 'mallory@example.com', {columns} \
         FROM older_administrator WHERE email = 'eve@example.com'"
    );
    execute(t.db(), &insert).await.expect("inserted");
    is_nobody("mallory@example.com").await;
    // The host replaces what does not verify, as a whole.
    refused!(
        t.portal.administrators().reset_password(&ada.email, text(PASSWORD)).await,
        Error::Vault(VaultError::Unproved(_))
    );
    let again = t.portal.administrators().create(&ada.email, text(PASSWORD), None, |_, _| Ok(())).await;
    let (seed, _) = again.expect("made anew");
    let new = sign_in(t, &ada.email, &seed).await;
    assert!(is_alive(t, &new.token).await && !is_alive(t, &ada.token).await);
}

async fn the_set_up_does_not_open_again(t: &TestPortal) {
    t.administrator().await;
    let hash = blob(t, &Sha256::digest(b"mine"));
    for table in ["session_note", "recovery_code", "session", "spent_step", "administrator"] {
        execute(t.db(), &format!("DELETE FROM {table}")).await.expect("deleted");
    }
    let later = match t.kind() {
        DatabaseKind::Sqlite => "'2031-01-01T00:00:00.000000000+00:00'",
        DatabaseKind::Postgres => "now() + interval '5 years'",
    };
    let insert = format!("INSERT INTO setup_token (hash, expires_at) VALUES ({hash}, {later})");
    execute(t.db(), &insert).await.expect("inserted");
    for server in [&t.portal, &Box::pin(fresh_alone(t)).await] {
        let entered = server.people().enter_setup(&text("mine"), from("192.0.2.66")).await;
        refused!(entered.map(drop), Error::People(PeopleError::WrongSetupToken));
    }
    // With environments in it, the portal is no new one, so only the host makes an administrator.
    let environment = "INSERT INTO environment (id, slug, name, kind, created_at) SELECT uuid, 'x', 'x', 'test', created_at FROM instance";
    execute(t.db(), environment).await.expect("inserted");
    assert!(t.portal.people().issue_setup_token(None).await.expect("asked").is_none());
    assert_eq!(t.portal.people().setup_state().await.expect("asked"), SetupState::Done);
    execute(t.db(), "DELETE FROM environment").await.expect("deleted");
    // A genuine token is not made to last longer either.
    let token = t.portal.people().issue_setup_token(None).await.expect("issued").expect("a token");
    t.clock.advance(TimeDelta::hours(2));
    execute(t.db(), &format!("UPDATE setup_token SET expires_at = {later}")).await.expect("changed");
    let entered = t.portal.people().enter_setup(&token, from("192.0.2.66")).await;
    refused!(entered.map(drop), Error::People(PeopleError::WrongSetupToken));
}

async fn a_recovery_code_cannot_be_made_copied_or_used_again(t: &TestPortal) {
    let ada = t.administrator().await;
    let eve = colleague(t, "eve@example.com").await;
    let recovers = async |email: &str, code: &str| {
        let half = half_way(&t.portal, email).await;
        let done = t.portal.people().check_recovery_code(&half, &text(code)).await.map(drop);
        t.forgive(email).await;
        done
    };
    let is_wrong = async |email: &str, code: &str| {
        refused!(recovers(email, code).await, Error::Changes(ChangesError::WrongRecoveryCode));
    };
    copy(t, "recovery_code").await;
    // One's own code, with and without the code of a genuine row.
    let hash = blob(t, &Sha256::digest(b"MINE"));
    let insert = format!(
        "INSERT INTO recovery_code (user_id, hash, mac) SELECT user_id, {hash}, mac FROM recovery_code \
         WHERE user_id = (SELECT id FROM administrator WHERE email = 'ada@example.com') LIMIT 1"
    );
    execute(t.db(), &insert).await.expect("inserted");
    is_wrong(&ada.email, "mine").await;
    // Eve's codes for Ada.
    execute(
        t.db(),
        "INSERT INTO recovery_code (user_id, hash, mac) SELECT a.id, o.hash, o.mac FROM administrator a, older_recovery_code o \
         WHERE a.email = 'ada@example.com' AND o.user_id <> a.id",
    )
    .await
    .expect("copied");
    is_wrong(&ada.email, &eve.recovery_codes[0]).await;
    // What somebody wrote beside them spoils none of the genuine ones. Each works once, also when it is put back.
    recovers(&ada.email, &ada.recovery_codes[0]).await.expect("the first");
    execute(
        t.db(),
        "UPDATE recovery_code SET used_at = NULL, mac = (SELECT mac FROM older_recovery_code o \
         WHERE o.hash = recovery_code.hash AND o.user_id = recovery_code.user_id)",
    )
    .await
    .expect("put back");
    is_wrong(&ada.email, &ada.recovery_codes[0]).await;
}

async fn a_waiting_change_is_bound_to_its_person_and_its_end(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    let plan = t.portal.keys().plan_create(&ada.session, &de, RotationPeriod::Days30).await.expect("a plan");
    let id = t.portal.changes().prepare(&ada.session, &plan).await.expect("prepared");
    t.clock.advance(TimeDelta::minutes(6));
    let later = match t.kind() {
        DatabaseKind::Sqlite => "'2031-01-01T00:00:00.000000000+00:00'",
        DatabaseKind::Postgres => "now() + interval '5 years'",
    };
    execute(t.db(), &format!("UPDATE prepared_change SET expires_at = {later}")).await.expect("changed");
    let proof = t.portal.proof::<CreateKey>(&ada.session, id, &t.code(&ada)).await;
    refused!(proof.map(drop), Error::Vault(VaultError::Sealed(_)));
}

async fn an_older_tenant_secret_does_not_become_the_current_one(t: &TestPortal) {
    let house = Box::pin(house(t)).await;
    let derive = async |server: &Portal| {
        let call = call(server, &house.staging_key, "staging/AT").await.expect("it comes in");
        let paths = [("users".to_owned(), ["email".to_owned()].into())].into();
        let asked = ToDerive { secret_type: SecretType::Deterministic, paths };
        server.data().derive(&call, &asked).await.map(drop)
    };
    derive(&t.portal).await.expect("derived");
    copy(t, "tenant_secret").await;
    for step in [RotationStep::Begin, RotationStep::Finish] {
        t.portal.secrets().rotate_on_host(&house.at, step, u64::MAX).await.expect("rotated");
    }
    let back = "UPDATE tenant_secret SET status = 'current', mac = (SELECT mac FROM older_tenant_secret o \
                WHERE o.id = tenant_secret.id) WHERE generation = 1";
    attack(t, &["DELETE FROM tenant_secret WHERE generation = 2", back]).await;
    for server in [&t.portal, &Box::pin(fresh(t)).await] {
        refused!(derive(server).await, Error::Vault(VaultError::Unproved(_)));
    }
}

async fn what_somebody_else_wrote_is_not_signed_by_a_change(t: &TestPortal) {
    let house = Box::pin(house(t)).await;
    let names = unproved(t).await;
    assert_eq!(names, [""; 0]);
    // A wider key, a renamed environment, another kind; then the changes that would sign the rows.
    let widen = format!("UPDATE api_key SET operations = 'decrypt' WHERE id = {}", blob(t, &STAGING));
    attack(t, &[&widen, "UPDATE environment SET kind = 'production' WHERE slug = 'staging'"]).await;
    let renamed = t.portal.scopes().rename_environment(&house.ada.session, &slug("staging"), "Trials").await;
    refused!(renamed.map(drop), Error::Vault(VaultError::Unproved(_)));
    let added = t.portal.scopes().add_country(&house.ada.session, &slug("staging"), "FR").await;
    refused!(added.map(drop), Error::Vault(VaultError::Unproved(_)));
    let id = t.portal.services().api_keys(None).await.expect("the list").keys;
    let id = id.iter().find(|key| key.name == "Trials").expect("it is there").id;
    t.portal.services().revoke_api_key_on_host(id).await.expect("it can be revoked");
    // Signed as revoked, which nobody undoes.
    assert_eq!(unproved(t).await, ["environment staging"]);
    let back = format!("UPDATE api_key SET revoked_at = NULL WHERE id = {}", blob(t, &STAGING));
    attack(t, &[&back]).await;
    let encrypted = encrypt(&Box::pin(fresh(t)).await, &house.staging_key, "staging/AT").await;
    refused!(encrypted, Error::Services(ServicesError::UnknownApiKey));
}

async fn removing_a_country_leaves_keys_that_work(t: &TestPortal) {
    let house = Box::pin(house(t)).await;
    for country in ["FR", "IT"] {
        t.portal.scopes().add_country(&house.ada.session, &slug("staging"), country).await.expect("added");
    }
    let key = t.api_key([4; 6], "Both", "staging/FR", Operation::ALL).await;
    let fr: ScopeName = "staging/FR".parse().expect("a scope");
    t.portal.scopes().remove_country(&house.ada.session, &fr).await.expect("removed");
    assert_eq!(unproved(t).await, [""; 0]);
    t.portal.access().caller(&key, "192.0.2.9").await.expect("it still works, for nothing");
    refused!(encrypt(&t.portal, &key, "staging/FR").await, Error::NotFound);
    t.portal
        .scopes()
        .add_environment(&house.ada.session, "Old", "", EnvironmentKind::Test)
        .await
        .expect("added");
    t.portal.scopes().add_country(&house.ada.session, &slug("old"), "FR").await.expect("added");
    t.api_key([5; 6], "Old", "old/FR", Operation::ALL).await;
    t.portal.scopes().remove_environment(&house.ada.session, &slug("old")).await.expect("removed");
    assert_eq!(unproved(t).await, [""; 0]);
}

async fn a_row_with_its_revision_is_noticed_by_who_saw_a_later_one(t: &TestPortal) {
    let house = Box::pin(house(t)).await;
    for table in ["api_key", "sealed_revision"] {
        copy(t, table).await;
    }
    let id = t.portal.services().api_keys(None).await.expect("the list").keys;
    let id = id.iter().find(|key| key.name == "Trials").expect("it is there").id;
    t.portal.services().revoke_api_key_on_host(id).await.expect("revoked");
    t.portal.services().api_keys(None).await.expect("it was seen");
    let mine = blob(t, &STAGING);
    let row = format!(
        "UPDATE api_key SET revoked_at = NULL, mac = (SELECT mac FROM older_api_key o WHERE o.id = api_key.id) WHERE id = {mine}"
    );
    let revision = "UPDATE sealed_revision SET revision = (SELECT revision FROM older_sealed_revision o \
                    WHERE o.row_id = sealed_revision.row_id AND o.column_name = sealed_revision.column_name) \
                    WHERE EXISTS (SELECT 1 FROM older_sealed_revision o WHERE o.row_id = sealed_revision.row_id \
                    AND o.column_name = sealed_revision.column_name)";
    attack(t, &[&row, revision]).await;
    // This server has seen the later revision.
    refused!(
        encrypt(&t.portal, &house.staging_key, "staging/AT").await,
        Error::Services(ServicesError::UnknownApiKey)
    );
    // The bound: a server that starts now cannot tell.
    encrypt(&Box::pin(fresh(t)).await, &house.staging_key, "staging/AT")
        .await
        .expect("the whole was put back");
}

async fn the_adoption_is_not_undone(t: &TestPortal) {
    let house = Box::pin(house(t)).await;
    let canary = bytes(t.db(), "SELECT canary FROM instance").await;
    // Without the term, nothing starts.
    copy(t, "keyring").await;
    execute(t.db(), "DELETE FROM keyring WHERE purpose = 'authority'").await.expect("deleted");
    assert!(t.try_second(&root_key()).await.is_err());
    execute(t.db(), "INSERT INTO keyring SELECT * FROM older_keyring WHERE purpose = 'authority'")
        .await
        .expect("back");
    // Nobody without the root key makes another canary.
    let changed: Vec<u8> = canary.iter().map(|byte| byte ^ 1).collect();
    put_bytes(t.db(), "UPDATE instance SET canary = $1", &changed).await;
    assert!(t.try_second(&root_key()).await.is_err());
    put_bytes(t.db(), "UPDATE instance SET canary = $1", &canary).await;
    let server = Box::pin(fresh(t)).await;
    encrypt(&server, &house.staging_key, "staging/AT").await.expect("as it was, it works");
    // A canary of the release before, kept by whoever wants to have rows of their own signed.
    let folder = tempfile::tempdir().expect("a folder");
    t.portal.overview().look_back(folder.path()).await.expect("it looks");
    t.portal.overview().leave_trace().await.expect("a trace");
    put_bytes(t.db(), "UPDATE instance SET canary = $1", &t.old_canary().await).await;
    let start = t.try_second(&root_key()).await.map(drop);
    assert!(start.expect_err("it does not start").to_string().contains("keystead migrate"));
    for forgets_the_term in [false, true] {
        if forgets_the_term {
            execute(t.db(), "DELETE FROM keyring WHERE purpose = 'authority'").await.expect("deleted");
        }
        let said = t.adopt(folder.path()).await.expect_err("nobody has them signed again").to_string();
        assert!(said.contains("carried codes before"), "{said}");
    }
}

async fn counters_that_are_deleted_help_nobody(t: &TestPortal) {
    let ada = t.administrator().await;
    t.clock.advance(TimeDelta::minutes(2));
    let half = half_way(&t.portal, &ada.email).await;
    let wrong = wrong_code(t, &ada.seed);
    for tried in 1..=20 {
        let checked = t.portal.people().check_sign_in_code(&half, &wrong).await.map(drop);
        refused!(checked, Error::Changes(ChangesError::WrongCode { .. }));
        let deleted = execute(t.db(), "DELETE FROM throttle").await.expect("deleted");
        assert!(deleted > 0, "{tried}");
    }
    for code in [&wrong, &t.code(&ada)] {
        let checked = t.portal.people().check_sign_in_code(&half, code).await.map(drop);
        refused!(checked, Error::Changes(ChangesError::Blocked { .. }));
        execute(t.db(), "DELETE FROM throttle").await.expect("deleted");
    }
    // After a minute the right code is right again.
    t.clock.advance(TimeDelta::minutes(2));
    let half = half_way(&t.portal, &ada.email).await;
    t.portal.people().check_sign_in_code(&half, &t.code(&ada)).await.expect("signed in");
}

async fn it_is_recorded_once_and_said(t: &TestPortal) {
    let house = Box::pin(house(t)).await;
    attack(t, &["UPDATE environment SET kind = 'production' WHERE slug = 'staging'"]).await;
    for _ in 0..3 {
        assert!(encrypt(&t.portal, &house.staging_key, "staging/AT").await.is_err());
        t.portal.overview().record_unproved().await.expect("recorded");
    }
    assert_eq!(logged(t, Action::DatabaseDamaged, Outcome::Refused).await, 1);
    let line =
        log(t).await.into_iter().find(|event| event.action == Action::DatabaseDamaged).expect("a line");
    assert_eq!(line.detail, "environment staging");
    assert_eq!(t.portal.overview().upkeep().await.expect("it reads").unproved, 1);
    let rows = t.portal.scopes().environments().await.expect("the page");
    let marked: Vec<_> = rows.iter().map(|row| (row.slug.as_str(), row.is_proved)).collect();
    assert_eq!(marked, [("production", true), ("staging", false)]);
    // What was left alone works.
    let key = t.api_key([3; 6], "Billing", "production/DE", Operation::ALL).await;
    encrypt(&t.portal, &key, "production/DE").await.expect("it encrypts");
    refused!(
        decrypt(&t.portal, &key, "production/DE", &[0; 90]).await,
        Error::Data(Refused::NotOpened | Refused::Malformed)
    );
}

async fn a_row_that_cannot_be_read_stops_nobody_else(t: &TestPortal) {
    let house = house(t).await;
    let key = t.api_key([3; 6], "Billing", "production/DE", Operation::ALL).await;
    let mut statements =
        vec![format!("UPDATE api_key SET operations = 'fly' WHERE id = {}", blob(t, &STAGING))];
    // Only SQLite keeps a time that is none.
    if t.kind() == DatabaseKind::Sqlite {
        statements.push(format!("UPDATE api_key SET created_at = 'x' WHERE id = {}", blob(t, &PRODUCTION)));
        statements.push("UPDATE environment SET created_at = 'x' WHERE slug = 'staging'".to_owned());
        statements.push("UPDATE key_version SET due_at = 'x' WHERE scope_id = (SELECT id FROM scope WHERE country = 'AT')".to_owned());
    }
    attack(t, &statements.iter().map(String::as_str).collect::<Vec<_>>()).await;
    for server in [&t.portal, &Box::pin(fresh(t)).await] {
        encrypt(server, &key, "production/DE").await.expect("it works as before");
        let refused = encrypt(server, &house.staging_key, "staging/AT").await;
        refused!(refused, Error::Services(ServicesError::UnknownApiKey));
        server.overview().tree().await.expect("every page shows the tree");
        let rows = server.scopes().environments().await.expect("the list");
        assert!(rows.iter().any(|row| row.slug.as_str() == "production"));
    }
    assert!(!unproved(t).await.is_empty(), "doctor names it");
}

async fn a_due_date_that_somebody_moved_is_named(t: &TestPortal) {
    let house = house(t).await;
    let dates = async || t.portal.overview().verify().await.expect("it reads").dates;
    assert_eq!(dates().await, [""; 0]);
    let later = match t.kind() {
        DatabaseKind::Sqlite => "'2099-01-01T00:00:00.000000000+00:00'",
        DatabaseKind::Postgres => "now() + interval '50 years'",
    };
    attack(t, &[&format!("UPDATE key_version SET due_at = {later} WHERE scope_id = (SELECT id FROM scope WHERE country = 'AT')")]).await;
    assert_eq!(dates().await, [format!("version 1 of {}", house.at)]);
}

async fn without_its_instance_a_database_is_not_taken_for_new(t: &TestPortal) {
    t.administrator().await;
    execute(t.db(), "DELETE FROM instance").await.expect("deleted");
    let said = t.try_second(&root_key()).await.map(drop).expect_err("it does not start").to_string();
    assert!(said.contains("The row of the instance is missing"), "{said}");
}
