//! The OpenAPI document against the program. Schemathesis tests the API with generated requests, valid and invalid ones, and
//! chains of them, as services with different rights. Clients that are generated from the document perform every operation.

use crate::process::{Home, Keystead, Past};
use engine::testing::{DatabaseKind, scale};
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tokio::process::Command;

const OPERATIONS: &str = "encrypt,decrypt,reencrypt,wrap,unwrap,rewrap";

fn end2end() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../end2end")
}

fn python() -> String {
    std::env::var("KEYSTEAD_TEST_PYTHON").expect("KEYSTEAD_TEST_PYTHON (make test sets it)")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_door_does_what_its_document_says_for_every_role() {
    let home = Home::new(DatabaseKind::Sqlite).await;
    home.make_root_key();
    let db = home.db().await;
    Past::of(db.clone()).await.keys(2).await;
    db.close().await;
    let roles = [
        ("everything", home.api_key("everything", "production/AF", OPERATIONS).await),
        ("writes only", home.api_key("writer", "production/AF", "encrypt,wrap").await),
        ("elsewhere", home.api_key("elsewhere", "production/AX", OPERATIONS).await),
        ("nobody", "kstdAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned()),
    ];
    let server = Keystead::on(home).await;
    let clients = end2end().join("clients");
    for (role, key) in roles {
        let folder = tempfile::tempdir().expect("a folder");
        let run = Command::new(python())
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

/// A server with a key in `production/AF`, and none in `production/AX`; and a folder for a client.
struct House {
    keystead: Keystead,
    /// URL, API key, the scope with a key, the scope without one.
    arguments: [String; 4],
    folder: TempDir,
}

impl House {
    async fn new() -> Self {
        let home = Home::new(DatabaseKind::Sqlite).await;
        home.make_root_key();
        let db = home.db().await;
        let past = Past::of(db.clone()).await;
        past.keys(1).await;
        past.country("AX").await;
        db.close().await;
        let key = home.api_key("generated", "production/*", OPERATIONS).await;
        let keystead = Keystead::on(home).await;
        let url = format!("http://127.0.0.1:{}", keystead.port);
        let arguments = [url, key, "production/AF".to_owned(), "production/AX".to_owned()];
        // Node.js looks for packages in the folders above a program.
        let folder = tempfile::Builder::new().prefix(".generated-").tempdir_in(end2end()).expect("a folder");
        Self { keystead, arguments, folder }
    }

    /// Runs a program in the folder; it must succeed.
    async fn run(&self, program: impl AsRef<Path>, arguments: &[&str]) {
        let mut command = Command::new(program.as_ref());
        let run = command.args(arguments).current_dir(self.folder.path()).output().await.expect("it runs");
        let said = [&run.stdout[..], &run.stderr].map(String::from_utf8_lossy).concat();
        assert!(run.status.success(), "{:?} {arguments:?}: {said}", program.as_ref());
        println!("{said}");
    }

    fn arguments(&self) -> [&str; 4] {
        self.arguments.each_ref().map(String::as_str)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generated_client_for_python_performs_every_operation() {
    let house = House::new().await;
    let script = end2end().join("clients/generated.py").display().to_string();
    house.run(python(), &[&[&*script], &house.arguments()[..]].concat()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generated_client_for_typescript_performs_every_operation() {
    let house = House::new().await;
    let document = format!("http://127.0.0.1:{}/api/openapi.json", house.keystead.port);
    let program = |name: &str| end2end().join("node_modules/.bin").join(name);
    house.run(program("openapi-typescript"), &[&document, "--output", "keystead.d.ts"]).await;
    let script = end2end().join("clients/generated.mts");
    std::fs::copy(script, house.folder.path().join("generated.mts")).expect("copied");
    let strict =
        ["--strict", "--module", "nodenext", "--target", "es2022", "--types", "node", "--skipLibCheck"];
    house.run(program("tsc"), &[&strict[..], &["generated.mts"]].concat()).await;
    house.run("node", &[&["generated.mjs"], &house.arguments()[..]].concat()).await;
}
