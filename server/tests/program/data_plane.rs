//! The data plane of real servers: a change on one takes effect on the other; every answered request survives `kill -9` in the
//! journal; and neither the portal nor the data plane starves the other.

use crate::process::common::{on_both, random};
use crate::process::{Home, Keystead, Past, Raw};
use domain::audit::journal::JournalQuery;
use engine::testing::look::{execute, number};
use engine::testing::{DatabaseKind, root_key, scale};
use engine::{Clock, Portal, Settings};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// The scope of the first country.
const SCOPE: &str = "production/AF";
const SECOND: Duration = Duration::from_secs(1);

pub fn path(operation: &str) -> String {
    format!("/api/v1/scopes/{SCOPE}/{operation}")
}

/// Creates a home with a scope that has a key, and an API key for it on the command line.
pub async fn furnished(kind: DatabaseKind) -> (Home, String) {
    let home = Home::new(kind).await;
    if kind == DatabaseKind::Sqlite {
        home.make_root_key();
    }
    let db = home.db().await;
    Past::of(db.clone()).await.keys(1).await;
    db.close().await;
    let key = api_key(&home).await;
    (home, key)
}

async fn api_key(home: &Home) -> String {
    home.api_key("orders", SCOPE, "encrypt,decrypt,wrap,unwrap").await
}

async fn ask(port: u16, key: &str, operation: &str, body: &Value) -> (u16, Value) {
    match Raw::try_service(port, &path(operation), key, &body.to_string()).await {
        Some(answer) => (answer.status, answer.json()),
        None => (0, Value::Null),
    }
}

/// Waits until a condition holds; returns how long that took.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) -> Duration {
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < Duration::from_secs(20), "{what}: not after {:?}", began.elapsed());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    began.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_server_is_told_the_other_obeys_within_a_second() {
    let mut first = Home::new(DatabaseKind::Postgres).await;
    first.set("KEYSTEAD_DAILY_LIMIT_PER_TYPE", "2");
    let second = first.neighbour();
    let db = first.db().await;
    Past::of(db.clone()).await.keys(1).await;
    let (first, second) = (Keystead::on(first).await, Keystead::on(second).await);
    let ports = [first.port, second.port];
    // The key that was due when the servers started.
    until("the rotation", async || number(&db, "SELECT COUNT(*) FROM key_version").await == 2).await;
    let key = api_key(&first.home).await;
    let body = json!({"plaintext": "YQ=="});
    for port in ports {
        assert_eq!(ask(port, &key, "encrypt", &body).await.0, 200, "a new key works at once");
    }

    execute(&db, "UPDATE key_version SET due_at = created_at WHERE status = 'active'").await.expect("due");
    until("the rotation", async || number(&db, "SELECT COUNT(*) FROM key_version").await == 3).await;
    let mut newest = Duration::ZERO;
    for port in ports {
        let is_third = async || ask(port, &key, "encrypt", &body).await.1["version"] == 3;
        newest = newest.max(until("the new version", is_third).await);
    }
    assert!(newest < SECOND, "the new version encrypts after {newest:?}");
    for [here, there] in [ports, [ports[1], ports[0]]] {
        let made = ask(here, &key, "encrypt", &body).await.1;
        let opened = ask(there, &key, "decrypt", &json!({"ciphertext": made["ciphertext"]})).await;
        assert_eq!(opened, (200, json!({"plaintext": "YQ==", "version": 3})));
    }

    let revoked = first.home.host(&["api-key", "revoke", "--key", &key[..12]], "").await;
    assert!(revoked.status.success(), "{}", String::from_utf8_lossy(&revoked.stderr));
    let mut out = Duration::ZERO;
    for port in ports {
        out =
            out.max(until("the revocation", async || ask(port, &key, "encrypt", &body).await.0 == 401).await);
        for _ in 0..20 {
            assert_eq!(ask(port, &key, "encrypt", &body).await.0, 401, "and stays so");
        }
    }
    assert!(out < SECOND, "a revoked key is refused after {out:?}");
    println!("figure: two servers: a new version used after {newest:?}, a revoked key refused after {out:?}");
    db.close().await;
    let (mut first, mut second) = (first, second);
    first.kill().await;
    second.kill().await;
    first.home.end().await;
}

