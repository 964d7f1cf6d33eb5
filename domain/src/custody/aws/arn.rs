//! The ARN of a customer managed key.

use crate::base::typed::{self, Hidden};
use crate::custody::aws::region::Region;
use crate::custody::aws::region_table::PARTITIONS;
use serde::{Deserialize, Serialize};

/// A key's ARN: `arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab`, or with `key/mrk-…` for a
/// multi-Region key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyArn {
    text: String,
    region: Region,
}

/// The reason why a text is not the ARN of a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArnRefused {
    #[error("Enter the ARN of the customer managed key. You find it on the key's page in the AWS console.")]
    Missing,
    #[error(
        "This is an alias. An alias can be changed to point to another key. Enter the ARN of the key itself, which contains :key/."
    )]
    Alias,
    #[error("This is the key ID. Enter the full ARN: arn:aws:kms:…:key/ followed by this ID.")]
    BareId,
    #[error(
        "This is the ID of a multi-Region key. Enter the full ARN: arn:aws:kms:…:key/ followed by this ID."
    )]
    BareMultiRegionId,
    #[error(
        "This is not the ARN of an AWS KMS key. It must begin with arn:aws:kms: (in other partitions, for example, arn:aws-cn:kms:)."
    )]
    NotKms,
    #[error("The account in this ARN is not 12 digits. Copy the ARN again.")]
    Account,
    #[error("The region in this ARN is not valid. Copy the ARN again.")]
    BadRegion,
    #[error("The second part of this ARN is not an AWS partition. Copy the ARN again.")]
    UnknownPartition,
    #[error(
        "The region {region} in this ARN does not belong to the partition {partition}. Copy the ARN again."
    )]
    Partition { partition: String, region: String },
    #[error(
        "The key ID in this ARN is not valid. It must be key/ followed by a lowercase UUID, or key/mrk- followed by 32 hexadecimal digits."
    )]
    KeyId,
    #[error(
        "This is not the ARN of a key. A key ARN looks like arn:aws:kms:eu-central-1:111122223333:key/1234abcd-…."
    )]
    NotAnArn,
    #[error("The ARN is for the region {arn}, but the region field says {field}. They must match.")]
    OtherRegion { arn: String, field: String },
    #[error("{0}")]
    Hidden(Hidden),
}

impl KeyArn {
    /// # Errors
    /// [`ArnRefused`] when the text is not the ARN of a key.
    pub fn parse(text: &str) -> Result<Self, ArnRefused> {
        typed::read(text, Self::plain, ArnRefused::Hidden)
    }

