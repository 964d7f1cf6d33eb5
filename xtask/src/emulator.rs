//! An emulator of AWS KMS and IAM, in a Python environment of its own below `target`: for the tests, and to try Keystead
//! without AWS. It checks signatures and policies. The same environment has IronCore's client for Python.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use crate::place::Place;
use crate::{interrupt, progress, setup, shell};

/// Port of an emulator that is started by hand.
const PORT: u16 = 5562;
const PATIENCE: Duration = Duration::from_secs(30);

/// A running emulator; stopped when dropped.
pub struct Emulator {
    server: Child,
    port: u16,
    folder: TempDir,
}

/// Returns the Python of the environment.
fn python(place: &Place) -> PathBuf {
    place.emulator().join("bin/python")
}

/// Makes the environment, and again only after its lists of packages changed.
pub fn provide(place: &Place) -> Result<()> {
    let lists =
        ["emulator/requirements.txt", "clients/requirements.txt"].map(|list| place.end2end().join(list));
    setup::python_environment(&place.emulator(), &lists, "the emulator of AWS KMS")
}

impl Emulator {
    /// Starts it for tests, on a port that was free.
    pub fn start(place: &Place) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        progress::say("AWS KMS", "starting the emulator for the tests …");
        Self::on(place, port)
    }

    fn on(place: &Place, port: u16) -> Result<Self> {
        // `await_answer` would take another process that answers on this port for the emulator.
        ensure!(!answers(port), "something answers on port {port} already: is the emulator running?");
        let folder = tempfile::Builder::new().prefix("keystead-kms-").tempdir()?;
        let log = File::create(folder.path().join("log"))?;
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig=TERM", "--"]).arg(place.emulator().join("bin/ministack"));
        command.env("AUTH", "true").env("GATEWAY_PORT", port.to_string());
        command.env("MINISTACK_HOST", "127.0.0.1").env("BIND_HOST", "127.0.0.1");
        command.current_dir(folder.path()).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        // A process group of its own, so that Ctrl-C in a terminal reaches the tests only.
        let server = command.process_group(0).spawn().context("the emulator could not be started")?;
        let mut emulator = Self { server, port, folder };
        emulator.await_answer()?;
        Ok(emulator)
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Tells a test runner the emulator's address, and the Python with which a test acts as a customer.
    pub fn introduce(&self, place: &Place, runner: &mut Command) {
        runner.env("KEYSTEAD_TEST_KMS_URL", self.url());
        runner.env("KEYSTEAD_TEST_PYTHON", python(place));
    }

    fn await_answer(&mut self) -> Result<()> {
        let since = Instant::now();
        while since.elapsed() < PATIENCE && !interrupt::happened() {
            if answers(self.port) {
                return Ok(());
            }
            if self.server.try_wait()?.is_some() {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        bail!("the emulator of AWS KMS did not start; it said\n{log}")
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn answers(port: u16) -> bool {
    let ask = || {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(b"GET /_ministack/health HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")?;
        // The version and the status have a fixed length: `HTTP/1.0 200` (RFC 9112, 4).
        let mut head = [0; 12];
        stream.read_exact(&mut head)?;
        Ok::<_, std::io::Error>(head)
    };
    ask().is_ok_and(|head| head.ends_with(b" 200"))
}

/// Runs the emulator in this terminal, until Ctrl-C.
pub fn run(place: &Place) -> Result<()> {
    provide(place)?;
    let mut emulator = Emulator::on(place, PORT)?;
    progress::say("AWS KMS", &format!("an emulator answers on {} until you press Ctrl-C", emulator.url()));
    while !interrupt::happened() && emulator.server.try_wait()?.is_none() {
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// Makes a customer and prints the text to paste, or disables or enables the key of the last customer.
pub fn customer(place: &Place, verb: &str) -> Result<()> {
    ensure!(
        answers(PORT),
        "the emulator is not running: start it with `cargo xtask kms` in another terminal"
    );
    let note = place.emulator().join("customer-arn");
    let mut arguments = vec![verb.to_owned()];
    if verb != "create" {
        arguments
            .push(fs::read_to_string(&note).context("there is no customer yet: `cargo xtask kms customer`")?);
    }
    let mut command = Command::new(python(place));
    command.arg(script(place)).arg(format!("http://127.0.0.1:{PORT}")).args(arguments);
    let said = shell::answer(&mut command).with_context(|| format!("the emulator refused `{verb}`"))?;
    if verb == "create" {
        let arn = said.split('"').find(|part| part.starts_with("arn:")).context("the customer has no key")?;
        fs::write(note, arn)?;
        println!("{said}");
        progress::say("AWS KMS", "paste all of it into the box of “Add encryption key”, type Manual: AWS");
    }
    Ok(())
}

fn script(place: &Place) -> PathBuf {
    place.end2end().join(Path::new("emulator/customer.py"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_emulator_answers_and_is_gone_afterwards() {
        let place = Place::find().unwrap();
        let emulator = Emulator::start(&place).unwrap();
        let (port, folder) = (emulator.port, emulator.folder.path().to_path_buf());
        assert!(answers(port));
        drop(emulator);
        assert!(!answers(port) && !folder.exists());
    }
}
