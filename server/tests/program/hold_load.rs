//! The real binary under load and under hostile clients. `KEYSTEAD_SOAK=1` runs the long form;
//! `cargo nextest run --release` measures the speed that operators get.

use crate::process::{Keystead, Raw};
use engine::testing::scale;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Time within which a slow client must be closed: Keystead allows ten seconds, and a loaded machine notices later.
const CLOSED_WITHIN: Duration = Duration::from_secs(13);
const MEMORY_MIB: u64 = 256;

/// Returns the maximum time of a page under any load.
fn page_limit() -> Duration {
    Duration::from_secs(if cfg!(debug_assertions) { 3 } else { 1 })
}

/// Clients that request pages, without and with a session, until they are stopped; they measure the slowest page.
struct Visitors {
    is_over: Arc<AtomicBool>,
    tasks: JoinSet<(Duration, u32)>,
}

impl Visitors {
    fn enter(keystead: &Keystead, cookie: &str) -> Self {
        Self::of(keystead, cookie, false)
    }

    /// Does the same with a stranger from another network than that of the hostile clients. One network may have less than all
    /// strangers together, so many hostile connections leave it no room for a newcomer, but others find room.
    async fn enter_from_elsewhere(keystead: &Keystead, cookie: &str) -> Self {
        // From its first request on, the server knows whose session it is, and it is no stranger's.
        assert_eq!(Raw::get(keystead.port, "/environments", cookie).await.status, 200);
        Self::of(keystead, cookie, true)
    }

    fn of(keystead: &Keystead, cookie: &str, is_from_elsewhere: bool) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for (path, mark, cookie) in [
            ("/sign-in", "Sign in", ""),
            ("/environments", "Environments", cookie),
            ("/profile", "Profile", cookie),
        ] {
            let (is_over, port, cookie) = (is_over.clone(), keystead.port, cookie.to_owned());
            tasks.spawn(async move {
                let (mut slowest, mut asked) = (Duration::ZERO, 0);
                while !is_over.load(Ordering::Relaxed) {
                    let began = Instant::now();
                    let answer = match cookie.is_empty() && is_from_elsewhere {
                        true => Raw::get_from_elsewhere(port, path).await,
                        false => Raw::get(port, path, &cookie).await,
                    };
                    slowest = slowest.max(began.elapsed());
                    asked += 1;
                    assert_eq!(answer.status, 200, "{path}");
                    assert!(answer.text.contains(mark), "{path}");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                (slowest, asked)
            });
        }
        Self { is_over, tasks }
    }

    async fn leave(mut self, what: &str) {
        self.is_over.store(true, Ordering::Relaxed);
        let (mut slowest, mut asked) = (Duration::ZERO, 0);
        while let Some(visitor) = self.tasks.join_next().await {
            let (time, count) = visitor.expect("every page was answered");
            (slowest, asked) = (slowest.max(time), asked + count);
        }
        println!("figure: {what}: slowest of {asked} pages {} ms", slowest.as_millis());
        assert!(slowest < page_limit(), "{what}: a page took {slowest:?}");
    }
}

