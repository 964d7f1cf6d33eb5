//! The data plane: operations that a service may do with a scope's key, the API it uses, and the journal entry of a request.

use crate::audit::event::Outcome;
use crate::base::id::ScopeId;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name { $(#[serde(rename = $word)] $variant,)* }

        impl $name {
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Returns the word used in addresses, in the database and in the journal.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }

            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

words! {
    /// An operation that an API key can permit.
    Operation {
        Encrypt = "encrypt",
        Decrypt = "decrypt",
        Reencrypt = "reencrypt",
        Wrap = "wrap",
        Unwrap = "unwrap",
        Rewrap = "rewrap",
    }
}

impl Operation {
    /// Explains the operation in one line to the administrator who permits it.
    pub fn explanation(self) -> &'static str {
        match self {
            Self::Encrypt => "Encrypt up to 64 KiB of data with the newest version.",
            Self::Decrypt => "Decrypt data that was encrypted with any version.",
            Self::Reencrypt => "Move a ciphertext to the newest version without revealing the data.",
            Self::Wrap => "Wrap a new or existing data key (DEK) with the newest version.",
            Self::Unwrap => "Unwrap a data key (EDEK) that was wrapped with any version.",
            Self::Rewrap => {
                "Move a wrapped data key (EDEK) to the newest version without revealing the data key."
            }
        }
    }
}

words! {
    /// The kind of a request, as the journal records it.
    Deed {
        Encrypt = "data.encrypt",
        Decrypt = "data.decrypt",
        Reencrypt = "data.reencrypt",
        Wrap = "data.wrap",
        Unwrap = "data.unwrap",
        Rewrap = "data.rewrap",
        Keys = "data.keys",
        Rekey = "data.rekey",
        Derive = "data.derive",
        SecurityEvent = "data.security_event",
        Report = "data.report_operations",
    }
}

words! {
    /// The API through which a request arrives. A door only translates; the engine decides.
    Door {
        Native = "native",
        Tsp = "tsp",
    }
}

impl Deed {
    /// Returns the label that people read.
    pub fn label(self) -> &'static str {
        match self {
            Self::Encrypt => "Encrypt",
            Self::Decrypt => "Decrypt",
            Self::Reencrypt => "Re-encrypt",
            Self::Wrap => "Wrap a data key",
            Self::Unwrap => "Unwrap a data key",
            Self::Rewrap => "Rewrap a data key",
            Self::Keys => "List versions",
            Self::Rekey => "Rekey a data key",
            Self::Derive => "Derive keys",
            Self::SecurityEvent => "Security event",
            Self::Report => "Report of operations",
        }
    }
}

impl From<Operation> for Deed {
    fn from(operation: Operation) -> Self {
        match operation {
            Operation::Encrypt => Self::Encrypt,
            Operation::Decrypt => Self::Decrypt,
            Operation::Reencrypt => Self::Reencrypt,
            Operation::Wrap => Self::Wrap,
            Operation::Unwrap => Self::Unwrap,
            Operation::Rewrap => Self::Rewrap,
        }
    }
}

/// Audit metadata that a caller sends with a request. Keystead writes it to the journal and bases no decision on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AuditNote {
    /// The person or service behind the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requesting_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_ip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub custom: BTreeMap<String, String>,
}

/// Maximum bytes of an audit note, and below it the maximum number of custom pairs: enough to find a request by, too little
/// to fill a disk.
pub const TOLD_BYTES: usize = 8 * 1024;
pub const TOLD_PAIRS: usize = 32;

impl AuditNote {
    pub fn is_within_bounds(&self) -> bool {
        self.fits(TOLD_PAIRS, TOLD_BYTES)
    }

    fn fits(&self, pairs: usize, bytes: usize) -> bool {
        self.custom.len() <= pairs && self.weight() <= bytes
    }

    /// Returns the bytes that the note's texts take in the journal, which escapes some characters. The names of its fields are not
    /// counted.
    pub fn weight(&self) -> usize {
        let own = [&self.requesting_id, &self.data_label, &self.source_ip, &self.object_id, &self.request_id];
        let custom = self.custom.iter().flat_map(|(name, text)| [name, text]);
        let texts = own.into_iter().flatten().chain(custom);
        let written = |byte: u8| match byte {
            // JSON writes most control characters as `\u001f`, in six bytes (RFC 8259, 7).
            0..=0x1f => 6,
            b'"' | b'\\' => 2,
            _ => 1,
        };
        texts.flat_map(|text| text.bytes()).map(written).sum()
    }

    /// Returns the note as the journal stores it: unchanged, or replaced by a remark that it was too long.
    #[must_use]
    pub fn bounded(&self) -> Self {
        // The limit is twice the caller's, because Keystead may add pairs of its own to those of the caller.
        if self.fits(2 * TOLD_PAIRS, 2 * TOLD_BYTES) {
            return self.clone();
        }
        Self { custom: [("left out".to_owned(), "too long".to_owned())].into(), ..Self::default() }
    }
}

