//! A hostile client beside nine honest ones: at sign-in, at the pages, at both doors, over HTTP/1.1 and HTTP/2. The honest lose at
//! most a tenth of their throughput and none of their requests, and the memory of the server is bounded.
//!
//! It measures the optimised program that `KEYSTEAD_BIN` names, and runs alone: `cargo xtask test speed`.

#[allow(dead_code, unused_imports, reason = "the other tests use the rest")]
#[path = "../program/process/mod.rs"]
mod process;

use crate::process::{Home, Keystead, PASSWORD, Past};
use axum::body::Bytes;
use engine::testing::{DatabaseKind, scale};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HOST};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

/// Maximum memory of the server after every attack.
const MEMORY_MIB: u64 = 256;
/// Number of tries: the machine of the tests does other things as well. No try may lose a request.
const TRIES: usize = 3;
/// Time of one measurement.
const MEASURED: Duration = Duration::from_secs(3);
/// Number of streams that a server allows on a connection.
const STREAMS: usize = 16;
/// The address of the hostile client. Each honest client has another.
const HOSTILE: u8 = 66;

type Sent = BoxBody<Bytes, Infallible>;

fn whole(text: impl Into<Bytes>) -> Sent {
    Full::new(text.into()).boxed()
}

/// A body that begins and never ends.
struct Endless(Option<Bytes>);

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.take().map_or(Poll::Pending, |bytes| Poll::Ready(Some(Ok(Frame::data(bytes)))))
    }
}

fn endless(size: usize) -> Sent {
    Endless(Some(vec![b'x'; size].into())).boxed()
}

/// Connects from an address of this machine of its own.
async fn connect(from: u8, port: u16) -> Option<TokioIo<TcpStream>> {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(SocketAddr::from((Ipv4Addr::new(127, 0, 0, from), 0))).expect("an address");
    let stream = socket.connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await.ok()?;
    stream.set_nodelay(true).expect("a setting");
    Some(TokioIo::new(stream))
}

enum Client {
    Http1(http1::SendRequest<Sent>),
    Http2(http2::SendRequest<Sent>),
}

/// Whether a client gives the server room for its answers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reads {
    All,
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Http1,
    Http2,
}

impl Client {
    async fn new(protocol: Protocol, from: u8, port: u16, reads: Reads) -> Option<Self> {
        let io = connect(from, port).await?;
        match protocol {
            Protocol::Http1 => {
                let (client, connection) = http1::handshake(io).await.ok()?;
                tokio::spawn(connection);
                Some(Self::Http1(client))
            }
            Protocol::Http2 => {
                let mut builder = http2::Builder::new(TokioExecutor::new());
                if reads == Reads::Nothing {
                    builder.initial_stream_window_size(0);
                }
                let (client, connection) = builder.handshake(io).await.ok()?;
                tokio::spawn(connection);
                Some(Self::Http2(client))
            }
        }
    }

    async fn send(&mut self, request: Request<Sent>) -> hyper::Result<Response<Incoming>> {
        match self {
            Self::Http1(client) => {
                client.ready().await?;
                client.send_request(request).await
            }
            Self::Http2(client) => {
                client.ready().await?;
                client.send_request(request).await
            }
        }
    }

    async fn ask(&mut self, request: Request<Sent>) -> hyper::Result<(StatusCode, Bytes)> {
        let response = self.send(request).await?;
        let status = response.status();
        Ok((status, response.into_body().collect().await?.to_bytes()))
    }

    fn streams(&self) -> usize {
        match self {
            Self::Http1(_) => 1,
            Self::Http2(_) => STREAMS,
        }
    }
}

/// What both kinds of clients send.
#[derive(Clone)]
struct Requests {
    port: u16,
    cookie: String,
}

impl Requests {
    fn at(&self, protocol: Protocol, method: &str, path: &str) -> hyper::http::request::Builder {
        let host = format!("127.0.0.1:{}", self.port);
        match protocol {
            Protocol::Http1 => Request::builder().method(method).uri(path).header(HOST, host),
            Protocol::Http2 => Request::builder().method(method).uri(format!("http://{host}{path}")),
        }
    }

