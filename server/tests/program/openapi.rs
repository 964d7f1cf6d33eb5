//! Schemathesis tests the API against its OpenAPI document: with generated requests, valid and invalid ones, and chains of
//! them, as services with different rights.

use crate::process::{Home, Keystead, Past};
use engine::testing::{DatabaseKind, scale};
use std::path::Path;
use tokio::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn the_door_does_what_its_document_says_for_every_role() {
    let home = Home::new(DatabaseKind::Sqlite).await;
    home.make_root_key();
    let db = home.db().await;
    Past::of(db.clone()).await.keys(2).await;
    db.close().await;
    let all = "encrypt,decrypt,reencrypt,wrap,unwrap,rewrap";
    let roles = [
        ("everything", home.api_key("everything", "production/AF", all).await),
        ("writes only", home.api_key("writer", "production/AF", "encrypt,wrap").await),
        ("elsewhere", home.api_key("elsewhere", "production/AX", all).await),
        ("nobody", "kstdAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned()),
    ];
    let server = Keystead::on(home).await;
    let python = std::env::var("KEYSTEAD_TEST_PYTHON").expect("KEYSTEAD_TEST_PYTHON (make test sets it)");
    let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("../end2end/clients");
    for (role, key) in roles {
        let folder = tempfile::tempdir().expect("a folder");
        let run = Command::new(&python)
            .args(["-m", "schemathesis.cli", "--config-file"])
            .arg(clients.join("schemathesis.toml"))
            .arg("run")
            .arg(format!("http://127.0.0.1:{}/api/openapi.json", server.port))
            .args(["-H", &format!("Authorization: ApiKey {key}"), "--no-color"])
            .args(["--phases", "examples,coverage,fuzzing,stateful"])
            .args(["--max-examples", scale("15", "500"), "--generation-database", "none"])
            .env("SCHEMATHESIS_HOOKS", clients.join("checks.py"))
            .current_dir(folder.path())
            .output()
            .await
            .expect("schemathesis runs");
        let said = String::from_utf8_lossy(&run.stdout);
        assert!(run.status.success(), "{role}: {said}{}", String::from_utf8_lossy(&run.stderr));
        // The line of the summary is "120 generated, 120 passed"; a warning may mention generated data too.
        let summed = |line: &&str| line.contains(" generated, ") && line.contains(" passed");
        let line = said.lines().find(summed).unwrap_or_else(|| panic!("{role}: nothing was tried: {said}"));
        println!("figure: schemathesis as {role}:{line}");
    }
}
