//! Measures pages of a person who is signed in: the keys of a scope, and whether the last page of a long list is as fast as the
//! first.

use crate::home::{Home, sign_in};
use crate::http::Client;
use crate::process::Process;
use crate::report::Side::{AtLeast, AtMost};
use crate::report::{self, Measure};
use crate::rounds::{self, Case, Figures, MANY};
use anyhow::{Context, Result};
use chrono::TimeDelta;
use domain::scopes::scope::{Country, ScopeName};
use engine::testing::look::execute;
use engine::{Clock, NewSession, SecretText};
use std::path::Path;

/// Returns the name of the session's cookie at a server. The default public URL has its port.
pub fn cookie(server: &Process) -> String {
    format!("keystead-{}", server.port)
}
/// Number of countries in the sidebar, and of versions of each of them.
pub const COUNTRIES: usize = 10;
pub const VERSIONS: u32 = 50;

/// Maximum number of environments of a portal.
const ENVIRONMENTS: usize = 200;

/// A long list: the figures of its first page and of its last one.
#[derive(Clone, Debug)]
pub struct List {
    pub name: &'static str,
    pub rows: usize,
    pub first: Figures,
    pub last: Figures,
}

/// The results.
#[derive(Clone, Debug)]
pub struct Pages {
    /// "Encryption keys" with fifty versions, before the lists are long.
    pub keys: Figures,
    pub lists: Vec<List>,
}

impl List {
    pub fn measure(&self, database: &str) -> Measure {
        let Self { name, rows, first, last } = self;
        let times = first.each_second() / last.each_second();
        let millis = |figures: &Figures| figures.p50() / 1e3;
        let found = match times.is_finite() && times > 0.0 {
            false => "no answer in the time that was measured".to_owned(),
            true => format!("{times:.2} × ({:.1} ms, {:.1} ms)", millis(first), millis(last)),
        };
        let what = format!("{name} of {rows} rows, last page against first, {database}");
        report::measure(what, (AtMost, 1.2, Some(1.05), "×"), &[times], found)
    }

    pub fn figures(self) -> [Figures; 2] {
        [self.first, self.last]
    }
}

impl Pages {
    pub fn measures(&self, database: &str, reach: f64) -> Vec<Measure> {
        let keys = self.keys.each_second();
        let what = format!("keys page with 50 versions, {database}");
        let found = format!("{keys:.0} requests a second, {:.0} µs on a processor", self.keys.cpu());
        let wanted = (AtLeast, reach, Some(12000.0), "requests a second");
        let mut all = vec![report::measure(what, wanted, &[keys], found)];
        all.extend(self.lists.iter().map(|list| list.measure(database)));
        all
    }

    pub fn figures(self) -> Vec<Figures> {
        let lists = self.lists.into_iter().flat_map(List::figures);
        [self.keys].into_iter().chain(lists).collect()
    }
}

/// Fills a portal and measures its pages; then makes the lists long, and measures both of their ends.
///
/// # Errors
/// When anything fails.
pub async fn measure(
    program: &Path,
    folder: &Path,
    (database, postgres): (&str, Option<&str>),
    rows: usize,
) -> Result<Pages> {
    let home = Home::new(folder, "pages", postgres).await?;
    let (names, token) = fill(&home, COUNTRIES, VERSIONS).await?;
    let server = home.start(program)?;
    let look = Look::new(&home, &server, &token, database);
    let path = format!("/environments/{}/keys", names.first().context("a scope")?);
    let [keys] = look.at([("keys page, 50 versions", &path)])?;
    lengthen(&home, names.first().context("a scope")?, rows).await?;
    let before = VERSIONS + 2;
    let lists = vec![
        look.at_both("versions", rows, [&path, &format!("{path}?before={before}")])?,
        look.at_both("audit log", rows, ["/audit", &format!("/audit?before={before}")])?,
    ];
    server.end()?;
    home.end().await?;
    Ok(Pages { keys, lists })
}

/// Measures an environment's page at both ends of a portal with as many scopes as possible.
///
/// # Errors
/// When anything fails.
pub async fn scopes(program: &Path, folder: &Path) -> Result<List> {
    let home = Home::new(folder, "scopes", None).await?;
    let all = ENVIRONMENTS * Country::all().len();
    let (names, token) = fill(&home, all, 1).await?;
    let server = home.start(program)?;
    let look = Look::new(&home, &server, &token, "SQLite");
    let ends = [names.first(), names.last()];
    let [first, last] =
        ends.map(|name| name.map(|name| format!("/environments/{}", name.environment)).unwrap_or_default());
    let list = look.at_both("scopes", all, [&first, &last])?;
    server.end()?;
    home.end().await?;
    Ok(list)
}

