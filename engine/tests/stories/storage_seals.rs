//! Secrets at rest are sealed, and each opens only in its own place.

use crate::aws::*;
use crate::support::*;
use domain::keys::rotation::RotationPeriod;
use engine::base::error::{PeopleError, VaultError};
use engine::store::Db;
use engine::testing::{PASSWORD, TestPortal};
use engine::{Error, SecretText};

stories! {
    material_moved_to_another_version_or_scope_is_refused,
    material_in_another_column_is_refused,
    a_seed_moved_to_another_administrator_is_refused,
    a_note_moved_to_another_session_is_refused,
    a_term_of_the_keyring_moved_to_another_purpose_is_refused,
    the_whole_database_holds_no_secret_in_plain,
    after_a_sweep_everything_sealed_still_opens,
    revisions_that_were_lost_are_found_again_at_the_start,
}

const MATERIAL_OF_FIRST: &str = "UPDATE key_version SET material = (SELECT k.material FROM key_version k ORDER BY k.created_at, k.number LIMIT 1)";

async fn material_moved_to_another_version_or_scope_is_refused(t: &TestPortal) {
    let ada = t.administrator().await;
    let (de, fr) = (scope(t, &ada, "DE").await, scope(t, &ada, "FR").await);
    create(t, &ada, &de, RotationPeriod::Days30).await;
    create(t, &ada, &fr, RotationPeriod::Days30).await;
    t.clock.advance(chrono::TimeDelta::days(1));
    rotate(t, &ada, &de).await;
    execute(t.db(), MATERIAL_OF_FIRST).await.expect("moved");
    assert!(t.portal.material(&de, 1).await.is_ok(), "it opens where it belongs");
    refused!(t.portal.material(&de, 2).await, Error::Vault(VaultError::Sealed(_)));
    refused!(t.portal.material(&fr, 1).await, Error::Vault(VaultError::Sealed(_)));
}

async fn material_in_another_column_is_refused(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    create(t, &ada, &de, RotationPeriod::Days30).await;
    let seed = "UPDATE key_version SET material = (SELECT totp_seed FROM administrator)";
    execute(t.db(), seed).await.expect("moved");
    refused!(t.portal.material(&de, 1).await, Error::Vault(VaultError::Sealed(_)));
}

async fn a_seed_moved_to_another_administrator_is_refused(t: &TestPortal) {
    let ada = t.administrator().await;
    let eve = colleague(t, "eve@example.com").await;
    let moved = "UPDATE administrator SET totp_seed = (SELECT e.totp_seed FROM administrator e \
                 WHERE e.email = 'eve@example.com')";
    execute(t.db(), moved).await.expect("moved");
    // The row says something else than what Keystead wrote, so its administrator is nobody.
    let nobody = password(&t.portal, &ada.email, PASSWORD).await;
    refused!(nobody.map(drop), Error::People(PeopleError::WrongPassword));
    // The seal would refuse it by itself.
    t.sign_everything().await;
    let half = half_way(&t.portal, &ada.email).await;
    refused!(
        t.portal.people().check_sign_in_code(&half, &t.code(&eve)).await,
        Error::Vault(VaultError::Sealed(_))
    );
    sign_in(t, &eve.email, &eve.seed).await;
}

async fn a_note_moved_to_another_session_is_refused(t: &TestPortal) {
    let ada = t.administrator().await;
    let other = sign_in(t, &ada.email, &ada.seed).await.session;
    t.portal.people().forget_recovery_codes(&ada.session).await.expect("forgotten");
    t.portal.notes().keep(&ada.session, "form", &[("secret", &text("violets"))]).await.expect("kept");
    let kept = t.portal.notes().kept(&ada.session, "form").await.expect("kept");
    assert_eq!(kept.get("secret").map(SecretText::expose), Some("violets"));
    assert!(t.portal.notes().kept(&other, "form").await.expect("nothing").is_empty());
    let moved = "UPDATE session_note SET session_id = (SELECT s.id FROM session s \
                 WHERE s.id <> session_note.session_id)";
    execute(t.db(), moved).await.expect("moved");
    refused!(t.portal.notes().kept(&other, "form").await, Error::Vault(VaultError::Sealed(_)));
}

async fn a_term_of_the_keyring_moved_to_another_purpose_is_refused(t: &TestPortal) {
    let moved = "UPDATE keyring SET sealed = (SELECT k.sealed FROM keyring k WHERE k.purpose = 'audit') \
                 WHERE purpose = 'managed_key'";
    execute(t.db(), moved).await.expect("moved");
    let (root, settings) = (engine::testing::root_key(), engine::Settings::default());
    let opened = engine::Portal::open(t.db().clone(), &root, t.clock.clone(), settings);
    refused!(opened.await, Error::Vault(VaultError::Sealed(_)));
}