/// Sends requests until the server is gone; returns the objects whose requests were answered.
async fn keep_asking(port: u16, key: String, next: Arc<AtomicU64>) -> Vec<u64> {
    let mut acknowledged = Vec::new();
    loop {
        let object = next.fetch_add(1, Ordering::Relaxed);
        let body = json!({"plaintext": "YQ==", "audit": {"object_id": object.to_string()}});
        match ask(port, &key, "encrypt", &body).await {
            (200, _) => acknowledged.push(object),
            (0, _) => return acknowledged,
            (status, problem) => panic!("{status}: {problem}"),
        }
    }
}

on_both! {
    a_killed_server_loses_no_request_that_it_answered,
    a_server_that_is_told_to_end_loses_no_request_either,
}

async fn a_killed_server_loses_no_request_that_it_answered(kind: DatabaseKind) {
    let under_load = UnderLoad::new(kind).await;
    let end = async |server: &mut Keystead| server.kill().await;
    under_load.every_answer_is_written_down("killed", scale(4, 50), end).await;
}

async fn a_server_that_is_told_to_end_loses_no_request_either(kind: DatabaseKind) {
    let under_load = UnderLoad::new(kind).await;
    let end = async |server: &mut Keystead| {
        let (status, took) = server.stop().await;
        assert!(status.success() && took < Duration::from_secs(25), "{status} after {took:?}");
    };
    under_load.every_answer_is_written_down("told to end", scale(3, 20), end).await;
}

/// Two servers that share a data folder, with clients at both.
struct UnderLoad {
    servers: [Keystead; 2],
    key: String,
}

impl UnderLoad {
    async fn new(kind: DatabaseKind) -> Self {
        let (home, key) = furnished(kind).await;
        Self { servers: [Keystead::idle(home.shared()), Keystead::idle(home)], key }
    }

    /// Starts and ends the servers repeatedly, then checks that the journal has every answered request exactly once.
    async fn every_answer_is_written_down(
        mut self,
        ended: &str,
        rounds: usize,
        end: impl AsyncFn(&mut Keystead),
    ) {
        let next = Arc::new(AtomicU64::new(0));
        let mut acknowledged = Vec::new();
        for _ in 0..rounds {
            let mut clients = JoinSet::new();
            for server in &mut self.servers {
                server.start_again().await;
                for _ in 0..4 {
                    clients.spawn(keep_asking(server.port, self.key.clone(), Arc::clone(&next)));
                }
            }
            tokio::time::sleep(Duration::from_millis(200 + random(600) as u64)).await;
            for server in &mut self.servers {
                end(server).await;
            }
            acknowledged.extend(clients.join_all().await.into_iter().flatten());
        }
        let [first, _] = self.servers;
        let written = journal(&first.home).await;
        let missing: Vec<_> = acknowledged.iter().filter(|object| written.get(*object) != Some(&1)).collect();
        assert_eq!(missing, [&0; 0], "answered and not written down once");
        println!(
            "figure: two servers {ended} {rounds} times under load: {} answered, all of them in the journal; {} more were \
             written and not heard",
            acknowledged.len(),
            written.len() - acknowledged.len()
        );
        assert!(acknowledged.len() > 100, "there was a load");
        first.home.end().await;
    }
}

