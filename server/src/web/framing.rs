//! Requests that leave open how their body is to be read. Two readers of one request, such as a proxy and Keystead, must not
//! read it in two ways.

use super::failure::Failure;
use axum::extract::Request;
use axum::http::header::{CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, HOST, TRANSFER_ENCODING};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::base::problem::{Code, Problem};

/// A request that Keystead does not read.
#[derive(Debug, PartialEq, Eq)]
pub struct Unclear {
    pub status: StatusCode,
    pub message: &'static str,
    /// Nobody can be sure where the request ends, so the connection has to end with the answer.
    ends_connection: bool,
}

impl Unclear {
    /// Ends the connection with the answer where that has to be.
    pub fn end_with(&self, response: &mut Response) {
        if self.ends_connection {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
    }

    fn new(status: StatusCode, message: &'static str) -> Self {
        Self { status, message, ends_connection: false }
    }
}

/// Headers that must not occur twice at a door, because one reader uses the first value and another reader the last. At a page
/// `origin` refuses a second host, and `forms` a second type.
const ONCE: [(HeaderName, &str); 2] = [
    (HOST, "The request has more than one header `Host`. Send one."),
    (CONTENT_TYPE, "The request has more than one header `Content-Type`. Send one."),
];

/// Checks the headers of a request to a door that say whom it is for and how its body is to be read.
///
/// # Errors
/// [`Unclear`] when the body could be read in two ways, or only with a coding that Keystead does not have.
pub fn at_door(headers: &HeaderMap) -> Result<(), Unclear> {
    // Few requests have any header twice, and this comparison looks at none.
    if headers.len() != headers.keys_len()
        && let Some((_, message)) = ONCE.iter().find(|(name, _)| is_twice(headers, name))
    {
        return Err(Unclear::new(StatusCode::BAD_REQUEST, message));
    }
    coding(headers)
}

pub fn is_twice(headers: &HeaderMap, name: &HeaderName) -> bool {
    headers.get_all(name).iter().nth(1).is_some()
}

/// Checks the codings of a body. The HTTP library has refused before: a coding of HTTP/1.0, a last coding other than `chunked`,
/// and lengths that are not one number. When a request has a length beside its coding, the library reads by the coding, takes the
/// length out of the headers and ends the connection with the answer (RFC 9112, 6.1).
fn coding(headers: &HeaderMap) -> Result<(), Unclear> {
    if headers.contains_key(TRANSFER_ENCODING) {
        transfer_coding(headers)?;
    }
    let is_coded = |value: &HeaderValue| !value.as_bytes().eq_ignore_ascii_case(b"identity");
    if headers.get_all(CONTENT_ENCODING).iter().any(is_coded) {
        let message = "Keystead reads no compressed bodies. Send the body as it is, without the header `Content-Encoding`.";
        return Err(Unclear::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    }
    Ok(())
}

/// Checks that the only transfer coding is `chunked`, once (RFC 9112, 6.1).
fn transfer_coding(headers: &HeaderMap) -> Result<(), Unclear> {
    let values = headers.get_all(TRANSFER_ENCODING).iter();
    let codings =
        values.flat_map(|value| value.as_bytes().split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
    let mut chunked = 0;
    // An empty element of a list does not count (RFC 9110, 5.6.1).
    for coding in codings.filter(|coding| !coding.is_empty()) {
        if !coding.eq_ignore_ascii_case(b"chunked") {
            let message =
                "Keystead knows no transfer coding but `chunked`. Send the body without another one.";
            return Err(Unclear {
                ends_connection: true,
                ..Unclear::new(StatusCode::NOT_IMPLEMENTED, message)
            });
        }
        chunked += 1;
    }
    if chunked == 1 {
        return Ok(());
    }
    let message = "The header `Transfer-Encoding` must name `chunked` once.";
    Err(Unclear { ends_connection: true, ..Unclear::new(StatusCode::BAD_REQUEST, message) })
}

/// Refuses a request for a page with a body in a coding that Keystead does not have.
pub async fn at_page(request: Request, next: Next) -> Response {
    let Err(unclear) = coding(request.headers()) else {
        return next.run(request).await;
    };
    let problem = Problem::new(Code::Invalid, unclear.message);
    let mut response = Failure::Problem(unclear.status, problem).into_response();
    unclear.end_with(&mut response);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(pairs: &[(&'static str, &'static str)]) -> Option<(u16, bool)> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        at_door(&headers).err().map(|unclear| (unclear.status.as_u16(), unclear.ends_connection))
    }

    #[test]
    fn a_body_is_read_in_one_way_or_not_at_all() {
        for (pairs, refused) in [
            (&[][..], None),
            (&[("content-type", "application/json"), ("host", "a")], None),
            (&[("accept", "a"), ("accept", "b"), ("cookie", "a=b"), ("cookie", "c=d")], None),
            (
                &[("content-type", "application/json"), ("content-type", "application/json")],
                Some((400, false)),
            ),
            (&[("content-type", "text/plain"), ("content-type", "application/json")], Some((400, false))),
            (&[("host", "a"), ("host", "a")], Some((400, false))),
            (&[("transfer-encoding", "chunked")], None),
            (&[("transfer-encoding", " Chunked ")], None),
            (&[("transfer-encoding", ", chunked,")], None),
            (&[("transfer-encoding", "gzip, chunked")], Some((501, true))),
            (&[("transfer-encoding", "gzip"), ("transfer-encoding", "chunked")], Some((501, true))),
            (&[("transfer-encoding", "identity, chunked")], Some((501, true))),
            (&[("transfer-encoding", "chunked;a=b")], Some((501, true))),
            (&[("transfer-encoding", "chunked, chunked")], Some((400, true))),
            (&[("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")], Some((400, true))),
            (&[("transfer-encoding", "")], Some((400, true))),
            (&[("content-encoding", "gzip")], Some((415, false))),
            (&[("content-encoding", "Identity")], None),
            (&[("content-encoding", "identity, gzip")], Some((415, false))),
            (&[("content-encoding", "identity"), ("content-encoding", "br")], Some((415, false))),
        ] {
            assert_eq!(status(pairs), refused, "{pairs:?}");
        }
    }
}
