//! Servers that restart one after the other under load lose no request: behind nginx, HAProxy and Caddy, configured as the README says,
//! and for clients without a balancer that go when they are told.

use crate::data_plane::{furnished, path, until};
use crate::hold_load::{HEADERS, PREFACE, SETTINGS, frame, get_headers};
use crate::process::balancer::{Balancer, Kind, NAME};
use crate::process::kept::{Kept, Question};
use crate::process::{Home, Keystead, Raw, free_port};
use engine::testing::DatabaseKind;
use rustix::process::Signal;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const CLIENTS: usize = 9;
/// Long enough for HAProxy's checks, and shorter than the default for the sake of the test's time. It may be shorter than nginx's
/// `keepalive_timeout`, because no connection stays idle under this load.
const LAME_DUCK: &str = "2";
/// An address that a client invents in `X-Forwarded-For`.
const INVENTED: &str = "203.0.113.9";

/// What clients have seen.
#[derive(Default)]
struct Tally {
    answered: u64,
    /// How often servers told them to go.
    told: u64,
    slowest: Duration,
    lost: Vec<String>,
}

impl Tally {
    async fn ask(&mut self, client: &mut Kept, question: &Question<'_>) -> Option<serde_json::Value> {
        let began = Instant::now();
        let answer = client.ask(question).await;
        self.slowest = self.slowest.max(began.elapsed());
        let is_page = matches!(question, Question::Page { .. });
        match answer {
            Ok(answer) if answer.status == 200 && (!is_page || answer.text.ends_with("</html>")) => {
                self.answered += 1;
                Some(answer.json())
            }
            Ok(answer) => {
                self.lost.push(format!("{}: {}", answer.status, answer.text));
                None
            }
            Err(error) => {
                self.lost.push(format!("{}: {error}", question.path()));
                None
            }
        }
    }

    fn add(&mut self, other: Self) {
        self.answered += other.answered;
        self.told += other.told;
        self.slowest = self.slowest.max(other.slowest);
        self.lost.extend(other.lost);
    }
}

/// Clients at work.
struct Load {
    clients: JoinSet<Tally>,
    is_over: Arc<AtomicBool>,
}

impl Load {
    fn begin(clients: impl Iterator<Item = Kept>, key: &str) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let clients = clients.map(|client| work(client, key.to_owned(), Arc::clone(&is_over))).collect();
        Self { clients, is_over }
    }

    async fn end(self) -> Tally {
        self.is_over.store(true, Ordering::Relaxed);
        let mut all = Tally::default();
        self.clients.join_all().await.into_iter().for_each(|tally| all.add(tally));
        all
    }
}

/// Encrypts, decrypts and reads a page without pause.
async fn work(mut client: Kept, key: String, is_over: Arc<AtomicBool>) -> Tally {
    let [encrypt, decrypt] = ["encrypt", "decrypt"].map(path);
    let mut tally = Tally::default();
    for round in 0_u16.. {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        let plaintext = format!("{:04}", round % 10_000);
        let json = json!({"plaintext": plaintext}).to_string();
        let sealed =
            tally.ask(&mut client, &Question::Service { path: &encrypt, key: &key, json: &json }).await;
        if let Some(sealed) = sealed {
            let json = json!({"ciphertext": sealed["ciphertext"]}).to_string();
            let asked = Question::Service { path: &decrypt, key: &key, json: &json };
            let opened = tally.ask(&mut client, &asked).await;
            if opened.is_some_and(|opened| opened["plaintext"] != plaintext) {
                tally.lost.push("another plaintext".to_owned());
            }
        }
        tally.ask(&mut client, &Question::Page { path: "/sign-in" }).await;
    }
    tally.told = client.told();
    tally
}

/// A server, and the port of its metrics.
struct Server {
    keystead: Keystead,
    metrics: u16,
}

impl Server {
    async fn start(mut home: Home) -> Self {
        let metrics = free_port();
        home.set("KEYSTEAD_METRICS_LISTEN", &format!("127.0.0.1:{metrics}"));
        home.log = Some(home.data().join("log"));
        Self { keystead: Keystead::on(home).await, metrics }
    }

    /// Returns how many items it has encrypted and decrypted since it started.
    async fn served(&self) -> u64 {
        let text = Raw::get(self.metrics, "/metrics", "").await.text;
        let counts = text.lines().filter(|line| line.starts_with("keystead_data_items_total"));
        counts.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    }

