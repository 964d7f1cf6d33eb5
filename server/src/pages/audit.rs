//! The audit log.

use crate::App;
use crate::web::failure::Failure;
use crate::web::page::{Page, chrome, query_value};
use crate::web::visitor::SignedIn;
use app::pages::AuditPage;
use axum::extract::State;
use axum::response::Response;
use leptos::prelude::*;

pub async fn show(State(app): State<App>, who: SignedIn) -> Result<Response, Failure> {
    let before = query_value(&who.visitor.query, "before").and_then(|text| text.parse().ok());
    let view = app.portal().audit_log(before).await?;
    let chrome = chrome(&app, &who).await?;
    Ok(Page::framed(&who, "Audit log").show(&app, move || view! { <AuditPage chrome view /> }))
}
