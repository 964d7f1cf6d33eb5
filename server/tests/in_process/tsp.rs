//! The exact bodies, codes and statuses of the API for IronCore's clients. `clients.rs` runs the clients themselves.

use crate::support::{Answer, House, furnished};
use axum::http::{Method, StatusCode};
use chrono::TimeDelta;
use data_encoding::BASE64;
use domain::audit::event::Outcome;
use domain::audit::journal::JournalQuery;
use domain::data::operation::{DataEvent, Deed, Operation};
use engine::SecretText;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const DE: &str = "production/DE";
const AT: &str = "production/AT";
/// Tenant ids that name no scope of the furnished house.
const UNKNOWN: [&str; 5] = ["production/FR", "nobody", "", "production/DE/x", "PRODUCTION/DE"];

/// The furnished house, and an API key with every operation in DE and AT.
struct Tsp {
    house: House,
    key: SecretText,
}

async fn tsp() -> Tsp {
    let (house, _, _) = furnished().await;
    let key = house.test.api_key([9; 6], "Clients", "production/*", Operation::ALL).await;
    house.test.portal.access().refresh().await.expect("it looks");
    Tsp { house, key }
}

/// Returns the fields of every request, with more fields added.
fn body(tenant: &str, more: Value) -> Value {
    let mut body = json!({"tenantId": tenant, "iclFields": {"requestingId": "svc"}, "customFields": {}});
    let fields = body.as_object_mut().expect("an object");
    fields.extend(more.as_object().expect("an object").clone());
    body
}

impl Tsp {
    async fn with_key(&self, key: &str, route: &str, body: &Value) -> Answer {
        let ask = self.house.ask(Method::POST, &format!("/api/1/{route}"));
        let ask = ask.without("sec-fetch-site").header("authorization", &format!("cmk {key}"));
        ask.header("content-type", "application/json").body(body.to_string()).send().await
    }

    async fn ask(&self, route: &str, body: &Value) -> Answer {
        self.with_key(self.key.expose(), route, body).await
    }

    async fn done(&self, route: &str, body: &Value) -> Value {
        let answer = self.ask(route, body).await;
        assert_eq!(answer.status, StatusCode::OK, "{route}: {}", answer.body);
        assert_eq!(answer.header("content-type"), "application/json");
        serde_json::from_str(&answer.body).expect("JSON")
    }

    async fn wrap(&self, tenant: &str) -> (String, String) {
        let made = self.done("document/wrap", &body(tenant, json!({}))).await;
        let text = |name: &str| made[name].as_str().expect("text").to_owned();
        (text("dek"), text("edek"))
    }

    async fn refused(&self, route: &str, body: &Value, code: u16, status: u16) {
        self.ask(route, body).await.is_refused(code, status);
    }

    async fn journal(&self) -> Vec<DataEvent> {
        let found = self.house.test.portal.audit().export_journal(&JournalQuery::default()).await;
        found.expect("the journal").events.into_iter().map(|line| line.event).collect()
    }
}

trait Refused {
    fn is_refused(&self, code: u16, status: u16);
}

impl Refused for Answer {
    /// Checks that the body has exactly two fields, both of the types that clients read.
    fn is_refused(&self, code: u16, status: u16) {
        let said: BTreeMap<String, Value> =
            serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{} {}", self.status, self.body));
        let names: Vec<_> = said.keys().map(String::as_str).collect();
        assert_eq!(names, ["code", "message"]);
        let is_message = said["message"].as_str().is_some_and(|text| !text.is_empty());
        assert!(is_message, "{}", self.body);
        assert_eq!(
            (said["code"].as_u64(), self.status.as_u16()),
            (Some(code.into()), status),
            "{}",
            self.body
        );
        assert_eq!(self.header("content-type"), "application/json");
    }
}

