//! The parser of the paste box. It reads the output of the aws command line as JSON, table, text or YAML, the credentials file
//! of the IAM console, a profile, lines that set variables, and bare base64; also several of them one after the other.

mod lines;
mod table;

use crate::base::typed;
use crate::custody::aws::credentials::looks_secret;
use crate::custody::aws::{AccessKeyId, AccessKeyIdRefused, EncryptedDataKey, KeyArn, Region};
use data_encoding::BASE64;
use zeroize::Zeroizing;

/// Maximum bytes of a pasted text.
const LONGEST: usize = 64 * 1024;
/// Minimum characters of an encrypted data key in base64.
const SHORTEST_BLOB: usize = 80;

/// The values found in a pasted text. They may include the secret key, so the type can be neither printed nor copied.
#[derive(Default)]
pub struct Pasted {
    pub region: Option<String>,
    pub encrypted_key: Option<String>,
    pub cmk_arn: Option<String>,
    pub access_key_id: Option<String>,
    pub secret_access_key: Option<Zeroizing<String>>,
    has_plaintext: bool,
}

/// The reason why a text fills no field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasteRefused {
    #[error(
        "Nothing here was recognised. Paste the output of aws kms generate-data-key-without-plaintext, the credentials CSV \
         of the IAM console, or a profile with aws_access_key_id and aws_secret_access_key."
    )]
    NothingFound,
    #[error("This is too long. Keystead reads at most 64 KiB.")]
    TooLong,
    #[error(
        "This contains the plaintext of the data key, so the key is no longer secret. Generate a new one with \
         generate-data-key-without-plaintext and paste its output."
    )]
    HasPlaintext,
}

impl Pasted {
    /// Returns the labels of the fields that were found.
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

    /// Takes a value that stands under a name.
    fn take(&mut self, name: &str, value: &str) {
        if let Some(field) = Field::named(name) {
            self.put(field, value);
        }
    }

    /// Puts a value into its field, unless the field has one already. Ignores a value that does not fit the field, whatever its
    /// name was, because the field would show it.
    fn put(&mut self, field: Field, value: &str) {
        let value = value.trim_ascii().trim_end_matches(',').trim_matches(['"', '\'']);
        let value: String = value.chars().filter(|c| !c.is_whitespace()).collect();
        let value = Zeroizing::new(value);
        let slot = match field {
            _ if value.is_empty() || !field.takes(&value) => return,
            Field::SecretAccessKey => {
                self.secret_access_key.get_or_insert(value);
                return;
            }
            Field::Plaintext => {
                self.has_plaintext = true;
                return;
            }
            Field::EncryptedKey => &mut self.encrypted_key,
            Field::CmkArn => &mut self.cmk_arn,
            Field::AccessKeyId => &mut self.access_key_id,
            Field::Region => &mut self.region,
        };
        slot.get_or_insert_with(|| value.to_string());
    }

    /// Takes a value without a name, by its form.
    fn take_unnamed(&mut self, value: &str) {
        let field = if value.starts_with("arn:") && value.contains(":kms:") {
            Field::CmkArn
        } else if is_id(value) {
            Field::AccessKeyId
        } else if could_be_secret(value) {
            Field::SecretAccessKey
        } else if is_blob(value) {
            Field::EncryptedKey
        } else if is_bare_key(value) {
            Field::Plaintext
        } else {
            return;
        };
        self.put(field, value);
    }
}

/// The purpose of a value.
#[derive(Clone, Copy)]
enum Field {
    Region,
    EncryptedKey,
    CmkArn,
    AccessKeyId,
    SecretAccessKey,
    /// The plaintext of a data key, which no person should have.
    Plaintext,
}

impl Field {
    /// Checks whether the value fits the field. Fields that are not shown take any value; the form refuses a wrong one.
    fn takes(self, value: &str) -> bool {
        match self {
            Self::Region => Region::parse(value).is_ok(),
            Self::EncryptedKey => EncryptedDataKey::parse(value).is_ok(),
            Self::CmkArn => KeyArn::parse(value).is_ok(),
            Self::AccessKeyId => is_id(value),
            Self::SecretAccessKey | Self::Plaintext => true,
        }
    }

