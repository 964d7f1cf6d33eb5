//! The parts of an answer that people or programs rely on.

use crate::support::Answer;
use html5gum::{StartTag, Token, Tokenizer};
use std::collections::BTreeSet;
use std::fmt::Write;

/// A list of answers. A set of headers is written out once, at the end, and named by its number.
#[derive(Default)]
pub struct Answers {
    text: String,
    headers: Vec<String>,
}

impl Answers {
    /// Adds an answer, with `body` as the text of its body.
    pub fn note(&mut self, what: &str, answer: &Answer, body: &str) {
        let number = self.number(answer);
        let location = match answer.location() {
            "" => String::new(),
            location => format!(" to {location}"),
        };
        let _ = writeln!(self.text, "{what} → {}{location} (headers {number})", answer.status.as_u16());
        for line in body.lines() {
            let _ = writeln!(self.text, "    {line}");
        }
    }

    fn number(&mut self, answer: &Answer) -> usize {
        let mut lines: Vec<_> = answer
            .headers
            .iter()
            // `location` stands beside the status, and `content-length` follows from the body.
            .filter(|(name, _)| !["location", "content-length"].contains(&name.as_str()))
            .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
            .map(|line| without_chance(&line))
            .collect();
        lines.sort();
        let set = lines.join("\n    ");
        self.headers.iter().position(|known| *known == set).unwrap_or_else(|| {
            self.headers.push(set);
            self.headers.len() - 1
        })
    }

    pub fn finish(mut self) -> String {
        for (number, set) in self.headers.iter().enumerate() {
            let _ = write!(self.text, "\nheaders {number}\n    {set}\n");
        }
        self.text
    }
}

/// Removes nonces, tokens and times, which would make each set of headers unique.
fn without_chance(line: &str) -> String {
    let mut text = line.to_owned();
    for (before, after) in
        [("'nonce-", '\''), ("keystead-3000=", ';'), ("keystead-3000-device=", ';'), ("Expires=", ';')]
    {
        let Some(begin) = text.find(before).map(|at| at + before.len()) else { continue };
        let end = text[begin..].find(after).map_or(text.len(), |length| begin + length);
        // The cookie that ends a session has no value.
        if begin < end {
            text.replace_range(begin..end, "…");
        }
    }
    text
}

/// Returns the title, headings, labels and forms of a page, a line each, in its order; and its links in one line.
pub fn outline(html: &str) -> String {
    let (mut text, mut links) = (String::new(), BTreeSet::new());
    // The open element whose line waits for its text: name, attributes, text.
    let mut waiting: Option<(String, String, String)> = None;
    for token in Tokenizer::new(html).flatten() {
        match token {
            Token::StartTag(tag) => {
                let name = String::from_utf8_lossy(&tag.name).into_owned();
                match name.as_str() {
                    "title" | "h1" | "h2" | "h3" | "legend" | "label" | "th" | "dt" => {
                        waiting = Some((name, String::new(), String::new()));
                    }
                    "button" => waiting = Some((name, attributes(&tag, BUTTON), String::new())),
                    "a" => drop(links.insert(value(&tag, "href").unwrap_or_default())),
                    "form" => {
                        let _ = writeln!(text, "form{}", attributes(&tag, FORM));
                    }
                    "input" | "select" | "textarea" => {
                        let _ = writeln!(text, "  {name}{}", attributes(&tag, FIELD));
                    }
                    "option" => {
                        let _ = writeln!(text, "    option{}", attributes(&tag, OPTION));
                    }
                    _ => {}
                }
            }
            Token::String(words) => {
                if let Some((_, _, said)) = &mut waiting {
                    said.push_str(&String::from_utf8_lossy(&words));
                }
            }
            Token::EndTag(tag) => {
                let ended = waiting.take_if(|(name, _, _)| name.as_bytes() == &**tag.name);
                if let Some((name, attributes, said)) = ended {
                    let _ = writeln!(text, "{name}{attributes} “{}”", said.trim());
                }
            }
            _ => {}
        }
    }
    // The links are sorted, each once, in a single line.
    let links: Vec<_> = links.into_iter().collect();
    if links.is_empty() { text } else { format!("{text}links {}\n", links.join(" ")) }
}

const FORM: &[&str] = &["method", "action", "enctype"];
const BUTTON: &[&str] = &["type", "name", "value", "formaction", "disabled"];
const FIELD: &[&str] = &[
    "type",
    "name",
    "value",
    "checked",
    "required",
    "minlength",
    "maxlength",
    "pattern",
    "inputmode",
    "autocomplete",
    "aria-invalid",
    "disabled",
];
const OPTION: &[&str] = &["value", "selected"];

fn value(tag: &StartTag<()>, name: &str) -> Option<String> {
    let value = tag.attributes.get(name.as_bytes())?;
    Some(String::from_utf8_lossy(value).into_owned())
}

fn attributes(tag: &StartTag<()>, wanted: &[&str]) -> String {
    let mut text = String::new();
    for name in wanted {
        match value(tag, name) {
            Some(value) if value.is_empty() => drop(write!(text, " {name}")),
            Some(value) => drop(write!(text, " {name}={value}")),
            None => {}
        }
    }
    text
}
