//! Encryption keys: the list of versions, and one version.

use crate::App;
use crate::web::failure::Failure;
use crate::web::forms::AtScope;
use crate::web::forms::InScope;
use crate::web::page::{Page, chrome};
use crate::web::redirect::{query_page, query_value};
use crate::web::visitor::SignedIn;
use app::pages::{KeyVersionPage, KeysPage};
use axum::extract::State;
use axum::response::Response;
use domain::base::number;
use leptos::prelude::*;

pub async fn list(
    State(app): State<App>,
    who: SignedIn,
    InScope(scope): InScope,
) -> Result<Response, Failure> {
    let query = &who.visitor.query;
    let new = query_value(query, "new").and_then(|text| number::plain::<u32>(&text));
    let view = app.portal().keys().list(&scope, query_page(query, "page")).await?;
    let next_steps = app.portal().overview().next_steps_at(&scope).await?;
    let chrome = chrome(&app, &who).await?;
    let page =
        Page::framed(&who, format!("Encryption keys · {} · {}", scope.country.name(), view.environment_name));
    Ok(page.show(&app, move || view! { <KeysPage chrome view new next_steps /> }))
}

pub async fn version(State(app): State<App>, who: SignedIn, at: AtScope) -> Result<Response, Failure> {
    let number = at.version()?;
    let AtScope { scope, .. } = at;
    let (version, environment_name) = app.portal().keys().version(&scope, number).await?;
    let aws = app.portal().custody().aws_key(&scope, number).await?;
    let lease = app.portal().custody().lease(&scope, number).await?;
    let others = app.portal().custody().notes().of_others(&scope, number).await?;
    let (usage, late) = app.portal().services().usage(&scope, number).await?;
    let timeline = app.portal().keys().timeline(&scope, version.clone(), usage).await?;
    let chrome = chrome(&app, &who).await?;
    let page = Page::framed(&who, format!("Version {number} · {scope}"));
    Ok(page.show(&app, move || {
        view! { <KeyVersionPage chrome scope environment_name version usage late timeline aws lease others /> }
    }))
}