/// Returns a valid request for each endpoint.
async fn requests(tsp: &Tsp) -> BTreeMap<&'static str, Value> {
    let (_, edek) = tsp.wrap(DE).await;
    [
        ("document/wrap", json!({})),
        ("document/unwrap", json!({"encryptedDocumentKey": edek})),
        ("document/batch-wrap", json!({"documentIds": ["a"]})),
        ("document/batch-unwrap", json!({"edeks": {"a": edek}})),
        ("document/rekey", json!({"encryptedDocumentKey": edek, "newTenantId": AT})),
        ("document/report-operations", json!({"operations": {edek.clone(): {"wraps": 1, "unwraps": 2}}})),
        (
            "key/derive-with-secret-path",
            json!({"paths": {"users": ["email"]}, "derivationType": "sha512", "secretType": "vector"}),
        ),
        ("event/security-event", json!({"event": "USER_LOGIN", "timestampMillis": 1})),
    ]
    .into_iter()
    .map(|(route, more)| (route, body(DE, more)))
    .collect()
}

#[tokio::test]
async fn a_data_key_has_32_bytes_and_comes_back() {
    let tsp = tsp().await;
    for tenant in [DE, AT] {
        let (dek, edek) = tsp.wrap(tenant).await;
        assert_eq!(BASE64.decode(dek.as_bytes()).expect("base64").len(), 32);
        let unwrapped =
            tsp.done("document/unwrap", &body(tenant, json!({"encryptedDocumentKey": edek}))).await;
        assert_eq!(unwrapped, json!({"dek": dek}));
        // Field 2, kmsConfigId: at least 1.
        let edek = BASE64.decode(edek.as_bytes()).expect("base64");
        assert!(edek[80] == 0x10 && edek[81] >= 1);
    }
}

#[tokio::test]
async fn batches_have_both_maps_always() {
    let tsp = tsp().await;
    let wrapped = tsp.done("document/batch-wrap", &body(DE, json!({"documentIds": ["b", "a", "a"]}))).await;
    assert_eq!(wrapped["failures"], json!({}));
    let keys = wrapped["keys"].as_object().expect("keys");
    assert_eq!(keys.keys().collect::<Vec<_>>(), ["a", "b"]);
    let (a, b) = (&keys["a"], &keys["b"]);
    assert_ne!(a["dek"], b["dek"]);
    let asked = json!({"edeks": {"a": a["edek"], "not base64": "§", "rubbish": "AAAA", "b": b["edek"]}});
    let unwrapped = tsp.done("document/batch-unwrap", &body(DE, asked)).await;
    assert_eq!(unwrapped["keys"], json!({"a": {"dek": a["dek"]}, "b": {"dek": b["dek"]}}));
    let failures = unwrapped["failures"].as_object().expect("failures");
    assert_eq!(failures.len(), 2);
    assert!(failures.values().all(|failure| failure["code"] == 203 && failure["message"].is_string()));
    for (route, nothing) in
        [("document/batch-wrap", json!({"documentIds": []})), ("document/batch-unwrap", json!({"edeks": {}}))]
    {
        let done = tsp.done(route, &body(DE, nothing)).await;
        assert_eq!(done, json!({"keys": {}, "failures": {}}));
    }
    let many = |count: usize| -> Vec<String> { (0..count).map(|index| index.to_string()).collect() };
    let most = tsp.done("document/batch-wrap", &body(DE, json!({"documentIds": many(1000)}))).await;
    assert_eq!(most["keys"].as_object().expect("keys").len(), 1000);
    tsp.refused("document/batch-wrap", &body(DE, json!({"documentIds": many(1001)})), 102, 400).await;
    let edeks: BTreeMap<_, _> = many(1001).into_iter().map(|name| (name, "AAAA")).collect();
    tsp.refused("document/batch-unwrap", &body(DE, json!({"edeks": edeks})), 102, 400).await;
}

