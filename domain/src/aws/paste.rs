//! What people have at hand, read whole: the output of the aws command line as JSON, table, text or YAML, the credentials
//! file of the IAM console, a profile, lines that set variables, bare base64; also several of them one after the other.

use super::credentials::looks_secret;
use super::{AccessKeyId, EncryptedDataKey, KeyArn};
use zeroize::Zeroizing;

/// The longest text that is looked at.
const LONGEST: usize = 64 * 1024;
/// Fewer characters are no encrypted data key.
const SHORTEST_BLOB: usize = 80;

/// What was found. It may hold the secret key, so it can be neither printed nor copied.
#[derive(Default)]
pub struct Pasted {
    pub region: Option<String>,
    pub encrypted_key: Option<String>,
    pub cmk_arn: Option<String>,
    pub access_key_id: Option<String>,
    pub secret_access_key: Option<Zeroizing<String>>,
    has_plaintext: bool,
}

/// Why a text fills no field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasteRefused {
    #[error(
        "Nothing here was recognised. Paste the output of aws kms generate-data-key-without-plaintext, the credentials CSV \
         of the IAM console, or a profile with aws_access_key_id and aws_secret_access_key."
    )]
    NothingFound,
    #[error("This is too long: at most 64 KiB are read.")]
    TooLong,
    #[error(
        "This contains the plaintext of the data key, so the key is no secret any more. Make a new one with \
         generate-data-key-without-plaintext and paste its output."
    )]
    HasPlaintext,
}

impl Pasted {
    /// The labels of the fields that were found.
    pub fn found(&self) -> Vec<&'static str> {
        [
            ("Region", self.region.is_some()),
            ("Encrypted key", self.encrypted_key.is_some()),
            ("Customer managed key (CMK) ARN", self.cmk_arn.is_some()),
            ("IAM access key ID", self.access_key_id.is_some()),
            ("IAM secret key", self.secret_access_key.is_some()),
        ]
        .into_iter()
        .filter_map(|(label, is_found)| is_found.then_some(label))
        .collect()
    }

    pub fn is_empty(&self) -> bool {
        self.found().is_empty()
    }

    /// Takes a value under a name it goes by; the first one of a kind stays.
    fn take(&mut self, name: &str, value: &str) -> bool {
        let value = value.trim().trim_matches(['"', '\'']).trim_end_matches(',');
        if value.is_empty() {
            return false;
        }
        let first = |slot: &mut Option<String>| {
            slot.get_or_insert_with(|| value.chars().filter(|c| !c.is_whitespace()).collect());
        };
        match plain_name(name).as_str() {
            "ciphertextblob" | "cyphertextblob" | "encryptedkey" | "encrypteddatakey" => {
                first(&mut self.encrypted_key)
            }
            "keyid" | "keyarn" | "cmkarn" | "masterkeyid" => first(&mut self.cmk_arn),
            "accesskeyid" | "awsaccesskeyid" => first(&mut self.access_key_id),
            "secretaccesskey" | "awssecretaccesskey" => {
                self.secret_access_key.get_or_insert_with(|| Zeroizing::new(value.to_owned()));
            }
            "region" | "awsregion" | "awsdefaultregion" => first(&mut self.region),
            "plaintext" => self.has_plaintext = true,
            _ => return false,
        }
        true
    }

    /// Takes a value for what it looks like.
    fn take_unnamed(&mut self, value: &str) {
        let name = if value.starts_with("arn:") && value.contains(":kms:") {
            "KeyId"
        } else if AccessKeyId::parse(value).is_ok() {
            "AccessKeyId"
        } else if looks_secret(value) {
            "SecretAccessKey"
        } else if is_blob(value) {
            "CiphertextBlob"
        } else {
            return;
        };
        self.take(name, value);
    }
}

