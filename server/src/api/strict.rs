//! Deserialisation of JSON that leaves no second reading.

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;

/// An object and nothing else: serde also accepts a list with the fields in their order.
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }
        }

        deserializer.deserialize_map(Fields(PhantomData)).map(Self)
    }
}

/// A map that rejects duplicate keys, because one reader uses the first value and another reader the last.
pub struct Once<V>(pub BTreeMap<String, V>);

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Once<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs<V>(PhantomData<V>);

        impl<'de, V: Deserialize<'de>> Visitor<'de> for Pairs<V> {
            type Value = BTreeMap<String, V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object without duplicate keys")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = BTreeMap::new();
                while let Some((key, value)) = map.next_entry()? {
                    if pairs.insert(key, value).is_some() {
                        return Err(A::Error::custom("duplicate key"));
                    }
                }
                Ok(pairs)
            }
        }

        deserializer.deserialize_map(Pairs(PhantomData)).map(Self)
    }
}

/// The pairs of an object in their order, duplicate keys included.
pub struct Pairs<V>(pub Vec<(String, V)>);

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Pairs<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder<V>(PhantomData<V>);

        impl<'de, V: Deserialize<'de>> Visitor<'de> for InOrder<V> {
            type Value = Vec<(String, V)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                std::iter::from_fn(|| map.next_entry().transpose()).collect()
            }
        }

        deserializer.deserialize_map(InOrder(PhantomData)).map(Self)
    }
}

/// A value that should be a text.
#[derive(Debug, PartialEq, Eq)]
pub enum Text {
    Is(String),
    /// Another value, as JSON writes it; `None` for an array or an object.
    IsNot(Option<String>),
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Anything;

        impl<'de> Visitor<'de> for Anything {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E>(self, text: &str) -> Result<Text, E> {
                Ok(Text::Is(text.to_owned()))
            }

            fn visit_string<E>(self, text: String) -> Result<Text, E> {
                Ok(Text::Is(text))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Text, E> {
                Ok(Text::IsNot(Some(value.to_string())))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Text, E> {
                Ok(Text::IsNot(Some(value.to_string())))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Text, E> {
                Ok(Text::IsNot(Some(value.to_string())))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Text, E> {
                Ok(Text::IsNot(Some(value.to_string())))
            }

            fn visit_unit<E>(self) -> Result<Text, E> {
                Ok(Text::IsNot(Some("null".to_owned())))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Text, A::Error> {
                while items.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Text::IsNot(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Text::IsNot(None))
            }
        }

        deserializer.deserialize_any(Anything)
    }
}

/// Returns the places of the elements of an array that a field of the body has; `None` if there is no such array.
pub fn elements(body: &[u8], field: &str) -> Option<Vec<Range<usize>>> {
    let mut walk = Walk { body, at: 0 };
    walk.takes(b'{').then_some(())?;
    loop {
        let name = walk.value()?;
        walk.takes(b':').then_some(())?;
        // A name may be written with escapes.
        if serde_json::from_slice::<String>(&body[name]).ok()? == field {
            break;
        }
        walk.value()?;
        walk.takes(b',').then_some(())?;
    }
    walk.takes(b'[').then_some(())?;
    let mut found = Vec::new();
    if walk.takes(b']') {
        return Some(found);
    }
    loop {
        found.push(walk.value()?);
        if !walk.takes(b',') {
            return walk.takes(b']').then_some(found);
        }
    }
}

/// A walk through valid JSON.
struct Walk<'a> {
    body: &'a [u8],
    at: usize,
}

impl Walk<'_> {
    fn skip_blanks(&mut self) {
        let blanks = self.body[self.at..].iter().take_while(|byte| b" \t\r\n".contains(byte));
        self.at += blanks.count();
    }

    /// Goes past a mark if it is next.
    fn takes(&mut self, mark: u8) -> bool {
        self.skip_blanks();
        let is_next = self.body.get(self.at) == Some(&mark);
        self.at += usize::from(is_next);
        is_next
    }

    /// Goes past a value; returns its place.
    fn value(&mut self) -> Option<Range<usize>> {
        self.skip_blanks();
        let begin = self.at;
        let mut values = serde_json::Deserializer::from_slice(&self.body[begin..]).into_iter::<IgnoredAny>();
        values.next()?.ok()?;
        self.at += values.byte_offset();
        Some(begin..self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_of_the_array_is_found_and_nothing_else() {
        for (body, found) in [
            (r#"{"items":[]}"#, Some(vec![])),
            (r#"{"items":[5]}"#, Some(vec!["5"])),
            (
                "\n{ \"a\" : {\"items\": [1, \"]\"]} ,\t\"items\"\r\n: [ {\"x\":[1,2]} , \"a,b\" ,null,-1.5e3, [] ] }",
                Some(vec!["{\"x\":[1,2]}", "\"a,b\"", "null", "-1.5e3", "[]"]),
            ),
            (r#"{"\u0069tems":["\"", true]}"#, Some(vec![r#""\"""#, "true"])),
            (r#"{"other":[1]}"#, None),
            (r#"{"items":{}}"#, None),
            (r#"{"items":5}"#, None),
            ("{}", None),
            ("[]", None),
            ("5", None),
        ] {
            let places = elements(body.as_bytes(), "items");
            let texts = places.map(|places| places.into_iter().map(|place| &body[place]).collect::<Vec<_>>());
            assert_eq!(texts, found, "{body}");
        }
    }

    #[test]
    fn what_is_no_text_is_told_from_what_is() {
        for (value, read) in [
            (r#""a\u0062""#, Text::Is("ab".to_owned())),
            ("5", Text::IsNot(Some("5".to_owned()))),
            ("-5", Text::IsNot(Some("-5".to_owned()))),
            ("1.5", Text::IsNot(Some("1.5".to_owned()))),
            ("true", Text::IsNot(Some("true".to_owned()))),
            ("null", Text::IsNot(Some("null".to_owned()))),
            (r#"[[1], "a"]"#, Text::IsNot(None)),
            (r#"{"a": {"a": 1}}"#, Text::IsNot(None)),
        ] {
            assert_eq!(serde_json::from_str::<Text>(value).expect("any value"), read, "{value}");
        }
    }
}
