//! Large answers that wait for their reader. However slowly clients read, all of these answers together take a limited amount
//! of memory.

use axum::body::{Body, Bytes, HttpBody};
use axum::response::Response;
use engine::base::shares::{Held, Holder, Shares};
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};

/// Number of bytes that a connection gets at a time. It asks for more when its reader has taken them.
const PIECE: usize = 16 * 1024;

/// Marks an answer whose bytes all clients share: it reserves no memory, because otherwise strangers could take all of it.
#[derive(Clone)]
pub struct Shared;

/// A body that releases its memory when it has been read.
struct Waiting {
    bytes: Bytes,
    _room: Held,
}

impl HttpBody for Waiting {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let next = self.bytes.len().min(PIECE);
        let piece = self.bytes.split_to(next);
        Poll::Ready((!piece.is_empty()).then(|| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.len() as u64)
    }
}

/// Returns the answer with its memory reserved in its reader's share; `None` when there is no room. An answer of at most `free`
/// bytes reserves none.
pub async fn with_room(response: Response, shares: &Shares, reader: Holder, free: usize) -> Option<Response> {
    // A body that is made while it is read has no exact size and reserves no memory.
    let size = response.body().size_hint().exact().and_then(|size| usize::try_from(size).ok());
    let size = size.filter(|size| *size > free && response.extensions().get::<Shared>().is_none());
    let Some(size) = size else { return Some(response) };
    // It does not wait: an answer that waited for room would be in memory without a reservation.
    let room = shares.take(reader, size)?;
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.ok()?.to_bytes();
    Some(Response::from_parts(parts, Body::new(Waiting { bytes, _room: room })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::guard::SMALL;

    #[tokio::test]
    async fn what_is_not_read_keeps_its_room_and_what_is_read_gives_it_back() {
        let shares = Shares::new(150_000);
        let with_room = async |answer| with_room(answer, &shares, Holder::Host, SMALL).await;
        let answer = || Response::new(Body::from(vec![7; 60_000]));
        let first = with_room(answer()).await.expect("there is room");
        assert_eq!(first.body().size_hint().exact(), Some(60_000));
        assert!(with_room(answer()).await.is_none(), "no room for a second one");
        let small = Response::new(Body::from(vec![7; 16 * 1024]));
        assert!(with_room(small).await.is_some(), "a small one needs none");
        let mut shared = answer();
        shared.extensions_mut().insert(Shared);
        assert!(with_room(shared).await.is_some(), "nor does one that is there already");
        let mut body = first.into_body();
        let piece = body.frame().await.expect("a piece").expect("data").into_data().expect("data");
        assert_eq!(piece.len(), PIECE);
        assert_eq!(body.collect().await.expect("the rest").to_bytes().len(), 60_000 - PIECE);
        assert!(with_room(answer()).await.is_some(), "there is room again");
    }
}