#[tokio::test]
async fn derived_keys_say_their_secret_and_whether_it_is_current() {
    let tsp = tsp().await;
    let ask = |tenant: &str, secret_type: &str| {
        body(
            tenant,
            json!({"paths": {"users": ["email", "name"]}, "derivationType": "sha512", "secretType": secret_type}),
        )
    };
    let derive = "key/derive-with-secret-path";
    let derived = tsp.done(derive, &ask(DE, "deterministic")).await;
    assert_eq!(derived["hasPrimaryConfig"], json!(true));
    let email = &derived["derivedKeys"]["users"]["email"];
    assert_eq!(email.as_array().expect("keys").len(), 1);
    let names: Vec<_> = email[0].as_object().expect("a key").keys().collect();
    assert_eq!(names, ["current", "derivedKey", "tenantSecretId"]);
    assert_eq!(email[0]["current"], json!(true));
    assert!(email[0]["tenantSecretId"].as_u64().is_some_and(|id| (1..=u64::from(u32::MAX)).contains(&id)));
    let key = email[0]["derivedKey"].as_str().expect("base64");
    assert_eq!(BASE64.decode(key.as_bytes()).expect("base64").len(), 64);
    assert_eq!(tsp.done(derive, &ask(DE, "deterministic")).await, derived);
    assert_ne!(tsp.done(derive, &ask(DE, "search")).await, derived);
    assert_ne!(tsp.done(derive, &ask(AT, "deterministic")).await, derived);
    for (name, wrong) in [
        ("derivationType", json!("sha256")),
        ("derivationType", json!("argon2")),
        ("secretType", json!("other")),
        ("paths", json!({"users": "email"})),
        ("paths", json!({"a\u{0}b": ["email"]})),
        ("paths", json!({"users": (0..1001).map(|index| index.to_string()).collect::<Vec<_>>()})),
    ] {
        let mut asked = ask(DE, "vector");
        asked[name] = wrong;
        tsp.refused(derive, &asked, 102, 400).await;
    }
}

#[tokio::test]
async fn events_and_reports_are_answered_with_null_and_nothing_else() {
    let tsp = tsp().await;
    let among_fields = json!({
        "tenantId": "nobody", "timestampMillis": 1_700_000_000_000_u64, "unknown": [1],
        "iclFields": {"requestingId": "svc", "event": "CUSTOM_TEA", "sourceIp": null, "unknown": {}},
        "customFields": {"a": "b"},
    });
    let at_the_top = json!({
        "tenantId": DE, "event": "USER_LOGIN", "timestampMillis": null,
        "iclFields": {"requestingId": "svc", "dataLabel": null, "sourceIp": null, "objectId": null, "requestId": null},
        "customFields": null,
    });
    for event in [&among_fields, &at_the_top] {
        let answer = tsp.ask("event/security-event", event).await;
        assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, "null"));
    }
    let report = body(DE, json!({"operations": {"AAAA": {"wraps": 3}, "BBBB": {"unwraps": 4}}}));
    assert_eq!(tsp.ask("document/report-operations", &report).await.body, "null");
    let lines = tsp.journal().await;
    let events: Vec<_> =
        lines.iter().map(|line| (line.deed, line.event.as_deref(), line.scope.as_str())).collect();
    assert_eq!(
        events,
        [
            (Deed::SecurityEvent, Some("CUSTOM_TEA"), "nobody"),
            (Deed::SecurityEvent, Some("USER_LOGIN"), DE),
            (Deed::Report, None, DE),
        ]
    );
    let custom = |index: usize| json!(lines[index].told.custom);
    assert_eq!(custom(0), json!({"a": "b", "timestampMillis": "1700000000000"}));
    assert_eq!((custom(1), custom(2)), (json!({}), json!({"wraps": "3", "unwraps": "4"})));
    for nameless in [json!({}), json!({"event": ""}), json!({"event": "X".repeat(129)}), json!({"event": 1})]
    {
        tsp.refused("event/security-event", &body(DE, nameless), 102, 400).await;
    }
}

#[tokio::test]
async fn unknown_and_forbidden_tenants_are_answered_alike() {
    let tsp = tsp().await;
    let only_de = tsp.house.test.api_key([8; 6], "One", DE, Operation::ALL).await;
    tsp.house.test.portal.access().refresh().await.expect("it looks");
    for (route, asked) in requests(&tsp).await {
        let mut said = Vec::new();
        for tenant in UNKNOWN.into_iter().chain([AT]) {
            let mut asked = asked.clone();
            asked["tenantId"] = json!(tenant);
            let answer = tsp.with_key(only_de.expose(), route, &asked).await;
            said.push((answer.status, answer.body));
        }
        said.dedup();
        assert_eq!(said.len(), 1, "{route}: {said:?}");
        let is_report = route.contains("event") || route.contains("report");
        assert_eq!(said[0].1.contains("\"code\":201"), !is_report, "{route}: {said:?}");
    }
    let (_, edek) = tsp.wrap(DE).await;
    for target in UNKNOWN {
        let asked = body(DE, json!({"encryptedDocumentKey": edek, "newTenantId": target}));
        tsp.refused("document/rekey", &asked, 201, 422).await;
    }
}

