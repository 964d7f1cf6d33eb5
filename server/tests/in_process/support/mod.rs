//! A client for tests: it calls the router in process, with cookies and an authenticator app.

#[path = "../../common/mod.rs"]
pub mod common;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use domain::data::operation::Operation;
use domain::scopes::scope::{Country, ScopeName, Slug};
use engine::SecretText;
use engine::changes::totp::Seed;
use engine::testing::kms::{self, FakeKms};
use engine::testing::{DatabaseKind, PASSWORD, Person, TestPortal};
use http_body_util::BodyExt;
use server::settings::Settings;
use server::{App, router};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tower::ServiceExt;

/// A test portal and its router.
pub struct House {
    pub test: Arc<TestPortal>,
    pub router: Router,
    /// The customer's KMS, where there is one.
    pub kms: Option<Arc<FakeKms>>,
}

/// The answer to a request.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
    /// Length of the body as it was sent.
    pub length: usize,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {} {}", self.status, self.body))
    }

    pub fn location(&self) -> &str {
        self.header("location")
    }

    /// Returns the session cookie that was set, ready to be sent back.
    pub fn cookie(&self) -> Option<String> {
        let set = self.headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok());
        let pair =
            set.filter_map(|cookie| cookie.split(';').next()).find(|pair| pair.starts_with("keystead-3000="));
        pair.map(str::to_owned)
    }
}

fn front_door(portal: engine::Portal, settings: &[(&str, &str)]) -> Router {
    let environment = settings.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    let settings = Settings::from_maps(environment, BTreeMap::new()).expect("the settings are good");
    router(App::new(portal, &settings))
}

/// Returns the scope of a country of the furnished house.
pub fn scope(country: &str) -> ScopeName {
    ScopeName {
        environment: Slug::try_from("production".to_owned()).expect("a slug"),
        country: Country::from_code(country).expect("a country"),
    }
}

/// Creates a house with an administrator, an environment, a country with a managed key, and a country with a key that a
/// customer's KMS releases. Both keys were created the day before.
pub async fn furnished() -> (House, Person, String) {
    furnished_on(DatabaseKind::Sqlite).await
}

/// Does the same on a database of either kind.
pub async fn furnished_on(kind: DatabaseKind) -> (House, Person, String) {
    let house = House::with_kms(kind).await;
    let person = house.test.administrator().await;
    let cookie = house.sign_in(&person).await;
    house.post(&cookie, "/environments", &[("name", "Production"), ("kind", "production")]).await;
    for country in ["DE", "AT"] {
        house.post(&cookie, "/environments/production", &[("country", country)]).await;
    }
    let theirs = kms::other_data_key(1, 0).to_base64();
    let of_at =
        AWS_FORM.map(|(field, value)| (field, if field == "encrypted_key" { &theirs } else { value }));
    let change = house.post(&cookie, &KEYS_ADD.replace("/DE/", "/AT/"), &of_at).await;
    let code = house.test.code(&person);
    let made = house.post(&cookie, change.location(), &[("code", code.expose())]).await;
    assert_eq!(made.location(), "/environments/production/AT/keys?new=1");
    house.test.next_code();
    let change = house.post(&cookie, KEYS_ADD, &[("key_type", "managed"), ("rotation_days", "30")]).await;
    let code = house.test.code(&person);
    let made = house.post(&cookie, change.location(), &[("code", code.expose())]).await;
    assert_eq!(made.location(), "/environments/production/DE/keys?new=1");
    house.test.open_journal(&house.test.portal).await;
    house.test.api_key(API_KEY, "Orders", "production/DE", Operation::ALL).await;
    let de = scope("DE");
    house.test.portal.open_tenant_secrets(&de, "users").await.expect("a tenant secret");
    house.test.clock.advance(chrono::TimeDelta::hours(13));
    let cookie = house.sign_in(&person).await;
    (house, person, cookie)
}

/// The id of the API key of the furnished house.
pub const API_KEY: [u8; 6] = [1, 2, 3, 4, 5, 6];
/// The whole API key.
pub const KEY: &str = "kstdAQIDBAUGssssssssssssssssssssssssssssssss";
pub const API_KEYS_ADD: &str = "/api-keys/add";
pub const REVOKE: &str = "/api-keys/010203040506/revoke";

