//! The profile of an administrator.

use crate::App;
use crate::web::failure::Failure;
use crate::web::page::{Page, chrome};
use crate::web::visitor::SignedIn;
use app::pages::ProfilePage;
use axum::extract::State;
use axum::response::Response;
use leptos::prelude::*;

pub async fn show(State(app): State<App>, who: SignedIn) -> Result<Response, Failure> {
    let (chrome, view) = (chrome(&app, &who).await?, app.portal().people().profile(&who.session).await?);
    Ok(Page::framed(&who, "Profile").show(&app, move || view! { <ProfilePage chrome view /> }))
}