#[tokio::test]
async fn what_cannot_be_done_has_its_code() {
    let tsp = tsp().await;
    let (dek, edek) = tsp.wrap(DE).await;
    let unwrap = |tenant: &str, edek: &str| body(tenant, json!({"encryptedDocumentKey": edek}));
    tsp.refused("document/unwrap", &unwrap(DE, "no base64"), 203, 422).await;
    tsp.refused("document/unwrap", &unwrap(DE, "AAAA"), 203, 422).await;
    tsp.refused("document/unwrap", &unwrap(AT, &edek), 205, 422).await;
    let mut changed = BASE64.decode(edek.as_bytes()).expect("base64");
    changed[40] ^= 1;
    tsp.refused("document/unwrap", &unwrap(DE, &BASE64.encode(&changed)), 205, 422).await;
    let moved =
        tsp.done("document/rekey", &body(DE, json!({"encryptedDocumentKey": edek, "newTenantId": AT}))).await;
    assert_eq!(moved["dek"], json!(dek));
    let there = moved["edek"].as_str().expect("an EDEK");
    assert_eq!(tsp.done("document/unwrap", &unwrap(AT, there)).await, json!({"dek": dek}));
    // A country without an encryption key.
    let cookie = {
        let seed = tsp.house.newcomer("eve@example.com").await;
        tsp.house.sign_in_as("eve@example.com", &seed).await
    };
    tsp.house.post(&cookie, "/environments/production", &[("country", "JP")]).await;
    tsp.house.test.portal.access().refresh().await.expect("it looks");
    tsp.refused("document/wrap", &body("production/JP", json!({})), 200, 422).await;
    // KMS refuses or fails in several ways.
    let kms = tsp.house.kms();
    for (status, said, code, answered) in [
        (400, "AccessDeniedException", 206, 422),
        (400, "UnrecognizedClientException", 206, 422),
        (400, "DisabledException", 207, 422),
        (400, "NotFoundException", 207, 422),
        (400, "ThrottlingException", 209, 429),
        (500, "KMSInternalException", 208, 502),
    ] {
        kms.fails(status, said);
        tsp.house.test.clock.advance(TimeDelta::hours(2));
        tsp.house.test.portal.custody().tend_leases().await;
        tsp.refused("document/wrap", &body(AT, json!({})), code, answered).await;
    }
}