/// The form "Create API key", filled in.
pub const API_KEY_FORM: [(&str, &str); 4] =
    [("name", "Billing"), ("scopes", "production/DE"), ("operations", "wrap"), ("lifetime", "90")];

pub const ALIAS: &str = "/environments/production/DE/alias";

/// The page that rotates tenant secrets; the furnished house has one secret.
pub const TENANT_SECRETS: &str = "/environments/production/DE/tenant-secrets";

pub const KEYS_ADD: &str = "/environments/production/DE/keys/add";

/// Returns the changes that need a code, each with the form of its first step.
pub fn changes() -> Vec<(&'static str, Vec<(&'static str, &'static str)>)> {
    let passwords = vec![
        ("current_password", PASSWORD),
        ("password", "nine gentle otters juggle"),
        ("password_again", "nine gentle otters juggle"),
    ];
    vec![
        ("/environments/production/kind", vec![("kind", "test")]),
        ("/environments/production/limits", vec![("per_type", "2"), ("per_scope", "")]),
        (ALIAS, vec![("alias", "acme-berlin")]),
        (TENANT_SECRETS, vec![("step", "begin")]),
        (KEYS_ADD, vec![("key_type", "managed"), ("rotation_days", "30")]),
        ("/environments/production/DE/keys/rotate", vec![("rotation_days", "60")]),
        ("/environments/production/DE/keys/settings", vec![("rotation_days", "180")]),
        (CREDENTIALS, OTHER_CREDENTIALS.to_vec()),
        (API_KEYS_ADD, API_KEY_FORM.to_vec()),
        (REVOKE, vec![]),
        ("/profile/sessions", vec![]),
        ("/profile/password", passwords),
        ("/profile/authenticator", vec![("current_password", PASSWORD)]),
        ("/profile/recovery-codes", vec![("current_password", PASSWORD)]),
    ]
}

/// Returns the address of a table row in the furnished house.
pub fn address(path: &str) -> String {
    let is_of_aws = path.ends_with("/check") || path.ends_with("/credentials");
    let country = if is_of_aws { "AT" } else { "DE" };
    path.replace("{env}", "production")
        .replace("{country}", country)
        .replace("{number}", "1")
        .replace("{id}", "010203040506")
}

/// The page that replaces the customer's credentials.
pub const CREDENTIALS: &str = "/environments/production/AT/keys/1/credentials";

/// The form "Add encryption key" of type "Manual: AWS", filled in for the fake KMS.
pub const AWS_FORM: [(&str, &str); 6] = [
    ("key_type", "manual_aws"),
    ("region", "eu-central-1"),
    ("encrypted_key", kms::DATA_KEY),
    ("cmk_arn", kms::ARN),
    ("access_key_id", kms::ACCESS_KEY_ID),
    ("secret_access_key", kms::SECRET),
];

/// Credentials of another user of the same customer.
pub const OTHER_CREDENTIALS: [(&str, &str); 2] = [
    ("access_key_id", "AKIAI44QH8DHBEXAMPLE"),
    ("secret_access_key", "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY"),
];

/// A request under construction; same-origin unless a header says otherwise.
pub struct Ask<'a> {
    house: &'a House,
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Option<String>,
    peer: Option<IpAddr>,
}

impl House {
    pub async fn new() -> Self {
        Self::with(&[]).await
    }

    pub async fn with(settings: &[(&str, &str)]) -> Self {
        Self::of(TestPortal::new(DatabaseKind::Sqlite).await, settings)
    }

    pub fn of(test: TestPortal, settings: &[(&str, &str)]) -> Self {
        let router = front_door(test.portal.clone(), settings);
        Self { test: Arc::new(test), router, kms: None }
    }

    /// Creates a house with a fake KMS of a customer, which answers as instructed.
    pub async fn with_kms(kind: DatabaseKind) -> Self {
        let kms = FakeKms::start().await;
        let test = TestPortal::with_settings(kind, kms.settings()).await;
        Self { kms: Some(Arc::new(kms)), ..Self::of(test, &[]) }
    }

    pub fn kms(&self) -> &FakeKms {
        self.kms.as_ref().expect("a house with a KMS")
    }

