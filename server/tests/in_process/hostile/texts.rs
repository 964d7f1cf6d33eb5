//! Texts that one of the two databases refuses: NUL, numbers and times out of range, wildcards. Every parameter, field and text
//! of every address gets them, on both databases. Both answer alike, and neither fails.

use crate::snapshot::doors::bodies;
use crate::support::{API_KEY_FORM, AWS_FORM, Answer, House, KEY, OTHER_CREDENTIALS, address, furnished_on};
use axum::http::{Method, StatusCode};
use engine::testing::{DatabaseKind, PASSWORD, Person, TestPortal};
use serde_json::{Value, json};
use server::api::rows;
use server::web::draft::KEPT;
use server::{PAGES, Who};
use std::collections::BTreeMap;
use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};
use tracing::field::{Field, Visit};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

const BOTH: [DatabaseKind; 2] = [DatabaseKind::Sqlite, DatabaseKind::Postgres];

/// The lines of the log that say that something went wrong.
#[derive(Clone, Default)]
struct Complaints(Arc<Mutex<Vec<String>>>);

impl<S: Subscriber> Layer<S> for Complaints {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        struct Line(String);
        impl Visit for Line {
            fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
                let _ = write!(self.0, " {field}={value:?}");
            }
        }
        if *event.metadata().level() <= Level::WARN {
            let mut line = Line(event.metadata().level().to_string());
            event.record(&mut line);
            // Every request that is refused is in the log.
            if !line.0.contains("message=request refused") {
                self.0.lock().expect("no test panicked").push(line.0);
            }
        }
    }
}

impl Complaints {
    fn listen() -> (Self, DefaultGuard) {
        let complaints = Self::default();
        let guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(complaints.clone()));
        (complaints, guard)
    }

    /// Checks that nothing has gone wrong with a request.
    fn none(&self, what: &str, answer: &Answer) {
        let said = std::mem::take(&mut *self.0.lock().expect("no test panicked"));
        assert!(said.is_empty(), "{what}: {said:?}");
        assert!(!answer.status.is_server_error(), "{what}: {} {}", answer.status, answer.body);
    }
}

/// The answer to each request, to be compared between the databases.
type Heard = BTreeMap<String, String>;

/// Returns status and target of an answer, and whether it is a page of the audit log that found nothing.
fn heard(answer: &Answer) -> String {
    let target = answer.location().split("change=").next().unwrap_or_default();
    format!("{} {target} {}", answer.status, answer.body.contains("No matching events"))
}

fn compare(heard: [Heard; 2]) {
    let [sqlite, postgres] = heard;
    assert!(sqlite.len() > 100, "{}", sqlite.len());
    let other = sqlite.iter().filter(|(what, said)| postgres.get(*what) != Some(said));
    let other: Vec<_> = other.map(|(what, said)| (what, said, postgres.get(what))).collect();
    assert!(other.is_empty(), "the databases answer differently: {other:#?}");
}

/// The query parameters that pages read.
const PARAMETERS: [&str; 14] = [
    "back", "before", "change", "filter", "from", "new", "next", "notice", "place", "session", "source",
    "to", "told", "who",
];

/// Texts as they stand in an address.
const IN_ADDRESSES: [&str; 17] = [
    "%00",
    "a%00b",
    "production%00",
    "%2500",
    "%ff",
    "%25_%5C",
    "%C4%B0%C3%9F",
    "-1",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551615",
    "4294967295",
    "1e400",
    "%2B262142-12-31T23%3A59",
    "9999-12-31T23%3A59",
    "0000-01-01T00%3A00",
    "-262143-01-01T00%3A00",
];

/// Returns the addresses with a text in place of each parameter, and whether a stranger gets further than to the sign-in.
fn strange_addresses(text: &str) -> Vec<(&'static Method, String, bool)> {
    let everywhere = PARAMETERS.map(|parameter| format!("{parameter}={text}")).join("&");
    let mut all = Vec::new();
    for row in PAGES {
        let is_open = matches!(row.who, Who::Public | Who::Setup);
        for method in row.methods {
            for parameter in ["{env}", "{country}", "{number}", "{id}"] {
                let Some((before, after)) = row.path.split_once(parameter) else { continue };
                all.push((method, format!("{}{text}{}", address(before), address(after)), is_open));
            }
            // Every page has a filter in its frame. The pages that look something up read one of the others, or none.
            all.push((method, format!("{}?{everywhere}", address(row.path)), is_open));
        }
    }
    // A parameter of this page that cannot be read keeps the others from being looked up.
    for parameter in ["before", "from", "place", "to", "told", "who"] {
        for source in ["portal", "data"] {
            all.push((&Method::GET, format!("/audit?source={source}&{parameter}={text}"), false));
        }
    }
    all
}