    fn sign_in(&self, protocol: Protocol, body: Sent) -> Request<Sent> {
        let request = self.at(protocol, "POST", "/sign-in").header("sec-fetch-site", "same-origin");
        request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body).expect("a request")
    }

    fn page(&self, protocol: Protocol, path: &str, cookie: &str) -> Request<Sent> {
        self.at(protocol, "GET", path).header(COOKIE, cookie).body(whole("")).expect("a request")
    }

    fn native(&self, protocol: Protocol, key: &str, operation: &str, body: Sent) -> Request<Sent> {
        let request = self.at(protocol, "POST", &format!("/api/v1/scopes/{SCOPE}/{operation}"));
        request
            .header(AUTHORIZATION, format!("ApiKey {key}"))
            .header(CONTENT_TYPE, "application/json")
            .body(body)
            .expect("a request")
    }

    fn tsp(&self, protocol: Protocol, key: &str, operation: &str, body: Sent) -> Request<Sent> {
        let request = self.at(protocol, "POST", &format!("/api/1/document/{operation}"));
        request.header(AUTHORIZATION, format!("cmk {key}")).body(body).expect("a request")
    }
}

const ADMINISTRATOR: &str = "grace@example.com";
const SCOPE: &str = "production/AF";

fn form(email: &str, password: &str) -> Bytes {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("email", email).append_pair("password", password).finish().into()
}

/// A batch of as many items as a request may have: its answer is large.
fn batch() -> Bytes {
    json!({"items": vec![json!({}); 1000]}).to_string().into()
}

fn tsp_body(more: serde_json::Value) -> Bytes {
    let mut body = json!({"tenantId": SCOPE, "iclFields": {"requestingId": "svc"}, "customFields": {}});
    body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    body.to_string().into()
}

/// One of the nine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Honest {
    SignIn,
    Page,
    Native,
    Tsp,
}

impl Honest {
    const NINE: [(Self, Protocol); 9] = [
        (Self::SignIn, Protocol::Http1),
        (Self::Page, Protocol::Http1),
        (Self::Page, Protocol::Http2),
        (Self::Native, Protocol::Http1),
        (Self::Native, Protocol::Http1),
        (Self::Native, Protocol::Http2),
        (Self::Tsp, Protocol::Http1),
        (Self::Tsp, Protocol::Http1),
        (Self::Tsp, Protocol::Http2),
    ];

    /// Returns the time between two of its requests. A machine without an attack has enough time for all of them.
    fn every(self) -> Duration {
        Duration::from_millis(match self {
            Self::SignIn => 500,
            Self::Page => 100,
            Self::Native | Self::Tsp => 25,
        })
    }

    fn request(
        self,
        protocol: Protocol,
        requests: &Requests,
        key: &str,
        number: u32,
    ) -> (Request<Sent>, StatusCode) {
        match self {
            Self::SignIn => {
                (requests.sign_in(protocol, whole(form(ADMINISTRATOR, PASSWORD))), StatusCode::SEE_OTHER)
            }
            Self::Page => (requests.page(protocol, "/environments", &requests.cookie), StatusCode::OK),
            Self::Native if number.is_multiple_of(10) => {
                // An answer that needs room of its own.
                let items = json!({"items": vec![json!({}); 200]}).to_string();
                (requests.native(protocol, key, "wrap", whole(items)), StatusCode::OK)
            }
            Self::Native => {
                let item = json!({"plaintext": "YWFh".repeat(50)}).to_string();
                (requests.native(protocol, key, "encrypt", whole(item)), StatusCode::OK)
            }
            Self::Tsp => (requests.tsp(protocol, key, "wrap", whole(tsp_body(json!({})))), StatusCode::OK),
        }
    }

    /// Sends requests until the measurement is over.
    async fn work(
        self,
        protocol: Protocol,
        number: u8,
        requests: Requests,
        key: String,
        until: Arc<AtomicBool>,
    ) -> Work {
        let mut work = Work::default();
        let mut client = None;
        let mut ticks = interval(self.every());
        // A service has as much to do as before: what it could not do in time, it does afterwards.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        while !until.load(Ordering::Relaxed) {
            ticks.tick().await;
            if client.is_none() {
                client = Client::new(protocol, number, requests.port, Reads::All).await;
            }
            let Some(open) = &mut client else {
                work.lost.push("no connection".to_owned());
                continue;
            };
            let (request, expected) = self.request(protocol, &requests, &key, work.answered);
            let began = Instant::now();
            let lost = match timeout(Duration::from_secs(10), open.ask(request)).await {
                Ok(Ok((status, _))) if status == expected => {
                    work.slowest = work.slowest.max(began.elapsed());
                    work.answered += 1;
                    continue;
                }
                Ok(Ok((status, body))) => format!("{status} {}", String::from_utf8_lossy(&body)),
                Ok(Err(error)) => format!("{error:?}"),
                Err(_) => "no answer in ten seconds".to_owned(),
            };
            work.lost.push(lost.chars().take(200).collect());
            client = None;
        }
        work
    }
}

