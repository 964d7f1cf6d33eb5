//! Why a body cannot be read: the cause, the place and what to do. Of the body the words quote only the name of an unknown
//! field, and only a name that cannot be a secret; never a value.

use serde_json::Error;
use serde_json::error::Category;
use std::ops::Range;

/// A way to write a body that is no JSON in UTF-8, and that its first bytes show.
const BYTE_ORDER_MARK: &str = "The body begins with a byte order mark (EF BB BF). Send UTF-8 without it.";
const UTF_16: &str = "The body is in UTF-16 or UTF-32. Send UTF-8, without a byte order mark.";
const GZIP: &str = "The body is compressed with gzip. Send it as it is.";
const EMPTY: &str = "The body is empty. Send a JSON object.";
const SINGLE_QUOTES: &str = "The body begins with a single quotation mark ('), which some shells pass on (cmd.exe). Put it in double quotation marks \
     there, and write \\\" for each one within.";
const FORM: &str =
    "The body is a form, not JSON. Send a JSON object; curl sends it as it is with --data-binary.";

/// Describes why serde rejects the JSON text of a body.
pub fn why(body: &[u8], error: &Error) -> String {
    why_in(body, &Lines::of(body), 0..body.len(), error)
}

/// Describes the same for a part of a body, such as one item of a batch. The place is the one in the whole body.
pub fn why_in(body: &[u8], lines: &Lines, part: Range<usize>, error: &Error) -> String {
    let text = &body[part.clone()];
    let end = part.start + end_of_read(text, error);
    if error.classify() == Category::Data {
        return wrong_value(error, lines.place(end));
    }
    if let Some(cause) = of_beginning(text) {
        return cause.to_owned();
    }
    if let Err(error) = std::str::from_utf8(text) {
        let at = part.start + error.valid_up_to() + 1;
        return format!("The body is not UTF-8 from byte {at} on. Send UTF-8.");
    }
    not_json(body, lines, end, error)
}

/// Returns the cause that the beginning of a body shows.
fn of_beginning(body: &[u8]) -> Option<&'static str> {
    match body.trim_ascii_start() {
        [] => Some(EMPTY),
        [0xEF, 0xBB, 0xBF, ..] => Some(BYTE_ORDER_MARK),
        // A mark, or an ASCII character beside a zero byte.
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [0, _, ..] | [_, 0, ..] => Some(UTF_16),
        [0x1F, 0x8B, ..] => Some(GZIP),
        [b'\'', ..] => Some(SINGLE_QUOTES),
        // `%7B` is an escaped brace, and `--` begins a form in parts.
        [b'%', ..] | [b'-', b'-', ..] => Some(FORM),
        [b'a'..=b'z' | b'A'..=b'Z' | b'_', rest @ ..] => {
            let end = rest.iter().position(|byte| !(byte.is_ascii_alphanumeric() || *byte == b'_'))?;
            (rest[end] == b'=').then_some(FORM)
        }
        _ => None,
    }
}

/// Describes where and why a text is not JSON. `end`: the number of bytes that were read, the wrong one included.
fn not_json(body: &[u8], lines: &Lines, end: usize, error: &Error) -> String {
    let at = end.saturating_sub(1);
    let said = error.to_string();
    if said.starts_with("control character") {
        // Serde counts the character itself where it reads the text, and not where it only skips it.
        let is_control = |index: usize| body.get(index).is_some_and(u8::is_ascii_control);
        return control_character(
            body,
            lines,
            if !is_control(at) && is_control(at + 1) { at + 1 } else { at },
        );
    }
    let (line, column) = lines.place(end);
    let cause = match body.get(at) {
        _ if error.is_eof() => ": it ends too early",
        _ if said.starts_with("trailing characters") => ": it goes on after its end",
        Some(b']' | b'}') if body[..at].trim_ascii_end().ends_with(b",") => {
            ": a comma stands before a closing bracket or brace"
        }
        Some(b'\'') => ": names and texts need double quotation marks (\"), not single ones (')",
        Some(b'\\') => ": a backslash stands outside a text. Some shells pass on the \\ of \\\"",
        Some(0xE2) => ": names and texts need plain quotation marks (\"), not typographic ones",
        Some(b'a'..=b'z' | b'A'..=b'Z' | b'_') => {
            ": names and texts need double quotation marks (\"). Some shells take them away"
        }
        _ => "",
    };
    format!("The body is not valid JSON (line {line}, column {column}){cause}.")
}

/// Returns where the text begins that has the character at this place. What stands before the place is JSON.
fn begin_of_text(body: &[u8], at: usize) -> usize {
    let (mut begin, mut index) = (None, 0);
    while index < at {
        match (begin, body[index]) {
            (None, b'"') => begin = Some(index + 1),
            (Some(_), b'"') => begin = None,
            // The character after a backslash ends no text.
            (Some(_), b'\\') => index += 1,
            _ => {}
        }
        index += 1;
    }
    begin.unwrap_or_default()
}

