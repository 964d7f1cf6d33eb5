//! Measures how long it takes from the start of the program to the first answer of the data plane, and whether a large database
//! makes it longer.

use crate::home::Home;
use crate::http::Client;
use crate::load::{self, Data, Work};
use crate::report::Side::AtMost;
use crate::report::{self, Measure};
use crate::rounds::{median, spread};
use anyhow::{Context, Result};
use std::path::Path;
use std::time::Instant;

/// Number of scopes of a small portal and of a large one, three versions each.
const SCOPES: [usize; 2] = [10, 10_000];
const ROUNDS: usize = 9;

/// Milliseconds from the start to the first decrypt, in each round, by the number of scopes.
#[derive(Clone, Debug)]
pub struct Figures(Vec<(usize, Vec<f64>)>);

impl Figures {
    pub fn measures(&self) -> Vec<Measure> {
        let measure = |(scopes, rounds): &(usize, Vec<f64>)| {
            let what = format!("start to the first decrypt, SQLite with {scopes} scopes");
            let ms = median(rounds.iter().copied());
            let found = format!("{ms:.0} ms (spread {:.0} %)", spread(rounds.iter().copied()));
            report::measure(what, (AtMost, 60.0, Some(30.0), "ms"), &[ms], found)
        };
        self.0.iter().map(measure).collect()
    }
}

/// # Errors
/// When a server does not start or does not decrypt.
pub async fn measure(program: &Path, folder: &Path) -> Result<Figures> {
    let mut homes = Vec::new();
    for scopes in SCOPES {
        let home = Home::new(folder, &format!("start-{scopes}"), None).await?;
        let data = load::fill(&home, scopes, &[Work::Decrypt]).await?;
        homes.push((home, data, Vec::new()));
    }
    // The first round reads the files from the disk and does not count.
    for round in 0..=ROUNDS {
        for (home, data, samples) in &mut homes {
            let took = once(program, home, data)?;
            if round > 0 {
                samples.push(took);
            }
        }
    }
    let mut figures = Vec::new();
    for (scopes, (home, _, samples)) in SCOPES.into_iter().zip(homes) {
        figures.push((scopes, samples));
        home.end().await?;
    }
    Ok(Figures(figures))
}

fn once(program: &Path, home: &Home, data: &Data) -> Result<f64> {
    let requests = std::fs::read_to_string(Work::Decrypt.file(&data.folder))?;
    let (what, body) = requests.lines().next().and_then(|line| line.split_once('\t')).context("a request")?;
    let began = Instant::now();
    let server = home.start(program)?;
    Client::open(server.port, &data.headers)?.ask(what, body)?;
    let took = began.elapsed().as_secs_f64() * 1e3;
    server.end()?;
    Ok(took)
}