/// A client hangs up, and the server gets SIGTERM while it still works on the client's request.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_begun_for_somebody_gone_is_written_down_before_the_end() {
    let (home, key) = furnished(DatabaseKind::Sqlite).await;
    let mut server = Keystead::on(home).await;
    let paths: HashMap<_, _> = (0..900).map(|number| (format!("path {number}"), ["x"])).collect();
    let body = json!({"tenantId": SCOPE, "iclFields": {"requestingId": "svc"}, "paths": paths,
                      "derivationType": "sha512", "secretType": "vector"});
    let body = body.to_string();
    let head = format!(
        "POST /api/1/key/derive-with-secret-path HTTP/1.1\r\nHost: keystead\r\nAuthorization: cmk {key}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).await.expect("a connection");
    stream.write_all(head.as_bytes()).await.expect("sent");
    let db = server.home.db().await;
    let made = async || number(&db, "SELECT COUNT(*) FROM tenant_secret").await;
    until("the first secrets", async || made().await > 5).await;
    drop(stream);
    let (status, _) = server.stop().await;
    assert!(status.success(), "{status}");
    let made = made().await;
    db.close().await;
    let portal = opened(&server.home).await;
    let lines = portal.audit().export_journal(&JournalQuery::default()).await.expect("the journal").events;
    let told: i64 = lines.iter().map(|line| i64::from(line.event.made)).sum();
    assert!(made > 5 && told == made, "{told} of {made}");
    portal.close().await;
    server.home.end().await;
}

/// Opens the portal in process, with the journal that its servers left.
async fn opened(home: &Home) -> Portal {
    let (db, clock) = (home.db().await, Clock::system());
    let portal = Portal::open(db, &root_key(), clock, Settings::default()).await.expect("it opens");
    portal.audit().open_journal(&home.data().join("journal")).await.expect("a journal");
    portal.audit().tend_journal().await.expect("tended");
    portal
}

/// Counts the events of each object in the journal, after it has adopted the killed runs.
async fn journal(home: &Home) -> HashMap<u64, u32> {
    let portal = opened(home).await;
    let (mut written, mut query) = (HashMap::new(), JournalQuery::default());
    loop {
        let page = portal.audit().export_journal(&query).await.expect("a piece");
        assert_eq!(page.damaged, 0);
        for recorded in page.events {
            let object = recorded.event.told.object_id.expect("an object").parse().expect("a number");
            *written.entry(object).or_insert(0) += 1;
        }
        query.cursor = page.next;
        if query.cursor.is_none() {
            portal.close().await;
            return written;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_who_never_end_their_bodies_keep_nobody_out() {
    let (home, key) = furnished(DatabaseKind::Sqlite).await;
    let server = Keystead::on(home).await;
    let port = server.port;
    let mut slow = Vec::new();
    let body = "x".repeat(1024 * 1024 - 1);
    for _ in 0..80 {
        let mut raw = Raw::connect(port).await;
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: ApiKey {}\r\nContent-Length: 1048576\r\n\r\n{body}",
            path("encrypt"),
            key.replace("kstd", "kste")
        );
        raw.send(head.as_bytes()).await;
        slow.push(raw);
    }
    for _ in 0..20 {
        let body = json!({"plaintext": "YWFh".repeat(1000)});
        assert_eq!(ask(port, &key, "encrypt", &body).await.0, 200, "a body of some size");
        assert_eq!(ask(port, &key, "encrypt", &json!({"plaintext": "YQ=="})).await.0, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_the_portal_nor_the_data_plane_starves_the_other() {
    let (home, key) = furnished(DatabaseKind::Sqlite).await;
    let server = Keystead::on(home).await;
    let port = server.port;
    let body = json!({"plaintext": "YQ=="});
    assert_eq!(ask(port, &key, "encrypt", &body).await.0, 200);
    // More slow bodies than there are places, at the data plane and then at the portal: none holds a place while it arrives.
    for stuck in [path("encrypt"), "/sign-in".to_owned()] {
        let mut slow = Vec::new();
        for _ in 0..300 {
            let mut raw = Raw::connect(port).await;
            let head = format!(
                "POST {stuck} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nSec-Fetch-Site: same-origin\r\nAuthorization: ApiKey {key}\r\n\
                 Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{"
            );
            assert!(raw.send(head.as_bytes()).await);
            slow.push(raw);
        }
        let began = Instant::now();
        assert_eq!(ask(port, &key, "encrypt", &body).await.0, 200, "the data plane while {stuck} is stuck");
        assert_eq!(Raw::get(port, "/sign-in", "").await.status, 200, "the portal while {stuck} is stuck");
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    }
}
