//! wrk, the load generator: sends the requests of a file, one after the other, over several connections at once.

use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// The script of wrk. `init` gets the file's path; each line of the file has an address, a tab and a body.
const SCRIPT: &str = r#"
local requests, at = {}, 0

function init(arguments)
  for line in io.lines(arguments[1]) do
    local method, path, body = line:match("^(%S+) ([^\t]*)\t(.*)$")
    requests[#requests + 1] = wrk.format(method, path, wrk.headers, body)
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format("figures %d %d %d %d %d\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.timeout + errors.status))
end
"#;

/// The result of one run.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    pub requests: u64,
    pub took: Duration,
    pub p50: Duration,
    pub p99: Duration,
}

impl Run {
    pub fn each_second(&self) -> f64 {
        self.requests as f64 / self.took.as_secs_f64()
    }
}

/// The destination of requests, their headers, and the file of requests.
pub struct Target<'a> {
    pub port: u16,
    pub headers: &'a [(String, String)],
    pub requests: &'a Path,
}

/// Runs wrk for `seconds`. An answer with an error status is a failure: the run would not measure what it should.
///
/// # Errors
/// When wrk fails, or any request does.
pub fn run(folder: &Path, target: &Target, connections: u32, seconds: u32) -> Result<Run> {
    // Several generators may be started at once in a folder.
    let script = folder.join(format!("requests-{}.lua", target.port));
    std::fs::write(&script, SCRIPT)?;
    let mut wrk = pinned("wrk");
    wrk.args(["-t", "1", "-c", &connections.to_string(), "-d", &format!("{seconds}s"), "--timeout", "20s"]);
    for (name, value) in target.headers {
        wrk.args(["-H", &format!("{name}: {value}")]);
    }
    wrk.arg("-s")
        .arg(&script)
        .arg(format!("http://127.0.0.1:{}", target.port))
        .arg("--")
        .arg(target.requests);
    let output = wrk.output().context("wrk could not be started")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let line = said.lines().find_map(|line| line.strip_prefix("figures "));
    let figures: Vec<u64> =
        line.into_iter().flat_map(str::split_whitespace).filter_map(|word| word.parse().ok()).collect();
    let [requests, took, p50, p99, errors] = figures[..] else {
        anyhow::bail!("wrk said no figures: {said}{}", String::from_utf8_lossy(&output.stderr));
    };
    ensure!(errors == 0, "{errors} of {requests} requests to port {} failed: {said}", target.port);
    let [took, p50, p99] = [took, p50, p99].map(Duration::from_micros);
    Ok(Run { requests, took, p50, p99 })
}

/// Returns a command on the one core that everything shares.
pub fn pinned(program: &str) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", "0", program]);
    command
}