    /// Finds the field that has this name, in any of its spellings.
    fn named(name: &str) -> Option<Self> {
        Some(match plain_name(name).as_str() {
            "ciphertextblob" | "cyphertextblob" | "encryptedkey" | "encrypteddatakey" => Self::EncryptedKey,
            "keyid" | "keyarn" | "cmkarn" | "masterkeyid" => Self::CmkArn,
            "accesskeyid" | "awsaccesskeyid" => Self::AccessKeyId,
            "secretaccesskey" | "awssecretaccesskey" => Self::SecretAccessKey,
            "region" | "awsregion" | "awsdefaultregion" => Self::Region,
            "plaintext" => Self::Plaintext,
            _ => return None,
        })
    }
}

/// Parses a pasted text.
///
/// # Errors
/// [`PasteRefused`] when the text fills no field.
pub fn paste(text: &str) -> Result<Pasted, PasteRefused> {
    if text.len() > LONGEST {
        return Err(PasteRefused::TooLong);
    }
    // Web pages and mails put no-break spaces and invisible characters between and into the values.
    let text = &typed::plain(text);
    let mut found = Pasted::default();
    // A field keeps its first value. The readers of names come first, because the reader of lines also guesses by form.
    let rest = read_quoted(text, &mut found);
    read_csv(&rest, &mut found);
    lines::read(&rest, &mut found);
    // This comes before the check for an empty result, because a plaintext key alone fills no field.
    if found.has_plaintext {
        return Err(PasteRefused::HasPlaintext);
    }
    if found.is_empty() {
        return Err(PasteRefused::NothingFound);
    }
    // The output for a data key has no region of its own, but its `KeyId` is an ARN that contains one.
    if found.region.is_none() {
        let arn = found.cmk_arn.as_deref().and_then(|arn| KeyArn::parse(arn).ok());
        found.region = arn.map(|arn| arn.region().to_string());
    }
    Ok(found)
}

/// Reads every `"Name": "value"`: JSON, even when a terminal has broken its lines, which no JSON parser accepts. Returns the
/// rest of the text without these pairs, because a line from the middle of a value could be mistaken for another value.
fn read_quoted(text: &str, found: &mut Pasted) -> Zeroizing<String> {
    let mut rest = Zeroizing::new(String::with_capacity(text.len()));
    let mut parts = text.split('"');
    rest.push_str(parts.next().unwrap_or_default());
    let mut name = parts.next();
    while let Some(this) = name {
        let between = parts.next();
        let value = between.and_then(|_| parts.next());
        if let (Some(":"), Some(value)) = (between.map(str::trim_ascii), value) {
            found.take(this, &unescape(value));
            rest.push_str(parts.next().unwrap_or_default());
            name = parts.next();
        } else {
            rest.push('"');
            rest.push_str(this);
            if let Some(between) = between {
                rest.push('"');
                rest.push_str(between);
            }
            // Behind the name of an object stands `: {`, so the next quoted text is a name and not its value.
            name = value;
        }
    }
    rest
}

/// Decodes the escapes that some JSON writers use for base64 characters: `\/`, `\u002B`.
fn unescape(text: &str) -> Zeroizing<String> {
    let mut plain = Zeroizing::new(String::with_capacity(text.len()));
    let mut parts = text.split('\\');
    plain.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let coded = part.strip_prefix('u').and_then(|part| part.split_at_checked(4));
        let c = coded.and_then(|(code, _)| u32::from_str_radix(code, 16).ok()).and_then(char::from_u32);
        match (c, coded) {
            (Some(c), Some((_, after))) => {
                plain.push(c);
                plain.push_str(after);
            }
            // Of the other escapes, base64 and ARNs need only `\/`, for which dropping the backslash suffices.
            _ => plain.push_str(part),
        }
    }
    plain
}

/// Reads the credentials file of the IAM console: a line of names, then a line of values.
fn read_csv(text: &str, found: &mut Pasted) {
    let is_head = |line: &str| line.contains(',') && plain_name(line).contains("accesskeyidsecretaccesskey");
    let Some(start) = text.lines().position(is_head) else { return };
    let mut rows = Zeroizing::new(String::with_capacity(text.len()));
    // Further lines may be another pasted text, which is no CSV.
    for line in text.lines().skip(start).take(2) {
        rows.push_str(line);
        rows.push('\n');
    }
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(rows.as_bytes());
    let Ok(names) = reader.headers().cloned() else { return };
    if let Some(Ok(values)) = reader.records().next() {
        names.iter().zip(&values).for_each(|(name, value)| found.take(name, value));
    }
}

