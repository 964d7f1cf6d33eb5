//! `docs/PERFORMANCE.md`: what was found, beside what was to be reached.

use crate::data_plane::{BAO, Found, KEYSTEAD, SEAL, SILENT, size};
use crate::load::Work;
use crate::rounds::Figures;
use crate::{due, pages};
use std::fmt::Write;

/// A figure of the table of targets.
#[derive(Clone)]
pub struct Measure {
    pub what: String,
    pub reach: String,
    pub aim: String,
    pub found: String,
    pub is_reached: bool,
}

/// The figures of a kind of request at a server.
pub fn of<'a>(figures: &'a [Figures], server: &str, work: &str, connections: u32) -> Option<&'a Figures> {
    figures.iter().find(|f| f.server == server && f.work == work && f.connections == connections)
}

/// How many times as many requests a second as another server answers.
pub fn ratio(
    figures: &[Figures],
    work: Work,
    other: &str,
    other_work: &str,
    connections: u32,
) -> Option<f64> {
    let own = of(figures, KEYSTEAD, work.label(), connections)?;
    Some(own.each_second() / of(figures, other, other_work, connections)?.each_second())
}

fn both(value: impl Fn(u32) -> Option<f64>) -> Option<[f64; 2]> {
    Some([value(1)?, value(16)?])
}

fn least(values: [f64; 2]) -> f64 {
    values[0].min(values[1])
}

/// The measures of the data plane.
pub fn measures(found: &Found) -> Vec<Measure> {
    let (figures, mut all) = (&found.figures, Vec::new());
    let mut at_least = |what: String, reach: f64, aim: f64, values: Option<[f64; 2]>| {
        let Some(values) = values else { return };
        all.push(Measure {
            what,
            reach: format!("≥ {reach} ×"),
            aim: format!("{aim} ×"),
            found: format!("{:.2} × (one connection), {:.2} × (16)", values[0], values[1]),
            is_reached: least(values) >= reach,
        });
    };
    for work in [Work::Encrypt, Work::Decrypt, Work::Wrap, Work::Unwrap] {
        let is_large = size(work) == Some("1 KiB");
        let limit = both(|c| ratio(figures, work, SEAL, size(work)?, c));
        at_least(format!("{}, against the limit", work.label()), 0.5, 0.8, limit);
        let peer = both(|c| ratio(figures, work, BAO, work.label(), c));
        let (reach, aim) = if is_large { (35.0, 55.0) } else { (17.0, 26.0) };
        at_least(format!("{}, against OpenBao", work.label()), reach, aim, peer);
    }
    for work in [Work::EncryptBatch, Work::WrapBatch, Work::UnwrapBatch] {
        let peer = both(|c| ratio(figures, work, BAO, work.label(), c));
        at_least(format!("{}, against OpenBao", work.label()), 7.0, 7.0, peer);
    }
    let mut at_most = |what: String, reach: f64, aim: f64, unit: &str, values: Option<[f64; 2]>| {
        let Some(values) = values else { return };
        all.push(Measure {
            what,
            reach: format!("≤ {reach} {unit}"),
            aim: format!("{aim} {unit}"),
            found: format!("{:.2} {unit} (one connection), {:.2} {unit} (16)", values[0], values[1]),
            is_reached: values[0].max(values[1]) <= reach,
        });
    };
    let cpu = |server: &str, work: Work, c| Some(of(figures, server, work.label(), c)?.cpu());
    for work in [Work::Encrypt, Work::Decrypt] {
        let values = both(|c| cpu(KEYSTEAD, work, c));
        at_most(format!("{}, time on a processor", work.label()), 12.0, 7.0, "µs", values);
    }
    for work in [Work::EncryptBatch, Work::WrapBatch, Work::UnwrapBatch] {
        let values = both(|c| Some(cpu(KEYSTEAD, work, c)? / work.items() as f64));
        at_most(format!("{}, time on a processor an item", work.label()), 1.0, 0.5, "µs", values);
    }
    let ages = both(|c| {
        let newest = of(figures, KEYSTEAD, Work::Decrypt.label(), c)?.cpu();
        let oldest = of(figures, KEYSTEAD, Work::DecryptOldest.label(), c)?.cpu();
        Some(100.0 * (oldest / newest - 1.0))
    });
    at_most("oldest version against newest, time on a processor".into(), 3.0, 1.0, "%", ages);
    let audit = both(|c| Some(cpu(KEYSTEAD, Work::Encrypt, c)? / cpu(SILENT, Work::Encrypt, c)?));
    at_most("audit on against off, time on a processor".into(), 1.25, 1.1, "×", audit);
    for (what, mib, reach, aim) in [
        ("resident memory at idle", found.idle, 30.0, 20.0),
        ("resident memory with 10,000 keys in it", found.cached, 48.0, 40.0),
    ] {
        all.push(Measure {
            what: what.into(),
            reach: format!("≤ {reach} MiB"),
            aim: format!("{aim} MiB"),
            found: format!("{mib:.1} MiB"),
            is_reached: mib <= reach,
        });
    }
    all
}

/// What was found of the control plane.
pub struct Control {
    pub due: due::Figures,
    pub sqlite: pages::Figures,
    pub postgres: Option<pages::Figures>,
}

