//! The log of a real server: readable by machines, about faults and refusals, and without lines that
//! a client injects.

use crate::process::{EMAIL, Home, Keystead, PASSWORD, Raw, free_port};
use engine::testing::{DatabaseKind, look};
use serde_json::Value;

async fn logging(format: &str) -> (Keystead, String) {
    let mut home = Home::new(DatabaseKind::Sqlite).await;
    home.set("KEYSTEAD_LOG", "info");
    home.set("KEYSTEAD_LOG_FORMAT", format);
    let seed = home.administrator(EMAIL).await;
    home.log = Some(home.data().join("log"));
    let server = Keystead::on(home).await;
    let cookie = server.sign_in_as(EMAIL, &seed).await;
    (server, cookie)
}

fn log(server: &Keystead) -> String {
    std::fs::read_to_string(server.home.log.as_ref().expect("a log")).expect("the log")
}

fn lines(server: &Keystead) -> Vec<Value> {
    log(server)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
        .collect()
}

fn has(lines: &[Value], level: &str, parts: &[(&str, &str)]) -> bool {
    lines.iter().any(|line| {
        let is_so = |(name, value): &(&str, &str)| {
            line["fields"][*name]
                .as_str()
                .map(str::to_owned)
                .unwrap_or_else(|| line["fields"][*name].to_string())
                == *value
        };
        line["level"] == level && parts.iter().all(is_so)
    })
}

