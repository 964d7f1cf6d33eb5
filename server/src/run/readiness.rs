//! `/healthz`: the process is alive. `/readyz`: it can serve and is not draining.

use crate::App;
use axum::extract::State;
use axum::http::StatusCode;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(2);

pub async fn healthz() -> &'static str {
    "ok\n"
}

pub async fn readyz(State(app): State<App>) -> (StatusCode, &'static str) {
    if app.is_draining() {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining\n");
    }
    // Only the database decides: a customer's KMS that is away must not take the server from the balancer.
    match tokio::time::timeout(PATIENCE, app.portal().ready()).await {
        Ok(Ok(())) => (StatusCode::OK, "ok\n"),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n"),
    }
}
