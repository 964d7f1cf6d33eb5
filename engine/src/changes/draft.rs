//! What a person had typed into a form when their session ended: sealed, and kept by their browser alone, until they have signed in
//! again. It holds no secrets; `server::web::draft` chooses the fields.

use crate::changes::device::Devices;
use crate::changes::notes::Notes;
use crate::vault::envelope::{Purpose, SealContext};
use crate::{SecretBytes, SecretText, Session};
use chrono::TimeDelta;
use data_encoding::BASE64URL_NOPAD;
use domain::base::id::UserId;

/// Time for which a draft can be opened.
pub const LIFE: TimeDelta = TimeDelta::minutes(30);

fn place<'a>(person: &'a UserId, path: &'a str, until: i64) -> SealContext<'a> {
    SealContext {
        table: "draft",
        column: "form",
        row: person.0.as_bytes(),
        scope: path.as_bytes(),
        number: until.unsigned_abs(),
    }
}

impl Notes {
    /// Seals a draft for the person who signed in last with a browser. A browser that proves nobody gets none.
    pub fn seal_draft(&self, devices: &Devices, path: &str, plain: &[u8]) -> Option<SecretText> {
        let person = devices.last()?;
        let until = (self.vault.now() + LIFE).timestamp();
        let sealed = self.vault.keyring().seal(Purpose::Session, place(&person, path, until), plain);
        Some(SecretText::new(BASE64URL_NOPAD.encode(&[&until.to_be_bytes()[..], &sealed].concat())))
    }

    /// Opens the draft of the form at a path. It opens for its person only.
    pub fn open_draft(&self, who: &Session, path: &str, draft: &SecretText) -> Option<SecretBytes> {
        let bytes = BASE64URL_NOPAD.decode(draft.expose().as_bytes()).ok()?;
        let (until, sealed) = bytes.split_first_chunk::<8>()?;
        let (until, now) = (i64::from_be_bytes(*until), self.vault.now());
        let is_live = until > now.timestamp() && until <= (now + LIFE).timestamp();
        let person = who.user().ok().filter(|_| is_live)?;
        self.vault.keyring().open(Purpose::Session, place(&person, path, until), sealed).ok()
    }
}
