//! Two servers on one PostgreSQL: whether an operation costs more than on one alone.

use crate::home::Home;
use crate::load::{self, Data, Work};
use crate::process::Process;
use crate::report::Side::AtMost;
use crate::report::{self, Measure};
use crate::rounds::{MANY, median};
use anyhow::Result;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const SCOPES: usize = 1_000;
const ROUNDS: usize = 5;
const SECONDS: u32 = 2;

/// Microseconds of a processor for an operation.
#[derive(Clone, Debug)]
pub struct Figures {
    pub one: f64,
    pub two: f64,
    /// Of two that share nothing but the core.
    pub strangers: f64,
}

impl Figures {
    pub fn measures(&self) -> Vec<Measure> {
        let times = self.two / self.one;
        let what = "two servers on one PostgreSQL, time on a processor for an operation against one";
        let Self { one, two, strangers } = self;
        let found = format!(
            "{times:.2} × ({two:.1} µs, {one:.1} µs alone; {strangers:.1} µs with a database each, {:.2} ×)",
            strangers / one
        );
        vec![report::measure(what, (AtMost, 1.05, None, "×"), &[times], found)]
    }
}

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
        one.push(cost(&[first.clone()]).await?);
        for (costs, data, process) in
            [(&mut two, &data, home.start_second(program)?), (&mut strangers, &others, other.start(program)?)]
        {
            data.fill_memory(&process, Work::Encrypt)?;
            costs.push(cost(&[first.clone(), (Arc::clone(data), Arc::new(process))]).await?);
        }
    }
    drop(first);
    home.end().await?;
    other.end().await?;
    Ok(Figures { one: median(one), two: median(two), strangers: median(strangers) })
}

/// What an operation costs while all of these servers work at the same time.
async fn cost(servers: &[(Arc<Data>, Arc<Process>)]) -> Result<f64> {
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
