//! The codes with which the data plane answers a request, or an item of a batch, that failed. This is their only table: the APIs,
//! the journal, the OpenAPI document, the portal's guide and `docs/CODES.md` take them from here.

/// A code, and what those who meet it have to know.
pub struct ApiCodeRow {
    pub code: ApiCode,
    /// The code as programs read it. It does not change between releases.
    pub word: &'static str,
    /// The HTTP status; then those of rarer cases with the same cause.
    pub statuses: &'static [u16],
    /// The same request may succeed later.
    pub again: bool,
    /// The code that IronCore's clients get in its place; a dash where none of their requests can fail so.
    pub ironcore: &'static str,
    pub cause: &'static str,
    /// What the developer or the administrator does about it.
    pub remedy: &'static str,
    /// What the vendor can tell a customer whose data the request was about.
    pub customer: &'static str,
}

impl ApiCodeRow {
    /// Returns the statuses as a table shows them: "413, 414, 431".
    pub fn status_list(&self) -> String {
        self.statuses.iter().map(u16::to_string).collect::<Vec<_>>().join(", ")
    }
}

macro_rules! codes {
    ($($code:ident $word:literal $statuses:expr, $again:literal, $ironcore:literal,
       $cause:literal, $remedy:literal, $customer:expr;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum ApiCode { $($code,)* }

        /// Every code, by status.
        pub const CODES: &[ApiCodeRow] = &[$(ApiCodeRow {
            code: ApiCode::$code,
            word: $word,
            statuses: &$statuses,
            again: $again,
            ironcore: $ironcore,
            cause: $cause,
            remedy: $remedy,
            customer: $customer,
        },)*];
    };
}

const OUR_SOFTWARE: &str = "Our software sent a wrong request. Your key and your data are as they were.";
const OUR_SETUP: &str = "Our service is not set up correctly. Your key and your data are as they were.";
const OF_THE_RECORD: &str = "This record cannot be decrypted as it is stored. We are looking for the cause.";
const A_MOMENT: &str = "Our key management is busy or restarting. Your key and your data are as they were.";

codes! {
    Unreadable "unreadable" [400], false, "102",
        "The request is not valid: the JSON does not parse, a field is unknown or has another type, or headers contradict each other.",
        "Correct the calling program. The title names the place.",
        OUR_SOFTWARE;
    Unauthorised "unauthorised" [401], false, "101",
        "The API key is missing, mistyped, expired or revoked.",
        "Compare what the service sends with the list of API keys. Create another key if this one is over.",
        OUR_SETUP;
    NotAllowed "not_allowed" [403], false, "101",
        "The API key has access to the scope, but not to this operation.",
        "Create an API key that may perform the operation.",
        OUR_SETUP;
    KmsRefused "kms_refused" [403], false, "206, 207 or 210",
        "The customer's KMS refuses to release the key: the key is disabled or scheduled for deletion, or the key policy, the IAM user or its access key changed.",
        "Ask the customer. The page of the key has the code of KMS. Requests succeed again as soon as KMS releases the key; nothing else is needed.",
        "Your KMS refuses access to your key, so nobody can read or write your data. If you did not intend this, check the state of the key, its policy, and the IAM user whose access key you gave us.";
    NotFound "not_found" [404], false, "201; 102 where no endpoint is",
        "The scope does not exist, the API key has no access to it, or there is no endpoint at the URL.",
        "Check the URL, and the scopes of the API key.",
        OUR_SETUP;
    MethodNotAllowed "method_not_allowed" [405], false, "102",
        "The endpoint does not support the HTTP method.",
        "Use a method that the header Allow lists.",
        OUR_SOFTWARE;
    TooSlow "too_slow" [408], true, "100",
        "The request took longer than 10 seconds to arrive.",
        "Send it again. If it recurs, check the network and the proxy.",
        A_MOMENT;
    NoKey "no_key" [409], false, "200",
        "The scope has no encryption key yet. Nothing is encrypted, and nothing is stored unencrypted.",
        "Add an encryption key to the scope in the portal.",
        "Your encryption key is not registered yet.";
    TooLarge "too_large" [413, 414, 431], false, "102",
        "The body is larger than 1 MiB (413), or the URL (414) or the headers (431) are too long.",
        "Send smaller batches, a shorter URL, fewer headers.",
        OUR_SOFTWARE;
    NotJson "not_json" [415], false, "102",
        "The header Content-Type does not say that the body is JSON, or the body is compressed.",
        "Send the header Content-Type: application/json, and the body as it is.",
        OUR_SOFTWARE;
    NotOpened "not_opened" [422], false, "205",
        "The value was changed, belongs to another scope, or was encrypted with another context.",
        "Send the value and the context that belong together, to the scope where they were made.",
        OF_THE_RECORD;
    Malformed "malformed" [422], false, "203",
        "The value is not one that Keystead encrypted: plaintext, a value of another system, or a part of one.",
        "Send the value exactly as you received it. Look whether the field was encrypted at all.",
        OF_THE_RECORD;
    NotBase64 "not_base64" [422], false, "203",
        "A field is not standard base64 with padding.",
        "Encode the bytes with the alphabet of RFC 4648, section 4, without line breaks.",
        OUR_SOFTWARE;
    NotADataKey "not_a_data_key" [422], false, "204",
        "The data key does not have exactly 32 bytes.",
        "Send 32 bytes in base64, or no data key: Keystead then generates one.",
        OUR_SOFTWARE;
    TooLong "too_long" [422], false, "–",
        "The plaintext is larger than 64 KiB.",
        "Wrap a data key and encrypt larger data with it.",
        OUR_SOFTWARE;
    BatchSize "batch_size" [422], false, "102",
        "A batch has no item, or more than 1000.",
        "Send batches of 1 to 1000 items.",
        OUR_SOFTWARE;
    AuditTooLong "audit_too_long" [422], false, "102",
        "The audit metadata is larger than 8 KiB or has more than 32 custom pairs.",
        "Send less metadata.",
        OUR_SOFTWARE;
    TooManySecrets "too_many_secrets" [422], false, "401",
        "The scope has the maximum number of secret paths.",
        "Use fewer secret paths: they name fields, not records.",
        OUR_SOFTWARE;
    KmsThrottled "kms_throttled" [429], true, "209",
        "The customer's KMS limits the rate of requests, and Keystead holds no released key.",
        "Send it again after the time in Retry-After. If it recurs, ask the customer to raise the request quota of KMS.",
        "Your KMS limits the number of requests, so access to your key is slow. The request quota of KMS in your account may be too low.";
    Internal "internal" [500], false, "100; 301 for a security event; 401 when a key was to be derived",
        "Keystead failed.",
        "An operator finds the cause in the server's log.",
        "Our key management failed. Your key and your data are as they were.";
    Damaged "damaged" [500], false, "204 or 205; 401 when a key was to be derived",
        "Something in Keystead's database is damaged or was changed without Keystead, so it is not used. No KMS refused.",
        "An operator runs keystead doctor on the host.",
        "Our key management has a damaged record. Your own key is not affected.";
    NotImplemented "not_implemented" [501], false, "102",
        "The body has a transfer coding other than chunked.",
        "Send the body with a Content-Length, or chunked.",
        OUR_SOFTWARE;
    KmsUnreachable "kms_unreachable" [503], true, "208",
        "The customer's KMS cannot be reached, and Keystead holds no released key.",
        "Send it again after the time in Retry-After. The page of the key says since when KMS has not answered.",
        "Your KMS cannot be reached from our service, so your data cannot be read or written at the moment.";
    Busy "busy" [503], true, "100; 301 for a security event",
        "Keystead has too much to do, or its database does not answer.",
        "Send it again after the time in Retry-After.",
        A_MOMENT;
    Journal "journal" [503], true, "100; 301 for a security event",
        "The journal cannot be written, for example because the disk is full, so nothing is encrypted or decrypted.",
        "Send it again after the time in Retry-After. An operator finds the cause in the server's log.",
        A_MOMENT;
    TimedOut "timed_out" [504], true, "100",
        "The request took longer than 10 seconds to process.",
        "Send it again, with smaller batches.",
        A_MOMENT;
}

impl ApiCode {
    pub fn row(self) -> &'static ApiCodeRow {
        &CODES[self as usize]
    }

    pub fn word(self) -> &'static str {
        self.row().word
    }

    pub fn status(self) -> u16 {
        self.row().statuses[0]
    }

    /// Returns the code that a word stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        CODES.iter().find(|row| row.word == word).map(|row| row.code)
    }

    /// Returns the code of a status that nothing but the status explains.
    pub fn of_status(status: u16) -> Self {
        match status {
            403 | 422 => Self::Unreadable,
            // The customer's KMS has codes of its own for the statuses that it shares with `busy`.
            429 | 503 => Self::Busy,
            500 => Self::Internal,
            status => match CODES.iter().find(|row| row.statuses.contains(&status)) {
                Some(row) => row.code,
                None if status >= 500 => Self::Internal,
                None => Self::Unreadable,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_row_and_a_word_of_its_own() {
        for (at, row) in CODES.iter().enumerate() {
            assert_eq!(row.code as usize, at, "{}", row.word);
            assert_eq!(row.code.row().word, row.word);
            assert_eq!(ApiCode::from_word(row.word), Some(row.code), "the word is there once");
            assert!(row.word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'));
            for text in [row.cause, row.remedy, row.customer] {
                assert!(text.ends_with('.') && !text.contains("  "), "{}: {text}", row.word);
            }
        }
        assert!(CODES.is_sorted_by_key(|row| row.statuses[0]), "by status");
    }

    #[test]
    fn a_bare_status_has_a_code() {
        for (status, word) in [
            (400, "unreadable"),
            (401, "unauthorised"),
            (404, "not_found"),
            (405, "method_not_allowed"),
            (408, "too_slow"),
            (413, "too_large"),
            (414, "too_large"),
            (415, "not_json"),
            (417, "unreadable"),
            (431, "too_large"),
            (500, "internal"),
            (501, "not_implemented"),
            (503, "busy"),
            (504, "timed_out"),
            (505, "internal"),
        ] {
            assert_eq!(ApiCode::of_status(status).word(), word, "{status}");
        }
    }

    /// The page of the documentation has the table.
    #[test]
    fn the_documentation_has_every_row() {
        let page = include_str!("../../../docs/CODES.md");
        for row in CODES {
            let statuses = row.status_list();
            let again = if row.again { "yes" } else { "no" };
            let ApiCodeRow { word, ironcore, cause, remedy, customer, .. } = row;
            let line =
                format!("| `{word}` | {statuses} | {again} | {ironcore} | {cause} | {remedy} | {customer} |");
            assert!(page.contains(&line), "docs/CODES.md lacks the row\n{line}");
        }
        let rows = page.lines().filter(|line| line.starts_with("| `")).count();
        assert_eq!(rows, CODES.len(), "docs/CODES.md has no other row");
    }
}
