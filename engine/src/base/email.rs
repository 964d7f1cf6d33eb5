//! E-mail addresses as names of administrators.
//!
//! A name has one canonical form: the domain as DNS has it (UTS 46, ToASCII: `xn--bcher-kva.example`), because browsers send either
//! form. Earlier releases stored the domain as it was typed (`bücher.example`). Such a row stays as it is, since its code covers the
//! e-mail, and is found by [`Spellings`].

use crate::Error;
use crate::base::error::PeopleError;
use domain::base::typed;
use domain::people::EMAIL_LONGEST;
use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};
use unicode_normalization::UnicodeNormalization;

/// Returns the canonical spelling under which Keystead stores, looks up and counts a name: NFKC, trimmed, the local part in lower
/// case, the domain in ASCII. A name whose domain is none is kept as [`former`] has it: nobody can have it, and it is counted all the
/// same.
pub fn normalise(email: &str) -> String {
    canonical(email).unwrap_or_else(|| former(email))
}

/// Returns the spelling under which earlier releases stored a name: NFKC, trimmed, lower case. Lower-casing can cause new
/// compositions, so NFKC is applied again: the function is idempotent.
fn former(email: &str) -> String {
    lower(typed::trimmed(&email.nfkc().collect::<String>()))
}

fn lower(text: &str) -> String {
    text.to_lowercase().nfkc().collect()
}

/// Returns the canonical spelling of a name, if its domain is one.
fn canonical(email: &str) -> Option<String> {
    let email: String = email.nfkc().collect();
    let (local, domain) = typed::trimmed(&email).split_once('@')?;
    // Not in lower case before: UTS 46 has a folding of its own, which browsers use, too.
    let domain = ascii(domain)?;
    Some(format!("{}@{domain}", lower(local)))
}

/// Returns a domain in ASCII: labels of letters, digits and hyphens, none of them empty or longer than 63 characters, no hyphen at
/// either end, no dot at the end.
fn ascii(domain: &str) -> Option<String> {
    let done = Uts46::new().to_ascii(
        domain.as_bytes(),
        AsciiDenyList::STD3,
        // Not `Check`: real domains have hyphens in the third and fourth place.
        Hyphens::CheckFirstLast,
        DnsLength::Verify,
    );
    done.ok().map(|domain| domain.into_owned())
}

/// The spellings under which the row of a name may be stored, the likeliest first.
pub(crate) struct Spellings(pub [String; 3]);

impl Spellings {
    pub(crate) fn of(email: &str) -> Self {
        let canonical = normalise(email);
        // What an earlier release would have looked for comes first. Two rows that it told apart, one with either form of a domain,
        // are then found by the same texts as before.
        Self([former(email), former(&unicode(&canonical, |_| true)), canonical])
    }

    /// Returns the place of a stored spelling in the list.
    pub(crate) fn place(&self, stored: &str) -> usize {
        self.0.iter().position(|spelling| spelling == stored).unwrap_or(self.0.len())
    }
}

/// Returns a name with those labels of its domain in Unicode that `is_shown` allows.
fn unicode(email: &str, is_shown: impl Fn(&[char]) -> bool) -> String {
    let Some((local, domain)) = email.split_once('@') else { return email.to_owned() };
    let (readable, done) = Uts46::new().to_user_interface(
        domain.as_bytes(),
        AsciiDenyList::STD3,
        Hyphens::CheckFirstLast,
        |label, _, _| is_shown(label),
    );
    match done {
        Ok(()) if ascii(&readable) == ascii(domain) => format!("{local}@{readable}"),
        _ => email.to_owned(),
    }
}

/// Returns a stored name as people read it: a label of the domain in Unicode, if it cannot be mistaken for another one, else in ASCII.
/// A text that is no address is left as it is.
pub fn shown(email: &str) -> String {
    let Some(canonical) = canonical(email).filter(|canonical| canonical.contains("xn--")) else {
        return email.to_owned();
    };
    let readable = unicode(&canonical, is_plain);
    // Unicode can be longer than punycode, and a QR code has an end.
    if readable.len() <= EMAIL_LONGEST { readable } else { canonical }
}

/// Checks whether every letter of a label is of one group whose letters look like no letter of another: Latin letters with marks;
/// Chinese and Japanese; Korean. A label of another script (Cyrillic, Greek), or of several, is shown in ASCII.
fn is_plain(label: &[char]) -> bool {
    let is_ascii = |c: char| c.is_ascii_alphanumeric() || c == '-';
    // Without dotless i and kra, which are like i and k.
    let is_latin = |c: char| matches!(c, 'ß'..='ö' | 'ø'..='ž') && !matches!(c, '\u{131}' | '\u{138}');
    // Hiragana, and ideographs without the first few, which are like a dash. Katakana are like marks and like ideographs.
    let is_chinese = |c: char| matches!(c, '\u{3041}'..='\u{3096}' | '\u{4e10}'..='\u{9fff}');
    let is_korean = |c: char| matches!(c, '\u{ac00}'..='\u{d7a3}');
    let all = |is_of: &dyn Fn(char) -> bool| label.iter().all(|c| is_ascii(*c) || is_of(*c));
    // Among ideographs a Latin letter is of another script.
    let has_letters = label.iter().any(char::is_ascii_alphabetic);
    all(&is_latin) || !has_letters && (all(&is_chinese) || all(&is_korean))
}