    /// Opens another server on the same database, or the same one again.
    pub async fn second(&self, settings: &[(&str, &str)]) -> Self {
        let router = front_door(self.test.second().await, settings);
        Self { test: self.test.clone(), router, kms: self.kms.clone() }
    }

    /// Ends the house; the last one on a database removes it.
    pub async fn end(self) {
        if let Some(test) = Arc::into_inner(self.test) {
            test.end().await;
        }
    }

    pub fn ask(&self, method: Method, path: &str) -> Ask<'_> {
        let headers =
            vec![("host", "127.0.0.1:3000".to_owned()), ("sec-fetch-site", "same-origin".to_owned())];
        Ask { house: self, method, path: path.to_owned(), headers, body: None, peer: None }
    }

    pub async fn answer(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.expect("an answer");
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("a body").to_bytes();
        let body = String::from_utf8_lossy(&bytes).into_owned();
        Answer { status: parts.status, headers: parts.headers, body, length: bytes.len() }
    }

    pub async fn get(&self, cookie: &str, path: &str) -> Answer {
        self.ask(Method::GET, path).cookie(cookie).send().await
    }

    pub async fn post(&self, cookie: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.ask(Method::POST, path).cookie(cookie).fields(fields).send().await
    }

    /// Signs an administrator in over HTTP; returns the cookie.
    pub async fn sign_in(&self, person: &Person) -> String {
        self.sign_in_as(&person.email, &person.seed).await
    }

    pub async fn sign_in_as(&self, email: &str, seed: &Seed) -> String {
        let cookie = self.half_signed_in(email).await;
        let code = seed.code(self.test.clock.now());
        let second = self.post(&cookie, "/sign-in/code", &[("code", code.expose())]).await;
        self.test.next_code();
        second.cookie().expect("the code was right")
    }

    /// Signs in with the password alone; returns the cookie of a session that waits for its code.
    pub async fn half_signed_in(&self, email: &str) -> String {
        let first = self.post("", "/sign-in", &[("email", email), ("password", PASSWORD)]).await;
        first.cookie().expect("the password was right")
    }

    /// Creates another administrator; returns the seed of their authenticator app.
    pub async fn newcomer(&self, email: &str) -> Seed {
        let made = self
            .test
            .portal
            .administrators()
            .create(email, SecretText::new(PASSWORD), None, |_, _| Ok(()))
            .await;
        made.expect("the account is accepted").0
    }
}

impl Ask<'_> {
    pub fn cookie(self, cookie: &str) -> Self {
        if cookie.is_empty() { self } else { self.header("cookie", cookie) }
    }

    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.to_owned()));
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self
    }

    /// Adds a header besides those of the same name.
    pub fn also(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub fn fields(self, fields: &[(&str, &str)]) -> Self {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        self.form(form.extend_pairs(fields).finish())
    }

    pub fn form(self, form: impl Into<String>) -> Self {
        self.header("content-type", "application/x-www-form-urlencoded").body(form)
    }

    /// Makes it a service's request: JSON, with an API key, from no page.
    pub fn service(self, key: &str, body: &serde_json::Value) -> Self {
        let asked = self.without("sec-fetch-site").header("content-type", "application/json");
        asked.header("authorization", &format!("ApiKey {key}")).body(body.to_string())
    }

    /// Sets a body; its content type is set elsewhere, or not at all.
    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sends the request through a proxy on this machine that forwards for an address.
    pub fn forwarded_for(mut self, address: &str) -> Self {
        self.peer = Some(Ipv4Addr::LOCALHOST.into());
        self.header("x-forwarded-for", address)
    }

    pub async fn send(self) -> Answer {
        let asked = if self.body.is_none() && self.method == Method::POST { self.form("") } else { self };
        let mut request = Request::builder().method(asked.method).uri(&asked.path);
        for (name, value) in asked.headers {
            request = request.header(name, value);
        }
        let body = asked.body.map_or_else(Body::empty, Body::from);
        if let Some(peer) = asked.peer {
            request = request.extension(ConnectInfo(SocketAddr::from((peer, 50_000))));
        }
        asked.house.answer(request.body(body).expect("a request")).await
    }
}
