//! Text that a person typed or pasted. Web pages, mails, spreadsheets and chats leave characters around a copied value that
//! nobody sees: tabs, no-break spaces, zero-width characters.

use std::fmt;
use zeroize::Zeroizing;

/// Takes the characters that nobody sees off both ends.
pub fn trimmed(text: &str) -> &str {
    text.trim_matches(is_blank)
}

/// Returns a text without any of these characters, also between the others.
pub fn dense(text: &str) -> Zeroizing<String> {
    // The text may be a secret, so the wiped memory never moves.
    let mut dense = Zeroizing::new(String::with_capacity(text.len()));
    dense.extend(text.chars().filter(|c| !is_blank(*c)));
    dense
}

/// Returns a text whose white space is plain: spaces, tabs and line breaks of ASCII. Invisible characters are left out.
pub fn plain(text: &str) -> Zeroizing<String> {
    let mut plain = Zeroizing::new(String::with_capacity(text.len()));
    plain.extend(text.chars().filter_map(|c| match c {
        '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => Some('\n'),
        c if c.is_ascii() => Some(c),
        c if c.is_whitespace() => Some(' '),
        c if is_blank(c) => None,
        c => Some(c),
    }));
    plain
}

/// Reads a value that has no white space. A refusal is about the text that the person sees; if that is right, it names the first
/// character that nobody sees.
///
/// # Errors
/// Those of `parse`, or `hidden`.
pub fn read<T, E>(
    text: &str,
    parse: impl Fn(&str) -> Result<T, E>,
    hidden: impl FnOnce(Hidden) -> E,
) -> Result<T, E> {
    let text = trimmed(text);
    match (parse(text), Hidden::within(text)) {
        (Err(_), Some(found)) => Err(parse(&dense(text)).err().unwrap_or_else(|| hidden(found))),
        (read, _) => read,
    }
}

/// Checks whether a text holds nothing that anybody sees.
pub fn is_blank_text(text: &str) -> bool {
    text.chars().all(is_blank)
}

/// Checks for white space of every kind (White_Space of Unicode), or an invisible character that separates, joins or directs
/// others.
pub fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'
                | '\u{1160}'
                | '\u{180e}'
                | '\u{2800}'
                | '\u{3164}'
                | '\u{ffa0}'
                | '\u{feff}'
        )
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
}

/// A character that nobody sees, within a text that must have none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hidden {
    /// Its place among the characters of the text without its ends; the first is 1.
    place: usize,
    character: char,
}

impl Hidden {
    /// Returns the first one between the ends of a text.
    pub fn within(text: &str) -> Option<Self> {
        Self::first(text, is_blank)
    }

    /// Returns the first character between the ends of a text that must not be there.
    pub fn first(text: &str, is_hidden: impl Fn(char) -> bool) -> Option<Self> {
        let found = trimmed(text).chars().enumerate().find(|(_, c)| is_hidden(*c));
        found.map(|(index, character)| Self { place: index + 1, character })
    }
}

impl fmt::Display for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.character {
            ' ' => "a space",
            '\t' => "a tab",
            '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => "a line break",
            '\u{a0}' | '\u{202f}' => "a no-break space",
            '\u{ad}' => "a soft hyphen",
            '\u{200b}' => "a zero-width space",
            '\u{200c}' | '\u{200d}' | '\u{34f}' | '\u{2060}' => "an invisible joiner",
            '\u{feff}' => "a byte order mark",
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{206f}' => {
                "an invisible mark of direction"
            }
            c if c.is_whitespace() => "a space",
            c if c.is_control() => "a control character",
            _ => "an invisible character",
        };
        write!(f, "Character {} is {name} (U+{:04X}). Remove it.", self.place, u32::from(self.character))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nobody_sees_what_is_taken_off_the_ends() {
        for c in [
            ' ', '\t', '\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{a0}', '\u{ad}', '\u{1680}', '\u{180e}',
            '\u{2000}', '\u{200a}', '\u{200b}', '\u{200c}', '\u{200d}', '\u{200e}', '\u{200f}', '\u{2028}',
            '\u{2029}', '\u{202a}', '\u{202e}', '\u{202f}', '\u{205f}', '\u{2060}', '\u{2066}', '\u{2069}',
            '\u{3000}', '\u{feff}',
        ] {
            let text = format!("{c}{c}value{c} \u{200b}");
            assert_eq!(trimmed(&text), "value", "{c:?}");
            assert!(is_blank_text(&text.replace("value", "")), "{c:?}");
            let inside = Hidden::within(&format!(" va{c}lue")).expect("it is found").to_string();
            assert!(inside.starts_with("Character 3 is a"), "{inside}");
            assert!(inside.contains(&format!("(U+{:04X})", u32::from(c))), "{inside}");
        }
        for seen in ["value", "a_b-c", "é", "\u{301}", "😀", "\0", "\u{1b}"] {
            assert_eq!((trimmed(seen), Hidden::within(seen)), (seen, None), "{seen:?}");
        }
    }

    #[test]
    fn a_hidden_character_is_named_with_its_place() {
        for (text, said) in [
            ("arn:\u{a0}aws", "Character 5 is a no-break space (U+00A0). Remove it."),
            ("\u{200b}é\u{200b}a", "Character 2 is a zero-width space (U+200B). Remove it."),
            ("a b", "Character 2 is a space (U+0020). Remove it."),
            ("a\tb", "Character 2 is a tab (U+0009). Remove it."),
            ("a\r\nb", "Character 2 is a line break (U+000D). Remove it."),
            ("a\u{202d}b", "Character 2 is an invisible mark of direction (U+202D). Remove it."),
            ("a\u{2800}b", "Character 2 is an invisible character (U+2800). Remove it."),
        ] {
            assert_eq!(Hidden::within(text).expect("one").to_string(), said);
        }
    }

    #[test]
    fn a_refusal_is_about_what_is_seen_before_what_is_hidden() {
        let parse = |text: &str| text.parse::<u32>().map_err(|_| "no number".to_owned());
        let read = |text: &str| read(text, parse, |hidden| hidden.to_string());
        assert_eq!(read("\u{a0}12\t"), Ok(12));
        assert_eq!(read("1\u{200b}2"), Err("Character 2 is a zero-width space (U+200B). Remove it.".into()));
        assert_eq!(read("1\u{200b}x"), Err("no number".into()));
        assert_eq!(read("twelve or so"), Err("no number".into()));
        assert_eq!(read(""), Err("no number".into()));
    }

    #[test]
    fn plain_white_space_is_that_of_ascii() {
        assert_eq!(
            *plain("a\u{a0}b\u{2028}c\u{200b}d\te\r\nf\u{3000}g\u{feff}"),
            "a b\nc".to_owned() + "d\te\r\nf g"
        );
        assert_eq!(*dense(" a\u{a0}b\tc\u{200d}"), "abc");
    }

    proptest! {
        #[test]
        fn what_is_trimmed_is_trimmed_once(text in "(?s).{0,40}") {
            let once = trimmed(&text);
            prop_assert_eq!(trimmed(once), once);
            prop_assert!(text.contains(once));
            prop_assert_eq!(once.is_empty(), is_blank_text(&text));
        }
    }
}
