//! Rounds: every case after the other, then again, so that other work of the machine affects all cases alike.

use crate::process::Process;
use crate::wrk::{self, Target};
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Seconds of each run, number of rounds, and connections.
#[derive(Clone, Copy)]
pub struct Pace {
    pub warm_up: u32,
    pub seconds: u32,
    pub rounds: usize,
    /// Numbers of connections at a time, one case each.
    pub connections: &'static [u32],
}

/// The pace of the figures that are published.
pub const FULL: Pace = Pace { warm_up: 1, seconds: 2, rounds: 5, connections: &[1, MANY] };
/// Number of connections of a case with many.
pub const MANY: u32 = 16;

/// One kind of request to one server, over `connections` connections.
pub struct Case<'a> {
    pub server: &'a str,
    pub process: &'a Process,
    pub work: String,
    pub connections: u32,
    pub headers: &'a [(String, String)],
    pub requests: PathBuf,
}

/// The result of a case in one round.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    pub each_second: f64,
    /// CPU time of the server alone, per request.
    pub cpu: Duration,
    pub p50: Duration,
    pub p99: Duration,
    /// Resident memory of the server, after its requests, in MiB.
    pub resident: f64,
}

/// A case over all rounds.
#[derive(Clone, Debug)]
pub struct Figures {
    pub server: String,
    pub work: String,
    pub connections: u32,
    pub samples: Vec<Sample>,
}

/// Returns the median of several values.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() % 2 {
        _ if values.is_empty() => f64::NAN,
        0 => f64::midpoint(values[middle - 1], values[middle]),
        _ => values[middle],
    }
}

impl Figures {
    pub fn each_second(&self) -> f64 {
        median(self.samples.iter().map(|sample| sample.each_second))
    }

    /// Returns the server's CPU time per request, in microseconds.
    pub fn cpu(&self) -> f64 {
        median(self.samples.iter().map(|sample| micros(sample.cpu)))
    }

    /// Returns the CPU time as a multiple of another case's: the median over the rounds, because other work of the machine
    /// affects cases that follow on each other alike.
    pub fn cpu_times(&self, other: &Self) -> f64 {
        let rounds = self.samples.iter().zip(&other.samples);
        median(rounds.map(|(own, other)| micros(own.cpu) / micros(other.cpu)))
    }

    pub fn p50(&self) -> f64 {
        median(self.samples.iter().map(|sample| micros(sample.p50)))
    }

    pub fn p99(&self) -> f64 {
        median(self.samples.iter().map(|sample| micros(sample.p99)))
    }

    pub fn resident(&self) -> f64 {
        median(self.samples.iter().map(|sample| sample.resident))
    }

    /// Returns the span from the slowest round to the fastest, in percent of the median.
    pub fn spread(&self) -> f64 {
        spread(self.samples.iter().map(|sample| sample.each_second))
    }
}

/// Returns the span from the least value to the greatest, in percent of the median.
pub fn spread(values: impl IntoIterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.into_iter().collect();
    let (least, most) =
        values.iter().fold((f64::INFINITY, 0.0), |(least, most), value| (value.min(least), value.max(most)));
    100.0 * (most - least) / median(values)
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// Runs all cases in rounds.
///
/// # Errors
/// When a request fails.
pub fn run(folder: &Path, pace: Pace, cases: &[Case]) -> Result<Vec<Figures>> {
    let empty = |case: &Case| Figures {
        server: case.server.to_owned(),
        work: case.work.clone(),
        connections: case.connections,
        samples: Vec::new(),
    };
    let mut figures: Vec<Figures> = cases.iter().map(empty).collect();
    for _ in 0..pace.rounds {
        for (case, figures) in cases.iter().zip(&mut figures) {
            let target = Target { port: case.process.port, headers: case.headers, requests: &case.requests };
            wrk::run(folder, &target, case.connections, pace.warm_up)?;
            let before = case.process.cpu()?;
            let run = wrk::run(folder, &target, case.connections, pace.seconds)?;
            let cpu = (case.process.cpu()? - before).div_f64(run.requests.max(1) as f64);
            let (each_second, resident) = (run.each_second(), case.process.resident()?);
            figures.samples.push(Sample { each_second, cpu, p50: run.p50, p99: run.p99, resident });
        }
    }
    Ok(figures)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_and_the_spread_is_around_it() {
        assert_eq!(median([3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), 2.5);
        let sample = |each_second| Sample {
            each_second,
            cpu: Duration::from_micros(7),
            p50: Duration::ZERO,
            p99: Duration::ZERO,
            resident: 3.0,
        };
        let samples = [90.0, 100.0, 110.0].map(sample).to_vec();
        let figures = Figures { server: String::new(), work: String::new(), connections: 1, samples };
        assert_eq!((figures.each_second(), figures.spread(), figures.cpu()), (100.0, 20.0, 7.0));
        assert_eq!(figures.resident(), 3.0);
        let mut other = figures.clone();
        for (sample, cpu) in other.samples.iter_mut().zip([14, 70, 28]) {
            sample.cpu = Duration::from_micros(cpu);
        }
        assert_eq!((other.cpu_times(&figures), figures.cpu_times(&figures)), (4.0, 1.0));
    }
}
