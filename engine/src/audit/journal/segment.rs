//! A segment: a file of lines. The first line says where the chain begins.
//!
//! ```text
//! <sequence before>\t<code before, hex>\t<run>\n
//! <sequence>\t<code, hex>\t<event as JSON>\n      and so on
//! ```
//! The row of a segment holds the events alone. Their codes follow from the code before the first event, and would take several
//! times the space of everything else, because random bytes do not compress.

use crate::audit::journal::chain::{Head, RunKey, same};
use chrono::{DateTime, Utc};
use data_encoding::HEXLOWER;
use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;
use uuid::Uuid;

const ENDING: &str = ".jsonl";
/// Number of hex digits of a code.
const CODE: usize = 64;

/// The name of a segment's file: its run and its first sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    pub run: Uuid,
    pub first: u64,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:020}{ENDING}", self.run, self.first)
    }
}

impl FromStr for Name {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (run, first) = text.strip_suffix(ENDING).and_then(|stem| stem.rsplit_once('-')).ok_or(())?;
        let name = Self { run: run.parse().map_err(drop)?, first: first.parse().map_err(drop)? };
        // The parsers accept other spellings, too (`+1`, capitals). A segment has only the name that `Writer` gives it.
        if name.first > 0 && name.to_string() == text { Ok(name) } else { Err(()) }
    }
}

/// The content of a segment, with its chain verified.
pub struct Segment<'a> {
    pub before: Head,
    pub after: Head,
    /// The events as JSON, oldest first; the sequence of the first is that after `before`.
    pub events: Vec<&'a [u8]>,
}

/// A description of how a segment differs from what was written.
#[derive(Debug, PartialEq, Eq)]
pub struct Damage(pub String);

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Writes the first line.
pub fn write_head(out: &mut Vec<u8>, run: Uuid, before: &Head) {
    write_line(out, before, run.to_string().as_bytes());
}

/// Writes one line. JSON from serde contains no control characters, so no line break and no tab.
pub fn write_line(out: &mut Vec<u8>, head: &Head, text: &[u8]) {
    let mut code = [0; CODE];
    HEXLOWER.encode_mut(&head.code, &mut code);
    out.extend_from_slice(head.sequence.to_string().as_bytes());
    out.push(b'\t');
    out.extend_from_slice(&code);
    out.push(b'\t');
    out.extend_from_slice(text);
    out.push(b'\n');
}

/// Reads a segment and verifies its chain. An incomplete last line is left out, because no caller was told that it is written.
///
/// # Errors
/// When the text differs from what was written.
pub fn read<'a>(name: Name, text: &'a [u8], key: &RunKey) -> Result<Option<Segment<'a>>, Damage> {
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let mut lines = text[..whole].split_inclusive(|byte| *byte == b'\n').map(|line| &line[..line.len() - 1]);
    let Some(first) = lines.next() else { return Ok(None) };
    let (before, run) = parts(first).ok_or_else(|| Damage("its first line cannot be read".into()))?;
    let is_right =
        before.sequence.checked_add(1) == Some(name.first) && run == name.run.to_string().as_bytes();
    // The key alone gives the code of a run's beginning. Any other beginning proves itself by the lines behind it.
    if !is_right || (name.first == 1 && before != key.first()) {
        return Err(Damage("its first line is not of this segment".into()));
    }
    let mut segment = Segment { before, after: before, events: Vec::new() };
    for line in lines {
        let Some((after, event)) = next(line, &segment.after, key) else {
            return Err(Damage(format!("event {} is not as it was written", segment.after.sequence + 1)));
        };
        segment.after = after;
        segment.events.push(event);
    }
    end(&mut segment, &text[whole..], key)?;
    Ok(Some(segment))
}

/// Handles the text after the last line break. A line that lacks only its line break is complete; a line whose line break
/// became another byte was changed; everything else was torn.
fn end<'a>(segment: &mut Segment<'a>, rest: &'a [u8], key: &RunKey) -> Result<(), Damage> {
    if let Some((after, event)) = next(rest, &segment.after, key) {
        segment.after = after;
        segment.events.push(event);
        return Ok(());
    }
    let was_whole = rest.split_last().is_some_and(|(_, line)| next(line, &segment.after, key).is_some());
    if was_whole { Err(Damage("its last line break was changed".into())) } else { Ok(()) }
}

