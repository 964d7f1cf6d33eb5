//! How long the session lasts, for the notice before its end.

use crate::App;
use crate::web::failure::Failure;
use crate::web::forms::{NoFields, Typed};
use crate::web::page::session_end;
use crate::web::visitor::SignedIn;
use axum::extract::State;

/// Returns the seconds that are left. Asking does not prolong the session.
pub async fn left(State(app): State<App>, who: SignedIn) -> String {
    session_end(&who.session, app.portal().now()).seconds_left.to_string()
}

/// Prolongs the session, as every request of a person does, and returns the seconds that are left.
pub async fn stay(
    State(app): State<App>,
    who: SignedIn,
    Typed(NoFields {}): Typed<NoFields>,
) -> Result<String, Failure> {
    Ok(session_end(&who.session, app.portal().now()).seconds_left.to_string())
}