/// Reduces a name to the form that all its spellings share: letters and digits in lower case.
fn plain_name(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// Checks for an access key id. Accepts a temporary one too, so that the form can say what is wrong with it.
fn is_id(text: &str) -> bool {
    matches!(AccessKeyId::parse(text), Ok(_) | Err(AccessKeyIdRefused::Temporary))
}

/// Checks whether a text without a name could be a secret access key, and is neither a checksum nor the end of other base64.
fn could_be_secret(text: &str) -> bool {
    looks_secret(text) && !text.ends_with('=') && !is_hexadecimal(text)
}

fn is_base64(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b))
}

/// Checks for long base64 that is not hexadecimal, as a `KeyMaterialId` is.
fn is_blob(text: &str) -> bool {
    text.len() >= SHORTEST_BLOB && is_base64(text) && !is_hexadecimal(text)
}

/// Checks for a plaintext data key of 16 or 32 bytes in base64; `--output text` prints it without a name.
fn is_bare_key(text: &str) -> bool {
    let decoded = BASE64.decode(text.as_bytes()).map(Zeroizing::new);
    // A `KeySpec` of KMS means 16 or 32 bytes (AES_128, AES_256). In base64 both end with padding.
    text.ends_with('=') && decoded.is_ok_and(|bytes| matches!(bytes.len(), 16 | 32))
}