#[tokio::test]
async fn a_failure_of_every_kind_comes_in_this_doors_words() {
    let tsp = tsp().await;
    let ask = |method: Method, path: &str| {
        let ask = tsp.house.ask(method, path).without("sec-fetch-site");
        ask.header("authorization", &format!("cmk {}", tsp.key.expose()))
    };
    for path in ["/api/1", "/api/1/", "/api/1/document", "/api/1/document/wrap/x", "/api/1/tenants"] {
        ask(Method::POST, path).body("{}").send().await.is_refused(102, 404);
    }
    let wrong_method = ask(Method::GET, "/api/1/document/wrap").send().await;
    wrong_method.is_refused(102, 405);
    assert_eq!(wrong_method.header("allow"), "POST");
    let too_large = ask(Method::POST, "/api/1/document/wrap").body("x".repeat(1024 * 1024 + 1)).send().await;
    too_large.is_refused(102, 413);
    let twice = format!(r#"{{"tenantId":"{DE}","tenantId":"{AT}","iclFields":{{"requestingId":"x"}}}}"#);
    for broken in ["", "{", "null", "[]", "\"x\"", "{}", &twice] {
        ask(Method::POST, "/api/1/document/wrap").body(broken).send().await.is_refused(102, 400);
    }
    for secret in ["kstd", "hunter2"] {
        let body = format!(r#"{{"tenantId":"{secret}"#);
        let answer = ask(Method::POST, "/api/1/document/wrap").body(body).send().await;
        assert!(!answer.body.contains(secret), "nothing of the request comes back");
    }
    // The native API keeps its own format of errors.
    let native = ask(Method::POST, "/api/v1/nothing").body("{}").send().await;
    assert_eq!(native.header("content-type"), "application/problem+json");
}

#[tokio::test]
async fn what_a_client_tells_is_bounded() {
    let tsp = tsp().await;
    let custom = |count: usize, text: &str| -> Value {
        json!({"customFields": (0..count).map(|index| (index.to_string(), text)).collect::<BTreeMap<_, _>>()})
    };
    let (good, long) = ("x".repeat(1024), "x".repeat(1025));
    tsp.done("document/wrap", &body(DE, custom(7, &good))).await;
    tsp.done("document/wrap", &body(DE, custom(32, &"x".repeat(200)))).await;
    for too_much in [
        custom(33, "x"),
        // 8 KiB in all.
        custom(8, &good),
        custom(1, &long),
        json!({"customFields": {long.clone(): "x"}}),
        json!({"customFields": {"a": 1}}),
        json!({"tenantId": long}),
        json!({"iclFields": {"requestingId": long}}),
        json!({"iclFields": {"requestingId": "x", "dataLabel": long}}),
        json!({"iclFields": {"requestingId": "x", "sourceIp": long}}),
        json!({"iclFields": {"requestingId": "x", "objectId": long}}),
        json!({"iclFields": {"requestingId": "x", "requestId": long}}),
        json!({"iclFields": {}}),
        json!({"iclFields": null}),
        json!({"tenantId": null}),
    ] {
        tsp.refused("document/wrap", &body(DE, too_much), 102, 400).await;
    }
    for (route, one) in [
        ("document/batch-wrap", json!({"documentIds": [long]})),
        ("document/batch-unwrap", json!({"edeks": {long.clone(): "AAAA"}})),
    ] {
        let answer = tsp.done(route, &body(DE, one)).await;
        assert_eq!(
            (&answer["keys"], &answer["failures"][&long]["code"]),
            (&json!({}), &json!(102)),
            "{route}"
        );
    }
    let (_, edek) = tsp.wrap(DE).await;
    let far = json!({"encryptedDocumentKey": edek, "newTenantId": long});
    tsp.refused("document/rekey", &body(DE, far), 102, 400).await;
}

#[tokio::test]
async fn what_cannot_be_read_leaves_its_line_too() {
    let tsp = tsp().await;
    let before = tsp.journal().await.len();
    let mut expected = Vec::new();
    for (route, deed, broken) in [
        ("document/wrap", Deed::Wrap, json!({"customFields": {"a": 1}})),
        ("document/unwrap", Deed::Unwrap, json!({})),
        ("document/batch-wrap", Deed::Wrap, json!({"documentIds": vec!["a"; 1001]})),
        ("document/batch-unwrap", Deed::Unwrap, json!({"edeks": ["a"]})),
        ("document/rekey", Deed::Rekey, json!({"encryptedDocumentKey": "AAAA"})),
        ("document/report-operations", Deed::Report, json!({"operations": {"AAAA": [3, 4]}})),
        (
            "key/derive-with-secret-path",
            Deed::Derive,
            json!({"paths": {"a\u{7}": ["b"]}, "derivationType": "sha512", "secretType": "vector"}),
        ),
        ("event/security-event", Deed::SecurityEvent, json!({"event": "", "timestampMillis": 1})),
    ] {
        tsp.refused(route, &body(DE, broken), 102, 400).await;
        let code = if route == "document/batch-wrap" { "batch_size" } else { "unreadable" };
        expected.push((deed, DE.to_owned(), Some(code.to_owned())));
    }
    let lines = tsp.journal().await.into_iter().skip(before);
    let said: Vec<_> = lines.map(|line| (line.deed, line.scope, line.code)).collect();
    assert_eq!(said, expected);
}

#[tokio::test]
async fn what_could_be_read_in_two_ways_is_not_read() {
    let tsp = tsp().await;
    let (_, edek) = tsp.wrap(DE).await;
    let head = format!(r#"{{"tenantId":"{DE}","iclFields":{{"requestingId":"svc"}}"#);
    let ways = r#""derivationType":"sha512","secretType":"vector"}"#;
    for (route, body) in [
        ("document/wrap", format!(r#"{{"tenantId":"{DE}","iclFields":["svc",null,null,null,null]}}"#)),
        ("document/wrap", format!(r#"{head},"customFields":{{"a":"1","a":"2"}}}}"#)),
        ("document/batch-unwrap", format!(r#"{head},"edeks":{{"a":"{edek}"}},"edeks":{{}}}}"#)),
        ("key/derive-with-secret-path", format!(r#"{head},"paths":{{"p":["d"],"p":["e"]}},{ways}"#)),
        (
            "document/report-operations",
            format!(r#"{head},"operations":{{"AAAA":{{"wraps":1}},"AAAA":{{}}}}}}"#),
        ),
    ] {
        let ask = tsp.house.ask(Method::POST, &format!("/api/1/{route}")).without("sec-fetch-site");
        let ask = ask.header("authorization", &format!("cmk {}", tsp.key.expose()));
        ask.body(body).send().await.is_refused(102, 400);
    }
}

/// A client that hangs up does not cancel the request, so the journal records it.
#[tokio::test]
async fn what_was_begun_is_written_down_whoever_hangs_up() {
    let tsp = tsp().await;
    let before = tsp.journal().await.len();
    let paths: BTreeMap<_, _> = (0..200).map(|number| (format!("path {number}"), ["x"])).collect();
    let asked = body(DE, json!({"paths": paths, "derivationType": "sha512", "secretType": "search"}));
    let asking = tsp.ask("key/derive-with-secret-path", &asked);
    let gone = tokio::time::timeout(std::time::Duration::from_millis(20), asking).await;
    assert!(gone.is_err(), "it takes longer than that");
    let written = async {
        loop {
            if let Some(line) = tsp.journal().await.into_iter().nth(before) {
                return line;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    let line = tokio::time::timeout(std::time::Duration::from_secs(30), written).await.expect("a line");
    assert_eq!((line.deed, line.outcome, line.made), (Deed::Derive, Outcome::Done, 200));
}

#[tokio::test]
async fn without_a_journal_nothing_is_done() {
    let tsp = tsp().await;
    let requests = requests(&tsp).await;
    tsp.house.test.portal.close_journal_only().await;
    for (route, asked) in requests {
        let is_report = route.contains("event") || route.contains("report");
        tsp.refused(route, &asked, if is_report { 301 } else { 100 }, 503).await;
    }
}

#[tokio::test]
async fn each_address_needs_what_its_row_says() {
    let tsp = tsp().await;
    let requests = requests(&tsp).await;
    let mut nth = 10;
    for row in server::api::tsp::DOOR.rows {
        let route = row.path.trim_start_matches("/api/1/");
        let asked = requests.get(route).unwrap_or_else(|| panic!("{route} has a request"));
        tsp.done(route, asked).await;
        let needed = match row.needs {
            server::api::Needs::May(operation) => vec![operation],
            server::api::Needs::All(operations) => operations.to_vec(),
            server::api::Needs::AnyKey => vec![],
            other => panic!("{route} needs {other:?}"),
        };
        let others = Operation::ALL.iter().filter(|one| !needed.contains(one)).copied().collect::<Vec<_>>();
        let mut fewer = vec![others.clone()];
        for one in &needed {
            fewer.push(needed.iter().filter(|other| *other != one).chain(&others).copied().collect());
        }
        for operations in fewer.into_iter().filter(|operations| !operations.is_empty()) {
            nth += 1;
            let key =
                tsp.house.test.api_key([nth; 6], &format!("Key {nth}"), "production/*", &operations).await;
            tsp.house.test.portal.access().refresh().await.expect("it looks");
            let answer = tsp.with_key(key.expose(), route, asked).await;
            match needed.is_empty() {
                true => assert_eq!(answer.body, "null"),
                false => answer.is_refused(101, 403),
            }
        }
    }
}
