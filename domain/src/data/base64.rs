//! Why a text is not base64, in which services send plaintexts, data keys and ciphertexts.

/// The reason why a text is not standard base64 with padding (RFC 4648, 4). Places count characters, from 1. The reason never
/// repeats the text, because it may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotBase64 {
    #[error("The base64 has a line break at character {0}. Take line breaks out: base64 -w0 writes none.")]
    LineBreak(usize),
    #[error("The base64 has white space at character {0}. Take white space out.")]
    WhiteSpace(usize),
    #[error("The base64 has a quotation mark at character {0}. Send it without quotation marks of its own.")]
    Quoted(usize),
    #[error(
        "This is URL-safe base64: it has - or _ at character {0}. Use the standard alphabet, which has + and /."
    )]
    UrlSafe(usize),
    #[error("This is hexadecimal. Send the same bytes in base64.")]
    Hexadecimal,
    #[error("This is PEM. Send base64 without the lines BEGIN and END and without line breaks.")]
    Pem,
    #[error("This is a data URL. Send only the base64 after its comma.")]
    DataUrl,
    #[error(
        "The padding of the base64 is missing or wrong. It must end with as many = as make its length a multiple of 4, at most two."
    )]
    Padding,
    #[error("The base64 goes on after its padding (=) at character {0}. Send one value.")]
    PaddingWithin(usize),
    #[error("The base64 is cut off, or has a character too many: no base64 has this length.")]
    Length,
    #[error(
        "The last character of the base64 before its padding is not the one that encoders write. Encode the bytes again."
    )]
    NotCanonical,
    #[error("The base64 has a character at place {0} that does not occur in base64.")]
    Foreign(usize),
}

/// Minimum number of hexadecimal digits that are taken for hexadecimal: shorter texts can be base64 without its padding.
const HEXADECIMAL: usize = 16;

impl NotBase64 {
    /// Finds the reason why a text, which a strict decoder has refused, is not base64.
    pub fn of(text: &str) -> Self {
        if text.starts_with("-----BEGIN") {
            return Self::Pem;
        }
        if text.starts_with("data:") {
            return Self::DataUrl;
        }
        let is_known = |found: char| found.is_ascii_alphanumeric() || "+/=".contains(found);
        if let Some((index, found)) = text.chars().enumerate().find(|(_, found)| !is_known(*found)) {
            return Self::at(found, index + 1);
        }
        // From here on each character is one byte.
        let before_padding = text.trim_end_matches('=');
        if let Some(index) = before_padding.find('=') {
            return Self::PaddingWithin(index + 1);
        }
        if text.len() >= HEXADECIMAL && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Self::Hexadecimal;
        }
        match before_padding.len() % 4 {
            1 => Self::Length,
            _ if text.len() != before_padding.len().next_multiple_of(4) => Self::Padding,
            _ => Self::NotCanonical,
        }
    }

    /// Returns the reason for a character that does not belong to the standard alphabet.
    fn at(found: char, place: usize) -> Self {
        match found {
            '\r' | '\n' => Self::LineBreak(place),
            '-' | '_' => Self::UrlSafe(place),
            '"' | '\'' | '`' | '‘' | '’' | '“' | '”' => Self::Quoted(place),
            found if found.is_whitespace() => Self::WhiteSpace(place),
            _ => Self::Foreign(place),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_has_its_reason() {
        let wrapped = format!("{}\n{}", "A".repeat(76), "QUJD");
        let windows = wrapped.replace('\n', "\r\n");
        for (text, reason) in [
            (wrapped.as_str(), NotBase64::LineBreak(77)),
            (&windows, NotBase64::LineBreak(77)),
            ("QUJD\n", NotBase64::LineBreak(5)),
            ("QUJD QUJD", NotBase64::WhiteSpace(5)),
            ("\tQUJD", NotBase64::WhiteSpace(1)),
            ("QUJD\u{a0}", NotBase64::WhiteSpace(5)),
            ("\"QUJD\"", NotBase64::Quoted(1)),
            ("“QUJD”", NotBase64::Quoted(1)),
            ("QUJ-", NotBase64::UrlSafe(4)),
            ("Q_JD", NotBase64::UrlSafe(2)),
            ("0123456789abcdef01", NotBase64::Hexadecimal),
            ("-----BEGIN KEY-----\nQUJD", NotBase64::Pem),
            ("data:text/plain;base64,QUJD", NotBase64::DataUrl),
            ("QQ", NotBase64::Padding),
            ("QQ=", NotBase64::Padding),
            ("QQ===", NotBase64::Padding),
            ("====", NotBase64::Padding),
            ("0123ab", NotBase64::Padding),
            ("QQ==QQ==", NotBase64::PaddingWithin(3)),
            ("QQ==QUJD", NotBase64::PaddingWithin(3)),
            ("QUJDQ", NotBase64::Length),
            ("QR==", NotBase64::NotCanonical),
            ("QUJ=", NotBase64::NotCanonical),
            ("äQUJ", NotBase64::Foreign(1)),
            ("QUJ%", NotBase64::Foreign(4)),
        ] {
            assert_eq!(NotBase64::of(text), reason, "{text:?}");
        }
    }
}