async fn addresses(kind: DatabaseKind) -> Heard {
    let (house, _, cookie) = furnished_on(kind).await;
    let (complaints, _guard) = Complaints::listen();
    let mut all = Heard::new();
    let long = "x".repeat(4_000);
    for text in IN_ADDRESSES.into_iter().chain([long.as_str()]) {
        for (method, path, is_open) in strange_addresses(text) {
            // No client of HTTP can send another one, and this one ends the session.
            if path.parse::<axum::http::Uri>().is_err() || path.starts_with("/sign-out") {
                continue;
            }
            for (who, cookie) in [("a stranger", ""), ("signed in", &cookie)] {
                if is_open || !cookie.is_empty() {
                    let answer = house.ask(method.clone(), &path).cookie(cookie).send().await;
                    let what = format!("{method} {path:.120} {who}");
                    complaints.none(&what, &answer);
                    all.insert(what, heard(&answer));
                }
            }
        }
    }
    let keys = house.get(&cookie, "/environments/production/DE/keys").await;
    assert_eq!(keys.status, StatusCode::OK, "nothing has ended or was removed");
    house.end().await;
    all
}

#[tokio::test]
async fn no_address_is_too_strange_for_a_database() {
    compare([addresses(BOTH[0]).await, addresses(BOTH[1]).await]);
}

/// The fields of every form, with which it would take effect or try a code.
fn forms() -> Vec<(String, Vec<(&'static str, &'static str)>)> {
    let scope = "/environments/production/DE";
    let of = |path: &str, fields: &[(&'static str, &'static str)]| (path.to_owned(), fields.to_vec());
    let aws =
        [("rotation_days", "30"), ("paste", ""), ("fill", ""), ("accepts_more", ""), ("accepts_same", "")];
    let audit = [
        ("format", "csv"),
        ("source", "portal"),
        ("from", "2026-11-25T14:05"),
        ("to", "2027-11-25T14:05"),
        ("place", "production"),
        ("who", "ada@example.com"),
        ("told", "x"),
    ];
    let passwords = [
        ("current_password", PASSWORD),
        ("password", "nine gentle otters juggle"),
        ("password_again", "nine gentle otters juggle"),
    ];
    vec![
        of("/theme", &[("theme", "dark"), ("next", "/")]),
        of("/setup", &[("token", "x"), ("email", "ada@example.com"), passwords[1], passwords[2]]),
        of("/setup/authenticator", &[("code", "000000")]),
        of("/sign-in", &[("email", "ada@example.com"), ("password", "wrong"), ("next", "/audit")]),
        of("/sign-in/code", &[("code", "000000"), ("next", "/audit")]),
        of("/sign-in/recovery", &[("recovery_code", "AAAA"), ("next", "/audit")]),
        of("/sign-in/authenticator", &[("code", "000000")]),
        of("/sign-out", &[]),
        of("/environments", &[("name", "Staging"), ("kind", "test")]),
        of("/environments/production", &[("country", "FR")]),
        of("/environments/production/rename", &[("name", "Renamed")]),
        of("/environments/production/kind", &[("kind", "test")]),
        of("/environments/production/limits", &[("per_type", "2"), ("per_scope", "5")]),
        of("/environments/production/remove", &[]),
        of(&format!("{scope}/remove"), &[]),
        of(&format!("{scope}/alias"), &[("alias", "acme-berlin")]),
        of(
            &format!("{scope}/tenant-secrets"),
            &[("step", "begin"), ("confirm", "production/DE"), ("accepts_uses", "yes"), ("seen_uses", "1")],
        ),
        of(&format!("{scope}/keys/add"), &[&AWS_FORM[..], &aws[..]].concat()),
        of(
            &format!("{scope}/keys/rotate"),
            &[("rotation_days", "60"), ("reason", "Theft"), ("confirm", "production/DE")],
        ),
        of(&format!("{scope}/keys/settings"), &[("rotation_days", "60")]),
        of("/environments/production/AT/keys/1/check", &[]),
        of("/environments/production/AT/keys/1/credentials", &[&OTHER_CREDENTIALS[..], &aws[1..]].concat()),
        of("/api-keys/add", &API_KEY_FORM),
        of("/api-keys/new", &[("next", "/")]),
        of("/api-keys/010203040506/revoke", &[]),
        of("/audit/export", &audit),
        of("/session", &[]),
        of("/profile/sessions", &[("session", "")]),
        of("/profile/password", &passwords),
        of("/profile/authenticator", &passwords[..1]),
        of("/profile/authenticator/enrol", &[("code", "000000")]),
        of("/profile/recovery-codes", &passwords[..1]),
        of("/profile/recovery-codes/show", &[("next", "/")]),
        of("/profile/recovery-codes/file", &[]),
    ]
}

