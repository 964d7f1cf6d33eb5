//! Pages of somebody signed in: the keys of a scope, and whether the last page of a long list is as fast as the first.

use crate::home::Home;
use crate::wrk::{self, Run, Target};
use anyhow::{Context, Result};
use chrono::TimeDelta;
use engine::testing::look::execute;
use engine::testing::{PASSWORD, from};
use engine::{Clock, Portal, SecretText};
use std::path::Path;

const EMAIL: &str = "ada@example.com";
const CONNECTIONS: u32 = 16;
const WARM_UP: u32 = 1;
const SECONDS: u32 = 3;
/// Countries in the sidebar, and versions of each of them.
const COUNTRIES: usize = 10;
const VERSIONS: u32 = 50;

/// What came of it.
#[derive(Clone, Debug)]
pub struct Figures {
    /// Rows of each long list.
    pub rows: usize,
    /// "Encryption keys" with fifty versions, before the lists are long.
    pub keys: Run,
    /// The first page and the last one.
    pub versions: [Run; 2],
    pub audit: [Run; 2],
}

/// Fills a portal and looks at its pages; then makes the lists long, and looks at both of their ends.
///
/// # Errors
/// When anything fails.
pub async fn measure(program: &Path, folder: &Path, postgres: Option<&str>, rows: usize) -> Result<Figures> {
    let home = Home::new(folder, "pages", postgres).await?;
    let portal = home.portal(Clock::system()).await?;
    let names = portal.crowd(COUNTRIES, VERSIONS, TimeDelta::days(1)).await?;
    let cookie = [("Cookie".to_owned(), format!("keystead={}", sign_in(&portal).await?.expose()))];
    portal.close().await;
    let server = home.start(program)?;
    let port = server.port;
    let keys = format!("/environments/{}/keys", names.first().context("a scope")?);
    let look = |path: String| look(home.folder().to_owned(), port, cookie.clone(), path);
    let short = look(keys.clone()).await?;
    lengthen(&home, rows).await?;
    let figures = Figures {
        rows,
        keys: short,
        versions: [look(keys.clone()).await?, look(format!("{keys}?before={}", VERSIONS + 2)).await?],
        audit: [look("/audit".to_owned()).await?, look(format!("/audit?before={}", VERSIONS + 2)).await?],
    };
    server.end()?;
    home.end().await?;
    Ok(figures)
}

async fn look(
    folder: std::path::PathBuf,
    port: u16,
    headers: [(String, String); 1],
    path: String,
) -> Result<Run> {
    let requests = folder.join("page.requests");
    std::fs::write(&requests, format!("GET {path}\t\n"))?;
    let run = tokio::task::spawn_blocking(move || {
        let target = Target { port, headers: &headers, requests: &requests };
        wrk::run(&folder, &target, CONNECTIONS, WARM_UP)?;
        wrk::run(&folder, &target, CONNECTIONS, SECONDS)
    });
    run.await?
}

/// The token of an administrator's session.
async fn sign_in(portal: &Portal) -> Result<SecretText> {
    let from = from("127.0.0.1");
    let (seed, _) = portal.create_administrator(EMAIL, SecretText::new(PASSWORD), None).await?;
    let half = portal.check_password(EMAIL, SecretText::new(PASSWORD), from, None).await?;
    Ok(portal.check_sign_in_code(&half.session, &seed.code(portal.now())).await?.token)
}

/// So many versions of the first scope, so many lines of the audit log.
async fn lengthen(home: &Home, rows: usize) -> Result<()> {
    let db = home.db().await?;
    let numbers = |first: u32| {
        format!(
            "WITH RECURSIVE n (i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) INSERT INTO"
        )
    };
    let versions = "key_version (scope_id, number, key_type, status, rotation_days, due_at, material, created_at, \
                    created_by) SELECT k.scope_id, n.i, k.key_type, 'deprecated', k.rotation_days, k.due_at, \
                    k.material, k.created_at, k.created_by FROM n, key_version k \
                    WHERE k.id = (SELECT MIN(id) FROM key_version)";
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