/// One request at the data plane, as the journal stores it. Never holds a plaintext, a key, a ciphertext or a context.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataEvent {
    pub at: DateTime<Utc>,
    /// The name of the API key.
    pub who: String,
    /// The public part of the API key, which distinguishes keys of the same name.
    pub key: String,
    pub door: Door,
    pub deed: Deed,
    /// `production/DE`; the requested name when no such scope exists.
    pub scope: String,
    /// The id of the scope, if the key reaches it. Another environment may have the same slug later; its scopes have other ids.
    /// Requests before November 2026 have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope_id: Option<ScopeId>,
    /// The numbers of the versions that the request used, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<u32>,
    /// Number of items in the request: 1, or the size of the batch.
    pub items: u32,
    /// Number of items that were refused.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failed: u32,
    /// `Refused` when nothing of the request was done.
    pub outcome: Outcome,
    /// The code of the refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The client's address.
    pub address: String,
    /// The name of a security event that a client reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// Number of tenant secrets that the request created.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub made: u32,
    #[serde(default, flatten)]
    pub told: AuditNote,
}

impl DataEvent {
    /// Describes the event beyond who, what, where and when: "version 3, 5 items, 1 refused (not_opened), object “order 17”".
    pub fn detail(&self) -> String {
        let numbers: Vec<_> = self.versions.iter().map(ToString::to_string).collect();
        let mut parts = Vec::new();
        match numbers.as_slice() {
            [] => {}
            [number] => parts.push(format!("version {number}")),
            numbers => parts.push(format!("versions {}", numbers.join(", "))),
        }
        if self.items != 1 {
            parts.push(format!("{} items", self.items));
        }
        match (&self.code, self.failed) {
            (Some(code), failed) if failed < self.items => parts.push(format!("{failed} refused ({code})")),
            (Some(code), _) => parts.push(code.clone()),
            (None, _) => {}
        }
        match self.made {
            0 => {}
            1 => parts.push("1 tenant secret made".to_owned()),
            made => parts.push(format!("{made} tenant secrets made")),
        }
        let told = [
            ("event", &self.event),
            ("by", &self.told.requesting_id),
            ("label", &self.told.data_label),
            ("object", &self.told.object_id),
            ("request", &self.told.request_id),
            ("from", &self.told.source_ip),
        ];
        // The caller's text stands in quotes that it cannot close, so that it cannot pass for a statement of Keystead.
        let quoted = |text: &str| format!("“{}”", text.replace(['“', '”'], "\""));
        parts.extend(
            told.iter().filter_map(|(name, text)| Some(format!("{name} {}", quoted(text.as_ref()?)))),
        );
        parts.extend(
            self.told.custom.iter().map(|(name, text)| format!("{} = {}", quoted(name), quoted(text))),
        );
        parts.join(", ")
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    #[test]
    fn an_event_says_only_what_there_is() {
        let told = AuditNote { object_id: Some("order 17".into()), ..AuditNote::default() };
        let event = DataEvent { deed: Deed::Encrypt, address: "192.0.2.7".into(), told, ..an_event() };
        let line = serde_json::to_string(&event).expect("it is written");
        assert_eq!(
            line,
            r#"{"at":"1970-01-01T00:00:00Z","who":"orders","key":"kstdAbCd1234","door":"native","deed":"data.encrypt","scope":"production/DE","versions":[3],"items":1,"outcome":"done","address":"192.0.2.7","object_id":"order 17"}"#
        );
        assert_eq!(serde_json::from_str::<DataEvent>(&line).expect("it is read"), event);
    }

    pub(crate) fn an_event() -> DataEvent {
        DataEvent {
            at: DateTime::UNIX_EPOCH,
            who: "orders".into(),
            key: "kstdAbCd1234".into(),
            door: Door::Native,
            deed: Deed::Decrypt,
            scope_id: None,
            scope: "production/DE".into(),
            versions: vec![3],
            items: 1,
            failed: 0,
            outcome: Outcome::Done,
            code: None,
            address: String::new(),
            event: None,
            made: 0,
            told: AuditNote::default(),
        }
    }

    #[test]
    fn what_happened_reads_as_a_sentence() {
        let mut event = an_event();
        assert_eq!(event.detail(), "version 3");
        event.told.object_id = Some("order 17".into());
        (event.versions, event.items, event.failed) = (vec![2, 3], 5, 1);
        event.code = Some("not_opened".into());
        assert_eq!(event.detail(), "versions 2, 3, 5 items, 1 refused (not_opened), object “order 17”");
        (event.versions, event.items, event.failed) = (vec![], 1, 1);
        event.told = AuditNote::default();
        assert_eq!(event.detail(), "not_opened");
    }

    #[test]
    fn what_a_caller_says_cannot_be_taken_for_what_keystead_says() {
        let mut event = an_event();
        event.event = Some("version 1, by “root@example.com”".into());
        event.told.object_id = Some("17”, by “ada@example.com”, request “9".into());
        event.told.custom = [("a” = “b".to_owned(), "c”".to_owned())].into();
        let outside: String =
            event.detail().split('“').map(|part| part.rsplit('”').next().unwrap_or("")).collect();
        assert_eq!(outside, "version 3, event , object ,  = ");
        event = DataEvent { made: 2, ..an_event() };
        assert_eq!(event.detail(), "version 3, 2 tenant secrets made");
    }

    #[test]
    fn control_characters_weigh_what_they_take() {
        let told = |text: String| AuditNote { object_id: Some(text), ..AuditNote::default() };
        assert_eq!(told("a\0".into()).weight(), 1 + 6);
        assert!(told("x".repeat(TOLD_BYTES)).is_within_bounds());
        assert!(!told("\0".repeat(TOLD_BYTES / 6 + 1)).is_within_bounds());
    }

    #[test]
    fn every_operation_has_its_deed() {
        for operation in Operation::ALL {
            assert_eq!(Deed::from(*operation).word(), format!("data.{}", operation.word()));
            assert_eq!(Operation::from_word(operation.word()), Some(*operation));
        }
    }
}
