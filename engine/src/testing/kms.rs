//! A KMS in this process that speaks the protocol of `TrentService.*` and behaves as a test tells it, also in ways that no
//! emulator offers. It listens on a port of its own and talks plain HTTP/1.1.

use crate::Settings;
use crate::custody;
use data_encoding::BASE64;
use domain::custody::aws::{AccessKeyId, EncryptedDataKey, KeyArn, Region};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

pub const ARN: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
pub const ACCESS_KEY_ID: &str = "AKIAIOSFODNN7EXAMPLE";
/// The data key under [`ARN`], as AWS prints it.
pub const DATA_KEY: &str = "ASRLbpW43wIpTHOWveAHKlF0m77lCC9SeZzD5g0wV3qhxOsONVh/osnsEzZdgKfK8RQ7XoWoz/IZPGOGrdD3GkFki67V+B9CaYyz1v0gR2qRtNv+JUhvkrncAyZNcJe64QQrTnWYv+IJLFN2ncDnCjFUe57F6A8yWXyjxu0QN1qBpMvuFThfgqnM8xY9YIeq0fQbPmWIr9L5HENmjbDX+iFEa4612P8iSWyTtt0AJ0pxlLveBShPcg==";
pub const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

/// Places of the bytes by which the fake's data keys differ.
const KEY_AT: usize = 90;
const WRAPPING_AT: usize = 91;

/// The fake's behaviour when it is asked to decrypt.
#[derive(Clone, Debug)]
pub enum Decrypts {
    Well,
    /// Answers with an error as KMS sends it.
    Error(u16, &'static str, String),
    /// Answers with a key id that is not the requested one.
    OtherKey,
    /// Answers with this plaintext, for example of another length.
    Plaintext(Vec<u8>),
    /// Takes the request and never answers.
    Hangs,
    /// Cuts the connection in the middle.
    Resets,
    /// Answers with bytes that are no answer of KMS.
    Garbage,
    /// Answers with an HTML page, as a proxy sends it.
    Page(u16),
}

/// The fake's answer to Encrypt and GenerateDataKey.
#[derive(Clone, Copy, Debug)]
pub enum Forbids {
    Denied,
    /// Supports dry runs, and says that the call would succeed.
    WouldDo,
    /// Supports no dry runs, and executes the call.
    Does,
}

/// A call as the fake received it.
#[derive(Clone, Debug)]
pub struct Call {
    pub operation: String,
    pub authorization: String,
    pub body: Value,
}

struct State {
    /// Behaviour at the next calls of Decrypt, one for each.
    next: VecDeque<Decrypts>,
    decrypts: Decrypts,
    forbids: Forbids,
    delay: Duration,
    calls: Vec<Call>,
    under_way: usize,
    most_under_way: usize,
}

/// The fake KMS. It stops when it is dropped.
pub struct FakeKms {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    plaintext: [u8; 32],
    listening: JoinHandle<()>,
}

impl FakeKms {
    pub async fn start() -> Self {
        Self::on("127.0.0.1:0".parse().expect("an address")).await
    }

    async fn on(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(Mutex::new(State {
            next: VecDeque::new(),
            decrypts: Decrypts::Well,
            forbids: Forbids::Denied,
            delay: Duration::ZERO,
            calls: Vec::new(),
            under_way: 0,
            most_under_way: 0,
        }));
        let plaintext = [0xA5; 32];
        let shared = Arc::clone(&state);
        let listening = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                tokio::spawn(async move { serve(stream, &state, plaintext).await });
            }
        });
        Self { address, state, plaintext, listening }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("the fake's lock")
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the settings of a portal whose customers' KMS this is. The rate of pre-flights is high, because a story of its own
    /// tests it.
    pub fn settings(&self) -> Settings {
        Settings {
            custody: custody::Settings {
                kms: custody::kms::Settings { endpoint_url: Some(self.url()), private_endpoints: false },
                preflights_each_minute: NonZeroU32::new(10_000).expect("not zero"),
                ..custody::Settings::default()
            },
            ..Settings::default()
        }
    }

    pub fn decrypts(&self, how: Decrypts) {
        self.state().decrypts = how;
    }

    /// Makes Decrypt fail with an error of KMS.
    pub fn fails(&self, status: u16, code: &'static str) {
        self.decrypts(Decrypts::Error(status, code, "no".to_owned()));
    }

    /// Makes the next calls of Decrypt behave like this, one each, before those after them do as they did.
    pub fn next(&self, how: impl IntoIterator<Item = Decrypts>) {
        self.state().next.extend(how);
    }

    /// Makes the next call of Decrypt fail with an error of KMS, and no other.
    pub fn fails_once(&self, code: &'static str) {
        self.next([Decrypts::Error(400, code, "no".to_owned())]);
    }

    pub fn forbids(&self, how: Forbids) {
        self.state().forbids = how;
    }

    /// Delays every answer.
    pub fn takes(&self, delay: Duration) {
        self.state().delay = delay;
    }

    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// Returns the number of calls of Decrypt.
    pub fn decrypt_calls(&self) -> usize {
        self.state().calls.iter().filter(|call| call.operation == "Decrypt").count()
    }

    /// Returns the maximum number of calls that were under way at the same time.
    pub fn most_under_way(&self) -> usize {
        self.state().most_under_way
    }

    pub fn forget_calls(&self) {
        let mut state = self.state();
        state.calls.clear();
        state.most_under_way = 0;
    }

    /// Returns the plaintext of [`data_key`].
    pub fn plaintext(&self) -> [u8; 32] {
        self.plaintext
    }
}