/// What an honest client has reached.
#[derive(Default)]
struct Work {
    answered: u32,
    slowest: Duration,
    lost: Vec<String>,
}

impl Work {
    fn add(&mut self, other: Self) {
        self.answered += other.answered;
        self.slowest = self.slowest.max(other.slowest);
        self.lost.extend(other.lost);
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (slowest {} ms, lost {})", self.answered, self.slowest.as_millis(), self.lost.len())
    }
}

/// What the hostile client does.
#[derive(Clone, Copy, Debug)]
enum Attack {
    /// Bodies that never end.
    Bodies(Target),
    /// Answers that are never read.
    Answers(Target),
    /// As many requests as possible, each answer read.
    Flood(Target),
    /// New connections, as fast as possible, that ask nothing.
    Connections,
}

#[derive(Clone, Copy, Debug)]
enum Target {
    SignIn,
    Page,
    Native,
    Tsp,
}

impl Target {
    const ALL: [Self; 4] = [Self::SignIn, Self::Page, Self::Native, Self::Tsp];

    /// Returns a request with an answer that is as large as possible, or with this body.
    fn request(
        self,
        protocol: Protocol,
        requests: &Requests,
        key: &str,
        body: Option<Sent>,
    ) -> Request<Sent> {
        match self {
            Self::SignIn => {
                requests.sign_in(protocol, body.unwrap_or_else(|| whole(form(&"<".repeat(20_000), "wrong"))))
            }
            // A cookie that nobody has: the server must look for it.
            Self::Page if body.is_none() => {
                requests.page(protocol, "/sign-in?next=/audit", "keystead-3000=hostile")
            }
            Self::Page => requests.sign_in(protocol, body.unwrap_or_else(|| whole(""))),
            Self::Native => requests.native(protocol, key, "wrap", body.unwrap_or_else(|| whole(batch()))),
            Self::Tsp => {
                let ids: Vec<_> = (0..1000).map(|id| format!("document {id}")).collect();
                let all = || whole(tsp_body(json!({"documentIds": ids})));
                requests.tsp(protocol, key, "batch-wrap", body.unwrap_or_else(all))
            }
        }
    }

    fn body_size(self) -> usize {
        match self {
            Self::SignIn | Self::Page => 63 * 1024,
            Self::Native | Self::Tsp => 1024 * 1024 - 1024,
        }
    }
}

impl Attack {
    /// Attacks until the measurement is over; returns the number of requests.
    async fn run(self, protocol: Protocol, requests: Requests, key: String, until: Arc<AtomicBool>) -> usize {
        let mut sent = 0;
        while !until.load(Ordering::Relaxed) {
            let mut all = JoinSet::new();
            let many = if protocol == Protocol::Http1 { 300 } else { 33 };
            for _ in 0..many {
                let (requests, key, until) = (requests.clone(), key.clone(), until.clone());
                all.spawn(async move { self.connection(protocol, &requests, &key, &until).await });
            }
            while let Some(done) = all.join_next().await {
                sent += done.expect("the attack goes on");
            }
        }
        sent
    }

    async fn connection(
        self,
        protocol: Protocol,
        requests: &Requests,
        key: &str,
        until: &AtomicBool,
    ) -> usize {
        let reads = if matches!(self, Self::Answers(_)) { Reads::Nothing } else { Reads::All };
        let Some(mut client) = Client::new(protocol, HOSTILE, requests.port, reads).await else { return 0 };
        let (mut sent, mut kept) = (0, Vec::new());
        match self {
            Self::Bodies(target) => {
                for _ in 0..client.streams() {
                    let body = endless(target.body_size());
                    let answer = client.send(target.request(protocol, requests, key, Some(body)));
                    // The answer comes when Keystead refuses or gives up.
                    let _ = timeout(Duration::from_millis(20), answer).await;
                    sent += 1;
                }
                sleep(Duration::from_millis(500)).await;
            }
            Self::Answers(target) => {
                for _ in 0..client.streams() {
                    let answer = client.send(target.request(protocol, requests, key, None));
                    if let Ok(Ok(answer)) = timeout(Duration::from_secs(1), answer).await {
                        kept.push(answer);
                    }
                    sent += 1;
                }
                sleep(Duration::from_millis(500)).await;
            }
            Self::Flood(target) => {
                while !until.load(Ordering::Relaxed) {
                    if client.ask(target.request(protocol, requests, key, None)).await.is_err() {
                        break;
                    }
                    sent += 1;
                }
            }
            Self::Connections => sleep(Duration::from_millis(50)).await,
        }
        sent
    }
}