/// Returns the time of an event, which is its first field.
pub fn time(event: &[u8]) -> Option<DateTime<Utc>> {
    let rest = event.strip_prefix(br#"{"at":""#)?;
    let end = rest.iter().position(|byte| *byte == b'"')?;
    std::str::from_utf8(&rest[..end]).ok()?.parse().ok()
}

/// Writes the content of a row.
///
/// # Errors
/// When `out` cannot be written.
pub fn write_events(out: &mut impl Write, events: &[&[u8]]) -> io::Result<()> {
    events.iter().try_for_each(|event| {
        out.write_all(event)?;
        out.write_all(b"\n")
    })
}

/// Reads the content of a row that follows on the head `before` in this run, and computes the end of its chain.
///
/// # Errors
/// When the text is not what was written.
pub fn read_events<'a>(run: Uuid, before: Head, text: &'a [u8], key: &RunKey) -> Result<Segment<'a>, Damage> {
    let begins_elsewhere = || Damage("its first line is not of this segment".into());
    // Until November 2026 a row held the whole text of the file.
    if text.first() != Some(&b'{') {
        let name = Name { run, first: before.sequence.saturating_add(1) };
        let segment = read(name, text, key)?.filter(|segment| segment.before == before);
        return segment.ok_or_else(begins_elsewhere);
    }
    if before.sequence == 0 && before != key.first() {
        return Err(begins_elsewhere());
    }
    let mut segment = Segment { before, after: before, events: Vec::new() };
    // No line has a code to compare. The caller compares the end of the chain with the row's (`search::events`).
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let event = line.strip_suffix(b"\n").ok_or_else(|| Damage("its last line is torn".into()))?;
        segment.after = key.next(&segment.after, event);
        segment.events.push(event);
    }
    Ok(segment)
}

/// Returns the event of a line, and the head after it, if the line follows on this head.
fn next<'a>(line: &'a [u8], head: &Head, key: &RunKey) -> Option<(Head, &'a [u8])> {
    let (stated, event) = parts(line)?;
    let right = key.next(head, event);
    (stated.sequence == right.sequence && same(&stated.code, &right.code)).then_some((right, event))
}

