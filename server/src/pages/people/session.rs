//! How long the session lasts, for the notice before its end.

use crate::App;
use crate::web::failure::Failure;
use crate::web::forms::{NoFields, Typed};
use crate::web::page::session_end;
use crate::web::visitor::SignedIn;
use axum::extract::State;
use domain::overview::frame::SessionEnd;

/// Returns the seconds that are left, and "final" when nothing prolongs the session. Asking does not prolong it either.
pub async fn left(State(app): State<App>, who: SignedIn) -> String {
    told(&app, &who)
}

/// Prolongs the session, as every request of a person does, and returns what is left.
pub async fn stay(
    State(app): State<App>,
    who: SignedIn,
    Typed(NoFields {}): Typed<NoFields>,
) -> Result<String, Failure> {
    Ok(told(&app, &who))
}

fn told(app: &App, who: &SignedIn) -> String {
    let SessionEnd { seconds_left, is_final } = session_end(&who.session, app.portal().now());
    let word = if is_final { " final" } else { "" };
    format!("{seconds_left}{word}")
}
