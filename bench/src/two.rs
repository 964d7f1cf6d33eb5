//! Measures two servers on one PostgreSQL: whether an operation costs more than with one server alone.

use crate::home::Home;
use crate::load::{self, Data, Work};
use crate::process::Process;
use crate::report::Side::AtMost;
use crate::report::{self, Measure};
use crate::rounds::{MANY, median, spread};
use anyhow::Result;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const SCOPES: usize = 1_000;
const ROUNDS: usize = 5;
const SECONDS: u32 = 2;

/// CPU time of an operation in microseconds, in each round.
#[derive(Clone, Debug)]
pub struct Figures {
    one: Vec<f64>,
    two: Vec<f64>,
    /// With two servers that share nothing but the core.
    strangers: Vec<f64>,
}

impl Figures {
    pub fn measures(&self) -> Vec<Measure> {
        let all = [&self.one, &self.two, &self.strangers];
        let [one, two, strangers] = all.map(|rounds| median(rounds.iter().copied()));
        let spreads = all.map(|rounds| format!("{:.0} %", spread(rounds.iter().copied()))).join(", ");
        let (times, apart) = (two / one, strangers / one);
        let what = "two servers on one PostgreSQL, time on a processor for an operation against one";
        let found = format!(
            "{times:.2} × ({one:.1} µs alone, {two:.1} µs; {strangers:.1} µs with a database each, {apart:.2} ×; \
             spread {spreads})"
        );
        vec![report::measure(what, (AtMost, 1.05, None, "×"), &[times], found)]
    }
}

/// A server and its requests.
type Server = (Arc<Data>, Arc<Process>);

/// # Errors
/// When anything fails.
pub async fn measure(program: &Path, folder: &Path, postgres: &str) -> Result<Figures> {
    let home = Home::new(folder, "two", Some(postgres)).await?;
    let data = Arc::new(load::fill(&home, SCOPES, &[Work::Encrypt]).await?);
    let other = Home::new(folder, "stranger", Some(postgres)).await?;
    let others = Arc::new(load::fill(&other, SCOPES, &[Work::Encrypt]).await?);
    let first = (Arc::clone(&data), Arc::new(home.start(program)?));
    data.fill_memory(&first.1, Work::Encrypt)?;
    let (mut one, mut two, mut strangers) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        one.push(cost(std::slice::from_ref(&first)).await?);
        two.push(beside(&first, &data, home.start_second(program)?).await?);
        strangers.push(beside(&first, &others, other.start(program)?).await?);
    }
    drop(first);
    home.end().await?;
    other.end().await?;
    Ok(Figures { one, two, strangers })
}

/// Returns the cost of an operation at the first server and another one, which ends afterwards.
async fn beside(first: &Server, data: &Arc<Data>, process: Process) -> Result<f64> {
    data.fill_memory(&process, Work::Encrypt)?;
    cost(&[first.clone(), (Arc::clone(data), Arc::new(process))]).await
}

/// Returns the cost of an operation while all of these servers work at the same time.
async fn cost(servers: &[Server]) -> Result<f64> {
    let spent = || servers.iter().map(|(_, process)| process.cpu()).sum::<Result<Duration>>();
    let before = spent()?;
    let runs = servers.iter().map(|(data, process)| {
        let (data, port) = (Arc::clone(data), process.port);
        tokio::task::spawn_blocking(move || data.run(port, Work::Encrypt, MANY, SECONDS))
    });
    let mut requests = 0;
    for run in runs.collect::<Vec<_>>() {
        requests += run.await??.requests;
    }
    Ok((spent()? - before).as_secs_f64() * 1e6 / requests as f64)
}
