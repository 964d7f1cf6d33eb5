//! Codes that are almost right. Keystead refuses and counts each, and none of them spends the right one.

use crate::support::common::shown_seed;
use crate::support::{House, furnished};
use axum::http::{Method, StatusCode};
use chrono::TimeDelta;
use engine::changes::totp::Seed;
use engine::testing::{PASSWORD, Person};

/// A page that asks for a code, and the session in which it is open.
struct Door {
    house: House,
    cookie: String,
    path: String,
    field: &'static str,
    right: String,
    /// Codes of steps that are minutes off, before and after.
    others: Vec<String>,
    email: String,
}

/// A body and its content types.
struct Shape {
    name: &'static str,
    kinds: Vec<String>,
    body: String,
}

const FORM: &str = "application/x-www-form-urlencoded";

fn encoded(pairs: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

fn full_width(code: &str) -> String {
    let wide =
        |c: char| if c.is_ascii_graphic() { char::from_u32(u32::from(c) + 0xfee0).unwrap_or(c) } else { c };
    code.chars().map(wide).collect()
}

/// Returns spellings of the code that are not exactly its six ASCII digits.
fn spellings(code: &str) -> Vec<Shape> {
    let shape = |name, text: &str| Shape { name, kinds: vec![FORM.into()], body: encoded(&[("code", text)]) };
    vec![
        shape("space before", &format!(" {code}")),
        shape("space after", &format!("{code} ")),
        shape("space within", &format!("{} {}", &code[..3], &code[3..])),
        shape("plus", &format!("+{code}")),
        shape("plus for a digit", &format!("+{}", &code[1..])),
        shape("five digits", &code[..5]),
        shape("seven digits", &format!("{code}0")),
        shape("zero before", &format!("0{code}")),
        shape("tab", &format!("{code}\t")),
        shape("line", &format!("{code}\n")),
        shape("nul", &format!("{code}\0")),
        shape("zero-width", &format!("{code}\u{200b}")),
        shape("hyphen", &format!("{}-{}", &code[..3], &code[3..])),
        shape("decimal", &format!("{code}.0")),
    ]
}

/// Returns bodies that are not a form with exactly one field of that name holding the right code.
fn shapes(field: &str, code: &str) -> Vec<Shape> {
    let shape = |name, kind: &str, body: String| Shape { name, kinds: vec![kind.into()], body };
    let form = |name, pairs: &[(&str, &str)]| shape(name, FORM, encoded(pairs));
    let (brackets, index) = (format!("{field}[]"), format!("{field}[0]"));
    let upper = field.to_uppercase();
    let spaced = format!("{field} ");
    let multipart =
        format!("--x\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{code}\r\n--x--\r\n");
    let right = encoded(&[(field, code)]);
    vec![
        form("empty", &[(field, "")]),
        form("full width", &[(field, &full_width(code))]),
        form("cut short", &[(field, &code[..code.len() - 1])]),
        form("twice", &[(field, code), (field, code)]),
        form("wrong, then right", &[(field, "000000"), (field, code)]),
        form("right, then wrong", &[(field, code), (field, "000000")]),
        form("brackets", &[(brackets.as_str(), code)]),
        form("index", &[(index.as_str(), code)]),
        form("capitals", &[(upper.as_str(), code)]),
        form("space in the name", &[(spaced.as_str(), code)]),
        form("another field besides", &[(field, code), ("user_id", "1")]),
        form("no field", &[]),
        shape("no value", FORM, field.to_owned()),
        shape("broken bytes", FORM, format!("{right}%ff")),
        shape("semicolon", FORM, format!("{field}=0;{right}")),
        shape("JSON number", "application/json", format!("{{\"{field}\":{}}}", code.replace('-', ""))),
        shape("JSON text", "application/json", format!("{{\"{field}\":\"{code}\"}}")),
        shape("JSON array", "application/json", format!("{{\"{field}\":[\"{code}\"]}}")),
        shape("JSON in a form", FORM, format!("{{\"{field}\":\"{code}\"}}")),
        shape("multipart", "multipart/form-data; boundary=x", multipart),
        shape("text", "text/plain", right.clone()),
        shape("no type", "", right.clone()),
        Shape { name: "two types", kinds: vec!["text/plain".into(), FORM.into()], body: right.clone() },
        Shape {
            name: "two types, the right one first",
            kinds: vec![FORM.into(), "text/plain".into()],
            body: right.clone(),
        },
        Shape { name: "the right type twice", kinds: vec![FORM.into(), FORM.into()], body: right },
    ]
}

impl Door {
    async fn offer(&self, shape: &Shape) -> (StatusCode, String) {
        let mut ask = self.house.ask(Method::POST, &self.path).cookie(&self.cookie).body(shape.body.clone());
        for kind in shape.kinds.iter().filter(|kind| !kind.is_empty()) {
            ask = ask.also("content-type", kind);
        }
        let answer = ask.send().await;
        (answer.status, answer.body)
    }

    async fn must_refuse(&self, shape: &Shape) {
        self.must_refuse_saying(shape, "Wrong or already used.").await;
    }

    async fn must_refuse_saying(&self, shape: &Shape, said: &str) {
        let what = format!("{} with {}", self.path, shape.name);
        let (status, body) = self.offer(shape).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{what}");
        assert!(body.contains(said), "{what}: the page says what is wrong");
        assert!(body.contains(&format!("name=\"{}\"", self.field)), "{what}: the page asks again");
        assert!(!body.contains(&format!("value=\"{}\"", self.right)), "{what}: no code is sent back");
    }

    /// Checks whether the page accepts the right code; if not, it must say that there were too many tries.
    async fn lets_in(&self) -> bool {
        let right = [(self.field, self.right.as_str())];
        let answer = self.house.post(&self.cookie, &self.path, &right).await;
        let is_in = answer.status == StatusCode::SEE_OTHER && !answer.location().contains("change=");
        assert!(is_in || answer.body.contains("Too many tries."), "{}: {}", self.path, answer.status);
        is_in
    }

    /// Checks that every shape is refused and counted, that the fifth blocks, and that the right code stays valid.
    async fn must_hold(self) {
        let mut all = shapes(self.field, &self.right);
        if self.field == "code" {
            all.extend(spellings(&self.right));
        }
        for shape in &all {
            self.house.test.forgive(&self.email).await;
            self.must_refuse(shape).await;
            let what = format!("{} with {} is counted", self.path, shape.name);
            assert_eq!(self.house.test.failures(&self.email).await, 1, "{what}");
        }
        for code in &self.others {
            self.house.test.forgive(&self.email).await;
            let body = encoded(&[(self.field, code)]);
            let shape = Shape { name: "a code of another time", kinds: vec![FORM.into()], body };
            self.must_refuse_saying(
                &shape,
                "This code is for another time. Is the clock of your phone right?",
            )
            .await;
            let what = format!("{} with a code of another time", self.path);
            assert_eq!(self.house.test.failures(&self.email).await, 1, "{what} is counted");
        }
        self.house.test.forgive(&self.email).await;
        for shape in all.iter().rev().take(5) {
            self.must_refuse(shape).await;
        }
        assert!(!self.lets_in().await, "{}: five tries of any shape block", self.path);
        self.house.test.forgive(&self.email).await;
        assert!(self.lets_in().await, "{}: the right code was not spent", self.path);
    }
}

impl Door {
    fn new(house: House, cookie: String, path: &str, email: &str, seed: &Seed) -> Self {
        let now = house.test.clock.now();
        let code = |seconds| seed.code(now + TimeDelta::seconds(seconds)).expose().to_owned();
        // The code of the next step, as a phone shows it whose clock is a little ahead.
        let (right, others) = (code(30), vec![code(-240), code(240)]);
        Self { house, cookie, path: path.to_owned(), field: "code", right, others, email: email.to_owned() }
    }
}

#[tokio::test]
async fn the_code_of_the_setup() {
    let house = House::new().await;
    let token = house.test.portal.people().issue_setup_token(None).await.expect("issued").expect("a token");
    let fields = [
        ("token", token.expose()),
        ("email", "ada@example.com"),
        ("password", PASSWORD),
        ("password_again", PASSWORD),
    ];
    let cookie = house.post("", "/setup", &fields).await.cookie().expect("the token was right");
    let seed = shown_seed(&house.get(&cookie, "/setup/authenticator").await.body);
    Door::new(house, cookie, "/setup/authenticator", "ada@example.com", &seed).must_hold().await;
}

#[tokio::test]
async fn the_code_at_sign_in() {
    let house = House::new().await;
    let Person { email, seed, .. } = house.test.administrator().await;
    let cookie = house.half_signed_in(&email).await;
    Door::new(house, cookie, "/sign-in/code", &email, &seed).must_hold().await;
}

#[tokio::test]
async fn the_recovery_code() {
    let house = House::new().await;
    let person = house.test.administrator().await;
    let cookie = house.half_signed_in(&person.email).await;
    let right = person.recovery_codes[0].clone();
    let email = person.email;
    let path = "/sign-in/recovery".to_owned();
    let others = Vec::new();
    Door { house, cookie, path, field: "recovery_code", right, others, email }.must_hold().await;
}

#[tokio::test]
async fn the_code_of_a_new_authenticator_after_a_recovery_code() {
    let house = House::new().await;
    let person = house.test.administrator().await;
    let half = house.half_signed_in(&person.email).await;
    let code = [("recovery_code", person.recovery_codes[0].as_str())];
    let cookie = house.post(&half, "/sign-in/recovery", &code).await.cookie().expect("the code was right");
    let seed = shown_seed(&house.get(&cookie, "/sign-in/authenticator").await.body);
    Door::new(house, cookie, "/sign-in/authenticator", &person.email, &seed).must_hold().await;
}

#[tokio::test]
async fn the_code_of_a_new_authenticator_in_the_profile() {
    let (house, person, cookie) = furnished().await;
    let prepared = house.post(&cookie, "/profile/authenticator", &[("current_password", PASSWORD)]).await;
    let code = house.test.code(&person);
    let begun = house.post(&cookie, prepared.location(), &[("code", code.expose())]).await;
    assert_eq!(begun.location(), "/profile/authenticator/enrol");
    let seed = shown_seed(&house.get(&cookie, begun.location()).await.body);
    Door::new(house, cookie, "/profile/authenticator/enrol", &person.email, &seed).must_hold().await;
}

#[tokio::test]
async fn the_code_that_confirms_each_change() {
    for (path, fields) in super::prepared::CHANGES {
        let (house, person, cookie) = furnished().await;
        let prepared = house.post(&cookie, path, fields).await.location().to_owned();
        Door::new(house, cookie, &prepared, &person.email, &person.seed).must_hold().await;
    }
}

/// Checks that no other page takes a code.
#[tokio::test]
async fn every_page_that_takes_a_code_is_here() {
    let (house, _, cookie) = furnished().await;
    let half = house.half_signed_in("ada@example.com").await;
    let known = ["/sign-in/code", "/sign-in/recovery"];
    for row in server::PAGES.iter().filter(|row| row.methods.contains(&Method::GET)) {
        let path = crate::support::address(row.path);
        for cookie in [&cookie, &half] {
            let page = house.get(cookie, &path).await;
            let asks = page.body.contains("name=\"code\"") || page.body.contains("name=\"recovery_code\"");
            assert!(!asks || known.contains(&path.as_str()), "{path} asks for a code");
        }
    }
}