/// Returns the typed text if it is not longer than any address can be. Nothing else is done with a longer one.
///
/// # Errors
/// [`PeopleError::NotAnEmail`].
pub fn checked_length(email: &str) -> Result<&str, Error> {
    let is_possible = email.chars().nth(EMAIL_LONGEST).is_none();
    is_possible.then_some(email).ok_or(Error::People(PeopleError::NotAnEmail))
}

/// Reads an address that an administrator can have, and returns its canonical spelling: at most 254 bytes, one `@`, something before
/// it, after it a domain, and no white space, control or special characters.
///
/// # Errors
/// [`PeopleError::NotAnEmail`] when the text is not such an address.
pub fn parse(email: &str) -> Result<String, Error> {
    let email = canonical(checked_length(email)?).filter(|email| {
        email.len() <= EMAIL_LONGEST
            && !email.starts_with('@')
            // RFC 5322, 3.2.3: an atom contains none of these special characters.
            && !email.chars().any(|c| typed::is_blank(c) || c.is_control() || "<>()[],;:\\\"".contains(c))
    });
    email.ok_or(Error::People(PeopleError::NotAnEmail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_of_a_name_are_one_name() {
        for variant in [
            "Ada@Example.com",
            " ada@example.com ",
            "\u{a0}ada@example.com\t",
            "\u{200b}ada@example.com\u{feff}",
            "ａｄａ@example.com",
            "ADA@EXAMPLE.COM",
        ] {
            assert_eq!(normalise(variant), "ada@example.com");
        }
        let once = normalise("H\u{331}anna@example.com");
        assert_eq!(normalise(&once), once);
    }

    #[test]
    fn both_forms_of_a_domain_are_one_name() {
        for variant in [
            "grete@bücher.example",
            "Grete@BÜCHER.example",
            "grete@bu\u{308}cher.example",
            "grete@ｂücher.example",
            "grete@bücher。example",
            "grete@XN--BCHER-KVA.example",
            "grete@xn--bcher-kva.example",
        ] {
            assert_eq!(normalise(variant), "grete@xn--bcher-kva.example", "{variant}");
            assert_eq!(parse(variant).expect("an address"), "grete@xn--bcher-kva.example", "{variant}");
        }
        assert_eq!(normalise("Jürgen@example.com"), normalise("ju\u{308}rgen@example.com"), "the local part");
    }

    #[test]
    fn a_row_of_an_earlier_release_is_among_the_spellings() {
        for stored in
            ["grete@bücher.example", "ada@faß.example", "li@例え.example", "ada@example.com", "ops@my_host"]
        {
            let stored = former(stored);
            for typed in [&stored, &normalise(&stored), &stored.to_uppercase()] {
                // The capital of ß is SS in Rust and in no domain.
                if !typed.contains("FASS") {
                    assert!(Spellings::of(typed).place(&stored) < 3, "{stored} by {typed}");
                }
            }
        }
    }

    #[test]
    fn a_name_is_shown_readable_where_it_cannot_be_mistaken() {
        for (stored, readable) in [
            ("ada@example.com", "ada@example.com"),
            ("grete@xn--bcher-kva.example", "grete@bücher.example"),
            ("grete@bücher.example", "grete@bücher.example"),
            ("li@xn--r8jz45g.example", "li@例え.example"),
            // Cyrillic, all of it or one letter.
            ("eve@xn--80ak6aa92e.com", "eve@xn--80ak6aa92e.com"),
            ("eve@аpple.com", "eve@xn--pple-43d.com"),
            ("ops@my_host", "ops@my_host"),
            ("ada@xn--a", "ada@xn--a"),
        ] {
            assert_eq!(shown(stored), readable);
        }
        let longest = format!("{}@{}.example", "a".repeat(60), vec!["界".repeat(40); 3].join("."));
        assert!(shown(&longest).len() <= EMAIL_LONGEST);
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for bad in [
            "",
            "ada",
            "@example.com",
            "ada@",
            "a b@example.com",
            "a\u{200b}b@example.com",
            "a@b@c.de",
            "ada@.de",
            "<a>@b.de",
            "a@b..c",
            "a@-x.example",
            "a@x-.example",
            "a@my_host.example",
            "a@example.com.",
            "a@xn--a.example",
            "a@☃︎\u{200d}.example",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(parse(&format!("a@{}.example", "b".repeat(64))).is_err(), "a label has at most 63");
        assert!(parse(&format!("a@{}.example", "b".repeat(63))).is_ok());
        assert!(parse("ada@localhost").is_ok());
        assert!(parse("ada@r3---sn.example").is_ok());
    }
}