/// Returns everything that the database stores: the file itself, or every row of every table.
async fn everything(db: &Db) -> Vec<u8> {
    if db.is_sqlite() {
        let file = texts(db, "SELECT file FROM pragma_database_list WHERE name = 'main'").await.remove(0);
        let mut bytes = std::fs::read(&file).expect("the database's file");
        bytes.extend(std::fs::read(format!("{file}-wal")).unwrap_or_default());
        return bytes;
    }
    let tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema()";
    let mut rows = Vec::new();
    for table in texts(db, tables).await {
        rows.extend(texts(db, &format!("SELECT t::text FROM {table} t")).await);
    }
    rows.join("\n").into_bytes()
}

fn holds(everything: &[u8], secret: &[u8]) -> bool {
    let hex = data_encoding::HEXLOWER.encode(secret);
    [secret, hex.as_bytes()].iter().any(|form| everything.windows(form.len()).any(|part| part == *form))
}

async fn the_whole_database_holds_no_secret_in_plain(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    create(t, &ada, &de, RotationPeriod::Days30).await;
    t.portal.notes().keep(&ada.session, "form", &[("secret", &text("violets kept"))]).await.expect("kept");
    let user = ada.session.user().expect("an administrator");
    let new = domain::people::command::ChangePassword { user, password_hash: "violets prepared".into() };
    t.portal.changes().prepare(&ada.session, &new).await.expect("prepared");
    let everything = everything(t.db()).await;
    assert!(holds(&everything, b"ada@example.com") && holds(&everything, b"production"), "it was read");
    let base32 = ada.seed.text().replace(' ', "");
    let seed = data_encoding::BASE32_NOPAD.decode(base32.as_bytes()).expect("base32");
    let material = t.portal.material(&de, 1).await.expect("it opens");
    let root = [42; 32];
    let mut secrets: Vec<&[u8]> = vec![PASSWORD.as_bytes(), b"violets kept", b"violets prepared"];
    secrets.extend([&root[..], &seed, base32.as_bytes(), material.expose(), ada.token.expose().as_bytes()]);
    secrets.extend(ada.recovery_codes.iter().map(String::as_bytes));
    for secret in secrets {
        assert!(!holds(&everything, secret), "{} is in the database", String::from_utf8_lossy(secret));
    }
}

async fn after_a_sweep_everything_sealed_still_opens(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    let (t, ada) = (&house.t, &house.ada);
    let over = sign_in(t, &ada.email, &ada.seed).await.session;
    t.portal.notes().keep(&over, "form", &[("secret", &text("violets"))]).await.expect("kept");
    let revisions = "SELECT COUNT(*) FROM sealed_revision";
    let before = number(t.db(), revisions).await;
    t.clock.advance(chrono::TimeDelta::hours(13));
    t.portal.sweep().await.expect("swept");
    assert_eq!(number(t.db(), "SELECT COUNT(*) FROM session").await, 0, "both sessions are over");
    assert!(number(t.db(), revisions).await < before, "and so are the revisions of their notes");
    let ada = sign_in(t, &ada.email, &ada.seed).await.session;
    assert_eq!(house.use_key().await.expect("released"), house.kms.plaintext());
    assert_eq!(t.portal.custody().probe_due().await.expect("looked"), 1);
    assert!(!t.portal.custody().check_now(&ada, &house.de, 1).await.expect("checked").blocks());
    assert!(t.portal.custody().aws_key(&house.de, 1).await.expect("looked").is_some());
    t.portal.custody().plan_replace_credentials(&ada, &house.de, 1, others(), false).await.expect("a plan");
    house.end().await;
}

async fn revisions_that_were_lost_are_found_again_at_the_start(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    let portal = &house.t.portal;
    for _ in 0..2 {
        let command = portal
            .custody()
            .plan_replace_credentials(&house.ada.session, &house.de, 1, others(), false)
            .await
            .expect("a plan");
        portal
            .custody()
            .replace_credentials(proof(&house.t, &house.ada, &command).await)
            .await
            .expect("replaced");
    }
    let lost = "DELETE FROM sealed_revision WHERE column_name = 'secret'";
    execute(house.t.db(), lost).await.expect("as the sweep of an early version did");
    refused!(portal.material(&house.de, 1).await, Error::Vault(VaultError::Sealed(_)));
    house.t.second().await.close().await;
    let revision = "SELECT revision FROM sealed_revision WHERE column_name = 'secret'";
    assert_eq!(number(house.t.db(), revision).await, 3);
    assert_eq!(house.use_key().await.expect("released"), house.kms.plaintext());
    // When no revision opens the seal, the start goes on, because everything else is intact.
    execute(house.t.db(), lost).await.expect("lost");
    put_bytes(house.t.db(), "UPDATE holder SET secret = $1", &[7; 100]).await;
    house.t.second().await.close().await;
    assert_eq!(
        number(house.t.db(), "SELECT COUNT(*) FROM sealed_revision WHERE column_name = 'secret'").await,
        0
    );
    house.end().await;
}
