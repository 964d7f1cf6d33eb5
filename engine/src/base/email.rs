//! E-mail addresses as names of administrators.

use crate::Error;
use crate::base::error::PeopleError;
use domain::people::EMAIL_LONGEST;
use unicode_normalization::UnicodeNormalization;

/// Returns the canonical spelling under which Keystead stores, looks up and counts a name: NFKC,
/// trimmed, lower case. Full-width letters, capitals and spaces around a name make no difference.
/// Lower-casing can cause new compositions, so NFKC is applied again: the function is idempotent.
pub fn normalise(email: &str) -> String {
    email.nfkc().collect::<String>().trim().to_lowercase().nfkc().collect()
}

/// Returns the typed text if it is not longer than any address can be. Nothing else is done with a longer one.
///
/// # Errors
/// [`PeopleError::NotAnEmail`].
pub fn checked_length(email: &str) -> Result<&str, Error> {
    let is_possible = email.chars().nth(EMAIL_LONGEST).is_none();
    is_possible.then_some(email).ok_or(Error::People(PeopleError::NotAnEmail))
}

/// Reads an address that an administrator can have: at most 254 bytes, one `@`, something before it, after it a host name that
/// neither begins nor ends with a dot, and no white space, control or special characters.
///
/// # Errors
/// [`PeopleError::NotAnEmail`] when the text is not such an address.
pub fn parse(email: &str) -> Result<String, Error> {
    let email = normalise(checked_length(email)?);
    let good = email.len() <= EMAIL_LONGEST
        && email.split_once('@').is_some_and(|(local, host)| {
            !local.is_empty()
                && !host.contains('@')
                && !host.starts_with('.')
                && !host.ends_with('.')
                && !host.is_empty()
        })
        // RFC 5322, 3.2.3: an atom contains none of these special characters.
        && !email.chars().any(|c| c.is_whitespace() || c.is_control() || "<>()[],;:\\\"".contains(c));
    if good { Ok(email) } else { Err(Error::People(PeopleError::NotAnEmail)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_of_a_name_are_one_name() {
        for variant in ["Ada@Example.com", " ada@example.com ", "ａｄａ@example.com", "ADA@EXAMPLE.COM"] {
            assert_eq!(normalise(variant), "ada@example.com");
        }
        let once = normalise("H\u{331}anna@example.com");
        assert_eq!(normalise(&once), once);
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for bad in ["", "ada", "@example.com", "ada@", "a b@example.com", "a@b@c.de", "ada@.de", "<a>@b.de"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(parse("ada@localhost").is_ok());
    }
}