/// Reads what was pasted.
///
/// # Errors
/// Why it fills no field.
pub fn paste(text: &str) -> Result<Pasted, PasteRefused> {
    if text.len() > LONGEST {
        return Err(PasteRefused::TooLong);
    }
    let mut found = Pasted::default();
    read_quoted(text, &mut found);
    read_csv(text, &mut found);
    read_lines(text, &mut found);
    if found.has_plaintext {
        return Err(PasteRefused::HasPlaintext);
    }
    if found.is_empty() {
        return Err(PasteRefused::NothingFound);
    }
    if found.region.is_none() {
        let arn = found.cmk_arn.as_deref().and_then(|arn| KeyArn::parse(arn).ok());
        found.region = arn.map(|arn| arn.region().to_string());
    }
    Ok(found)
}

/// `"Name": "value"`, wherever it stands: JSON, also where a terminal has broken its lines.
fn read_quoted(text: &str, found: &mut Pasted) {
    let mut parts = text.split('"').skip(1);
    let mut name = parts.next();
    while let (Some(this), Some(between)) = (name, parts.next()) {
        name = parts.next();
        if between.trim() == ":"
            && let Some(value) = name
        {
            found.take(this, value);
            parts.next();
            name = parts.next();
        }
    }
}

/// The credentials file of the IAM console: a line of names, then a line of values.
fn read_csv(text: &str, found: &mut Pasted) {
    let text = text.trim_start_matches('\u{feff}');
    let is_head = |line: &str| line.contains(',') && plain_name(line).contains("accesskeyidsecretaccesskey");
    let Some(start) = text.lines().position(is_head) else { return };
    let lines: Vec<&str> = text.lines().skip(start).take(2).collect();
    let rows = Zeroizing::new(lines.join("\n"));
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(rows.as_bytes());
    let Ok(names) = reader.headers().cloned() else { return };
    if let Some(Ok(values)) = reader.records().next() {
        names.iter().zip(&values).for_each(|(name, value)| {
            found.take(name, value);
        });
    }
}

/// Profiles, variables, YAML, tables, text, bare base64: line by line.
fn read_lines(text: &str, found: &mut Pasted) {
    let mut head: Vec<&str> = Vec::new();
    let mut wrapped = String::new();
    for line in text.lines().map(str::trim) {
        // Base64 that was wrapped: lines of nothing else, up to the padding.
        if is_base64(line) && !line.is_empty() && AccessKeyId::parse(line).is_err() && !looks_secret(line) {
            wrapped.push_str(line);
            if !line.ends_with('=') {
                continue;
            }
        } else if is_base64(line)
            && !wrapped.is_empty()
            && line.len() == 40
            && wrapped.len().is_multiple_of(4)
        {
            // The last line of a wrapped text can be as long as a secret key.
            if is_complete_with(&wrapped, line) {
                wrapped.push_str(line);
                continue;
            }
        }
        found.take_unnamed(&std::mem::take(&mut wrapped));
        if line.starts_with('|') {
            read_row(line, &mut head, found);
        } else if !read_assignment(line, found) {
            line.split_whitespace().for_each(|word| found.take_unnamed(word));
        }
    }
    found.take_unnamed(&wrapped);
}

fn is_complete_with(begun: &str, line: &str) -> bool {
    line.ends_with('=') || EncryptedDataKey::parse(begun).is_err()
}

/// A row of a table: a name and its value, or names and, in the next row, their values.
fn read_row<'a>(line: &'a str, head: &mut Vec<&'a str>, found: &mut Pasted) {
    let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
    if let [name, value] = cells.as_slice()
        && head.is_empty()
        && !is_name(value)
        && found.take(name, value)
    {
        return;
    }
    if cells.iter().any(|cell| is_name(cell)) {
        *head = cells;
    } else if head.len() == cells.len() {
        head.iter().zip(&cells).for_each(|(name, value)| {
            found.take(name, value);
        });
        head.clear();
    }
}

/// `name = value`, `Name: value`, `export NAME=value`, `$Env:NAME="value"`.
fn read_assignment(line: &str, found: &mut Pasted) -> bool {
    let bare = ["export ", "set ", "$Env:", "$env:"].iter().find_map(|begin| line.strip_prefix(begin));
    let line = bare.unwrap_or(line).trim_start();
    [line.split_once('='), line.split_once(": ")]
        .into_iter()
        .flatten()
        .any(|(name, value)| !name.contains('"') && found.take(name, value))
}