/// Makes `scopes` scopes with `versions` versions each; returns their names, and the token of an administrator's session.
pub async fn fill(home: &Home, scopes: usize, versions: u32) -> Result<(Vec<ScopeName>, SecretText)> {
    let portal = home.portal(Clock::system()).await?;
    let names = portal.bulk(scopes, versions, TimeDelta::days(1)).await?;
    let (NewSession { token, .. }, _) = sign_in(&portal).await?;
    portal.close().await;
    Ok((names, token))
}

/// A measurement of pages, with the session of an administrator.
struct Look<'a> {
    folder: &'a Path,
    server: &'a Process,
    name: String,
    cookie: (String, String),
}

impl<'a> Look<'a> {
    fn new(home: &'a Home, server: &'a Process, token: &SecretText, database: &str) -> Self {
        let cookie = ("Cookie".to_owned(), format!("{}={}", cookie(server), token.expose()));
        Self { folder: home.folder(), server, name: format!("Keystead, {database}"), cookie }
    }

    /// Measures these pages, in rounds.
    fn at<const N: usize>(&self, pages: [(&str, &str); N]) -> Result<[Figures; N]> {
        let headers = std::slice::from_ref(&self.cookie);
        let mut cases = Vec::new();
        for (number, (what, path)) in pages.into_iter().enumerate() {
            let requests = self.folder.join(format!("page-{number}.requests"));
            std::fs::write(&requests, format!("GET {path}\t\n"))?;
            // Checked here, because the generator would take a redirect to the sign-in page for an answer.
            Client::open(self.server.port, headers)?.ask(&format!("GET {path}"), "")?;
            let (server, process, work) = (self.name.as_str(), self.server, what.to_owned());
            cases.push(Case { server, process, work, connections: MANY, headers, requests });
        }
        let found = rounds::run(self.folder, rounds::FULL, &cases)?;
        found.try_into().map_err(|_| anyhow::anyhow!("a page has no figures"))
    }

    fn at_both(&self, name: &'static str, rows: usize, ends: [&str; 2]) -> Result<List> {
        let [first, last] = ["first", "last"].map(|end| format!("{name} of {rows} rows, {end} page"));
        let [first, last] = self.at([(&first, ends[0]), (&last, ends[1])])?;
        Ok(List { name, rows, first, last })
    }
}

/// Adds versions to a scope, up to `rows`, and `rows` lines to the audit log.
async fn lengthen(home: &Home, scope: &ScopeName, rows: usize) -> Result<()> {
    let db = home.db().await?;
    let numbers = |first: u32| {
        format!(
            "WITH RECURSIVE n (i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) INSERT INTO"
        )
    };
    // Ids above those that Keystead draws.
    let versions = format!(
        "key_version (id, scope_id, number, key_type, status, rotation_days, due_at, material, created_at, \
                    created_by) SELECT 3000000000 + n.i, k.scope_id, n.i, k.key_type, 'deprecated', k.rotation_days, k.due_at, \
                    k.material, k.created_at, k.created_by FROM n, key_version k \
                    WHERE k.number = 1 AND k.scope_id = (SELECT s.id FROM scope s JOIN environment e ON e.id = s.environment_id \
                    WHERE e.slug = '{}' AND s.country = '{}')",
        scope.environment,
        scope.country.code()
    );
    let lines = "audit_event (sequence, at, actor_kind, who, action, place, outcome, detail, address) \
                 SELECT e.sequence + n.i, e.at, e.actor_kind, e.who, e.action, e.place, e.outcome, e.detail, e.address \
                 FROM n, audit_event e WHERE e.sequence = (SELECT MAX(sequence) FROM audit_event)";
    let number = "UPDATE instance SET audit_sequence = (SELECT MAX(sequence) FROM audit_event)";
    for sql in [
        format!("{} {versions}", numbers(VERSIONS + 1)),
        format!("{} {lines}", numbers(1)),
        number.to_owned(),
    ] {
        execute(&db, &sql).await?;
    }
    db.close().await;
    Ok(())
}
