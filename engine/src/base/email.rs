//! E-mail addresses as names of administrators.

use crate::Error;
use crate::base::error::PeopleError;
use unicode_normalization::UnicodeNormalization;

/// The one spelling under which a name is stored, looked up and counted: NFKC, trimmed, lower
/// case. So full-width letters, capitals and spaces around it are the same name. Lower case can
/// compose anew, so NFKC comes once more: the spelling of a spelling is itself.
pub fn normalise(email: &str) -> String {
    email.nfkc().collect::<String>().trim().to_lowercase().nfkc().collect()
}

/// An address an administrator can have: one `@`, something before it, a dotted name after it.
///
/// # Errors
/// When it is not one.
pub fn parse(email: &str) -> Result<String, Error> {
    let email = normalise(email);
    let good = email.len() <= 254
        && email.split_once('@').is_some_and(|(local, host)| {
            !local.is_empty()
                && !host.contains('@')
                && !host.starts_with('.')
                && !host.ends_with('.')
                && !host.is_empty()
        })
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