/// Returns the rows of the table to which a form is sent.
fn sent() -> impl Iterator<Item = &'static server::Row> {
    PAGES.iter().filter(|row| row.methods.contains(&Method::POST))
}

/// Texts for the fields of forms.
fn in_forms(good: &str) -> Vec<String> {
    let strange =
        ["\0", "a\0b", "%", "_", "\\", "İ", "ß", "-1", "9223372036854775808", "+262142-12-31T23:59"];
    let mut texts: Vec<_> = strange.into_iter().map(str::to_owned).collect();
    texts.extend([format!("{good}\0"), format!("\0{good}"), "x".repeat(60_000), "x".repeat(256 * 1024)]);
    texts
}

async fn sent_forms(kind: DatabaseKind) -> Heard {
    let (house, person, _) = furnished_on(kind).await;
    let (complaints, _guard) = Complaints::listen();
    let mut all = Heard::new();
    for ((path, fields), row) in forms().into_iter().zip(sent()) {
        let [half, signed_in] = cookies(&house, &person).await;
        let (who, cookie) = match row.who {
            Who::Public | Who::Setup => ("a stranger", ""),
            Who::SigningIn => ("half signed in", half.as_str()),
            Who::SignedIn | Who::Confirmed => ("signed in", signed_in.as_str()),
        };
        let mut bodies = vec!["\0=\0".to_owned(), "%00=%00&%ff=%ff".to_owned()];
        for (changed, good) in &fields {
            for text in in_forms(good) {
                let mut form = url::form_urlencoded::Serializer::new(String::new());
                let with = |(name, good): &(&'static str, &'static str)| {
                    (*name, if name == changed { text.clone() } else { (*good).to_owned() })
                };
                bodies.push(form.extend_pairs(fields.iter().map(with)).finish());
            }
        }
        for (number, body) in bodies.into_iter().enumerate() {
            if path.starts_with("/sign-in") || path.starts_with("/profile") {
                // Otherwise the counter of failures answers, and not the database.
                house.test.forgive(&person.email).await;
                house.test.forgive_network("").await;
            }
            let what = format!("{path} {who} {number} {body:.80}");
            let answer = house.ask(Method::POST, &path).cookie(cookie).form(body).send().await;
            complaints.none(&what, &answer);
            all.insert(what, heard(&answer));
        }
    }
    house.end().await;
    all
}

/// Returns the cookies of a session that waits for its code and of one that is signed in.
async fn cookies(house: &House, person: &Person) -> [String; 2] {
    house.test.clock.advance(chrono::TimeDelta::minutes(16));
    house.test.forgive(&person.email).await;
    house.test.forgive_network("").await;
    let signed_in = house.sign_in(person).await;
    [house.half_signed_in(&person.email).await, signed_in]
}

/// Every field of every form is either in the list of those that may be kept while a person signs in again, or in this one.
#[test]
fn what_is_kept_of_a_form_is_what_is_listed() {
    const NOT_KEPT: [&str; 26] = [
        // Secrets.
        "code",
        "current_password",
        "password",
        "password_again",
        "paste",
        "recovery_code",
        "secret_access_key",
        "token",
        // Ticks and typed names that say that a person has read something.
        "accepts_more",
        "accepts_same",
        "accepts_uses",
        "seen_uses",
        "confirm",
        // Forms outside the session, buttons, hidden fields, and what stands in an address.
        "email",
        "fill",
        "format",
        "from",
        "next",
        "place",
        "session",
        "source",
        "step",
        "theme",
        "to",
        "told",
        "who",
    ];
    for (path, fields) in forms() {
        for (field, _) in fields {
            assert!(KEPT.contains(&field) != NOT_KEPT.contains(&field), "{field} of {path}");
        }
    }
}

