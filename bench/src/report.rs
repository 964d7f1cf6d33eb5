//! `docs/PERFORMANCE.md`: the results beside the targets.

use crate::data_plane::{BAO, Found, KEYSTEAD, SEAL, SILENT, size};
use crate::load::Work;
use crate::rounds::{Figures, MANY};
use std::fmt::Write;

/// A row of the table of targets.
#[derive(Clone)]
pub struct Measure {
    pub what: String,
    pub reach: String,
    pub aim: String,
    pub found: String,
    pub is_reached: bool,
}

/// Returns the figures of a kind of request at a server.
pub fn of<'a>(figures: &'a [Figures], server: &str, work: &str, connections: u32) -> Option<&'a Figures> {
    figures.iter().find(|f| f.server == server && f.work == work && f.connections == connections)
}

/// Returns Keystead's requests a second divided by those of another server.
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

/// Returns the values over one connection and over sixteen.
fn both(value: impl Fn(u32) -> Option<f64>) -> Option<[f64; 2]> {
    Some([value(1)?, value(MANY)?])
}

/// The side of a target on which a measure has to be.
#[derive(Clone, Copy)]
pub enum Side {
    AtLeast,
    AtMost,
}
use Side::{AtLeast, AtMost};

impl Side {
    fn sign(self) -> char {
        match self {
            AtLeast => '≥',
            AtMost => '≤',
        }
    }

    fn holds(self, value: f64, reach: f64) -> bool {
        match self {
            AtLeast => value >= reach,
            AtMost => value <= reach,
        }
    }
}

/// Makes a measure of one value or several, each of which has to be on the right side of the target.
pub fn measure(
    what: impl Into<String>,
    (side, reach, aim, unit): (Side, f64, Option<f64>, &str),
    values: &[f64],
    found: String,
) -> Measure {
    Measure {
        what: what.into(),
        reach: format!("{} {reach} {unit}", side.sign()),
        aim: aim.map_or("–".to_owned(), |aim| format!("{aim} {unit}")),
        found,
        is_reached: values.iter().all(|value| side.holds(*value, reach)),
    }
}

/// Returns the measures of the data plane.
pub fn measures(found: &Found) -> Vec<Measure> {
    let (figures, mut all) = (&found.figures, Vec::new());
    let mut add = |what: String, wanted: (Side, f64, Option<f64>, &str), values: Option<[f64; 2]>| {
        let Some(values) = values else { return };
        let [one, many] = values;
        let found = format!("{one:.2} {unit} (one connection), {many:.2} {unit} (16)", unit = wanted.3);
        all.push(measure(what, wanted, &values, found));
    };
    for work in [Work::Encrypt, Work::Decrypt, Work::Wrap, Work::Unwrap] {
        let is_large = size(work) == Some("1 KiB");
        let limit = both(|c| ratio(figures, work, SEAL, size(work)?, c));
        add(format!("{}, against the limit", work.label()), (AtLeast, 0.5, Some(0.8), "×"), limit);
        let peer = both(|c| ratio(figures, work, BAO, work.label(), c));
        let (reach, aim) = if is_large { (35.0, 55.0) } else { (17.0, 26.0) };
        add(format!("{}, against OpenBao", work.label()), (AtLeast, reach, Some(aim), "×"), peer);
    }
    for work in [Work::EncryptBatch, Work::WrapBatch, Work::UnwrapBatch] {
        let peer = both(|c| ratio(figures, work, BAO, work.label(), c));
        add(format!("{}, against OpenBao", work.label()), (AtLeast, 7.0, None, "×"), peer);
    }
    let cpu = |server: &str, work: Work, c| Some(of(figures, server, work.label(), c)?.cpu());
    for work in [Work::Encrypt, Work::Decrypt] {
        let values = both(|c| cpu(KEYSTEAD, work, c));
        add(format!("{}, time on a processor", work.label()), (AtMost, 12.0, Some(7.0), "µs"), values);
    }
    for work in [Work::EncryptBatch, Work::WrapBatch, Work::UnwrapBatch] {
        let values = both(|c| Some(cpu(KEYSTEAD, work, c)? / work.items() as f64));
        let what = format!("{}, time on a processor an item", work.label());
        add(what, (AtMost, 1.0, Some(0.5), "µs"), values);
    }
    let times = |work: Work, (server, other): (&str, Work), c| {
        let figures = of(figures, KEYSTEAD, work.label(), c)?;
        Some(figures.cpu_times(of(&found.figures, server, other.label(), c)?))
    };
    let ages = both(|c| Some(100.0 * (times(Work::DecryptOldest, (KEYSTEAD, Work::Decrypt), c)? - 1.0)));
    add("oldest version against newest, time on a processor".into(), (AtMost, 3.0, Some(1.0), "%"), ages);
    let audit = both(|c| times(Work::Encrypt, (SILENT, Work::Encrypt), c));
    add("audit on against off, time on a processor".into(), (AtMost, 1.25, Some(1.1), "×"), audit);
    for (what, mib, reach, aim) in [
        ("resident memory at idle", found.idle, 30.0, 20.0),
        ("resident memory with 10,000 keys in it", found.cached, 48.0, 40.0),
    ] {
        all.push(measure(what, (AtMost, reach, Some(aim), "MiB"), &[mib], format!("{mib:.1} MiB")));
    }
    all
}

/// Returns a table in Markdown: targets and results, each with the part of the bench that measures it.
pub fn targets(measures: &[(&str, Measure)]) -> String {
    let mut text = String::from(
        "| measure | reach at least | aim for | found | | `cargo xtask bench …` |\n|---|---|---|---|---|---|\n",
    );
    for (part, Measure { what, reach, aim, found, is_reached }) in measures {
        let verdict = if *is_reached { "reached" } else { "**short**" };
        let _ = writeln!(text, "| {what} | {reach} | {aim} | {found} | {verdict} | `{part}` |");
    }
    text
}

/// Returns a table of every figure, as it was measured.
pub fn table(figures: &[Figures]) -> String {
    let mut text = String::from(
        "| server | request | connections | requests a second | spread | µs on a processor | p50 µs | p99 µs | MiB |\n\
         |---|---|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    for f in figures {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {:.0} | {:.0} % | {:.1} | {:.0} | {:.0} | {:.0} |",
            f.server,
            f.work,
            f.connections,
            f.each_second(),
            f.spread(),
            f.cpu(),
            f.p50(),
            f.p99(),
            f.resident()
        );
    }
    text
}

/// Replaces the text between two marks of a document with generated text; the rest stays as a person wrote it.
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
        let sample = Sample { each_second, cpu, p50: cpu, p99: cpu, resident: 3.0 };
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
