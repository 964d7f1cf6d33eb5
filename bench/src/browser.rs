//! First loads in a browser, of Keystead and of OpenBao; `end2end/tests/first-load.spec.ts` measures them.

use crate::home::Home;
use crate::report::{self, Measure, Side};
use crate::rounds::{median, spread};
use crate::{bao, pages};
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::json;
use std::path::Path;
use std::process::Command;

/// Selector of a field that can be typed into.
const FIELD: &str = "input:not([type=hidden])";
/// Selector of a key in OpenBao's list.
const LISTED: &str = ".linked-block, .list-item-row";

/// The figures of a page at one of the servers, one for each round.
#[derive(Clone, Debug, Deserialize)]
struct Load {
    bytes: Vec<f64>,
    /// Milliseconds since the request.
    paint: Vec<f64>,
    interactive: Vec<f64>,
}

/// The figures of each page, loaded with an empty cache.
#[derive(Clone, Debug, Deserialize)]
pub struct Figures {
    sign_in: Load,
    keys: Load,
    /// OpenBao's.
    peer_sign_in: Load,
    peer_keys: Load,
}

/// Starts both servers and measures their pages in a browser.
///
/// # Errors
/// When anything fails.
pub async fn measure(end2end: &Path, keystead: &Path, bao: &Path, folder: &Path) -> Result<Figures> {
    let home = Home::new(folder, "browser", None).await?;
    let (names, token) = pages::fill(&home, pages::COUNTRIES, pages::VERSIONS).await?;
    let server = home.start(keystead)?;
    let cookie = json!({ "name": pages::cookie(&server), "value": token.expose() });
    let (peer, _) = bao::start(bao, home.folder(), usize::try_from(pages::VERSIONS)?)?;
    let own = |path: &str| format!("http://127.0.0.1:{}{path}", server.port);
    let theirs = |path: &str| format!("http://127.0.0.1:{}/ui/vault{path}", peer.port);
    let keys = own(&format!("/environments/{}/keys", names.first().context("a scope")?));
    let answer = home.folder().join("first-load.json");
    let asked = json!({
        "answer": &answer,
        "targets": [
            { "name": "sign_in", "url": own("/sign-in"), "ready": FIELD },
            { "name": "peer_sign_in", "url": theirs("/auth?with=token"), "ready": FIELD },
            { "name": "keys", "url": keys, "ready": "main time[title]", "cookie": cookie },
            { "name": "peer_keys", "url": theirs("/secrets/transit/list"), "ready": LISTED, "token": bao::visitor(&peer)? },
        ],
    });
    let status = Command::new(end2end.join("node_modules/.bin/playwright"))
        .args(["test", "first-load", "--project", "with script"])
        .current_dir(end2end)
        .env("KEYSTEAD_FIRST_LOAD", asked.to_string())
        .status()?;
    ensure!(status.success(), "the browser did not measure: see above");
    let figures = serde_json::from_slice(&std::fs::read(&answer)?)?;
    server.end()?;
    drop(peer);
    home.end().await?;
    Ok(figures)
}

impl Figures {
    pub fn measures(&self) -> Vec<Measure> {
        let mut all = Vec::new();
        for (what, load, peer, reach, aim) in [
            ("first load with islands (keys page)", &self.keys, &self.peer_keys, 180.0, 120.0),
            ("page without islands (sign-in)", &self.sign_in, &self.peer_sign_in, 60.0, 40.0),
        ] {
            let [kb, theirs] = [load, peer].map(|load| median(load.bytes.iter().copied()) / 1024.0);
            let found = format!("{kb:.1} KB (OpenBao {theirs:.0} KB)");
            let what = format!("{what}, over the wire (brotli), fonts included");
            all.push(report::measure(what, (Side::AtMost, reach, Some(aim), "KB"), &[kb], found));
        }
        for (page, load, peer) in
            [("sign-in", &self.sign_in, &self.peer_sign_in), ("list of keys", &self.keys, &self.peer_keys)]
        {
            for (what, own, theirs, reach) in [
                ("first paint", &load.paint, &peer.paint, 0.35),
                ("interactive", &load.interactive, &peer.interactive, 0.5),
            ] {
                let around = spread(own.iter().copied());
                let [own, theirs] = [own, theirs].map(|all| median(all.iter().copied()));
                let times = own / theirs;
                let found =
                    format!("{times:.2} × ({own:.0} ms, spread {around:.0} %, OpenBao {theirs:.0} ms)");
                let what = format!("Chromium: {what} of the {page}, against OpenBao's UI");
                all.push(report::measure(what, (Side::AtMost, reach, Some(0.25), "×"), &[times], found));
            }
        }
        all
    }
}