#[tokio::test]
async fn no_field_of_a_form_is_too_strange_for_a_database() {
    let paths: Vec<_> = forms().into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, sent().map(|row| address(row.path)).collect::<Vec<_>>());
    compare([sent_forms(BOTH[0]).await, sent_forms(BOTH[1]).await]);
}

/// Replaces one text after another, the names of fields that clients choose included; returns each result.
fn variants(value: &Value, with: &str) -> Vec<Value> {
    match value {
        Value::String(_) => vec![json!(with)],
        Value::Number(_) => [json!(-1), json!(u64::MAX), json!(1e300)].to_vec(),
        Value::Array(items) => {
            let each = items.iter().enumerate().flat_map(|(at, item)| {
                variants(item, with).into_iter().map(move |other| {
                    let mut items = items.clone();
                    items[at] = other;
                    Value::Array(items)
                })
            });
            each.collect()
        }
        Value::Object(fields) => {
            let mut all = Vec::new();
            for (name, value) in fields {
                for other in variants(value, with) {
                    let mut fields = fields.clone();
                    fields.insert(name.clone(), other);
                    all.push(Value::Object(fields));
                }
                let mut fields = fields.clone();
                let value = fields.remove(name).expect("it is there");
                fields.insert(with.to_owned(), value);
                all.push(Value::Object(fields));
            }
            all
        }
        _ => Vec::new(),
    }
}

async fn asked_doors(kind: DatabaseKind) -> Heard {
    const HERE: &str = "@here@";
    let (house, _, _) = furnished_on(kind).await;
    let body_of = bodies(&house).await;
    let (complaints, _guard) = Complaints::listen();
    let mut all = Heard::new();
    let long = "x".repeat(256 * 1024);
    for row in rows() {
        let scheme = if row.path.starts_with("/api/1/") { "cmk" } else { "ApiKey" };
        let authorization = format!("{scheme} {KEY}");
        let mut requests = Vec::new();
        for (environment, country) in [
            ("%00", "DE"),
            ("production%00", "DE"),
            ("production", "DE%00"),
            ("%ff", "%ff"),
            ("%C4%B0", "%C3%9F"),
        ] {
            let path = row.path.replace("{environment}", environment).replace("{country}", country);
            requests.push((path, body_of(row.path)));
        }
        let mut body: Value = serde_json::from_str(&body_of(row.path)).expect("JSON");
        let note = json!({"requesting_id": "a", "data_label": "b", "source_ip": "c", "object_id": "d",
            "request_id": "e", "custom": {"f": "g"}});
        if row.path.starts_with("/api/1/") {
            body["iclFields"] = json!({"requestingId": "a", "dataLabel": "b", "sourceIp": "c",
                "objectId": "d", "requestId": "e", "event": "USER_LOGIN"});
            body["customFields"] = json!({"f": "g"});
        } else {
            body["audit"] = note;
            body["context"] = json!({"h": "i"});
        }
        let address = row.path.replace("{environment}", "production").replace("{country}", "DE");
        for other in variants(&body, HERE) {
            for text in ["\\u0000", "a\\u0000b", "\\ud800", "\\udc00\\ud800", "%", "İ", long.as_str()] {
                requests.push((address.clone(), other.to_string().replace(HERE, text)));
            }
        }
        for (path, body) in requests {
            let ask = house.ask(row.method.clone(), &path).without("sec-fetch-site");
            let ask = ask.header("content-type", "application/json").header("authorization", &authorization);
            let what = format!("{} {path} {:.300}", row.method, without_chance(&body));
            let answer = ask.body(body).send().await;
            complaints.none(&what, &answer);
            all.insert(what, heard(&answer));
        }
    }
    // Stores the events of the requests and the use of versions.
    house.test.portal.services().note_uses().await;
    house.test.portal.audit().tend_journal().await.expect("the journal is stored");
    let answer = house.get("", "/healthz").await;
    complaints.none("the end", &answer);
    house.end().await;
    all
}

/// Replaces the ciphertexts in a body.
fn without_chance(body: &str) -> String {
    body.split('"').map(|part| if part.len() > 60 && part.len() < 300 { "…" } else { part }).collect()
}

#[tokio::test]
async fn no_text_of_a_request_at_a_door_is_too_strange_for_a_database() {
    compare([asked_doors(BOTH[0]).await, asked_doors(BOTH[1]).await]);
}