/// The log collector is gone, or the disk of the log is full.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_cannot_be_written_stops_nothing() {
    let mut home = Home::new(DatabaseKind::Sqlite).await;
    home.set("KEYSTEAD_LOG", "debug");
    home.administrator(EMAIL).await;
    home.log = Some("/dev/full".into());
    let words = home.starter.drain(..).map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
    home.starter = ["sh", "-c", &format!("exec {words} >/dev/full")].map(str::to_owned).into();
    let mut server = Keystead::on(home).await;
    for path in ["/sign-in", "/environments", "/api/openapi.json"] {
        let answer = Raw::get(server.port, path, "").await;
        assert!([200, 303].contains(&answer.status), "{path}: {}", answer.status);
    }
    let (status, _) = server.stop().await;
    assert!(status.success(), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_is_json_with_time_and_level() {
    let (server, cookie) = logging("json").await;
    Raw::post(server.port, "/environments", &cookie, "name=Production&kind=production").await;
    let lines = lines(&server);
    for line in &lines {
        let time = line["timestamp"].as_str().expect("a time");
        assert!(time.ends_with('Z') && time.contains('T'), "{time} is UTC");
        assert!(["INFO", "WARN", "ERROR"].contains(&line["level"].as_str().expect("a level")));
    }
    // Events of the audit log are also written to the log, for log collectors.
    assert!(
        has(
            &lines,
            "INFO",
            &[
                ("action", "session.sign_in"),
                ("outcome", "done"),
                ("who", "\"ada@example.com\""),
                ("address", "127.0.0.1")
            ]
        ),
        "{lines:#?}"
    );
    assert!(has(&lines, "INFO", &[("action", "environment.add"), ("outcome", "done")]));
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_say_where_they_came_from_and_faults_what_failed() {
    let (server, cookie) = logging("json").await;
    let foreign = format!(
        "POST /environments HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\nSec-Fetch-Site: cross-site\r\nCookie: {cookie}\r\n\
         X-Forwarded-For: 198.51.100.9\r\nContent-Length: 0\r\n\r\n",
        server.port
    );
    assert_eq!(Raw::say(server.port, foreign).await.status, 403);
    let elsewhere = "GET / HTTP/1.1\r\nHost: evil.example.com\r\nConnection: close\r\n\r\n".to_owned();
    assert_eq!(Raw::say(server.port, elsewhere).await.status, 421);
    assert_eq!(
        Raw::post(server.port, "/environments", &cookie, "name=A&kind=test&is_admin=1").await.status,
        400
    );
    for _ in 0..6 {
        Raw::sign_in(server.port, "eve@example.com", "wrong and long enough").await;
    }
    let db = server.home.db().await;
    look::execute(&db, "ALTER TABLE environment RENAME TO elsewhere").await.expect("spoilt");
    db.close().await;
    assert_eq!(Raw::get(server.port, "/environments", &cookie).await.status, 503);
    let lines = lines(&server);
    for (status, address) in
        [("403", "198.51.100.9"), ("421", "127.0.0.1"), ("400", "127.0.0.1"), ("429", "10.1.0.0")]
    {
        assert!(has(&lines, "WARN", &[("status", status), ("address", address)]), "{status} of {lines:#?}");
    }
    assert!(
        has(
            &lines,
            "INFO",
            &[("action", "session.sign_in"), ("outcome", "refused"), ("address", "10.1.0.0")]
        ),
        "{lines:#?}"
    );
    let faults: Vec<_> = lines.iter().filter(|line| line["level"] == "ERROR").collect();
    assert!(faults.iter().any(|line| line.to_string().contains("no such table: environment")), "{faults:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_writes_a_line_of_their_own() {
    let (server, cookie) = logging("text").await;
    let forged = "2026-01-01T00:00:00Z  INFO audit: all is well";
    for path in [
        format!("/%0a{}", forged.replace(' ', "%20")),
        "/%1b[31mred".to_owned(),
        "/?next=%0d%0aforged-line".to_owned(),
    ] {
        Raw::get(server.port, &path, &cookie).await;
    }
    let agent = format!(
        "GET /nothing HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\nUser-Agent: \u{1b}[2Jforged-line\r\n\r\n",
        server.port
    );
    Raw::say(server.port, agent).await;
    let form = "email=eve%0aforged-line%40example.com&password=wrong+and+long+enough";
    Raw::post(server.port, "/sign-in", "", form).await;
    let named =
        Raw::post(server.port, "/environments", &cookie, "name=Line%0aforged-line+%1b[31m&kind=test").await;
    assert!([303, 422].contains(&named.status));
    let odd = Raw::post(
        server.port,
        "/environments",
        &cookie,
        "name=%E2%80%AE+forged-line+%E2%80%A8+end&kind=test",
    )
    .await;
    assert!([303, 422].contains(&odd.status));
    let text = log(&server);
    assert!(!text.contains('\u{1b}'), "no control characters");
    for line in text.lines() {
        let is_ours = line.starts_with("20")
            && [" INFO ", " WARN ", " ERROR "].iter().any(|level| line.contains(level));
        assert!(is_ours, "a line of somebody else's: {line}");
        assert!(!line.starts_with("2026-01-01"), "{line}");
    }
    assert!(!text.contains(PASSWORD));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_listener_carries_the_headers_too() {
    let mut home = Home::new(DatabaseKind::Sqlite).await;
    let port = crate::process::free_port();
    home.set("KEYSTEAD_METRICS_LISTEN", &format!("127.0.0.1:{port}"));
    let server = Keystead::on(home).await;
    let page = Raw::get(port, "/metrics", "").await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("keystead_http_requests_total"));
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert_eq!(Raw::get(port, "/environments", "").await.status, 404, "nothing else is there");
    assert_eq!(Raw::get(server.port, "/metrics", "").await.status, 404, "and the metrics are nowhere else");
}

/// When two servers disagree about the end of a request, requests can be smuggled.
#[tokio::test(flavor = "multi_thread")]
async fn where_a_request_ends_is_never_in_doubt() {
    let server = Keystead::on(Home::new(DatabaseKind::Sqlite).await).await;
    let host = format!("Host: 127.0.0.1:{}\r\nSec-Fetch-Site: same-origin\r\n", server.port);
    for head in [
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5, 6\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 0x5\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding : chunked\r\n",
    ] {
        let answer =
            Raw::say(server.port, format!("POST /theme HTTP/1.1\r\n{host}{head}\r\n0\r\n\r\n")).await;
        assert_eq!(answer.status, 400, "{head:?}: {}", answer.text);
    }
    // With both headers, `Transfer-Encoding` decides (RFC 9112, 6.3), in either order.
    let (length, chunks) = ("Content-Length: 3\r\n", "Transfer-Encoding: chunked\r\n");
    for both in [format!("{length}{chunks}"), format!("{chunks}{length}")] {
        let first = format!("POST /theme HTTP/1.1\r\n{host}{both}\r\n0\r\n\r\n");
        let second = format!("GET /healthz HTTP/1.1\r\n{host}Connection: close\r\n\r\n");
        let answer = Raw::say(server.port, first + &second).await;
        let count = answer.text.matches("HTTP/1.1 ").count();
        assert!(
            (1..=2).contains(&count) && !answer.text.contains("HTTP/1.1 408"),
            "{both:?}: {}",
            answer.text
        );
        assert!(count == 1 || answer.text.ends_with("ok\n"), "the second is what it was: {}", answer.text);
    }
}

/// The password of the database is in no line of any command, whatever it logs, and in no error about the address.
#[tokio::test(flavor = "multi_thread")]
async fn no_output_has_the_password_of_the_database() {
    const SECRET: &str = "hunter2hunter2";
    let mut home = Home::new(DatabaseKind::Postgres).await;
    let mut url = home.database().clone();
    // The server of the tests trusts every password.
    url.set_password(Some(SECRET)).expect("a password");
    home.set("KEYSTEAD_DATABASE_URL", url.as_str());
    home.set("KEYSTEAD_LOG", "trace");
    home.administrator(EMAIL).await;
    for arguments in
        [&["migrate"][..], &["api-key", "list"], &["doctor"], &["backup", "-"], &["root-key", "rotate"]]
    {
        let done = home.host(arguments, "").await;
        let said = [&done.stdout[..], &done.stderr[..]].concat();
        assert!(!String::from_utf8_lossy(&said).contains(SECRET), "{arguments:?}");
    }
    let file = home.data().join("log");
    home.log = Some(file.clone());
    let mut server = Keystead::on(home).await;
    server.stop().await;
    let log = std::fs::read_to_string(&file).expect("the log");
    assert!(log.contains("DEBUG") && !log.contains(SECRET));
    for address in [
        format!("postgres://keystead:{SECRET}/ss@db.example.com/keystead"),
        format!("postgres://keystead:{SECRET}@db.example.com:x/keystead"),
        format!("postgres://keystead@127.0.0.1:1/keystead?password={SECRET}&sslmode={SECRET}"),
        format!("postgres://keystead:{SECRET}@127.0.0.1:1/keystead?sslmode=disable"),
        format!("mysql://keystead:{SECRET}@db.example.com/keystead"),
        format!("keystead:{SECRET}@db.example.com"),
    ] {
        server.home.set("KEYSTEAD_DATABASE_URL", &address);
        for arguments in [&["migrate"][..], &["serve"], &["doctor"], &["backup", "-"]] {
            let done = server.home.host(arguments, "").await;
            let said = String::from_utf8_lossy(&[&done.stdout[..], &done.stderr[..]].concat()).into_owned();
            assert!(!done.status.success() && !said.contains(SECRET), "{arguments:?}: {said}");
        }
    }
    server.home.set("KEYSTEAD_DATABASE_URL", url.as_str());
    server.home.end().await;
}

/// Returns the lines of the log with this text.
fn with<'a>(lines: &'a [Value], text: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["fields"]["message"].to_string().contains(text)).collect()
}

async fn say(server: &Keystead, headers: &str) -> u16 {
    let request = format!("GET /sign-in HTTP/1.1\r\n{headers}\r\nConnection: close\r\n\r\n");
    Raw::say(server.port, request).await.status
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_names_a_proxy_that_the_settings_do_not_name() {
    let mut home = Home::new(DatabaseKind::Sqlite).await;
    home.set("KEYSTEAD_LOG_FORMAT", "json");
    home.set("KEYSTEAD_LOG", "info");
    home.set("KEYSTEAD_TRUSTED_PROXIES", "");
    let metrics = free_port();
    home.set("KEYSTEAD_METRICS_LISTEN", &format!("127.0.0.1:{metrics}"));
    home.administrator(EMAIL).await;
    home.log = Some(home.data().join("log"));
    let server = Keystead::on(home).await;
    let host = format!("Host: 127.0.0.1:{}", server.port);
    for number in 0..42 {
        assert_eq!(
            say(&server, &format!("{host}\r\nX-Forwarded-For: 203.0.113.{number}, secret")).await,
            200
        );
    }
    let lines = lines(&server);
    let told = with(&lines, "KEYSTEAD_TRUSTED_PROXIES");
    assert_eq!(told.len(), 1, "{lines:#?}");
    assert_eq!((&told[0]["level"], &told[0]["fields"]["proxy"]), (&"WARN".into(), &"127.0.0.1".into()));
    assert!(!log(&server).contains("203.0.113.") && !log(&server).contains("secret"));
    let counted = Raw::get(metrics, "/metrics", "").await.text;
    assert!(counted.contains("keystead_proxy_problems_total{problem=\"unnamed\"} 42"), "{counted}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_names_a_trusted_proxy_that_hides_its_visitors() {
    let (server, _) = logging("json").await;
    let host = format!("Host: 127.0.0.1:{}", server.port);
    for number in 0..20 {
        assert_eq!(say(&server, &format!("{host}\r\nX-Forwarded-For: 203.0.113.9:{number}")).await, 200);
    }
    assert!(with(&lines(&server), "X-Forwarded-For").is_empty(), "a port is no reason to warn");
    for number in 0..20 {
        assert_eq!(say(&server, &format!("{host}\r\nX-Forwarded-For: secret{number}")).await, 200);
    }
    let lines = lines(&server);
    let told = with(&lines, "X-Forwarded-For");
    assert_eq!(told.len(), 1, "{lines:#?}");
    assert_eq!((&told[0]["level"], &told[0]["fields"]["proxy"]), (&"WARN".into(), &"127.0.0.1".into()));
    assert!(!log(&server).contains("secret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_says_which_host_was_asked_for_and_which_is_answered() {
    let mut home = Home::new(DatabaseKind::Sqlite).await;
    home.set("KEYSTEAD_LOG_FORMAT", "json");
    home.set("KEYSTEAD_LOG", "info");
    home.set("KEYSTEAD_PUBLIC_URL", "https://keys.example.com:8443");
    home.administrator(EMAIL).await;
    home.log = Some(home.data().join("log"));
    let server = Keystead::on(home).await;
    assert_eq!(say(&server, "Host: keys.example.com").await, 200);
    for _ in 0..3 {
        assert_eq!(say(&server, "Host: key\"stead").await, 421);
    }
    let long = "x".repeat(5000);
    for number in 0..40 {
        assert_eq!(say(&server, &format!("Host: {number}{long}")).await, 421);
    }
    let lines = lines(&server);
    let told = with(&lines, "names a host that Keystead does not answer for");
    assert_eq!(told.len(), 16, "a stranger does not fill the log");
    assert_eq!(told[0]["fields"]["public_url"], "https://keys.example.com:8443/");
    assert_eq!(told[0]["fields"]["asked"], "\"key\\\"stead\"");
    assert!(told.iter().all(|line| line.to_string().len() < 1000), "{told:#?}");
}
