//! A browser without a window: the router in process, a cookie jar, an authenticator app.

#![allow(dead_code, reason = "each test binary uses its part")]

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use engine::testing::{Kind, PASSWORD, Person, TestPortal};
use http_body_util::BodyExt;
use server::settings::Settings;
use server::{App, router};
use std::collections::BTreeMap;
use tower::ServiceExt;

/// A portal behind its front door.
pub struct House {
    pub test: TestPortal,
    pub router: Router,
}

/// What came back.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub fn location(&self) -> &str {
        self.header("location")
    }

    /// The session cookie that was set, ready to be sent back.
    pub fn cookie(&self) -> Option<String> {
        let set = self.headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok());
        let pair =
            set.filter_map(|cookie| cookie.split(';').next()).find(|pair| pair.starts_with("keystead="));
        pair.map(str::to_owned)
    }
}

/// A request being put together; from our own page unless it says otherwise.
pub struct Ask<'a> {
    house: &'a House,
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    form: Option<String>,
}

impl House {
    pub async fn new() -> Self {
        let test = TestPortal::new(Kind::Sqlite).await;
        let settings = Settings::from_maps(BTreeMap::new(), BTreeMap::new()).expect("the defaults are good");
        let router = router(App::new(test.portal.clone(), &settings));
        Self { test, router }
    }

    pub fn ask(&self, method: Method, path: &str) -> Ask<'_> {
        let headers =
            vec![("host", "127.0.0.1:3000".to_owned()), ("sec-fetch-site", "same-origin".to_owned())];
        Ask { house: self, method, path: path.to_owned(), headers, form: None }
    }

    pub async fn get(&self, cookie: &str, path: &str) -> Answer {
        self.ask(Method::GET, path).cookie(cookie).send().await
    }

    pub async fn post(&self, cookie: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.ask(Method::POST, path).cookie(cookie).fields(fields).send().await
    }

    /// Signs somebody in through the front door; answers with the cookie.
    pub async fn sign_in(&self, person: &Person) -> String {
        let first = self.post("", "/sign-in", &[("email", &person.email), ("password", PASSWORD)]).await;
        let cookie = first.cookie().expect("the password was right");
        let code = self.test.code(person);
        let second = self.post(&cookie, "/sign-in/code", &[("code", code.expose())]).await;
        self.test.next_code();
        second.cookie().expect("the code was right")
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

    pub fn fields(mut self, fields: &[(&str, &str)]) -> Self {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        self.form = Some(form.extend_pairs(fields).finish());
        self
    }

    pub async fn send(self) -> Answer {
        let mut request = Request::builder().method(self.method.clone()).uri(&self.path);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        let body = match (self.form, self.method == Method::POST) {
            (Some(form), _) => {
                request = request.header("content-type", "application/x-www-form-urlencoded");
                Body::from(form)
            }
            (None, true) => {
                request = request.header("content-type", "application/x-www-form-urlencoded");
                Body::empty()
            }
            (None, false) => Body::empty(),
        };
        let request = request.body(body).expect("a request");
        let response = self.house.router.clone().oneshot(request).await.expect("an answer");
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("a body").to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8_lossy(&bytes).into_owned(),
        }
    }
}
