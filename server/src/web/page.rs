//! From a Leptos view to an answer.

use super::headers::page_policy;
use super::visitor::{SignedIn, Visitor};
use crate::App;
use app::document::Document;
use app::pages::ErrorPage;
use axum::body::Body;
use axum::http::header::{CONTENT_SECURITY_POLICY, LOCATION};
use axum::http::{HeaderValue, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::view::{Chrome, Theme};
use engine::Error;
use leptos::nonce::use_nonce;
use leptos::prelude::*;
use leptos_axum::ResponseOptions;
use std::sync::{Arc, Once};

/// How a page is answered.
pub struct Page {
    pub title: String,
    pub theme: Theme,
    pub status: StatusCode,
    /// Only pages with islands carry script.
    pub islands: bool,
}

impl Page {
    /// A page in the frame of somebody signed in.
    pub fn framed(who: &SignedIn, title: impl Into<String>) -> Self {
        Self { title: title.into(), theme: who.visitor.theme, status: StatusCode::OK, islands: true }
    }

    /// A page outside the frame, without script.
    pub fn plain(visitor: &Visitor, title: impl Into<String>) -> Self {
        Self { title: title.into(), theme: visitor.theme, status: StatusCode::OK, islands: false }
    }

    /// A page outside the frame, with islands.
    pub fn with_islands(visitor: &Visitor, title: impl Into<String>) -> Self {
        Self { islands: true, ..Self::plain(visitor, title) }
    }

    #[must_use]
    pub fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Renders the view inside the document.
    pub async fn show<V: IntoView + 'static>(
        self,
        app: &App,
        view: impl Fn() -> V + Send + Sync + 'static,
    ) -> Response {
        // Erased here, so that the renderer is compiled once and not for every page.
        self.render(app, Arc::new(move || view().into_any())).await
    }

    async fn render(self, app: &App, view: Arc<dyn Fn() -> AnyView + Send + Sync>) -> Response {
        start_executor();
        let Self { title, theme, status, islands } = self;
        let assets = app.assets().to_owned();
        let document = move || {
            let (title, assets, view) = (title.clone(), assets.clone(), view.clone());
            view! { <Document title assets theme islands>{view()}</Document> }.into_any()
        };
        // The request's own address and body are of no concern to a view.
        let request = Request::new(Body::empty());
        let policy = move || {
            let nonce = use_nonce().filter(|_| islands).map(|nonce| nonce.to_string());
            if let (Some(options), Ok(policy)) =
                (use_context::<ResponseOptions>(), HeaderValue::from_str(&page_policy(nonce.as_deref())))
            {
                options.insert_header(CONTENT_SECURITY_POLICY, policy);
            }
        };
        let mut response = leptos_axum::render_app_async_with_context(policy, document)(request).await;
        *response.status_mut() = status;
        response
    }
}

/// Leptos renders on the runtime that is there; it wants to be told once.
fn start_executor() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let _ = any_spawner::Executor::init_tokio();
    });
}

/// What surrounds every page of somebody signed in.
///
/// # Errors
/// When the database fails.
pub async fn chrome(app: &App, who: &SignedIn) -> Result<Chrome, Error> {
    let filter = query_value(&who.visitor.query, "filter").unwrap_or_default();
    Ok(Chrome {
        email: who.session.email.clone(),
        theme: who.visitor.theme,
        path: who.visitor.path.clone(),
        filter: filter.chars().take(60).collect(),
        tree: app.portal().tree().await?,
        flash: app.portal().take_flash(&who.session).await?,
        now: app.portal().now(),
    })
}

/// One value of a query.
pub fn query_value(query: &str, name: &str) -> Option<String> {
    url::form_urlencoded::parse(query.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

/// 303 to where the result is seen.
pub fn see(path: &str) -> Response {
    match HeaderValue::from_str(path) {
        Ok(path) => (StatusCode::SEE_OTHER, [(LOCATION, path)]).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// 303 to where the result is seen, with a status message shown there once.
///
/// # Errors
/// When the database fails.
pub async fn done(
    app: &App,
    who: &SignedIn,
    path: &str,
    message: impl Into<String>,
) -> Result<Response, Error> {
    app.portal().put_flash(&who.session, &message.into()).await?;
    Ok(see(path))
}

/// A calm page for what did not work.
pub async fn error(app: &App, theme: Theme, status: StatusCode, title: &str, message: String) -> Response {
    let page = Page { title: title.to_owned(), theme, status, islands: false };
    let title = title.to_owned();
    page.show(app, move || {
        let (title, message) = (title.clone(), message.clone());
        view! { <ErrorPage title message back="/".to_owned() /> }
    })
    .await
}

/// Where a person may be sent after signing in: a path of ours, never another site.
pub fn local_path(next: &str) -> String {
    let is_local = next.starts_with('/')
        && !next.starts_with("//")
        && !next.contains('\\')
        && next.len() <= 2000
        && next.bytes().all(|b| b.is_ascii_graphic());
    if is_local { next.to_owned() } else { "/".to_owned() }
}

/// Text as one value of a query.
pub fn encode(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_to_another_site() {
        for (next, sent) in [
            ("/environments/production", "/environments/production"),
            ("/audit?before=7", "/audit?before=7"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("https://evil.example", "/"),
            ("javascript:alert(1)", "/"),
            ("/a\r\nSet-Cookie: x", "/"),
            ("/\tevil", "/"),
            ("", "/"),
        ] {
            assert_eq!(local_path(next), sent, "{next}");
        }
    }
}
