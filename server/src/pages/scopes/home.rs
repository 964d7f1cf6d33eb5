//! `/`, and the theme switch that every page carries.

use crate::App;
use crate::pages::with_cookie;
use crate::web::cookies;
use crate::web::failure::Failure;
use crate::web::forms::Typed;
use crate::web::redirect::{local_path, see};
use crate::web::visitor::Visitor;
use axum::extract::State;
use axum::response::Response;
use domain::base::address;
use domain::overview::frame::Theme;
use engine::{SetupState, Stage};
use serde::Deserialize;

pub async fn show(State(app): State<App>, visitor: Visitor) -> Result<Response, Failure> {
    if visitor.at(Stage::Full).is_some() {
        return Ok(see(address::ENVIRONMENTS));
    }
    let is_set_up = app.portal().people().setup_state().await? == SetupState::Done;
    Ok(see(if is_set_up { address::SIGN_IN } else { address::SETUP }))
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
