//! What somebody, or a program, can hold on to in an answer.

use crate::support::Answer;
use html5gum::{StartTag, Token, Tokenizer};
use std::collections::BTreeSet;
use std::fmt::Write;

/// Answers one below the other. A set of headers that comes again is named by its number and written out once, at the end.
#[derive(Default)]
pub struct Answers {
    text: String,
    headers: Vec<String>,
}

impl Answers {
    /// An answer with what `body` makes of it.
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
            // The one stands beside the status, the other follows from the body.
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

/// Each answer has nonces, tokens and times of its own, which would make each set of headers another one.
fn without_chance(line: &str) -> String {
    let mut text = line.to_owned();
    for (before, after) in [("'nonce-", '\''), ("keystead=", ';'), ("Expires=", ';')] {
        let Some(begin) = text.find(before).map(|at| at + before.len()) else { continue };
        let end = text[begin..].find(after).map_or(text.len(), |length| begin + length);
        // The cookie that ends a session has no value.
        if begin < end {
            text.replace_range(begin..end, "…");
        }
    }
    text
}

/// The title, headings, links, and forms of a page, a line each, in its order.
pub fn outline(html: &str) -> String {
    let (mut text, mut links) = (String::new(), BTreeSet::new());
    // The words of an element that is open, and whose line waits for them.
    let mut waiting: Option<(String, String, String)> = None;
    for token in Tokenizer::new(html).flatten() {
        match token {
            Token::StartTag(tag) => {
                let name = String::from_utf8_lossy(&tag.name).into_owned();
                match name.as_str() {
                    "title" | "h1" => waiting = Some((name, String::new(), String::new())),
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
    // The same countries and options stand on many pages: hundreds in a row are worth a number.
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