/// A name as all spellings have it: letters and digits in lower case.
fn plain_name(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

fn is_name(text: &str) -> bool {
    Pasted::default().take(text, "x")
}

fn is_base64(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b))
}

/// Long base64 that is not hexadecimal (a `KeyMaterialId`).
fn is_blob(text: &str) -> bool {
    text.len() >= SHORTEST_BLOB && is_base64(text) && !text.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::BASE64;
    use proptest::prelude::*;

    const ARN: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    const ID: &str = "AKIAIOSFODNN7EXAMPLE";
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    const MATERIAL: &str = "0b7fd7ddbac6eef27907413567cad8c810e2883dc8a7534067a82ee1142fc1e6";

    fn blob(seed: u8) -> String {
        let bytes: Vec<u8> =
            [1, 2, 3, 0].into_iter().chain((0..180).map(|n: u8| n.wrapping_mul(31) ^ seed)).collect();
        BASE64.encode(&bytes)
    }

    /// Everything that was found, to be compared.
    fn read(text: &str) -> [String; 5] {
        let found = paste(text).unwrap_or_else(|refused| panic!("{refused}: {text}"));
        let secret = found.secret_access_key.map(|secret| secret.to_string());
        [found.region, found.encrypted_key, found.cmk_arn, found.access_key_id, secret]
            .map(Option::unwrap_or_default)
    }

    fn data_key(blob: &str) -> [String; 5] {
        ["eu-central-1", blob, ARN, "", ""].map(str::to_owned)
    }

    fn credentials(region: &str) -> [String; 5] {
        [region, "", "", ID, SECRET].map(str::to_owned)
    }

    /// The output for a data key in every form of the command line.
    fn data_key_outputs(blob: &str) -> Vec<String> {
        let cells = format!("|  {blob}  |  {ARN}  |  {MATERIAL}  |");
        let wrapped = blob.as_bytes().chunks(64).map(String::from_utf8_lossy).collect::<Vec<_>>().join("\n");
        vec![
            format!(
                "{{\n    \"CiphertextBlob\": \"{blob}\",\n    \"KeyId\": \"{ARN}\",\n    \"KeyMaterialId\": \"{MATERIAL}\"\n}}\n"
            ),
            format!("{{\"KeyId\":\"{ARN}\",\"CyphertextBlob\":\"{blob}\"}}"),
            format!(
                "{{\r\n \"CiphertextBlob\": \"{}\",\r\n \"KeyId\": \"{ARN}\"}}",
                wrapped.replace('\n', "\r\n")
            ),
            format!("{blob}\t{ARN}\t{MATERIAL}\n"),
            format!("CiphertextBlob: {blob}\nKeyId: {ARN}\nKeyMaterialId: {MATERIAL}\n"),
            format!(
                "-----\n|  GenerateDataKeyWithoutPlaintext  |\n+---+---+\n|  CiphertextBlob | KeyId | KeyMaterialId |\n+---+\n{cells}\n+---+\n"
            ),
            format!("+---+\n|  CiphertextBlob |  {blob} |\n|  KeyId          |  {ARN} |\n+---+\n"),
            format!("{wrapped}\n{ARN}\n"),
        ]
    }

    /// An access key in every form in which it is handed out.
    fn credential_outputs() -> Vec<(String, &'static str)> {
        vec![
            (format!("\u{feff}Access key ID,Secret access key\r\n{ID},{SECRET}\r\n"), ""),
            (
                format!(
                    "User name,Password,Access key ID,Secret access key,Console login link\n\"a, b\",,{ID},{SECRET},https://x.example\n"
                ),
                "",
            ),
            (
                format!(
                    "[keystead]\naws_access_key_id = {ID}\naws_secret_access_key = {SECRET}\nregion = eu-west-3\n"
                ),
                "eu-west-3",
            ),
            (
                format!(
                    "export AWS_ACCESS_KEY_ID={ID}\nexport AWS_SECRET_ACCESS_KEY={SECRET}\nexport AWS_DEFAULT_REGION=eu-west-3\n"
                ),
                "eu-west-3",
            ),
            (format!("$Env:AWS_ACCESS_KEY_ID=\"{ID}\"\n$Env:AWS_SECRET_ACCESS_KEY=\"{SECRET}\"\n"), ""),
            (
                format!(
                    "{{\"AccessKey\": {{\"UserName\": \"k\", \"AccessKeyId\": \"{ID}\", \"Status\": \"Active\", \"SecretAccessKey\": \"{SECRET}\", \"CreateDate\": \"2026-11-22T12:00:00+00:00\"}}}}"
                ),
                "",
            ),
            (format!("ACCESSKEY\t{ID}\t2026-11-22T12:00:00+00:00\t{SECRET}\tActive\tkeystead\n"), ""),
            (format!("||  AccessKeyId | {ID} ||\n||  SecretAccessKey | {SECRET} ||\n"), ""),
            (format!("{ID}\n{SECRET}\n"), ""),
        ]
    }

    #[test]
    fn every_form_of_a_data_key_is_read() {
        for text in data_key_outputs(&blob(7)) {
            assert_eq!(read(&text), data_key(&blob(7)), "{text}");
        }
    }

    #[test]
    fn every_form_of_an_access_key_is_read() {
        for (text, region) in credential_outputs() {
            assert_eq!(read(&text), credentials(region), "{text}");
        }
    }

    #[test]
    fn several_are_read_one_after_the_other() {
        for first in data_key_outputs(&blob(7)) {
            for (second, region) in credential_outputs() {
                let region = if region.is_empty() { "eu-central-1" } else { region };
                let whole = [region, &blob(7), ARN, ID, SECRET].map(str::to_owned);
                assert_eq!(read(&format!("{first}\n{second}")), whole, "{first}\n{second}");
                assert_eq!(read(&format!("{second}\n{first}")), whole, "{second}\n{first}");
            }
        }
    }

    #[test]
    fn bare_base64_is_read_however_it_is_wrapped() {
        let blob = blob(9);
        for width in [20, 40, 48, 64, 76, 80, 248] {
            let text =
                blob.as_bytes().chunks(width).map(String::from_utf8_lossy).collect::<Vec<_>>().join("\n");
            let found = paste(&text).ok().and_then(|found| found.encrypted_key);
            // Lines of 40 characters could as well be secret keys; everything else is put together again.
            assert!(found.as_deref() == Some(blob.as_str()) || width == 40, "{width}: {found:?}");
        }
    }

    #[test]
    fn a_plaintext_key_is_sent_back() {
        let text = format!(
            "{{\"CiphertextBlob\": \"{}\", \"Plaintext\": \"c2VjcmV0\", \"KeyId\": \"{ARN}\"}}",
            blob(1)
        );
        assert_eq!(paste(&text).err(), Some(PasteRefused::HasPlaintext));
        assert_eq!(paste("hello").err(), Some(PasteRefused::NothingFound));
        assert_eq!(paste("").err(), Some(PasteRefused::NothingFound));
        assert_eq!(paste(&"a ".repeat(40_000)).err(), Some(PasteRefused::TooLong));
    }

    proptest! {
        #[test]
        fn any_data_key_comes_back_as_it_was(mut bytes in prop::collection::vec(any::<u8>(), 150..400)) {
            // KMS's own have padding; without it, a last line of 40 characters could as well be a secret key.
            if bytes.len().is_multiple_of(3) {
                bytes.push(0);
            }
            let blob = BASE64.encode(&bytes);
            for text in data_key_outputs(&blob) {
                let read = read(&text);
                prop_assert_eq!((&read[0], &read[2]), (&"eu-central-1".to_owned(), &ARN.to_owned()), "{}", text);
                prop_assert_eq!(&read[1], &blob, "{}", text);
            }
        }

        #[test]
        fn no_text_stops_the_program(text in "(?s).{0,400}") {
            let _ = paste(&text);
        }

        #[test]
        fn no_near_miss_stops_the_program(
            words in prop::collection::vec(prop::sample::select(vec![
                "\"", ":", "=", "|", ",", "\n", " ", "CiphertextBlob", "KeyId", "AccessKeyId", "Secret access key",
                "Access key ID", "{", "}", ARN, ID, SECRET, "export ", "\u{feff}", "é", "AQICAHh",
            ]), 0..60),
        ) {
            let _ = paste(&words.concat());
        }
    }
}
