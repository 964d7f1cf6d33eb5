//! Numbers in the spelling that Keystead's pages use.

use std::str::FromStr;

/// Parses a number in its one allowed spelling. Rust's own parser also reads "+30" and "030" as 30. No page of Keystead sends
/// those, so a request with them was made by hand. Refusing them keeps one number from having two addresses.
pub fn plain<N: FromStr + ToString>(text: &str) -> Option<N> {
    text.parse::<N>().ok().filter(|number| number.to_string() == text)
}

/// The number of days is not on the list a person chooses from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotListed(pub(crate) &'static [i64]);

impl std::error::Error for NotListed {}

impl std::fmt::Display for NotListed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Choose ")?;
        for (place, days) in self.0.iter().enumerate() {
            let before = match place {
                0 => "",
                _ if place + 1 == self.0.len() => " or ",
                _ => ", ",
            };
            write!(f, "{before}{days}")?;
        }
        f.write_str(" days.")
    }
}

/// Defines a type whose values are numbers of days from a closed list. The database, the forms and the command line all use
/// the parser defined here.
macro_rules! listed_days {
    ($(#[$type_attribute:meta])* $name:ident { $($(#[$attribute:meta])* $variant:ident = $days:literal),+ $(,)? }) => {
        $(#[$type_attribute])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[derive(serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "i64", into = "i64")]
        pub enum $name { $($(#[$attribute])* $variant),+ }

        impl $name {
            pub const ALL: [Self; [$($days),+].len()] = [$(Self::$variant),+];
            const NOT_LISTED: $crate::base::number::NotListed = $crate::base::number::NotListed(&[$($days),+]);

            pub fn days(self) -> i64 {
                match self { $(Self::$variant => $days),+ }
            }
        }

        impl TryFrom<i64> for $name {
            type Error = $crate::base::number::NotListed;
            fn try_from(days: i64) -> Result<Self, Self::Error> {
                Self::ALL.into_iter().find(|listed| listed.days() == days).ok_or(Self::NOT_LISTED)
            }
        }

        impl From<$name> for i64 {
            fn from(listed: $name) -> i64 {
                listed.days()
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::base::number::NotListed;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let days: i64 = $crate::base::number::plain(text).ok_or(Self::NOT_LISTED)?;
                Self::try_from(days)
            }
        }
    };
}
pub(crate) use listed_days;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::rotation::RotationPeriod;
    use crate::services::api_key::Lifetime;

    #[test]
    fn a_number_has_one_spelling() {
        assert_eq!((plain("0"), plain("30"), plain("-7")), (Some(0), Some(30), Some(-7)));
        for other in ["", "+30", "030", "00", "-0", " 30", "30 ", "3e1", "0x1e", "٣٠", "99999999999999999999"]
        {
            assert_eq!(plain::<i64>(other), None, "{other:?}");
        }
    }

    #[test]
    fn every_list_of_days_is_read_by_one_parser() {
        fn check<L>(all: &[L], days: fn(L) -> i64, sentence: &str)
        where
            L: Copy
                + PartialEq
                + std::fmt::Debug
                + FromStr<Err = NotListed>
                + TryFrom<i64, Error = NotListed>,
        {
            for listed in all {
                let number = days(*listed);
                assert_eq!(number.to_string().parse(), Ok(*listed));
                assert_eq!(L::try_from(number), Ok(*listed));
                for other in
                    [format!("+{number}"), format!("0{number}"), format!(" {number}"), format!("{number}.0")]
                {
                    let refused = other.parse::<L>().expect_err("another spelling");
                    assert_eq!(refused.to_string(), sentence, "{other:?}");
                }
            }
            for other in ["", "0", "31", "720", "-30", "x"] {
                assert_eq!(
                    other.parse::<L>().expect_err("not on the list").to_string(),
                    sentence,
                    "{other:?}"
                );
            }
        }
        check(&RotationPeriod::ALL, RotationPeriod::days, "Choose 30, 60, 180 or 360 days.");
        check(&Lifetime::ALL, Lifetime::days, "Choose 30, 90, 180 or 365 days.");
    }
}
