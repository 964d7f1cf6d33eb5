//! The formats that are read line by line: profiles, variables, YAML, tables, text, bare base64.

use crate::custody::aws::paste::table::Table;
use crate::custody::aws::paste::{
    Field, Pasted, SHORTEST_BLOB, could_be_secret, is_base64, is_hexadecimal, is_id,
};
use zeroize::Zeroizing;

/// Reads all lines.
pub(super) fn read(text: &str, found: &mut Pasted) {
    let mut table = Table::default();
    let mut run = Run::default();
    let mut lines = text.lines().map(str::trim_ascii).peekable();
    while let Some(line) = lines.next() {
        if line.starts_with('|') {
            run.end(found);
            let mut row = Zeroizing::new(line.to_owned());
            // A narrow terminal breaks a row into several lines.
            while !row.ends_with('|')
                && let Some(more) = lines.next_if(|next| continues_row(next))
            {
                row.push_str(more);
            }
            table.row(&row, found);
            continue;
        }
        if line.starts_with("+-") {
            table.row(line, found);
            continue;
        }
        table.end(found);
        if read_assignments(line, &mut run, found) {
            continue;
        }
        // Only a line of a single word can continue on the next line.
        let is_single = line.split_whitespace().count() == 1;
        for word in line.split_whitespace() {
            run.word(word, found);
            if !is_single {
                run.end(found);
            }
        }
        if line.is_empty() {
            run.end(found);
        }
    }
    table.end(found);
    run.end(found);
}

/// Checks whether a line continues a broken table row. Base64 may begin with a plus, so only a whole corner (`+-`) ends a row.
fn continues_row(line: &str) -> bool {
    !line.is_empty() && !["|", "+-", "--"].iter().any(|begin| line.starts_with(begin))
}

/// Reads `name = value`, `export NAME=value` and `$Env:NAME="value"`, also several of them in a line, or one `Name: value`.
fn read_assignments(line: &str, run: &mut Run, found: &mut Pasted) -> bool {
    let mut is_any = false;
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('=') {
        // A name may contain a space (`Encrypted key`). Elsewhere other words stand before it (`export NAME`, `$Env:NAME`).
        let last =
            before.rsplit([' ', '\t', ';', ',', ':']).find(|word| !word.is_empty()).unwrap_or_default();
        let field = Field::named(before).or_else(|| Field::named(last));
        // An equals sign without a name before it may be padding of base64, so the search goes on behind it.
        rest = after;
        if let Some(field) = field {
            let (value, more) = split_value(after);
            rest = more;
            is_any = true;
            assign(field, value, run, found);
        }
    }
    if is_any {
        return true;
    }
    let Some((name, value)) = line.split_once(':').filter(|(name, _)| !name.contains('"')) else {
        return false;
    };
    // A pair has a space after its colon, so `$Env:Region` is not one.
    let Some(field) = Field::named(name).filter(|_| value.starts_with([' ', '\t'])) else { return false };
    let value = value.trim_ascii_start();
    let value = value.strip_prefix("!!binary").unwrap_or(value).trim_ascii_start();
    // In these cases the value stands on the lines below.
    if value.is_empty() || value.starts_with(['|', '>']) {
        return false;
    }
    assign(field, split_value(value).0, run, found);
    true
}

fn assign(field: Field, value: &str, run: &mut Run, found: &mut Pasted) {
    run.end(found);
    match field {
        // A named value may be wrapped, so the lines below may belong to it.
        Field::EncryptedKey if is_base64(value) => run.begin(value, true),
        _ => found.put(field, value),
    }
}

/// Checks for the beginning of a KMS ciphertext: its first byte is 1, in base64 an A and one of Q to f. One secret in 256
/// begins the same.
fn begins_like_kms(text: &str) -> bool {
    matches!(text.as_bytes(), [b'A', b'Q'..=b'Z' | b'a'..=b'f', ..])
}