fn check_memory(keystead: &Keystead, what: &str) {
    let peak = keystead.peak_memory_kib() / 1024;
    println!("figure: {what}: VmHWM {peak} MiB");
    assert!(peak < MEMORY_MIB, "{what}: {peak} MiB");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_sign_ins_at_once_leave_the_pages_quick() {
    let keystead = Keystead::start().await;
    let cookie = keystead.sign_in().await;
    for round in 0..scale(1, 10) {
        let visitors = Visitors::enter(&keystead, &cookie);
        let before = keystead.failed_sign_ins().await;
        let began = Instant::now();
        let mut tries = JoinSet::new();
        for number in 0..200 {
            let (port, email) = (keystead.port, format!("nobody{round}-{number}@example.com"));
            let network = 200 * round + number;
            tries.spawn(
                async move { Raw::sign_in_from(port, network, &email, "wrong and long enough").await },
            );
        }
        let (mut wrong, mut shed) = (0, 0);
        while let Some(answer) = tries.join_next().await {
            let answer = answer.expect("an answer");
            match answer.status {
                422 => wrong += 1,
                503 => {
                    assert!(answer.header("retry-after").is_some(), "when to come back is said");
                    shed += 1;
                }
                other => panic!("a sign-in was answered with {other}"),
            }
        }
        let took = began.elapsed();
        println!("figure: 200 sign-ins at once: {wrong} wrong, {shed} shed, in {took:?}");
        visitors.leave("200 sign-ins at once").await;
        assert!(shed > 0, "the queue is short");
        let counted = keystead.failed_sign_ins().await - before;
        assert_eq!(counted, wrong, "what was shed is no failure");
    }
    check_memory(&keystead, "200 sign-ins at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn right_sign_ins_all_at_once_count_against_nobody() {
    let keystead = Keystead::start().await;
    let mut tries = JoinSet::new();
    for network in 0..200 {
        let port = keystead.port;
        let sign_in = async move {
            Raw::sign_in_from(port, network, crate::process::EMAIL, crate::process::PASSWORD).await.status
        };
        tries.spawn(sign_in);
    }
    let statuses = tries.join_all().await;
    let of = |wanted| statuses.iter().filter(|status| **status == wanted).count();
    println!("figure: 200 right sign-ins of one name: {} in, {} shed, {} to wait", of(303), of(503), of(429));
    assert_eq!(of(303) + of(503) + of(429), 200, "{statuses:?}");
    // All passwords were right, so none of them counts as a failure and a new sign-in succeeds now.
    keystead.sign_in().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_who_hang_up_do_not_make_the_server_grow() {
    let keystead = Keystead::start().await;
    let cookie = keystead.sign_in().await;
    let visitors = Visitors::enter(&keystead, &cookie);
    for round in 0..scale(20, 200) {
        let mut gone = JoinSet::new();
        for number in 0..40 {
            let (port, email) = (keystead.port, format!("gone{round}-{number}@example.com"));
            gone.spawn(async move {
                let network = 40 * round + number;
                let sign_in = Raw::sign_in_from(port, network, &email, "wrong and long enough");
                // Some clients hang up while they wait, some while Keystead checks their password.
                let patience = Duration::from_millis(5 + 2 * u64::from(number));
                let _ = tokio::time::timeout(patience, sign_in).await;
            });
        }
        gone.join_all().await;
    }
    visitors.leave("people who hang up").await;
    check_memory(&keystead, "people who hang up");
}

/// Returns the first headers of a form that Keystead would accept.
fn form_head(path: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nSec-Fetch-Site: same-origin\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n"
    )
}

/// Sends bytes slowly; returns the time until the server closed the connection, and its answer.
async fn slow(port: u16, begin: &[u8], every: Duration, drip: &[u8]) -> (Duration, String) {
    let mut client = Raw::connect(port).await;
    let began = Instant::now();
    client.send(begin).await;
    let mut said = Vec::new();
    while !client.closed_within(every, &mut said).await && (drip.is_empty() || client.send(drip).await) {
        assert!(began.elapsed() < Duration::from_secs(40), "a slow client is never closed");
    }
    (began.elapsed(), String::from_utf8_lossy(&said).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_are_closed_and_keep_nobody_out() {
    let keystead = Keystead::start().await;
    let cookie = keystead.sign_in().await;
    let visitors = Visitors::enter(&keystead, &cookie);
    let post = form_head("/sign-in");
    let body = format!("{post}Content-Length: 1000\r\n\r\n");
    let chunks = format!("{post}Transfer-Encoding: chunked\r\n\r\n");
    let second = Duration::from_secs(1);
    let cases: [(&str, &str, &str, &str); 8] = [
        ("nothing at all", "", "", ""),
        ("a byte of headers a second", "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ", "a", ""),
        ("a letter that begins two protocols", "P", "", ""),
        ("the beginning of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "", ""),
        ("a byte of body a second", &body, "a", "408"),
        ("a body that never begins", &body, "", "408"),
        ("a chunk a second", &chunks, "1\r\na\r\n", "408"),
        ("one request, then nothing", "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "", "200"),
    ];
    let mut clients = JoinSet::new();
    for (name, begin, drip, status) in cases {
        for _ in 0..scale(20, 40) {
            let (begin, drip, port) = (begin.to_owned(), drip.to_owned(), keystead.port);
            clients.spawn(async move {
                let (took, said) = slow(port, begin.as_bytes(), second, drip.as_bytes()).await;
                assert!(said.contains(status), "{name}: {said}");
                (name, took)
            });
        }
    }
    let mut slowest = std::collections::BTreeMap::new();
    while let Some(client) = clients.join_next().await {
        let (name, took) = client.expect("it was closed");
        let longest = slowest.entry(name).or_insert(took);
        *longest = took.max(*longest);
    }
    for (name, took) in slowest {
        println!("figure: {name}: closed after {:.1} s", took.as_secs_f64());
        assert!(took < CLOSED_WITHIN, "{name}: {took:?}");
    }
    visitors.leave("160 slow clients").await;
    check_memory(&keystead, "160 slow clients");
}

#[tokio::test(flavor = "multi_thread")]
async fn three_hundred_slow_forms_take_no_place_from_the_others() {
    let keystead = Keystead::start().await;
    let cookie = keystead.sign_in().await;
    let slow_form = format!("{}Content-Length: 9\r\n\r\nt", form_head("/theme"));
    let mut held = Vec::new();
    for _ in 0..300 {
        let mut client = Raw::connect(keystead.port).await;
        client.send(slow_form.as_bytes()).await;
        held.push(client);
    }
    let visitors = Visitors::enter(&keystead, &cookie);
    tokio::time::sleep(Duration::from_secs(3)).await;
    visitors.leave("300 slow forms").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_idle_connections_keep_nobody_out() {
    let keystead = Keystead::start().await;
    let cookie = keystead.sign_in().await;
    let visitors = Visitors::enter(&keystead, &cookie);
    let mut idle = Vec::new();
    for _ in 0..scale(1, 4) {
        for number in 0..2_000 {
            let mut client = Raw::connect(keystead.port).await;
            client.send(&b"GET / HTTP/1.1\r\n"[..number % 17]).await;
            idle.push(client);
        }
        idle.drain(..idle.len().saturating_sub(700));
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    visitors.leave("2,000 idle connections").await;
    println!("figure: 2,000 idle connections: {} of the server are open", keystead.open_files());
    assert!(keystead.open_files() < 700);
    check_memory(&keystead, "2,000 idle connections");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_refused_before_it_is_kept() {
    let keystead = Keystead::start().await;
    let cookie = keystead.sign_in().await;
    let visitors = Visitors::enter(&keystead, &cookie);
    let head = form_head("/sign-in");
    let header = |size: usize| {
        format!("GET /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Long: {}\r\n\r\n", "a".repeat(size))
    };
    let body = |size: usize| format!("{head}Content-Length: {size}\r\n\r\n{}", "a".repeat(size));
    let many = format!("GET /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\n{}\r\n", "X: a\r\n".repeat(5_000));
    let claimed = format!("{head}Content-Length: 1073741824\r\n\r\n{}", "a".repeat(200_000));
    let endless = format!("{head}Transfer-Encoding: chunked\r\n\r\n{}", "8\r\naaaaaaaa\r\n".repeat(50_000));
    let mut clients = JoinSet::new();
    for (name, request, status) in [
        ("a header of 64 KiB + 1", header(64 * 1024 + 1), "431"),
        ("a header of 10 MiB", header(10 * 1024 * 1024), "431"),
        ("5,000 headers", many, "431"),
        ("a body of 64 KiB + 1", body(64 * 1024 + 1), "413"),
        ("a body of 10 MiB", body(10 * 1024 * 1024), "413"),
        ("a body that claims 1 GiB", claimed, "413"),
        ("a chunked body without end", endless, "413"),
    ] {
        for _ in 0..scale(4, 40) {
            let (request, port) = (request.clone(), keystead.port);
            clients.spawn(async move {
                let mut client = Raw::connect(port).await;
                client.send(request.as_bytes()).await;
                let said = client.rest(Duration::from_secs(15)).await;
                // A client that is closed while it still sends may miss the answer.
                assert!(said.is_empty() || said.starts_with(&format!("HTTP/1.1 {status}")), "{name}: {said}");
                (name, !said.is_empty())
            });
        }
    }
    let mut heard = std::collections::BTreeSet::new();
    while let Some(client) = clients.join_next().await {
        let (name, was_told) = client.expect("it was refused");
        if was_told {
            heard.insert(name);
        }
    }
    assert!(heard.contains("a body of 64 KiB + 1") && heard.contains("a header of 64 KiB + 1"), "{heard:?}");
    visitors.leave("giant headers and bodies").await;
    check_memory(&keystead, "giant headers and bodies");
}

/// Returns a frame of HTTP/2.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let size = u32::try_from(payload.len()).expect("a small frame").to_be_bytes();
    [&size[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Returns the HPACK headers of a `GET`, without tables or Huffman.
pub fn get_headers(path: &str) -> Vec<u8> {
    let literal = |name: &str, value: &str| {
        let size = |text: &str| u8::try_from(text.len()).expect("a short text");
        [&[0, size(name)], name.as_bytes(), &[size(value)], value.as_bytes()].concat()
    };
    let pairs = [(":method", "GET"), (":scheme", "http"), (":authority", "127.0.0.1"), (":path", path)];
    pairs.iter().flat_map(|(name, value)| literal(name, value)).collect()
}

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub const HEADERS: u8 = 1;
const RESET: u8 = 3;
pub const SETTINGS: u8 = 4;
const CONTINUATION: u8 = 9;

#[tokio::test(flavor = "multi_thread")]
async fn http2_cannot_be_used_to_make_the_server_work_or_keep_without_end() {
    let keystead = Keystead::start().await;
    let cookie = keystead.sign_in().await;
    let visitors = Visitors::enter_from_elsewhere(&keystead, &cookie).await;
    let began = Instant::now();
    let mut clients = JoinSet::new();
    for _ in 0..scale(8, 100) {
        for attack in ["rapid reset", "many streams", "closed windows", "headers without end"] {
            let port = keystead.port;
            clients.spawn(async move {
                let mut client = Raw::connect(port).await;
                let no_window = if attack == "closed windows" { &[0, 4, 0, 0, 0, 0][..] } else { &[] };
                client.send(&[PREFACE, &frame(SETTINGS, 0, 0, no_window)].concat()).await;
                let headers = get_headers("/sign-in");
                for round in 0..2_000_u32 {
                    let stream = 2 * round + 1;
                    let sent = match attack {
                        "rapid reset" => [
                            frame(HEADERS, 5, stream, &headers),
                            frame(RESET, 0, stream, &8_u32.to_be_bytes()),
                        ]
                        .concat(),
                        "headers without end" if round == 0 => frame(HEADERS, 1, 1, &headers),
                        "headers without end" => {
                            frame(CONTINUATION, 0, 1, &[0, 1, b'x', 1, b'y'].repeat(200))
                        }
                        _ => frame(HEADERS, 5, stream, &headers),
                    };
                    if !client.send(&sent).await {
                        break;
                    }
                }
                client.rest(Duration::from_secs(5)).await;
            });
        }
    }
    clients.join_all().await;
    println!("figure: HTTP/2 attacks took {:.1} s", began.elapsed().as_secs_f64());
    visitors.leave("HTTP/2 attacks").await;
    check_memory(&keystead, "HTTP/2 attacks");
}

#[tokio::test(flavor = "multi_thread")]
async fn http2_allows_few_streams_at_once() {
    let keystead = Keystead::start().await;
    let mut client = Raw::connect(keystead.port).await;
    client.send(&[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).await;
    let settings = client.some().await;
    assert_eq!(settings.get(3), Some(&SETTINGS));
    let limit = settings[9..].chunks(6).find(|pair| pair[..2] == [0, 3]).expect("a limit of streams");
    assert!(u32::from_be_bytes([limit[2], limit[3], limit[4], limit[5]]) <= 16);
}
