//! Logs on standard error, metrics on a listener of their own.

use crate::settings::Settings;
use crate::web::error_pages::Reason;
use crate::web::{headers, visitor};
use crate::{App, Stop};
use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;
use domain::data::operation::{Deed, Door};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::cell::RefCell;
use std::collections::HashMap;
use std::io::IsTerminal;
use std::time::{Duration, Instant};
use tracing_subscriber::EnvFilter;

/// Libraries that log what they send, sign or receive, or the parameters of an address.
const QUIET: [&str; 10] = [
    "aws_config",
    "aws_runtime",
    "aws_sdk_kms",
    "aws_sigv4",
    "aws_smithy_http",
    "aws_smithy_http_client",
    "aws_smithy_runtime",
    "aws_smithy_runtime_api",
    "hyper_util",
    "sqlx_postgres::options",
];

const TIDY: Duration = Duration::from_secs(5);

/// Starts logging.
///
/// # Errors
/// A sentence when the filter cannot be read.
pub fn start_logs(settings: &Settings) -> Result<(), Stop> {
    // PostgreSQL reports at every start that the table of migrations exists already. The limits for `QUIET` stand last, so that
    // requests to KMS and its responses are in no log, whatever filter the operator sets.
    let quiet = QUIET.map(|library| format!("{library}=warn")).join(",");
    let filter = EnvFilter::try_new(format!("sqlx::postgres::notice=warn,{},{quiet}", settings.log.filter));
    let filter = filter.map_err(|error| Stop::new(format!("The log filter cannot be used: {error}.")))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A line that cannot be written is lost: reporting that on the same standard error would end the work it belongs to.
    let builder = builder.with_ansi(std::io::stderr().is_terminal()).log_internal_errors(false);
    if settings.log.is_json {
        builder.json().init()
    } else {
        builder.init()
    }
    Ok(())
}

/// Counts items of the data plane by door, operation and outcome.
pub fn count_data(door: Door, deed: Deed, outcome: &'static str, items: usize) {
    if items > 0 {
        ITEMS.with_borrow_mut(|counters| {
            let counter = counters.entry((door, deed, outcome)).or_insert_with(|| {
                metrics::counter!(
                    "keystead_data_items_total", "door" => door.word(), "operation" => deed.word(), "outcome" => outcome
                )
            });
            counter.increment(items as u64);
        });
    }
}

/// Starts collecting metrics.
///
/// # Errors
/// A sentence when the recorder cannot be installed.
pub fn start_metrics() -> Result<PrometheusHandle, Stop> {
    const SECONDS: &[f64] = &[0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
    let failed = |_| Stop::new("Keystead cannot start its metrics recorder.");
    // Without buckets the exporter makes summaries, which cannot be added up over several servers.
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full("keystead_http_request_seconds".into()), SECONDS)
        .map_err(failed)?
        .install_recorder()
        .map_err(failed)
}

/// Compacts the metrics every few seconds: the recorder keeps every single measurement until then, also when nobody ever reads
/// them.
pub async fn keep_tidy(handle: PrometheusHandle) {
    let mut tick = tokio::time::interval(TIDY);
    loop {
        tick.tick().await;
        handle.run_upkeep();
    }
}

/// Returns the router of the metrics listener, with its one route.
pub fn metrics_router(handle: PrometheusHandle) -> Router {
    Router::new()
        .route("/metrics", get(async move || handle.render()))
        .layer(middleware::from_fn(headers::set_fixed))
}

/// Returns a method as it is counted and logged. A client may invent any number of methods, and each would be a counter that
/// stays.
fn known(method: &Method) -> &'static str {
    static KNOWN: [Method; 9] = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::PATCH,
        Method::OPTIONS,
        Method::TRACE,
        Method::CONNECT,
    ];
    KNOWN.iter().find(|known| *known == method).map_or("other", Method::as_str)
}

/// Counts each request by its route, never by its address, which may hold names. It also logs the request; a refusal because of
/// the client, or of how it sent the request, is a warning with the client's address.
pub async fn observe(State(app): State<App>, request: Request, next: Next) -> Response {
    let heard = visitor::heard(&app, request.extensions(), request.headers());
    app.proxies().note(&heard);
    let address = heard.address.map(|ip| ip.to_string()).unwrap_or_default();
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let method = request.method().clone();
    let began = Instant::now();
    let response = next.run(request).await;
    let (method, status) = (known(&method), response.status().as_u16());
    let took_ms = count(method, &route, status, began);
    if matches!(status, 400 | 401 | 403 | 408 | 413 | 415 | 421 | 429 | 501) {
        let reason =
            response.extensions().get::<Reason>().map(|reason| reason.0.as_str()).unwrap_or_default();
        tracing::warn!(method, route, status, address, reason, "request refused");
    } else if method != "OPTIONS"
        && !matches!(route.as_str(), "/healthz" | "/readyz" | "/assets/{hash}/{name}")
    {
        tracing::info!(method, route, status, took_ms, "request");
    }
    response
}

/// Counts a request of a service. There are thousands a second, so the log has them at the level debug only: each is in the
/// journal or, without a valid key, in the metrics.
pub fn observed(method: &Method, route: &'static str, address: &str, began: Instant, response: &Response) {
    let (method, status) = (known(method), response.status().as_u16());
    let took_ms = count(method, route, status, began);
    tracing::debug!(method, route, status, address, took_ms, "service request");
}

fn count(method: &'static str, route: &str, status: u16, began: Instant) -> u64 {
    let took = began.elapsed();
    METERS.with_borrow_mut(|meters| {
        // `entry` takes an owned key, which would be an allocation for each request.
        let meter = match meters.get_mut(&(method, status)).and_then(|routes| routes.get(route)) {
            Some(meter) => meter,
            None => {
                let routes = meters.entry((method, status)).or_default();
                routes.entry(route.to_owned()).or_insert_with(|| Meter::of(method, route, status))
            }
        };
        meter.requests.increment(1);
        meter.seconds.record(took.as_secs_f64());
    });
    took.as_millis() as u64
}

/// The metrics of a kind of request.
struct Meter {
    requests: metrics::Counter,
    seconds: metrics::Histogram,
}

/// By method and status, then by route.
type Meters = HashMap<(&'static str, u16), HashMap<String, Meter>>;

thread_local! {
    /// Meters, found without building their labels anew; there are only as many as methods, statuses and routes.
    static METERS: RefCell<Meters> = RefCell::default();
    static ITEMS: RefCell<HashMap<(Door, Deed, &'static str), metrics::Counter>> = RefCell::default();
}

impl Meter {
    fn of(method: &'static str, route: &str, status: u16) -> Self {
        let (route, status) = (route.to_owned(), status.to_string());
        let seconds = metrics::histogram!("keystead_http_request_seconds", "route" => route.clone());
        let labels = [("method", method.to_owned()), ("route", route), ("status", status)];
        Self { requests: metrics::counter!("keystead_http_requests_total", &labels), seconds }
    }
}