    async fn is_used(&self) {
        until("the balancer uses the server", async || self.served().await > 20).await;
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.keystead.home.log.as_ref().expect("a log")).expect("the log")
    }
}

async fn a_rolling_restart_loses_no_request(kind: Kind) {
    let (mut first, key) = furnished(DatabaseKind::Postgres).await;
    first.set("KEYSTEAD_LAME_DUCK_SECONDS", LAME_DUCK);
    first.set("KEYSTEAD_PUBLIC_URL", &format!("https://{NAME}"));
    let second = first.neighbour();
    let mut servers = [Server::start(first).await, Server::start(second).await];
    let balancer = Balancer::start(kind, [servers[0].keystead.port, servers[1].keystead.port]).await;
    let load = Load::begin((0..CLIENTS).map(|_| Kept::http1(balancer.port)), &key);
    for server in &servers {
        server.is_used().await;
    }
    let began = Instant::now();
    for server in &mut servers {
        let (status, _) = server.keystead.stop().await;
        assert!(status.success(), "{status}");
        server.keystead.start_again().await;
        server.is_used().await;
    }
    let took = began.elapsed();
    let Tally { answered, slowest, lost, .. } = load.end().await;
    println!(
        "figure: {kind:?}: both servers restarted in {took:.1?}; {answered} requests answered, {} lost, the slowest in {slowest:.1?}",
        lost.len()
    );
    assert_eq!(lost, [""; 0], "of {answered}");
    assert!(answered > 500, "there was a load: {answered}");
    the_name_and_the_address_come_through(&balancer, &servers).await;
    drop(balancer);
    let [mut first, mut second] = servers;
    first.keystead.kill().await;
    second.keystead.kill().await;
    first.keystead.home.end().await;
}