/// The measures of the control plane.
pub fn control(Control { due, sqlite, postgres }: &Control) -> Vec<Measure> {
    let mut all = Vec::new();
    let (since, took) = (due.since_due.as_secs_f64(), due.took.as_secs_f64());
    all.push(Measure {
        what: format!("{} managed keys due at once, each rotated once", due.keys),
        reach: "≤ 10 s".into(),
        aim: "5 s".into(),
        found: format!("{since:.1} s after they were due, {took:.1} s from the first to the last"),
        is_reached: since <= 10.0,
    });
    let slower = due.meanwhile.p99.as_secs_f64() / due.before.p99.as_secs_f64();
    all.push(Measure {
        what: "p99 of the data plane meanwhile, against before".into(),
        reach: "≤ 2 ×".into(),
        aim: "–".into(),
        found: format!("{slower:.1} × ({:.1} ms)", due.meanwhile.p99.as_secs_f64() * 1e3),
        is_reached: slower <= 2.0,
    });
    for (name, pages, reach) in [("SQLite", Some(sqlite), 6000.0), ("PostgreSQL", postgres.as_ref(), 4000.0)]
    {
        let Some(pages) = pages else { continue };
        let keys = pages.keys.each_second();
        all.push(Measure {
            what: format!("keys page with 50 versions, {name}"),
            reach: format!("≥ {reach} requests a second"),
            aim: "12000".into(),
            found: format!("{keys:.0} requests a second"),
            is_reached: keys >= reach,
        });
        for (list, [first, last]) in [("versions", &pages.versions), ("audit log", &pages.audit)] {
            let slower = first.each_second() / last.each_second();
            let found = match first.requests.min(last.requests) {
                0 => "no answer in the time that was measured".to_owned(),
                _ => format!("{slower:.2} ×"),
            };
            all.push(Measure {
                what: format!("{list} of {} rows, last page against first, {name}", pages.rows),
                reach: "≤ 1.2 ×".into(),
                aim: "1.05 ×".into(),
                found,
                is_reached: slower <= 1.2,
            });
        }
    }
    all
}

/// A table in Markdown: what was to be reached, and what was.
pub fn targets(measures: &[Measure]) -> String {
    let mut text = String::from("| measure | reach at least | aim for | found | |\n|---|---|---|---|---|\n");
    for Measure { what, reach, aim, found, is_reached } in measures {
        let verdict = if *is_reached { "reached" } else { "**short**" };
        let _ = writeln!(text, "| {what} | {reach} | {aim} | {found} | {verdict} |");
    }
    text
}

/// Every figure, as it was measured.
pub fn table(figures: &[Figures]) -> String {
    let mut text = String::from(
        "| server | request | connections | requests a second | spread | µs on a processor | p50 µs | p99 µs |\n\
         |---|---|---:|---:|---:|---:|---:|---:|\n",
    );
    for f in figures {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {:.0} | {:.0} % | {:.1} | {:.0} | {:.0} |",
            f.server,
            f.work,
            f.connections,
            f.each_second(),
            f.spread(),
            f.cpu(),
            f.p50(),
            f.p99()
        );
    }
    text
}

/// Puts generated text between two marks of a document; everything else of it stays as somebody wrote it.
pub fn between(document: &str, mark: &str, generated: &str) -> Option<String> {
    let (begin, end) = (format!("<!-- begin {mark} -->\n"), format!("<!-- end {mark} -->"));
    let (before, rest) = document.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}{generated}{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rounds::Sample;
    use std::time::Duration;

    fn figures(server: &str, work: Work, connections: u32, each_second: f64) -> Figures {
        let cpu = Duration::from_micros(10);
        let sample = Sample { each_second, cpu, p50: cpu, p99: cpu };
        let (server, work) = (server.to_owned(), work.label().to_owned());
        Figures { server, work, connections, samples: vec![sample] }
    }

    #[test]
    fn what_falls_short_at_either_number_of_connections_is_short() {
        for (own, is_reached) in
            [([3500.0, 3600.0], true), ([3500.0, 3400.0], false), ([3400.0, 9000.0], false)]
        {
            let figures = [(1, own[0]), (16, own[1])].into_iter().flat_map(|(connections, own)| {
                let of = |server, each_second| figures(server, Work::Encrypt, connections, each_second);
                [of(KEYSTEAD, own), of(BAO, 100.0)]
            });
            let found = Found { figures: figures.collect(), idle: 1.0, cached: 1.0 };
            let measures = measures(&found);
            let against = measures.iter().find(|one| one.what.ends_with("OpenBao")).expect("a measure");
            assert_eq!(against.is_reached, is_reached, "{}", against.found);
        }
    }

    #[test]
    fn what_somebody_wrote_stays() {
        let document = "before\n<!-- begin x -->\nold\n<!-- end x -->\nafter\n";
        let new = between(document, "x", "new\n").expect("the marks are there");
        assert_eq!(new, "before\n<!-- begin x -->\nnew\n<!-- end x -->\nafter\n");
        assert_eq!(between(document, "y", "new\n"), None);
    }
}
