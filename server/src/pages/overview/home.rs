//! `/`, the overview, and the theme switch that every page carries.

use crate::App;
use crate::pages::with_cookie;
use crate::web::cookies;
use crate::web::failure::Failure;
use crate::web::forms::Typed;
use crate::web::page::{Page, chrome};
use crate::web::redirect::{local_path, query_filter, query_page, query_value, see};
use crate::web::visitor::{SignedIn, Visitor};
use app::pages::OverviewPage;
use axum::extract::State;
use axum::response::Response;
use domain::base::address;
use domain::overview::frame::Theme;
use domain::overview::grid::{GridSearch, Only, Words};
use domain::overview::upkeep::{JournalState, UpkeepView};
use engine::{SetupState, Stage};
use leptos::prelude::*;
use serde::Deserialize;

/// Shows the overview; leads a visitor who is not signed in to where they can be.
pub async fn show(State(app): State<App>, visitor: Visitor) -> Result<Response, Failure> {
    if let Some(session) = visitor.at(Stage::Full).cloned() {
        return overview(&app, &SignedIn { session, visitor }).await;
    }
    let is_set_up = app.portal().people().setup_state().await? == SetupState::Done;
    match is_set_up {
        true => Err(Failure::sign_in_first_at(&visitor.asked(), visitor.had_session)),
        false => Ok(see(address::SETUP)),
    }
}

async fn overview(app: &App, who: &SignedIn) -> Result<Response, Failure> {
    let query = &who.visitor.query;
    let find = query_filter(query, "find");
    let only = query_value(query, "show").and_then(|word| Only::from_word(&word));
    let (rows, columns) = (query_page(query, "rows"), query_page(query, "columns"));
    let words = Words::typed(&find);
    let grid = app.portal().overview().grid(&GridSearch { words, only, rows, columns }).await?;
    let attention = app.portal().overview().attention().await?;
    let steps = app.portal().overview().next_steps().await?;
    let upkeep = upkeep(app).await?;
    let chrome = chrome(app, who).await?;
    let page = Page::framed(who, "Overview");
    Ok(page.show(app, move || view! { <OverviewPage chrome attention upkeep grid steps find only /> }))
}

/// Returns what an operator must look after, with what only this server knows.
async fn upkeep(app: &App) -> Result<UpkeepView, Failure> {
    let audit = app.portal().audit();
    let journal = match (audit.is_journal_writable(), audit.is_journal_on_reserve()) {
        (false, _) => JournalState::Stopped,
        (true, true) => JournalState::OnReserve,
        (true, false) => JournalState::Works,
    };
    let known = app.portal().overview().upkeep().await?;
    Ok(UpkeepView { proxy: app.proxies().problem(), journal, ..known })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThemeForm {
    theme: String,
    #[serde(default)]
    next: String,
}

pub async fn set_theme(State(app): State<App>, Typed(form): Typed<ThemeForm>) -> Result<Response, Failure> {
    let theme = Theme::from_word(&form.theme).ok_or_else(Failure::bad_form)?;
    Ok(with_cookie(see(&local_path(&form.next)), cookies::set_theme(&app, theme).to_string()))
}
