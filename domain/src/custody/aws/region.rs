//! Regions: those that AWS has, and those that fit the grammar.

use crate::base::typed::{self, Hidden};
use crate::custody::aws::region_table::{PARTITIONS, Partition};
use serde::{Deserialize, Serialize};

/// Maximum length of a region's name.
const LONGEST: usize = 32;

/// An AWS region of a known partition, like `eu-central-1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Region(String);

/// The reason why a text is not a region.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegionRefused {
    #[error("Enter the AWS region of the key, like eu-central-1.")]
    Missing,
    #[error("Write the region in lower case: {0}.")]
    UpperCase(String),
    #[error("This is an availability zone. Enter its region: {0}.")]
    Zone(String),
    #[error(
        "This is not an AWS region. Enter a region like eu-central-1. It is the fourth part of the CMK's ARN."
    )]
    NotARegion,
    #[error("{0}")]
    Hidden(Hidden),
}

impl Region {
    /// # Errors
    /// [`RegionRefused`] when the text is not a region.
    pub fn parse(text: &str) -> Result<Self, RegionRefused> {
        typed::read(text, Self::plain, RegionRefused::Hidden)
    }

    /// Reads a region without white space around it.
    fn plain(text: &str) -> Result<Self, RegionRefused> {
        if text.is_empty() {
            return Err(RegionRefused::Missing);
        }
        if partition_of(text).is_some() {
            return Ok(Self(text.to_owned()));
        }
        let lower = text.to_ascii_lowercase();
        if partition_of(&lower).is_some() {
            return Err(RegionRefused::UpperCase(lower));
        }
        match lower.strip_suffix(|c: char| c.is_ascii_lowercase()) {
            Some(region) if partition_of(region).is_some() => Err(RegionRefused::Zone(region.to_owned())),
            _ => Err(RegionRefused::NotARegion),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn partition(&self) -> &'static Partition {
        // Every region was parsed, also one that serde reads, so its partition is always found.
        partition_of(&self.0).unwrap_or(&PARTITIONS[0])
    }

    /// Checks whether Keystead's table of AWS regions contains this region.
    pub fn is_known(&self) -> bool {
        self.partition().regions.contains(&self.as_str())
    }

    /// Returns the host name of KMS in the region: `kms.eu-central-1.amazonaws.com`.
    pub fn kms_host(&self) -> String {
        format!("kms.{}.{}", self.0, self.partition().dns_suffix)
    }

    /// Returns every known region.
    pub fn known() -> impl Iterator<Item = &'static str> {
        PARTITIONS.iter().flat_map(|partition| partition.regions.iter().copied())
    }
}

super::as_text!(Region, RegionRefused);

/// Finds the partition whose grammar the text fits: one of its prefixes, a word, a number without a leading zero.
fn partition_of(text: &str) -> Option<&'static Partition> {
    let fits = |prefix: &&str| {
        text.strip_prefix(*prefix).and_then(|rest| rest.strip_prefix('-')).is_some_and(is_rest)
    };
    // The order of the partitions does not matter: `us` is a prefix of `us-gov-west-1` too, but `is_rest` refuses `gov-west-1`.
    PARTITIONS.iter().find(|partition| text.len() <= LONGEST && partition.prefixes.iter().any(fits))
}

fn is_rest(rest: &str) -> bool {
    let Some((word, number)) = rest.split_once('-') else { return false };
    let is_word = !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
    let is_number = (1..=2).contains(&number.len())
        && number.bytes().all(|b| b.is_ascii_digit())
        && !number.starts_with('0');
    is_word && is_number
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_region_of_the_table_is_of_its_own_partition() {
        for partition in PARTITIONS {
            for name in partition.regions {
                let region = Region::parse(name).expect("a known region");
                assert_eq!((region.partition().name, region.is_known()), (partition.name, true), "{name}");
            }
        }
        let host = |text| Region::parse(text).expect("a region").kms_host();
        assert_eq!(host("eu-central-1"), "kms.eu-central-1.amazonaws.com");
        assert_eq!(host("cn-north-1"), "kms.cn-north-1.amazonaws.com.cn");
        assert_eq!(host("eusc-de-east-1"), "kms.eusc-de-east-1.amazonaws.eu");
    }

    #[test]
    fn a_region_of_tomorrow_is_accepted_and_known_as_unknown() {
        let region = Region::parse(" eu-southwest-12\n").expect("it fits the grammar");
        assert_eq!((region.as_str(), region.is_known()), ("eu-southwest-12", false));
    }

    #[test]
    fn what_would_lead_elsewhere_is_no_region() {
        for text in [
            "x@127.0.0.1:9/#",
            "eu-central-1@127.0.0.1",
            "eu-central-1/../",
            "eu-central-1\nHost: evil",
            "eu-central-1\r",
            "eu-central-１",
            "eu-centrаl-1",
            "eu central 1",
            "eu-central-1.evil.example",
            "eu-central-01",
            "eu-central-0",
            "eu--1",
            "xx-central-1",
            "127.0.0.1",
            "us-gov-",
            "aws-global",
        ] {
            let read = Region::parse(text);
            assert!(read.is_err() || typed::trimmed(text) == "eu-central-1", "{text:?} was read as {read:?}");
        }
        assert_eq!(Region::parse("  "), Err(RegionRefused::Missing));
        assert_eq!(Region::parse("EU-Central-1"), Err(RegionRefused::UpperCase("eu-central-1".into())));
        assert_eq!(Region::parse("eu-central-1b"), Err(RegionRefused::Zone("eu-central-1".into())));
    }

    proptest! {
        #[test]
        fn any_region_of_the_grammar_comes_back_as_it_was(text in "(us|eu|ap|sa|ca|me|af|il|mx|cn|us-gov|us-isob|eusc-de)-[a-z]{1,12}-[1-9][0-9]?") {
            let region = Region::parse(&text).expect("a region");
            prop_assert_eq!(region.kms_host(), format!("kms.{text}.{}", region.partition().dns_suffix));
            prop_assert_eq!(region.to_string(), text);
        }

        #[test]
        fn no_text_stops_the_program(text in "(?s).{0,80}") {
            let _ = Region::parse(&text);
        }

        #[test]
        fn no_text_makes_a_host_outside_of_aws(
            before in ".{0,8}",
            region in prop::sample::select(vec!["eu-central-1", "us-gov-west-1", "cn-north-1", ""]),
            after in ".{0,8}",
        ) {
            if let Ok(region) = Region::parse(&format!("{before}{region}{after}")) {
                let host = region.kms_host();
                prop_assert!(PARTITIONS.iter().any(|partition| host.ends_with(partition.dns_suffix)));
                prop_assert!(host.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b)));
                prop_assert_eq!(Region::parse(region.as_str()), Ok(region));
            }
        }
    }
}