/// Describes a control character within a text of the body.
fn control_character(body: &[u8], lines: &Lines, at: usize) -> String {
    let (line, column) = lines.place(at);
    let begin = begin_of_text(body, at);
    let character = String::from_utf8_lossy(&body[begin..at]).chars().count() + 1;
    let (name, mend) = match body.get(at) {
        Some(b'\r' | b'\n') => ("a line break", "Take line breaks out of base64: base64 -w0 writes none."),
        Some(b'\t') => ("a tab", "Take it out, or write it as \\t."),
        _ => ("a control character", "Take it out, or write it as \\u00 and its two hexadecimal digits."),
    };
    format!(
        "A text in the body has {name} at its character {character} (line {line}, column {}). {mend}",
        column + 1
    )
}

/// Describes a value that does not fit, in JSON that is valid.
fn wrong_value(error: &Error, (line, column): (usize, usize)) -> String {
    let text = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    let text = text.strip_suffix(position.as_str()).unwrap_or(&text);
    let kinds = ["Unknown field", "Missing field", "Duplicate field", "Duplicate key"];
    let kind = kinds.into_iter().find(|kind| text.starts_with(kind.to_ascii_lowercase().as_str()));
    // Without a kind, the text between the first backticks may be a value.
    let name = kind.and_then(|_| text.split('`').nth(1)).filter(|name| is_harmless(name));
    let name = name.map(|name| format!(" \"{name}\"")).unwrap_or_default();
    // Serde says last what it expects, in words of Keystead.
    let expected =
        text.rsplit_once(", expected ").map(|(_, expected)| format!(" Expected: {}.", listed(expected)));
    let kind = kind.unwrap_or("Invalid value");
    format!("{kind}{name} at line {line}, column {column}.{}", expected.unwrap_or_default())
}

/// Checks whether a name is short and consists of letters: an API key, a data key or a ciphertext does not.
fn is_harmless(name: &str) -> bool {
    (1..=24).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_')
}

/// Rewrites what serde expects: "one of `a`, `b`" as "a, b", and a Rust type as JSON.
fn listed(expected: &str) -> String {
    match expected {
        names if names.contains('`') => {
            names.trim_start_matches("one of ").replace("` or `", "`, `").replace('`', "")
        }
        "a sequence" => "an array".to_owned(),
        kind if kind.starts_with("struct ") => "an object".to_owned(),
        kind => kind.to_owned(),
    }
}

/// Returns how many bytes serde had read when it found the error.
fn end_of_read(text: &[u8], error: &Error) -> usize {
    let lines = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(index, _)| index + 1);
    // Serde counts lines from 1, and gives an error without a place line 0.
    let begin = std::iter::once(0).chain(lines).nth(error.line().saturating_sub(1)).unwrap_or_default();
    (begin + error.column()).min(text.len())
}

/// The begin of each line of a body. A batch may have a thousand items that cannot be read, each with its place.
pub struct Lines(Vec<usize>);