/// Splits a line into its sequence, its code and the text after them. Each has exactly one spelling.
fn parts(line: &[u8]) -> Option<(Head, &[u8])> {
    let tab = line.iter().position(|byte| *byte == b'\t')?;
    let (digits, rest) = (&line[..tab], &line[tab + 1..]);
    let sequence: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    if sequence.to_string().as_bytes() != digits || rest.get(CODE) != Some(&b'\t') {
        return None;
    }
    let code = HEXLOWER.decode(&rest[..CODE]).ok()?.try_into().ok()?;
    Some((Head { sequence, code }, &rest[CODE + 1..]))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::audit::journal::chain::Key;
    use crate::vault::envelope::tests::keyring;
    use chrono::{DateTime, TimeDelta};
    use domain::audit::event::Outcome;
    use domain::base::id::ScopeId;
    use domain::data::operation::{AuditNote, DataEvent, Deed, Door};
    use proptest::prelude::*;

    const RUN: Uuid = Uuid::from_u128(7);
    pub const NAME: Name = Name { run: RUN, first: 1 };

    pub fn key_of(run: Uuid) -> RunKey {
        Key::new(&keyring(Uuid::from_u128(1))).run(run)
    }

    pub fn key() -> RunKey {
        key_of(RUN)
    }

    /// Returns the file of a segment with these events.
    pub fn written(events: &[Vec<u8>]) -> Vec<u8> {
        let (key, mut text) = (key(), Vec::new());
        let mut head = key.first();
        write_head(&mut text, RUN, &head);
        for event in events {
            head = key.next(&head, event);
            write_line(&mut text, &head, event);
        }
        text
    }

    fn three() -> Vec<Vec<u8>> {
        [r#"{"a":1}"#, r#"{"b":2}"#, r#"{"c":3}"#].map(|event| event.as_bytes().to_vec()).into()
    }

    fn events(text: &[u8]) -> Result<Vec<Vec<u8>>, Damage> {
        let segment = read(NAME, text, &key())?;
        Ok(segment
            .map(|segment| segment.events.iter().map(|event| event.to_vec()).collect())
            .unwrap_or_default())
    }

    #[test]
    fn a_name_has_one_spelling() {
        let text = NAME.to_string();
        assert_eq!(text, "00000000-0000-0000-0000-000000000007-00000000000000000001.jsonl");
        assert_eq!(text.parse(), Ok(NAME));
        for other in [
            "00000000-0000-0000-0000-000000000007-1.jsonl",
            "00000000-0000-0000-0000-000000000007-00000000000000000000.jsonl",
            "00000000-0000-0000-0000-000000000007-+0000000000000000001.jsonl",
            "00000000-0000-0000-0000-00000000000A-00000000000000000001.jsonl",
            "00000000-0000-0000-0000-000000000007-00000000000000000001.jsonl.damaged",
            "reserve",
        ] {
            assert_eq!(other.parse::<Name>(), Err(()), "{other}");
        }
    }

    #[test]
    fn every_changed_bit_is_found() {
        let text = written(&three());
        assert_eq!(events(&text), Ok(three()));
        for bit in 0..text.len() * 8 {
            let mut changed = text.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(events(&changed).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn of_a_torn_text_every_whole_line_is_read() {
        let text = written(&three());
        for length in 0..text.len() {
            let read = events(&text[..length]).expect("torn, not damaged");
            let whole = text[..length].iter().filter(|byte| **byte == b'\n').count();
            assert!(three().starts_with(&read), "{length} bytes");
            // A line that lacks only its line break is complete, too.
            let is_all_but_break = text[length] == b'\n' && whole > 0;
            assert_eq!(read.len(), whole.saturating_sub(1) + usize::from(is_all_but_break), "{length} bytes");
        }
        // A power failure leaves such zeroes where nothing was synced.
        assert_eq!(events(&[&text[..], &[0; 300]].concat()), Ok(three()));
    }

    #[test]
    fn lines_cannot_be_left_out_moved_or_lent_to_another_run() {
        let text = written(&three());
        let lines: Vec<_> = text.split_inclusive(|byte| *byte == b'\n').collect();
        for order in [vec![0, 2, 3], vec![0, 2, 1, 3], vec![0, 1, 1, 2, 3], vec![1, 2, 3]] {
            let moved: Vec<u8> = order.iter().flat_map(|line| lines[*line].to_vec()).collect();
            assert!(events(&moved).is_err(), "{order:?}");
        }
        let other = Name { run: Uuid::from_u128(8), first: 1 };
        let lent = String::from_utf8(text).expect("text").replace(&RUN.to_string(), &other.run.to_string());
        assert!(read(other, lent.as_bytes(), &key()).is_ok(), "the key is that of the first run");
        assert!(read(other, lent.as_bytes(), &key_of(other.run)).is_err());
    }

    #[test]
    fn a_row_holds_the_events_of_its_file_and_leads_to_the_same_end() {
        let (text, key) = (written(&three()), key());
        let file = read(NAME, &text, &key).expect("whole").expect("a segment");
        let mut row = Vec::new();
        write_events(&mut row, &file.events).expect("memory");
        assert_eq!(row, b"{\"a\":1}\n{\"b\":2}\n{\"c\":3}\n");
        // The present form of a row, and the form that it had until November 2026.
        for form in [&row, &text] {
            let again = read_events(RUN, file.before, form, &key).expect("whole");
            assert_eq!((&again.events, again.after), (&file.events, file.after));
        }
        let lines: Vec<_> = row.split_inclusive(|byte| *byte == b'\n').collect();
        for order in [vec![0, 1], vec![1, 2], vec![0, 2, 1], vec![0, 1, 1, 2], vec![0, 1, 2, 2]] {
            let other = order.iter().flat_map(|line| lines[*line].to_vec()).collect::<Vec<u8>>();
            let other = read_events(RUN, file.before, &other, &key).expect("lines");
            assert_ne!(other.after, file.after, "{order:?}");
        }
        for bit in 0..row.len() * 8 {
            let mut changed = row.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let read = read_events(RUN, file.before, &changed, &key);
            assert!(read.is_err() || read.is_ok_and(|read| read.after != file.after), "bit {bit}");
        }
        let [later, other] =
            [(1, file.before.code), (0, [7; 32])].map(|(sequence, code)| Head { sequence, code });
        assert!(read_events(RUN, later, &text, &key).is_err());
        for form in [&row, &text] {
            assert!(read_events(RUN, other, form, &key).is_err(), "a run begins with one code only");
        }
        for nothing in [&b""[..], b"\n", &row[..row.len() - 1], b"1\t2\t3\n"] {
            assert!(read_events(RUN, file.before, nothing, &key).is_err(), "{nothing:?}");
        }
    }

    #[test]
    fn the_time_of_an_event_stands_first_in_it() {
        let at = "2026-11-28T01:03:18.398738Z".parse().expect("a time");
        assert_eq!(time(br#"{"at":"2026-11-28T01:03:18.398738Z","who":"a"}"#), Some(at));
        for other in
            [&b""[..], br#"{"who":"a"}"#, br#"{"at":"2026"#, br#"{"at":"soon"}"#, b"{\"at\":\"\xff\"}"]
        {
            assert_eq!(time(other), None, "{other:?}");
        }
    }

    fn hostile() -> impl Strategy<Value = String> {
        prop_oneof![any::<String>(), "[\\x00-\\x1f\"\\\\\u{7f}\u{2028}{}\\[\\],:]{0,12}"]
    }

    prop_compose! {
        fn event()(
            texts in prop::collection::vec(hostile(), 8),
            custom in prop::collection::btree_map(hostile(), hostile(), 0..4),
            at in 0i64..4_000_000_000_000_000,
            deed in prop::sample::select(Deed::ALL),
            door in prop::sample::select(Door::ALL),
            versions in prop::collection::vec(any::<u32>(), 0..4),
            counts in (any::<u32>(), any::<u32>()),
            is_done in any::<bool>(),
        ) -> DataEvent {
            let [who, key, scope, code, address, event, label, id] = <[String; 8]>::try_from(texts).expect("eight");
            DataEvent {
                at: DateTime::UNIX_EPOCH + TimeDelta::microseconds(at),
                who, key, door, deed, scope, scope_id: is_done.then_some(ScopeId(Uuid::from_u128(counts.0.into()))), versions, items: counts.0, failed: counts.1,
                outcome: if is_done { Outcome::Done } else { Outcome::Refused },
                code: is_done.then_some(code), address, event: (!is_done).then_some(event), made: counts.1,
                told: AuditNote { data_label: Some(label), object_id: Some(id), ..AuditNote { custom, ..AuditNote::default() } },
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_whatever_stands_in_it(all in prop::collection::vec(event(), 0..6)) {
            let json: Vec<_> = all.iter().map(|event| serde_json::to_vec(event).expect("JSON")).collect();
            prop_assert!(json.iter().flatten().all(|byte| *byte >= b' '), "no control character");
            let times: Vec<_> = json.iter().map(|event| time(event)).collect();
            prop_assert_eq!(times, all.iter().map(|event| Some(event.at)).collect::<Vec<_>>());
            let text = written(&json);
            prop_assert_eq!(text.iter().filter(|byte| **byte == b'\n').count(), all.len() + 1);
            let file = read(NAME, &text, &key()).expect("whole").expect("a segment");
            prop_assert_eq!(&file.events, &json);
            if !json.is_empty() {
                let mut row = Vec::new();
                write_events(&mut row, &file.events).expect("memory");
                let again = read_events(RUN, file.before, &row, &key()).expect("whole");
                prop_assert_eq!((again.events, again.after), (file.events, file.after));
            }
        }

        #[test]
        fn what_was_not_written_is_not_read(at in 0usize..400, byte in any::<u8>()) {
            let mut text = written(&three());
            let at = at % text.len();
            text.insert(at, byte);
            // The byte is never inserted after the last line break, where it could begin a torn line. Everywhere else it is
            // refused.
            prop_assert!(events(&text).is_err());
        }
    }
}