/// Returns the page of an answer without its nonce and the typed text.
fn page(answer: &Answer, typed: &str) -> String {
    let mut text = answer.body.replace(typed, "");
    for begin in ["nonce=\"", "'nonce-"] {
        while let Some(at) = text.find(begin) {
            let end = text[at + begin.len()..].find(['"', '\'']).expect("an end") + at + begin.len();
            text.replace_range(at..=end, "");
        }
    }
    text
}

#[tokio::test]
async fn a_name_with_nul_is_an_unknown_name() {
    for kind in BOTH {
        let house = House::of(TestPortal::new(kind).await, &[]);
        let person = house.test.administrator().await;
        let (complaints, _guard) = Complaints::listen();
        let sign_in = async |email: &str| {
            let answer = house.post("", "/sign-in", &[("email", email), ("password", PASSWORD)]).await;
            complaints.none(email, &answer);
            answer
        };
        let unknown = sign_in("nobody@example.com").await;
        assert_eq!(unknown.status, StatusCode::UNPROCESSABLE_ENTITY);
        for email in ["a\0b", &format!("{}\0", person.email), &format!("\0{}", person.email)] {
            let answer = sign_in(email).await;
            assert_eq!(answer.status, unknown.status);
            let shown = [email.to_owned(), email.replace('\0', "")];
            let same = shown.iter().any(|typed| page(&answer, typed) == page(&unknown, "nobody@example.com"));
            assert!(same, "{kind:?} {email:?}: {}", answer.body);
        }
        // Each failure is counted, also under a name with NUL.
        let tries = async |email: &str| {
            for number in 1.. {
                if sign_in(email).await.status == StatusCode::TOO_MANY_REQUESTS {
                    return number;
                }
                house.test.forgive_network("").await;
            }
            0
        };
        assert_eq!(tries("c\0d").await, tries("c-d").await);
        assert_eq!(sign_in("C\0D ").await.status, StatusCode::TOO_MANY_REQUESTS, "another spelling");
        house.end().await;
    }
}

#[tokio::test]
async fn a_set_up_with_nul_is_refused() {
    for kind in BOTH {
        let house = House::of(TestPortal::new(kind).await, &[]);
        let token =
            house.test.portal.people().issue_setup_token(None).await.expect("issued").expect("a token");
        let (complaints, _guard) = Complaints::listen();
        let good = [
            ("token", token.expose()),
            ("email", "ada@example.com"),
            ("password", PASSWORD),
            ("password_again", PASSWORD),
        ];
        for field in ["token", "email", "password_again"] {
            for text in ["\0", "a\0b", "ada@example.com\0"] {
                let fields = good.map(|(name, value)| (name, if name == field { text } else { value }));
                let answer = house.post("", "/setup", &fields).await;
                complaints.none(&format!("{kind:?} {field} {text:?}"), &answer);
                assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{kind:?} {field} {text:?}");
            }
        }
        assert_eq!(house.post("", "/setup", &good).await.status, StatusCode::SEE_OTHER);
        house.end().await;
    }
}

#[tokio::test]
async fn a_search_for_nul_finds_nothing() {
    for kind in BOTH {
        let (house, _, cookie) = furnished_on(kind).await;
        let (complaints, _guard) = Complaints::listen();
        for source in ["portal", "data"] {
            for filter in ["place", "who"] {
                for text in ["\0", "a\0b", "production\0", "ada@example.com\0"] {
                    let what = format!("{kind:?} {source} {filter} {text:?}");
                    let mut query = url::form_urlencoded::Serializer::new(String::new());
                    let query = query.extend_pairs([("source", source), (filter, text)]).finish();
                    let answer = house.get(&cookie, &format!("/audit?{query}")).await;
                    complaints.none(&what, &answer);
                    assert!(answer.body.contains("No matching events"), "{what}");
                    let fields = [("format", "csv"), ("source", source), (filter, text)];
                    let answer = house.post(&cookie, "/audit/export", &fields).await;
                    complaints.none(&what, &answer);
                    assert_eq!((answer.status, answer.body.lines().count()), (StatusCode::OK, 1), "{what}");
                }
            }
        }
        let log = house.get(&cookie, "/audit").await;
        assert!(log.body.contains("production\u{fffd}"), "the log says what was exported");
        house.end().await;
    }
}