impl Drop for FakeKms {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// Returns the region that the fake's customer enters.
pub fn region() -> Region {
    Region::parse("eu-central-1").expect("a region")
}

pub fn arn() -> KeyArn {
    KeyArn::parse(ARN).expect("an ARN")
}

pub fn data_key() -> EncryptedDataKey {
    EncryptedDataKey::parse(DATA_KEY).expect("a data key")
}

/// Returns another data key under [`ARN`]. `key` chooses the key, [`data_key`] being 0; `wrapping` chooses one of its encryptions.
pub fn other_data_key(key: u8, wrapping: u8) -> EncryptedDataKey {
    let mut bytes = data_key().bytes().to_vec();
    bytes[KEY_AT] ^= key;
    bytes[WRAPPING_AT] ^= wrapping;
    EncryptedDataKey::from_bytes(bytes).expect("a data key")
}

/// Returns the number of the key in a blob; `None` for one that the fake has not made.
fn key_in(blob: &Value) -> Option<u8> {
    let blob = BASE64.decode(blob.as_str()?.as_bytes()).ok()?;
    let own = data_key();
    let differs = |at: usize| blob.get(at).map(|byte| byte ^ own.bytes()[at]);
    let (key, wrapping) = (differs(KEY_AT)?, differs(WRAPPING_AT)?);
    (other_data_key(key, wrapping).bytes() == blob).then_some(key)
}

pub fn access_key_id() -> AccessKeyId {
    AccessKeyId::parse(ACCESS_KEY_ID).expect("an id")
}

async fn serve(stream: TcpStream, state: &Mutex<State>, plaintext: [u8; 32]) {
    let mut stream = BufReader::new(stream);
    while let Some(call) = read(&mut stream).await {
        let (decrypts, forbids, delay) = {
            let mut state = state.lock().expect("the fake's lock");
            state.calls.push(call.clone());
            state.under_way += 1;
            state.most_under_way = state.most_under_way.max(state.under_way);
            let next = if call.operation == "Decrypt" { state.next.pop_front() } else { None };
            (next.unwrap_or_else(|| state.decrypts.clone()), state.forbids, state.delay)
        };
        tokio::time::sleep(delay).await;
        let goes_on = answer(stream.get_mut(), &call, decrypts, forbids, plaintext).await;
        state.lock().expect("the fake's lock").under_way -= 1;
        if !goes_on {
            return;
        }
    }
}

/// Reads one request: its target, its signature, its body.
async fn read(stream: &mut BufReader<TcpStream>) -> Option<Call> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let header = |name: &str| {
        let found = head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.to_owned()).unwrap_or_default()
    };
    let mut body = vec![0; header("content-length").parse().ok()?];
    stream.read_exact(&mut body).await.ok()?;
    Some(Call {
        operation: header("x-amz-target").trim_start_matches("TrentService.").to_owned(),
        authorization: header("authorization"),
        body: serde_json::from_slice(&body).ok()?,
    })
}

/// Answers a call. Returns false when the connection is over.
async fn answer(
    stream: &mut TcpStream,
    call: &Call,
    decrypts: Decrypts,
    forbids: Forbids,
    plaintext: [u8; 32],
) -> bool {
    let arn = call.body["KeyId"].as_str().unwrap_or_default();
    let error = |code: &str, message: &str| json!({ "__type": code, "message": message });
    let (status, body) = if call.operation != "Decrypt" {
        let blob = BASE64.encode(&[7; 120]);
        match forbids {
            Forbids::Denied => (400, error("AccessDeniedException", "not authorized")),
            Forbids::WouldDo => (400, error("DryRunOperationException", "it would have succeeded")),
            Forbids::Does => {
                (200, json!({ "CiphertextBlob": blob, "KeyId": arn, "Plaintext": BASE64.encode(&plaintext) }))
            }
        }
    } else {
        let good = |plain: &[u8]| json!({ "KeyId": arn, "Plaintext": BASE64.encode(plain), "EncryptionAlgorithm": "SYMMETRIC_DEFAULT" });
        match decrypts {
            Decrypts::Well => match key_in(&call.body["CiphertextBlob"]) {
                Some(key) => (200, good(&plaintext.map(|byte| byte ^ key))),
                // KMS does the same: it does not open a blob that it did not make.
                None => (400, error("InvalidCiphertextException", "no")),
            },
            Decrypts::Error(status, code, message) => (status, error(code, &message)),
            Decrypts::OtherKey => {
                let other = ARN.replace("1234abcd", "ffffffff");
                (200, json!({ "KeyId": other, "Plaintext": BASE64.encode(&plaintext) }))
            }
            Decrypts::Plaintext(plain) => (200, good(&plain)),
            Decrypts::Hangs => {
                tokio::time::sleep(Duration::from_secs(60)).await;
                return false;
            }
            Decrypts::Resets => {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"KeyId\":").await;
                // Without it the kernel would close the connection in good order; a linger of zero sends a reset.
                let _ = stream.set_zero_linger();
                return false;
            }
            Decrypts::Garbage => {
                return write(stream, 200, "application/x-amz-json-1.1", "\u{1}\u{2}not json").await;
            }
            Decrypts::Page(status) => return write(stream, status, "text/html", "<h1>Blocked</h1>").await,
        }
    };
    write(stream, status, "application/x-amz-json-1.1", &body.to_string()).await
}

async fn write(stream: &mut TcpStream, status: u16, kind: &str, body: &str) -> bool {
    let head =
        format!("HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(format!("{head}{body}").as_bytes()).await.is_ok()
}