    /// Reads an ARN without white space around it.
    fn plain(text: &str) -> Result<Self, ArnRefused> {
        if text.is_empty() {
            return Err(ArnRefused::Missing);
        }
        if text.starts_with("alias/") {
            return Err(ArnRefused::Alias);
        }
        // A bare id in capital letters gets the same advice. Within an ARN, `is_key_id` accepts lower case only.
        let lower = text.to_ascii_lowercase();
        if is_key_id(&lower) {
            return Err(match lower.starts_with("mrk-") {
                true => ArnRefused::BareMultiRegionId,
                false => ArnRefused::BareId,
            });
        }
        // The last part keeps any further colon, so that `is_key_id` refuses text behind the id.
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let &[arn, partition, service, region, account, resource] = parts.as_slice() else {
            return Err(ArnRefused::NotAnArn);
        };
        if arn != "arn" {
            return Err(ArnRefused::NotAnArn);
        }
        if service != "kms" {
            return Err(ArnRefused::NotKms);
        }
        if resource.starts_with("alias/") {
            return Err(ArnRefused::Alias);
        }
        // An ARN has no spaces, but `Region::parse` takes them off: a region that had some is refused.
        let region = Region::parse(region).ok().filter(|read| read.as_str() == region);
        let region = region.ok_or(ArnRefused::BadRegion)?;
        if region.partition().name != partition {
            // The message repeats only a name from the table, because the pasted text may hold a secret.
            let known = PARTITIONS.iter().find(|known| known.name == partition);
            return Err(known.map_or(ArnRefused::UnknownPartition, |known| ArnRefused::Partition {
                partition: known.name.to_owned(),
                region: region.to_string(),
            }));
        }
        if account.len() != 12 || !account.bytes().all(|b| b.is_ascii_digit()) {
            return Err(ArnRefused::Account);
        }
        if !resource.strip_prefix("key/").is_some_and(is_key_id) {
            return Err(ArnRefused::KeyId);
        }
        Ok(Self { text: text.to_owned(), region })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn region(&self) -> &Region {
        &self.region
    }

    /// Returns the account that owns the key.
    pub fn account(&self) -> &str {
        self.text.split(':').nth(4).unwrap_or_default()
    }

    /// Returns the id of the key: the part after `key/`.
    pub fn key_id(&self) -> &str {
        self.text.split_once(":key/").map_or("", |(_, id)| id)
    }

    /// # Errors
    /// [`ArnRefused::OtherRegion`] when the region field holds another region.
    pub fn check_region(&self, field: &Region) -> Result<(), ArnRefused> {
        if self.region == *field {
            return Ok(());
        }
        Err(ArnRefused::OtherRegion { arn: self.region.to_string(), field: field.to_string() })
    }
}

super::as_text!(KeyArn, ArnRefused);

/// Checks for a UUID in lower case, or `mrk-` and 32 hexadecimal digits.
fn is_key_id(text: &str) -> bool {
    let is_hex = |text: &str, length| {
        text.len() == length && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    match text.strip_prefix("mrk-") {
        Some(digits) => is_hex(digits, 32),
        None => {
            let parts: Vec<&str> = text.split('-').collect();
            parts.len() == 5 && parts.iter().zip([8, 4, 4, 4, 12]).all(|(part, length)| is_hex(part, length))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOOD: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

    #[test]
    fn an_arn_is_taken_apart() {
        let arn = KeyArn::parse(&format!(" {GOOD}\n")).expect("an ARN");
        assert_eq!(arn.as_str(), GOOD);
        assert_eq!(arn.region().as_str(), "eu-central-1");
        assert_eq!((arn.account(), arn.key_id()), ("111122223333", "1234abcd-12ab-34cd-56ef-1234567890ab"));
        let of_china = "arn:aws-cn:kms:cn-north-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab";
        assert_eq!(KeyArn::parse(of_china).expect("an ARN").region().partition().name, "aws-cn");
    }

    #[test]
    fn each_mistake_is_named() {
        let with = |from: &str, to: &str| KeyArn::parse(&GOOD.replace(from, to)).expect_err("it is refused");
        assert_eq!(KeyArn::parse(" "), Err(ArnRefused::Missing));
        assert_eq!(KeyArn::parse("alias/customer"), Err(ArnRefused::Alias));
        assert_eq!(with("key/1234abcd-12ab-34cd-56ef-1234567890ab", "alias/x"), ArnRefused::Alias);
        assert_eq!(KeyArn::parse("1234abcd-12ab-34cd-56ef-1234567890ab"), Err(ArnRefused::BareId));
        assert_eq!(KeyArn::parse("1234ABCD-12AB-34cd-56ef-1234567890ab"), Err(ArnRefused::BareId));
        let multi_region = KeyArn::parse("mrk-1234abcd12ab34cd56ef1234567890ab");
        assert_eq!(multi_region, Err(ArnRefused::BareMultiRegionId));
        assert_eq!(with(":kms:", ":s3:"), ArnRefused::NotKms);
        assert_eq!(with("111122223333", "11112222333"), ArnRefused::Account);
        assert_eq!(with("111122223333", "11112222333３"), ArnRefused::Account);
        assert_eq!(with("eu-central-1", "x@127.0.0.1"), ArnRefused::BadRegion);
        assert_eq!(with("eu-central-1", "eu-central-"), ArnRefused::BadRegion);
        let said = |from, to| with(from, to).to_string();
        assert_eq!(said("eu-central-1", " eu-central-1"), "Character 13 is a space (U+0020). Remove it.");
        assert_eq!(said("arn:", "arn:\u{a0}"), "Character 5 is a no-break space (U+00A0). Remove it.");
        assert_eq!(said("90ab", "90\nab"), "Character 77 is a line break (U+000A). Remove it.");
        assert_eq!(with("1234abcd-", "1234ABCD-"), ArnRefused::KeyId);
        assert_eq!(with("90ab", "90ab\nx"), ArnRefused::KeyId);
        assert_eq!(with("90ab", "90ab/../"), ArnRefused::KeyId);
        assert!(matches!(with("aws:", "aws-cn:"), ArnRefused::Partition { .. }));
        assert_eq!(with(":aws:", ":wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY:"), ArnRefused::UnknownPartition);
        assert_eq!(KeyArn::parse("hello"), Err(ArnRefused::NotAnArn));
        let paris = Region::parse("eu-west-3").expect("a region");
        let said = KeyArn::parse(GOOD).expect("an ARN").check_region(&paris).expect_err("another region");
        assert_eq!(
            said.to_string(),
            "The ARN is for the region eu-central-1, but the region field says eu-west-3. They must match."
        );
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_the_same(changed in 0usize..90, with in ".{0,3}") {
            let (at, _) = GOOD.char_indices().nth(changed.min(GOOD.len() - 1)).expect("a place");
            let text = format!("{}{with}{}", &GOOD[..at], &GOOD[at..]);
            if let Ok(arn) = KeyArn::parse(&text) {
                prop_assert_eq!(arn.as_str(), typed::trimmed(&text));
                prop_assert!(arn.as_str().bytes().all(|b| b.is_ascii_graphic()));
            }
        }

        #[test]
        fn any_arn_of_the_grammar_comes_back_as_it_was(
            region in prop::sample::select(Region::known().collect::<Vec<_>>()),
            account in "[0-9]{12}",
            id in "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|mrk-[0-9a-f]{32}",
        ) {
            let region = Region::parse(region).expect("a known region");
            let text = format!("arn:{}:kms:{region}:{account}:key/{id}", region.partition().name);
            let arn = KeyArn::parse(&text).expect("an ARN");
            prop_assert_eq!((arn.to_string(), arn.account(), arn.key_id()), (text, account.as_str(), id.as_str()));
            prop_assert_eq!(arn.check_region(&region), Ok(()));
            prop_assert_eq!(KeyArn::parse(arn.as_str()), Ok(arn));
        }

        #[test]
        fn no_text_stops_the_program(text in "(?s).{0,200}") {
            let _ = KeyArn::parse(&text);
        }
    }
}
