//! The limits of a machine, for the bench. `limit seal PORT` encrypts each body and answers with the ciphertext, on bare hyper,
//! under one key, with neither JSON nor base64, without authentication and without a journal. `limit echo PORT` is axum and
//! answers with the body of the request.

#![forbid(unsafe_code)]

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce};
use axum::Router;
use axum::routing::post;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::cell::RefCell;
use std::net::Ipv4Addr;
use std::rc::Rc;
use tokio::net::TcpListener;
use tokio::task::LocalSet;

const NONCE: usize = 12;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut words = std::env::args().skip(1);
    let (what, port) = (words.next().expect("seal or echo"), words.next().expect("a port"));
    let port = port.parse().expect("a port");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.expect("the port is free");
    match what.as_str() {
        "echo" => {
            let echo = Router::new().fallback(post(async |body: Bytes| body));
            axum::serve(listener, echo).await.expect("it serves");
        }
        "seal" => LocalSet::new().run_until(seal(listener)).await,
        other => panic!("{other} is neither seal nor echo"),
    }
}

/// Nonces, fetched from the operating system many at a time.
#[derive(Default)]
struct Nonces(Vec<u8>);

impl Nonces {
    #[expect(clippy::disallowed_methods, reason = "no part of Keystead: nothing it encrypts is kept")]
    fn next(&mut self) -> [u8; NONCE] {
        if self.0.is_empty() {
            self.0.resize(341 * NONCE, 0);
            getrandom::fill(&mut self.0).expect("the operating system gives random bytes");
        }
        let rest = self.0.len() - NONCE;
        let nonce = self.0[rest..].try_into().expect("a nonce");
        self.0.truncate(rest);
        nonce
    }
}

async fn seal(listener: TcpListener) {
    let work = Rc::new((Aes256Gcm::new(&[7; 32].into()), RefCell::new(Nonces::default())));
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let _ = stream.set_nodelay(true);
        let work = Rc::clone(&work);
        let answer = service_fn(move |request: Request<Incoming>| {
            let work = Rc::clone(&work);
            async move {
                let plain = request.into_body().collect().await?.to_bytes();
                let nonce = work.1.borrow_mut().next();
                let mut sealed = Vec::with_capacity(NONCE + plain.len() + 16);
                sealed.extend_from_slice(&nonce);
                sealed.extend_from_slice(&plain);
                let tag = work
                    .0
                    .encrypt_inout_detached(&Nonce::from(nonce), b"", (&mut sealed[NONCE..]).into())
                    .expect("it encrypts");
                sealed.extend_from_slice(&tag);
                Ok::<_, hyper::Error>(Response::new(Full::new(Bytes::from(sealed))))
            }
        });
        tokio::task::spawn_local(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
    }
}
