//! API keys: the list, "Create API key", "Revoke".

use crate::App;
use crate::api::native::reference;
use crate::web::failure::Failure;
use crate::web::forms::{NoFields, Typed};
use crate::web::page::{Page, chrome, chrome_of_all};
use crate::web::redirect::{query_value, see};
use crate::web::visitor::SignedIn;
use app::pages::{ApiGuidePage, ApiKeysPage, NewApiKeyPage};
use axum::extract::State;
use axum::response::Response;
use domain::base::address;
use engine::Error;
use leptos::prelude::*;

pub async fn list(State(app): State<App>, who: SignedIn) -> Result<Response, Failure> {
    let before = query_value(&who.visitor.query, "before").and_then(|id| id.parse().ok());
    let (chrome, view) = (chrome(&app, &who).await?, app.portal().services().api_keys(before).await?);
    Ok(Page::framed(&who, "API keys").show(&app, move || view! { <ApiKeysPage chrome view /> }))
}

/// Shows "How services use it".
pub async fn guide(State(app): State<App>, who: SignedIn) -> Result<Response, Failure> {
    let chrome = chrome_of_all(&app, &who).await?;
    let (address, operations) = (app.public_url().as_str().trim_end_matches('/').to_owned(), reference());
    let page = Page::framed(&who, "How services use it");
    Ok(page.show(&app, move || view! { <ApiGuidePage chrome address operations /> }))
}

pub async fn show_new(State(app): State<App>, who: SignedIn) -> Result<Response, Failure> {
    let view = match app.portal().services().new_api_key(&who.session).await {
        Err(Error::NotFound) => return Ok(see(address::API_KEYS)),
        view => view?,
    };
    let page = Page::with_islands(&who.visitor, "Your new API key");
    Ok(page.show(&app, move || view! { <NewApiKeyPage view /> }))
}

pub async fn saved_new(
    State(app): State<App>,
    who: SignedIn,
    Typed(_): Typed<NoFields>,
) -> Result<Response, Failure> {
    app.portal().services().forget_new_api_key(&who.session).await?;
    Ok(see(address::API_KEYS))
}