/// Checks for a secret key in the form that emulators of AWS generate. Without an id before it, it is a checksum.
fn is_hexadecimal_secret(word: &str) -> bool {
    word.len() == 40 && is_hexadecimal(word)
}

/// Checks for a time: `2026-11-22T12:00:00+00:00`.
fn is_time(word: &str) -> bool {
    word.starts_with("20")
        && word.contains(':')
        && word.bytes().all(|b| b.is_ascii_digit() || b"-T:+.Z".contains(&b))
}

/// Splits a text into a value (in quotes, or up to a space, semicolon or comma) and the text after it.
fn split_value(text: &str) -> (&str, &str) {
    let text = text.trim_ascii_start();
    let quoted = ['"', '\''].iter().find_map(|quote| text.strip_prefix(*quote)?.split_once(*quote));
    quoted
        .or_else(|| text.split_once(|c: char| c.is_whitespace() || c == ';' || c == ','))
        .unwrap_or((text, ""))
}

/// Wrapped base64: lines of the same length, and a last line that may be shorter.
#[derive(Default)]
struct Run {
    text: Zeroizing<String>,
    lines: usize,
    /// Number of characters in the first line.
    first: usize,
    /// Number of characters in the last line.
    width: usize,
    is_named: bool,
    is_whole: bool,
    /// The previous word was the id of an access key, so the secret comes next.
    is_after_id: bool,
}

impl Run {
    fn word(&mut self, word: &str, found: &mut Pasted) {
        let is_id = is_id(word);
        let is_secret = could_be_secret(word) && (self.is_after_id || self.ends_before(word));
        if self.is_after_id && is_hexadecimal_secret(word) {
            self.end(found);
            found.put(Field::SecretAccessKey, word);
            self.is_after_id = false;
        } else if is_id || is_secret || !is_base64(word) {
            self.end(found);
            found.take_unnamed(word);
            // The creation date may stand between the id and the secret.
            self.is_after_id = is_id || self.is_after_id && is_time(word);
        } else if self.continues_with(word) {
            self.text.push_str(word);
            self.lines += 1;
            self.is_whole = word.ends_with('=') || word.len() < self.width;
            self.width = word.len();
        } else {
            self.end(found);
            self.begin(word, false);
        }
    }

    fn begin(&mut self, text: &str, is_named: bool) {
        let is_whole = text.ends_with('=');
        let text = Zeroizing::new(text.to_owned());
        let width = text.len();
        *self = Self { text, lines: 1, first: width, width, is_named, is_whole, is_after_id: false };
    }

    fn continues_with(&self, word: &str) -> bool {
        // The name shortens the first line of a named value, so the second line may be longer.
        let is_no_longer = word.len() <= self.width || self.lines == 1 && self.is_named;
        self.lines > 0 && !self.is_whole && is_no_longer
    }

    /// Checks whether a word as long as a secret is more likely a secret than the last line of this base64, which could be
    /// complete without it. No tool wraps text into one long line and a short one.
    fn ends_before(&self, word: &str) -> bool {
        let could_be_whole =
            self.text.len() >= SHORTEST_BLOB && (self.lines == 1 || self.text.len().is_multiple_of(4));
        self.lines > 0 && self.width != word.len() && could_be_whole
    }

    fn end(&mut self, found: &mut Pasted) {
        let Self { text, first, is_named, is_after_id, .. } = std::mem::take(self);
        let begin = text.get(..first).unwrap_or_default();
        if is_named {
            found.put(Field::EncryptedKey, &text);
        } else if text.len() < SHORTEST_BLOB && could_be_secret(begin) {
            // A word on the line below a secret is not part of it.
            found.take_unnamed(begin);
        } else if could_be_secret(begin) && !begins_like_kms(&text) {
            // The first line is a secret, above a ciphertext that is wrapped to the same width.
            found.take_unnamed(begin);
            found.take_unnamed(text.get(first..).unwrap_or_default());
        } else {
            found.take_unnamed(&text);
        }
        // A line break or a tab may stand between the id and the secret.
        self.is_after_id = is_after_id;
    }
}
