//! A proxy between a server and PostgreSQL that cuts connections at a commit.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

/// The moment at which the proxy cuts a connection.
#[derive(Clone, Copy, PartialEq)]
pub enum Cut {
    Nothing = 0,
    /// Before the next commit reaches PostgreSQL.
    BeforeCommit = 1,
    /// After PostgreSQL has answered the commit, before the server gets the answer.
    AfterCommit = 2,
}

/// The proxy, which ends with the test.
pub struct Wire {
    pub url: Url,
    cut: Arc<AtomicU8>,
}

const COMMIT: &[u8] = b"COMMIT\0";

impl Wire {
    pub async fn before(direct: &Url) -> Self {
        let upstream = (direct.host_str().expect("a host").to_owned(), direct.port().expect("a port"));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let mut url = direct.clone();
        url.set_port(Some(listener.local_addr().expect("an address").port())).expect("a port");
        let cut = Arc::new(AtomicU8::new(Cut::Nothing as u8));
        let orders = cut.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(join(client, upstream.clone(), orders.clone()));
            }
        });
        Self { url, cut }
    }

    /// Applies the cut to the next commit, once.
    pub fn will(&self, cut: Cut) {
        self.cut.store(cut as u8, Ordering::SeqCst);
    }

    /// Returns whether a commit was cut.
    pub fn has_cut(&self) -> bool {
        self.cut.load(Ordering::SeqCst) == Cut::Nothing as u8
    }
}

async fn join(mut client: TcpStream, upstream: (String, u16), orders: Arc<AtomicU8>) {
    let Ok(mut server) = TcpStream::connect(upstream).await else { return };
    let (mut from_client, mut from_server) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            count = client.read(&mut from_client) => {
                let Ok(count @ 1..) = count else { return };
                let sent = &from_client[..count];
                let order = match sent.windows(COMMIT.len()).any(|window| window == COMMIT) {
                    true => orders.swap(Cut::Nothing as u8, Ordering::SeqCst),
                    false => Cut::Nothing as u8,
                };
                if order == Cut::BeforeCommit as u8 || server.write_all(sent).await.is_err() {
                    return;
                }
                if order == Cut::AfterCommit as u8 {
                    // Waits until PostgreSQL has confirmed the commit.
                    let _ = server.read(&mut from_server).await;
                    return;
                }
            }
            count = server.read(&mut from_server) => {
                let Ok(count @ 1..) = count else { return };
                if client.write_all(&from_server[..count]).await.is_err() {
                    return;
                }
            }
        }
    }
}