fn is_hexadecimal(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_hexdigit())
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

    /// Returns everything that was found, for comparison.
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

    /// Returns the output for a data key in every format of the command line.
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
            format!("{wrapped}\t{ARN}\n"),
            format!("CiphertextBlob: {wrapped}\nKeyId: {ARN}\n"),
            format!("CiphertextBlob: >-\n  {}\nKeyId: {ARN}\n", wrapped.replace('\n', "\n  ")),
            format!(
                "{{\"CiphertextBlob\":\"{}\",\"KeyId\":\"{ARN}\"}}",
                blob.replace('/', "\\/").replace('+', "\\u002B")
            ),
            format!("|  CiphertextBlob |  {wrapped} |\n|  KeyId | {ARN} |\n+---+\n"),
            format!(
                "|  CiphertextBlob |  {} |\n|  KeyId | {ARN} |\n+---+\n",
                wrapped.replace('\n', " |\n|                 |  ")
            ),
            format!(
                "|  CiphertextBlob | KeyId |\n+---+---+\n|  {} | {ARN} |\n|  {} |     |\n+---+---+\n",
                &blob[..80],
                &blob[80..]
            ),
        ]
    }

    /// Returns an access key in every format in which AWS issues it.
    fn credential_outputs(id: &str, secret: &str) -> Vec<(String, &'static str)> {
        vec![
            (format!("\u{feff}Access key ID,Secret access key\r\n{id},{secret}\r\n"), ""),
            (
                format!(
                    "User name,Password,Access key ID,Secret access key,Console login link\n\"a, b\",,{id},{secret},https://x.example\n"
                ),
                "",
            ),
            (
                format!(
                    "[keystead]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\nregion = eu-west-3\n"
                ),
                "eu-west-3",
            ),
            (
                format!(
                    "export AWS_ACCESS_KEY_ID={id}\nexport AWS_SECRET_ACCESS_KEY={secret}\nexport AWS_DEFAULT_REGION=eu-west-3\n"
                ),
                "eu-west-3",
            ),
            (format!("$Env:AWS_ACCESS_KEY_ID=\"{id}\"\n$Env:AWS_SECRET_ACCESS_KEY=\"{secret}\"\n"), ""),
            (
                format!(
                    "{{\"AccessKey\": {{\"UserName\": \"k\", \"AccessKeyId\": \"{id}\", \"Status\": \"Active\", \"SecretAccessKey\": \"{secret}\", \"CreateDate\": \"2026-11-22T12:00:00+00:00\"}}}}"
                ),
                "",
            ),
            (format!("ACCESSKEY\t{id}\t2026-11-22T12:00:00+00:00\t{secret}\tActive\tkeystead\n"), ""),
            (format!("||  AccessKeyId | {id} ||\n||  SecretAccessKey | {secret} ||\n"), ""),
            (format!("{id}\n{secret}\n"), ""),
            (format!("SET AWS_ACCESS_KEY_ID={id}\r\nset AWS_SECRET_ACCESS_KEY={secret}\r\n"), ""),
            (format!("$Env:AWS_ACCESS_KEY_ID=\"{id}\"; $Env:AWS_SECRET_ACCESS_KEY = \"{secret}\";\n"), ""),
            (
                format!("export AWS_ACCESS_KEY_ID='{id}';\nexport AWS_SECRET_ACCESS_KEY='{secret}' # ours\n"),
                "",
            ),
            (
                format!(
                    "AWS_ACCESS_KEY_ID={id} AWS_SECRET_ACCESS_KEY={secret} AWS_REGION=eu-west-3 aws kms list-keys\n"
                ),
                "eu-west-3",
            ),
            (
                format!(
                    "AccessKey:\n  AccessKeyId: {id}\n  CreateDate: '2026-11-22T12:00:00+00:00'\n  SecretAccessKey: {secret}\n  Status: Active\n"
                ),
                "",
            ),
            (
                format!(
                    "||  AccessKeyId | CreateDate | SecretAccessKey | Status ||\n|+---+---+---+---+|\n||  {id} | 2026 | {secret} | Active ||\n|+---+---+---+---+|\n"
                ),
                "",
            ),
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
        for (text, region) in credential_outputs(ID, SECRET) {
            assert_eq!(read(&text), credentials(region), "{text}");
        }
    }

    #[test]
    fn several_are_read_one_after_the_other() {
        for first in data_key_outputs(&blob(7)) {
            for (second, region) in credential_outputs(ID, SECRET) {
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
            assert_eq!(found.as_deref(), Some(blob.as_str()), "{width}");
        }
    }

    #[test]
    fn what_stands_under_a_wrong_name_is_not_taken() {
        let blob = blob(7);
        for text in [
            format!("{{\"AccessKeyId\":\"{SECRET}\",\"SecretAccessKey\":\"{ID}\"}}"),
            format!("aws_access_key_id={SECRET}\naws_secret_access_key={ID}\n"),
            format!("Access key ID,Secret access key\n{SECRET},{ID}\n"),
            format!(
                "User name,Password,Access key ID,Secret access key,Console login link\nbob,{ID},{SECRET},https://x\n"
            ),
            format!("aws_access_key_id={ID}aws_secret_access_key={SECRET}"),
            format!("aws_access_key_id={ID}\\naws_secret_access_key={SECRET}\\n"),
            format!("AWS_ACCESS_KEY_ID={ID}:{SECRET}"),
            format!("KeyId: {SECRET}"),
            format!("region = {SECRET}\n"),
            format!("{{\"KeyId\": \"{SECRET}\", \"Region\": \"{SECRET}\"}}"),
            format!("|  AccessKeyId | SecretAccessKey |\n+---+\n| {SECRET} | {ID} |\n"),
            format!("{}\n{SECRET}", blob.trim_end_matches('=')),
            format!("CiphertextBlob: {}\n{SECRET}", blob.trim_end_matches('=')),
            format!("Encrypted key = {SECRET}\n"),
        ] {
            let Ok(found) = paste(&text) else { continue };
            let shown = [found.region, found.encrypted_key, found.cmk_arn, found.access_key_id];
            assert!(shown.iter().flatten().all(|value| !value.contains(SECRET)), "{text}: {shown:?}");
        }
        let below = paste(&format!("{}\n{SECRET}", blob.trim_end_matches('='))).expect("both");
        assert_eq!(below.encrypted_key.as_deref(), Some(blob.trim_end_matches('=')));
        assert_eq!(below.secret_access_key.as_deref().map(String::as_str), Some(SECRET));
    }

    #[test]
    fn a_secret_above_base64_of_the_same_width_is_none_of_it() {
        let wrapped =
            blob(3).as_bytes().chunks(40).map(String::from_utf8_lossy).collect::<Vec<_>>().join("\n");
        assert_eq!(read(&format!("{SECRET}\n{wrapped}")), ["", &blob(3), "", "", SECRET]);
    }

    #[test]
    fn a_hexadecimal_secret_is_read_behind_its_id_and_nowhere_else() {
        let (id, secret) = ("AKIABE3D0243AC424B71", "00b11ed1f2b848348e44a97412e622669d065ffe");
        for text in [
            format!("ACCESSKEY\t{id}\t2026-11-22T12:00:00+00:00\t{secret}\tActive\tkeystead\n"),
            format!("{id}\t{secret}\n"),
            format!("{id}\n{secret}\n"),
        ] {
            assert_eq!(read(&text)[3..], [id, secret], "{text}");
        }
        assert_eq!(read(&format!("{secret}\n{id}\n"))[3..], [id, ""]);
        assert_eq!(read(&format!("{id} keystead\n{secret}\n"))[3..], [id, ""]);
    }

    #[test]
    fn what_only_resembles_a_secret_is_none() {
        let checksum = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
        assert_eq!(paste(checksum).err(), Some(PasteRefused::NothingFound));
        let wrapped =
            blob(3).as_bytes().chunks(40).map(String::from_utf8_lossy).collect::<Vec<_>>().join("\n");
        assert_eq!(read(&format!("{ID}\n{SECRET}\n{wrapped}"))[1..], [&blob(3), "", ID, SECRET]);
        assert_eq!(read(&format!("{SECRET}\nActive\n{ID}"))[3..], [ID, SECRET]);
    }

    #[test]
    fn a_temporary_id_is_found_for_the_form_to_refuse() {
        assert_eq!(read("ASIAIOSFODNN7EXAMPLE\n")[3], "ASIAIOSFODNN7EXAMPLE");
    }

    #[test]
    fn a_plaintext_key_is_sent_back() {
        let text = format!(
            "{{\"CiphertextBlob\": \"{}\", \"Plaintext\": \"c2VjcmV0\", \"KeyId\": \"{ARN}\"}}",
            blob(1)
        );
        assert_eq!(paste(&text).err(), Some(PasteRefused::HasPlaintext));
        for length in [16, 32] {
            let (blob, plain) = (blob(1), BASE64.encode(&vec![200; length]));
            for text in [
                plain.clone(),
                format!("{blob}\t{ARN}\t{plain}\n"),
                format!("{blob}\t{ARN}\t{MATERIAL}\t{plain}\n"),
                format!("CiphertextBlob: {blob}\nKeyId: {ARN}\nPlaintext: {plain}\n"),
                format!(
                    "|  CiphertextBlob | KeyId | Plaintext |\n+---+\n|  {blob} | {ARN} | {plain} |\n+---+\n"
                ),
                format!("|  CiphertextBlob |  {blob} |\n|  Plaintext | {plain} |\n"),
            ] {
                assert_eq!(paste(&text).err(), Some(PasteRefused::HasPlaintext), "{text}");
            }
        }
        assert_eq!(paste("hello").err(), Some(PasteRefused::NothingFound));
        assert_eq!(paste("").err(), Some(PasteRefused::NothingFound));
        assert_eq!(paste(&"a ".repeat(40_000)).err(), Some(PasteRefused::TooLong));
    }

    proptest! {
        #[test]
        fn any_data_key_comes_back_as_it_was(mut bytes in prop::collection::vec(any::<u8>(), 150..400)) {
            // KMS's own ciphertexts have padding. Without it, a last line of 40 characters could equally be a secret key.
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
        fn any_access_key_comes_back_as_it_was(
            id in "AKIA[A-Z2-7]{16}",
            secret in "[A-Za-z0-9/+]{39}[G-Zg-z/+]",
        ) {
            for (text, region) in credential_outputs(&id, &secret) {
                let whole = [region, "", "", &id, &secret].map(str::to_owned);
                prop_assert_eq!(read(&text), whole, "{}", text);
            }
        }

        #[test]
        fn no_secret_gets_into_a_field_that_is_shown(
            between in prop::sample::select(vec![" ", ";", "; ", "\n", "\t", " && ", ",", "\r\n\r\n"]),
            names in prop::sample::select(vec![
                ("AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY="),
                ("$Env:AWS_ACCESS_KEY_ID=", "$Env:AWS_SECRET_ACCESS_KEY="),
                ("aws_access_key_id = ", "aws_secret_access_key = "),
                ("AccessKeyId: ", "SecretAccessKey: "),
                ("Access key ID: ", "Secret access key: "),
                ("region=", "aws_secret_access_key="),
                ("KeyId: ", "SecretAccessKey: "),
            ]),
            quote in prop::sample::select(vec!["", "\"", "'"]),
        ) {
            let text = format!("{}{quote}{ID}{quote}{between}{}{quote}{SECRET}{quote}", names.0, names.1);
            if let Ok(found) = paste(&text) {
                let shown = [found.region, found.encrypted_key, found.cmk_arn, found.access_key_id];
                prop_assert!(shown.iter().flatten().all(|value| !value.contains(SECRET)), "{}: {:?}", text, shown);
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
