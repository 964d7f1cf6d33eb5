//! The calendar: a month, or a day of it.

use crate::App;
use crate::web::failure::Failure;
use crate::web::page::{Page, chrome};
use crate::web::redirect::{query_page, query_value};
use crate::web::visitor::SignedIn;
use app::pages::CalendarPage;
use axum::extract::State;
use axum::response::Response;
use domain::overview::calendar::{Month, read_day};
use leptos::prelude::*;

/// Shows a day, or a month: without a month in the address, or with one that cannot be read, the present one, and says so.
pub async fn show(State(app): State<App>, who: SignedIn) -> Result<Response, Failure> {
    let value = |name| query_value(&who.visitor.query, name).unwrap_or_default();
    let overview = app.portal().overview();
    let month = Month::read(&value("month"));
    let is_unread = !value("day").is_empty() || (month.is_none() && !value("month").is_empty());
    let view = match read_day(&value("day")) {
        Some(day) => overview.day(day, query_page(&who.visitor.query, "page")).await?,
        None => overview.month(month.unwrap_or_else(|| Month::of(app.portal().now()))).await?,
    };
    let is_list = value("view") == "list";
    let chrome = chrome(&app, &who).await?;
    Ok(Page::framed(&who, "Calendar")
        .show(&app, move || view! { <CalendarPage chrome view is_list is_unread /> }))
}