/// Runs the nine honest clients for a while, with an attack or without; returns the answers of each kind.
async fn measure(
    requests: &Requests,
    keys: &[String],
    attack: Option<(Attack, Protocol)>,
) -> (BTreeMap<Honest, Work>, usize) {
    let is_over = Arc::new(AtomicBool::new(false));
    // The attack would have a machine of its own: here it gets what the server and the honest clients leave of the processor.
    let attacker = attack.map(|(attack, protocol)| {
        let (requests, key, until) = (requests.clone(), keys[0].clone(), is_over.clone());
        std::thread::spawn(move || {
            rustix::process::setpriority_process(Some(rustix::thread::gettid()), 10).expect("a priority");
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(attack.run(protocol, requests, key, until))
        })
    });
    if attacker.is_some() {
        sleep(Duration::from_millis(500)).await;
    }
    let mut all = JoinSet::new();
    let until = Arc::new(AtomicBool::new(false));
    for (number, (honest, protocol)) in (1..).zip(Honest::NINE) {
        let (requests, key, until) = (requests.clone(), keys[usize::from(number)].clone(), until.clone());
        all.spawn(async move { (honest, honest.work(protocol, number, requests, key, until).await) });
    }
    sleep(MEASURED * scale(1, 5)).await;
    until.store(true, Ordering::Relaxed);
    let mut answered = BTreeMap::<_, Work>::new();
    while let Some(done) = all.join_next().await {
        let (honest, work) = done.expect("it works to the end");
        answered.entry(honest).or_default().add(work);
    }
    is_over.store(true, Ordering::Relaxed);
    let sent = attacker.map_or(0, |attacker| attacker.join().expect("the attack ends"));
    (answered, sent)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn nine_honest_clients_lose_nothing_beside_a_hostile_one() {
    let mut home = Home::new(DatabaseKind::Sqlite).await;
    home.make_root_key();
    // The clients' own addresses count.
    home.set("KEYSTEAD_TRUSTED_PROXIES", "");
    let db = home.db().await;
    Past::of(db.clone()).await.keys(1).await;
    db.close().await;
    let mut keys = Vec::new();
    for number in 0..=Honest::NINE.len() {
        let name = format!("service {number}");
        keys.push(home.api_key(&name, SCOPE, "encrypt,decrypt,wrap,unwrap").await);
    }
    let seed = home.administrator(ADMINISTRATOR).await;
    let server = Keystead::on(home).await;
    let requests = Requests { port: server.port, cookie: server.sign_in_as(ADMINISTRATOR, &seed).await };
    // The first requests load what the later ones find in memory.
    measure(&requests, &keys, None).await;
    let (alone, _) = measure(&requests, &keys, None).await;
    println!("figure: nine honest clients alone: {alone:?}");
    let attacks = Target::ALL
        .into_iter()
        .flat_map(|target| [Attack::Bodies(target), Attack::Answers(target), Attack::Flood(target)])
        .chain([Attack::Connections]);
    for (attack, protocol) in
        attacks.flat_map(|attack| [Protocol::Http1, Protocol::Http2].map(|protocol| (attack, protocol)))
    {
        let mut losses = Vec::new();
        for _ in 0..TRIES {
            let (beside, sent) = measure(&requests, &keys, Some((attack, protocol))).await;
            let memory = server.peak_memory_kib() / 1024;
            println!(
                "figure: {attack:?} over {protocol:?} ({sent} requests): {beside:?}, VmHWM {memory} MiB"
            );
            assert!(memory < MEMORY_MIB, "{memory} MiB");
            let lost: Vec<_> = beside.values().flat_map(|work| &work.lost).collect();
            assert!(lost.is_empty(), "lost beside {attack:?} over {protocol:?}: {lost:?}");
            losses = slower(&alone, &beside);
            if losses.is_empty() {
                break;
            }
        }
        assert!(losses.is_empty(), "{attack:?} over {protocol:?}, in {TRIES} tries: {losses:?}");
    }
}

/// Returns the honest clients that lost more than a tenth of their throughput.
fn slower(alone: &BTreeMap<Honest, Work>, beside: &BTreeMap<Honest, Work>) -> Vec<String> {
    let parts = alone.iter().map(|(honest, work)| {
        // One more was under way when the measurement ended.
        (honest, f64::from(beside[honest].answered + 1) / f64::from(work.answered))
    });
    parts
        .filter(|(_, part)| *part < 0.9)
        .map(|(honest, part)| format!("{honest:?} at {:.0} %", part * 100.0))
        .collect()
}
