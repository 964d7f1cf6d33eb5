//! Renders a Leptos view to a response.

use super::cookies;
use super::headers::page_policy;
use super::redirect::{query_filter, see};
use super::visitor::{SignedIn, Visitor};
use crate::App;
use crate::pages::with_cookie;
use app::document::{Document, DocumentProps};
use app::frame::brand::BrandName;
use app::pages::ErrorPage;
use app::ui::form::Draft;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use chrono::{DateTime, Utc};
use domain::base::address;
use domain::base::typed::is_blank_text;
use domain::overview::frame::{Chrome, SessionEnd, Theme};
use engine::base::email;
use engine::changes::session::Ends;
use engine::{Error, Session};
use hydration_context::SsrSharedContext;
use leptos::nonce::{provide_nonce, use_nonce};
use leptos::prelude::*;
use std::sync::Arc;

/// The title, theme, status and script of a page.
pub struct Page {
    pub title: String,
    pub theme: Theme,
    pub status: StatusCode,
    /// Only pages with islands carry script.
    pub islands: bool,
    /// What was typed into a form of this page when the session ended.
    draft: Option<Draft>,
}

impl Page {
    /// Returns a page in the frame of a person who is signed in.
    pub fn framed(who: &SignedIn, title: impl Into<String>) -> Self {
        let Visitor { theme, path, draft, .. } = &who.visitor;
        let draft = draft.clone().map(|form| Draft { path: path.clone(), form });
        Self { title: title.into(), theme: *theme, status: StatusCode::OK, islands: true, draft }
    }

    /// Returns a page outside the frame, without script.
    pub fn plain(visitor: &Visitor, title: impl Into<String>) -> Self {
        let (title, theme) = (title.into(), visitor.theme);
        Self { title, theme, status: StatusCode::OK, islands: false, draft: None }
    }

    /// Returns a page outside the frame, with islands.
    pub fn with_islands(visitor: &Visitor, title: impl Into<String>) -> Self {
        Self { islands: true, ..Self::plain(visitor, title) }
    }

    #[must_use]
    pub fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Renders the view inside the document. Views are pure functions of their arguments, so the page is complete at once and
    /// nothing is streamed after it.
    pub fn show<V: IntoView + 'static>(
        self,
        app: &App,
        view: impl FnOnce() -> V + Send + 'static,
    ) -> Response {
        let Self { title, theme, status, islands, draft } = self;
        let had_draft = draft.is_some();
        let (assets, brand) = (app.assets().to_owned(), BrandName(app.brand().to_owned()));
        let owner = Owner::new_root(Some(Arc::new(SsrSharedContext::new_islands())));
        let (html, policy) = owner.with(|| {
            provide_nonce();
            provide_context(brand);
            if let Some(draft) = draft {
                provide_context(draft);
            }
            let nonce = use_nonce().filter(|_| islands).map(|nonce| nonce.to_string());
            let children: Children = Box::new(|| view().into_any());
            let document = DocumentProps { title, assets, theme, islands, children };
            (Document(document).to_html(), page_policy(nonce.as_deref()))
        });
        // Nothing is streamed later, so the page's reactive values are cleaned up even if something still refers to them.
        owner.unset_with_forced_cleanup();
        let Ok(policy) = HeaderValue::from_str(&policy) else {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        };
        let response = (status, [(CONTENT_SECURITY_POLICY, policy)], Html(html)).into_response();
        match had_draft {
            true => with_cookie(response, cookies::no_draft(app)),
            false => response,
        }
    }
}

/// Loads the frame around every page of a person who is signed in.
///
/// # Errors
/// When the database fails.
pub async fn chrome(app: &App, who: &SignedIn) -> Result<Chrome, Error> {
    chrome_with(app, who, false).await
}

/// Loads the frame for a page that itself shows every country, however many there are.
///
/// # Errors
/// When the database fails.
pub async fn chrome_of_all(app: &App, who: &SignedIn) -> Result<Chrome, Error> {
    chrome_with(app, who, true).await
}

async fn chrome_with(app: &App, who: &SignedIn, all: bool) -> Result<Chrome, Error> {
    let filter = query_filter(&who.visitor.query, "filter");
    // A filter looks for the names of countries, which the database does not know.
    let tree = match all || !is_blank_text(&filter) {
        true => app.portal().overview().tree().await?,
        false => {
            app.portal().overview().tree_around(address::environment_of(&who.visitor.path).as_ref()).await?
        }
    };
    Ok(Chrome {
        email: email::shown(&who.session.email),
        theme: who.visitor.theme,
        path: who.visitor.path.clone(),
        next: who.visitor.asked(),
        filter,
        tree,
        // The query of the session has told whether a message waits, so most pages need no query for it.
        flash: match who.session.has_message && !who.session.from.only_looks {
            true => app.portal().notes().take_flash(&who.session, &who.visitor.path).await?,
            false => None,
        },
        unsaved: who.session.unsaved,
        session_end: session_end(&who.session, app.portal().now()),
        now: app.portal().now(),
    })
}

pub fn session_end(session: &Session, now: DateTime<Utc>) -> SessionEnd {
    let Ends { idle, absolute } = session.ends;
    SessionEnd { seconds_left: (idle.min(absolute) - now).num_seconds(), is_final: absolute <= idle }
}

/// Redirects (303) to the page that shows the result, with a status message that is shown there once.
pub async fn done(app: &App, who: &SignedIn, path: &str, message: impl Into<String>) -> Response {
    app.portal().notes().put_flash(&who.session, path, &message.into()).await;
    see(path)
}

/// Shows the page for a failure.
pub fn error(app: &App, theme: Theme, status: StatusCode, title: &str, message: String) -> Response {
    let page = Page { title: title.to_owned(), theme, status, islands: false, draft: None };
    let title = title.to_owned();
    page.show(app, move || {
        let (title, message) = (title.clone(), message.clone());
        view! { <ErrorPage title message back="/".to_owned() /> }
    })
}
