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
}

impl Figures {
    pub fn measures(&self) -> Vec<Measure> {
        let times = self.two / self.one;
        let what = "two servers on one PostgreSQL, time on a processor for an operation against one";
        let found = format!("{times:.2} × ({:.1} µs, {:.1} µs alone)", self.two, self.one);
        vec![report::measure(what, (AtMost, 1.05, None, "×"), &[times], found)]
    }
}

/// # Errors
/// When anything fails.
pub async fn measure(program: &Path, folder: &Path, postgres: &str) -> Result<Figures> {
    let home = Home::new(folder, "two", Some(postgres)).await?;
    let data = Arc::new(load::fill(&home, SCOPES, &[Work::Encrypt]).await?);
    let first = Arc::new(home.start(program)?);
    data.fill_memory(&first, Work::Encrypt)?;
    let (mut one, mut two) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        one.push(cost(&data, &[Arc::clone(&first)]).await?);
        let second = Arc::new(home.start_second(program)?);
        data.fill_memory(&second, Work::Encrypt)?;
        two.push(cost(&data, &[Arc::clone(&first), Arc::clone(&second)]).await?);
    }
    drop(first);
    home.end().await?;
    Ok(Figures { one: median(one), two: median(two) })
}

/// What an operation costs while all of these servers work at the same time.
async fn cost(data: &Arc<Data>, servers: &[Arc<Process>]) -> Result<f64> {
    let spent = || servers.iter().map(|server| server.cpu()).sum::<Result<Duration>>();
    let before = spent()?;
    let runs = servers.iter().map(|server| {
        let (data, port) = (Arc::clone(data), server.port);
        tokio::task::spawn_blocking(move || data.run(port, Work::Encrypt, MANY, SECONDS))
    });
    let mut requests = 0;
    for run in runs.collect::<Vec<_>>() {
        requests += run.await??.requests;
    }
    Ok((spent()? - before).as_secs_f64() * 1e6 / requests as f64)
}