impl Lines {
    pub fn of(body: &[u8]) -> Self {
        let ends = body.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(index, _)| index + 1);
        Self(std::iter::once(0).chain(ends).collect())
    }

    /// Returns the line, from 1, and the number of bytes before `end` in it.
    fn place(&self, end: usize) -> (usize, usize) {
        let line = self.0.partition_point(|begin| *begin <= end);
        (line, end - self.0.get(line - 1).copied().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        #[serde(rename = "plaintext")]
        _plaintext: String,
    }

    fn said(body: &[u8]) -> String {
        let error = serde_json::from_slice::<Body>(body).expect_err("it is wrong");
        why(body, &error)
    }

    #[test]
    fn each_body_has_its_cause() {
        let wrapped = format!("{{\"plaintext\":\"{}\nQUJD\"}}", "A".repeat(76));
        let utf_16: Vec<_> = "{\"plaintext\":\"\"}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let marked = [&[0xFF, 0xFE], utf_16.as_slice()].concat();
        let place = "(line 1, column 91). Take line breaks out of base64: base64 -w0 writes none.";
        let broken = format!("A text in the body has a line break at its character 77 {place}");
        for (body, expected) in [
            (wrapped.as_bytes(), broken.as_str()),
            (wrapped.replace('\n', "\r\n").as_bytes(), &broken),
            (
                b"{\"plaintext\":\"a\tb\"}",
                "A text in the body has a tab at its character 2 (line 1, column 16). ",
            ),
            (
                b"{\n\"plaintext\":\"\\\"\x01\"}",
                "A text in the body has a control character at its character 3 (line 2, column 16). ",
            ),
            (b"\xEF\xBB\xBF{\"plaintext\":\"\"}", BYTE_ORDER_MARK),
            (&utf_16, UTF_16),
            (&marked, UTF_16),
            (b"\x1F\x8B\x08\0", GZIP),
            (b"", EMPTY),
            (b" \r\n", EMPTY),
            (b"'{\"plaintext\":\"\"}'", SINGLE_QUOTES),
            (b"plaintext=QUJD&context=a", FORM),
            (b"%7B%22plaintext%22", FORM),
            (b"--boundary\r\n", FORM),
            (
                b"{'plaintext':'QUJD'}",
                "The body is not valid JSON (line 1, column 2): names and texts need double quotation marks (\"), not single ones (').",
            ),
            (
                b"{plaintext:QUJD}",
                "The body is not valid JSON (line 1, column 2): names and texts need double quotation marks (\"). Some shells take them away.",
            ),
            (
                b"{\\\"plaintext\\\":1}",
                "The body is not valid JSON (line 1, column 2): a backslash stands outside a text. ",
            ),
            (
                "{“plaintext”:“QUJD”}".as_bytes(),
                "The body is not valid JSON (line 1, column 2): names and texts need plain quotation marks",
            ),
            (
                b"{\"plaintext\":\"QUJD\"",
                "The body is not valid JSON (line 1, column 19): it ends too early.",
            ),
            (
                b"{\"plaintext\":\"QUJD\",}",
                "The body is not valid JSON (line 1, column 21): a comma stands before a closing bracket or brace.",
            ),
            (
                b"{\"plaintext\":\"QUJD\"}\n{}",
                "The body is not valid JSON (line 2, column 1): it goes on after its end.",
            ),
            (b"{\"plaintext\":\"\xE4\"}", "The body is not UTF-8 from byte 15 on. Send UTF-8."),
            (b"{\"plaintext\":!}", "The body is not valid JSON (line 1, column 14)."),
            (b"{\"plaintext\":5}", "Invalid value at line 1, column 14. Expected: a string."),
        ] {
            let said = said(body);
            assert!(said.starts_with(expected), "{:?}: {said}", String::from_utf8_lossy(body));
            assert!(!said.contains("QUJD"), "it quotes nothing: {said}");
        }
    }

    #[test]
    fn a_skipped_text_has_the_same_cause() {
        #[derive(Debug, Deserialize)]
        struct Skipping {}
        for (body, expected) in [
            (
                "{\"a\":\"AAAA\nBBBB\"}",
                "A text in the body has a line break at its character 5 (line 1, column 11). ",
            ),
            ("{\"a\":[1,]}", "The body is not valid JSON (line 1, column 9): a comma stands before"),
        ] {
            let error = serde_json::from_str::<Skipping>(body).expect_err("it is wrong");
            let said = why(body.as_bytes(), &error);
            assert!(said.starts_with(expected), "{body:?}: {said}");
        }
    }

    /// A body of a mebibyte is looked through once, whatever stands in it.
    #[test]
    fn a_long_body_is_described_in_no_time() {
        let backslashes = format!("{{\"plaintext\":\"{}\n\"}}", "\\".repeat(1 << 20));
        let mixed = format!("{{\"plaintext\":\"{}\n\"}}", "\\\\\\\"".repeat(1 << 18));
        for body in [backslashes, mixed] {
            let began = std::time::Instant::now();
            let told = said(body.as_bytes());
            assert!(told.starts_with("A text in the body has a line break"), "{told}");
            assert!(began.elapsed() < std::time::Duration::from_secs(2), "{:?}", began.elapsed());
        }
        let body = format!("[{}", "\n5,".repeat(300_000));
        let lines = Lines::of(body.as_bytes());
        let began = std::time::Instant::now();
        for end in 0..body.len() {
            assert_eq!(lines.place(end).0, (end + 1) / 3 + 1);
        }
        assert!(began.elapsed() < std::time::Duration::from_secs(2), "{:?}", began.elapsed());
    }

    #[test]
    fn the_place_of_an_item_is_the_one_in_the_whole_body() {
        for (body, part, expected) in [
            ("[{}, {\"plaintext\":5}]", 5..20, "Invalid value at line 1, column 19."),
            ("[{},\n {\n\"plaintext\":5}]", 6..22, "Invalid value at line 3, column 13."),
            ("[{},\n {\"plaintext\":5}]", 6..21, "Invalid value at line 2, column 15."),
        ] {
            let error = serde_json::from_slice::<Body>(&body.as_bytes()[part.clone()]).expect_err("wrong");
            let said = why_in(body.as_bytes(), &Lines::of(body.as_bytes()), part, &error);
            assert!(said.starts_with(expected), "{body:?}: {said}");
        }
    }
}