/// Checks the lines of the README that the load does not use: TLS, `Host`, `X-Forwarded-For`.
async fn the_name_and_the_address_come_through(balancer: &Balancer, servers: &[Server]) {
    let head = format!("HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\nX-Forwarded-For: {INVENTED}\r\n");
    let page = balancer.ask_over_tls(&format!("GET /sign-in {head}\r\n")).await;
    assert!(page.starts_with("HTTP/1.1 200") && page.ends_with("</html>"), "{page}");
    // A form from nowhere: the server logs the address that it refuses.
    let refused = balancer.ask_over_tls(&format!("POST /sign-in {head}Content-Length: 0\r\n\r\n")).await;
    assert!(refused.starts_with("HTTP/1.1 403"), "{refused}");
    let log = servers.iter().map(Server::log).collect::<String>();
    assert!(log.contains("127.0.0.1") && !log.contains(INVENTED), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_behind_nginx_loses_no_request() {
    a_rolling_restart_loses_no_request(Kind::Nginx).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_behind_haproxy_loses_no_request() {
    a_rolling_restart_loses_no_request(Kind::Haproxy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_behind_haproxy_over_http2_loses_no_request() {
    a_rolling_restart_loses_no_request(Kind::HaproxyOverHttp2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_behind_caddy_loses_no_request() {
    a_rolling_restart_loses_no_request(Kind::Caddy).await;
}

/// Clients stay while a server is a lame duck, and leave before it closes.
async fn clients_that_go_when_told_lose_no_request(client: fn(u16) -> Kept) {
    let (mut home, key) = furnished(DatabaseKind::Sqlite).await;
    home.set("KEYSTEAD_LAME_DUCK_SECONDS", "3");
    let mut server = Keystead::on(home).await;
    let port = server.port;
    let load = Load::begin((0..CLIENTS).map(|_| client(port)), &key);
    tokio::time::sleep(Duration::from_millis(500)).await;
    server.signal(Signal::TERM);
    let began = Instant::now();
    let ready = async || Raw::try_get(port, "/readyz", "").await.map(|answer| answer.status);
    until("not ready", async || ready().await == Some(503)).await;
    let known = began.elapsed();
    while began.elapsed() < Duration::from_secs(2) {
        assert_eq!(ready().await, Some(503), "it says so as long as it serves");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let Tally { answered, told, slowest, lost } = load.end().await;
    println!(
        "figure: without a balancer: 503 after {known:?}; {answered} requests answered, {} lost, the slowest in {slowest:.1?}; \
         clients were told to go {told} times",
        lost.len()
    );
    assert_eq!(lost, [""; 0], "of {answered}");
    assert!(told > 100 && answered > told, "{answered} answered, of which {told} told to go");
    assert!(began.elapsed() < Duration::from_secs(3), "the clients left in time");
    assert!(server.ended(Duration::from_secs(10)).await.success());
    server.home.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_over_http1_that_go_when_told_lose_no_request() {
    clients_that_go_when_told_lose_no_request(Kept::http1).await;
}

/// On one thread: hyper's client may fail a request that was sent, when a second thread reads GOAWAY at the same moment
/// (`ClientTask::poll` of hyper 1.12 asks for the state of the connection again after it has sent the headers).
#[tokio::test]
async fn clients_over_http2_that_go_when_told_lose_no_request() {
    clients_that_go_when_told_lose_no_request(Kept::http2).await;
}

/// Returns the kinds of the frames that a server has sent.
fn kinds(mut said: &[u8]) -> Vec<u8> {
    let mut kinds = Vec::new();
    while let [high, middle, low, kind, rest @ ..] = said {
        let size = u32::from_be_bytes([0, *high, *middle, *low]) as usize;
        kinds.push(*kind);
        // Flags and stream come before the payload.
        said = rest.get(5 + size..).unwrap_or_default();
    }
    kinds
}

#[tokio::test(flavor = "multi_thread")]
async fn goaway_comes_with_the_next_answer_and_before_it() {
    const GOAWAY: u8 = 7;
    let mut home = Home::new(DatabaseKind::Sqlite).await;
    home.set("KEYSTEAD_LAME_DUCK_SECONDS", "60");
    home.make_root_key();
    let server = Keystead::on(home).await;
    let mut client = Raw::connect(server.port).await;
    let ask = |stream| frame(HEADERS, 5, stream, &get_headers("/healthz"));
    let mut said = Vec::new();
    client.send(&[PREFACE, &frame(SETTINGS, 0, 0, &[]), &ask(1)].concat()).await;
    assert!(!client.closed_within(Duration::from_millis(300), &mut said).await);
    assert!(kinds(&said).contains(&HEADERS), "it is answered: {:?}", kinds(&said));
    server.signal(Signal::TERM);
    said.clear();
    assert!(!client.closed_within(Duration::from_millis(500), &mut said).await);
    assert_eq!(kinds(&said), [0; 0], "a request may be on its way");
    client.send(&ask(3)).await;
    client.closed_within(Duration::from_millis(500), &mut said).await;
    let position = |kind| kinds(&said).into_iter().position(|found| found == kind);
    let (told, answered) = (position(GOAWAY), position(HEADERS));
    assert!(told.is_some() && told < answered, "{:?}", kinds(&said));
}

#[tokio::test(flavor = "multi_thread")]
async fn sigint_or_a_second_signal_ends_a_server_at_once() {
    let (mut home, key) = furnished(DatabaseKind::Sqlite).await;
    for (lame_duck, signals) in [
        ("60", &[Signal::TERM, Signal::TERM][..]),
        ("60", &[Signal::TERM, Signal::INT]),
        ("0", &[Signal::TERM, Signal::TERM]),
        ("60", &[Signal::INT]),
    ] {
        home.set("KEYSTEAD_LAME_DUCK_SECONDS", lame_duck);
        let mut server = Keystead::on(home.shared()).await;
        // Each stands for a client that the server would otherwise wait for.
        let mut clients = Vec::new();
        for (line, words) in
            [(format!("POST {}", path("encrypt")), "{"), ("POST /sign-in".to_owned(), "email=")]
        {
            let mut half_sent = Raw::connect(server.port).await;
            let head = format!(
                "{line} HTTP/1.1\r\nHost: 127.0.0.1\r\nSec-Fetch-Site: same-origin\r\nAuthorization: ApiKey {key}\r\n\
                 Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{words}"
            );
            assert!(half_sent.send(head.as_bytes()).await);
            clients.push(half_sent);
        }
        let ready = async || Raw::try_get(server.port, "/readyz", "").await.map(|answer| answer.status);
        let (last, before) = signals.split_last().expect("a signal");
        for signal in before {
            server.signal(*signal);
            until("it has begun to end", async || ready().await != Some(200)).await;
            // It would stay.
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        let began = Instant::now();
        server.signal(*last);
        let status = server.ended(Duration::from_secs(5)).await;
        let took = began.elapsed();
        println!("figure: ended {took:.1?} after {signals:?} with a lame-duck time of {lame_duck} s");
        assert!(status.success() && took < Duration::from_millis(700), "{status} after {took:?}");
    }
    home.end().await;
}
