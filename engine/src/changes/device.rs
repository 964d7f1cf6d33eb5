//! The device cookie: its holder has signed in with this browser before. It gives no access. It decides which counter a try counts
//! for, so that strangers who guess do not lock out the person (OWASP, "Slow Down Online Guessing Attacks with Device Cookies").
//!
//! A token is base64url of person (16) · epoch (8) · end (8) · HMAC (32). No row stands for it: it ends by its time, and with the
//! epoch of the person, which a new password, a new authenticator and the host (`admin sign-out`, `admin disable`) raise.

use crate::changes::Changes;
use crate::store::users::User;
use crate::vault::envelope::Purpose;
use crate::{Error, SecretText};
use chrono::{DateTime, TimeDelta, Utc};
use data_encoding::BASE64URL_NOPAD;
use domain::base::id::UserId;
use subtle::ConstantTimeEq;
use uuid::Uuid;

/// Time after which a browser is a stranger's again.
pub const LIFE: TimeDelta = TimeDelta::days(90);
/// Maximum number of persons whose tokens one cookie holds.
const PERSONS: usize = 4;
/// Separates the tokens of several persons.
const BETWEEN: char = '.';
const CLAIM: usize = 16 + 8 + 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Claim {
    person: UserId,
    epoch: i64,
    until: i64,
}

impl Claim {
    fn bytes(&self) -> [u8; CLAIM] {
        let parts = [&self.person.0.as_bytes()[..], &self.epoch.to_be_bytes(), &self.until.to_be_bytes()];
        parts.concat().try_into().expect("16, 8 and 8 bytes")
    }

    fn read(bytes: &[u8; CLAIM]) -> Self {
        let number = |at: usize| i64::from_be_bytes(bytes[at..at + 8].try_into().expect("8 bytes"));
        let person = Uuid::from_slice(&bytes[..16]).expect("16 bytes");
        Self { person: UserId(person), epoch: number(16), until: number(24) }
    }
}

/// The persons who have signed in with a browser, as its device cookie proves.
#[derive(Clone, Debug, Default)]
pub struct Devices(Vec<Claim>);

impl Devices {
    /// Returns the person who signed in last.
    pub(crate) fn last(&self) -> Option<UserId> {
        self.0.first().map(|claim| claim.person)
    }

    /// Checks whether this person has signed in with the browser, and nothing has ended that since.
    pub(crate) fn know(&self, user: &User) -> bool {
        self.0.iter().any(|claim| claim.person == user.id() && claim.epoch == user.security_epoch)
    }
}

impl Changes {
    /// Reads a browser's cookie. What Keystead did not write, or what is over, proves nothing.
    pub fn devices(&self, cookie: &SecretText) -> Devices {
        let tokens = cookie.expose().split(BETWEEN).take(PERSONS);
        let now = self.vault.now();
        let is_live = |claim: &Claim| claim.until > now.timestamp() && claim.until <= end(now);
        Devices(tokens.filter_map(|token| self.claim(token)).filter(is_live).collect())
    }

    /// Returns the person of this name, if they have signed in with the browser. A stranger's browser causes no look-up.
    pub(crate) async fn owner(&self, name: &str, devices: &Devices) -> Result<Option<User>, Error> {
        if devices.0.is_empty() {
            return Ok(None);
        }
        Ok(self.named(name).await?.filter(|user| devices.know(user)))
    }

    /// Returns the person of this name. An administrator whose row does not verify is nobody.
    pub(crate) async fn named(&self, name: &str) -> Result<Option<User>, Error> {
        let found = self.vault.db().users().by_email(name).await?;
        Ok(found.and_then(|found| self.vault.proved(found).ok()))
    }

    fn claim(&self, token: &str) -> Option<Claim> {
        let bytes = BASE64URL_NOPAD.decode(token.as_bytes()).ok()?;
        let (claim, code) = bytes.split_first_chunk::<CLAIM>()?;
        bool::from(self.device_code(claim).ct_eq(code)).then(|| Claim::read(claim))
    }

    fn device_code(&self, claim: &[u8; CLAIM]) -> [u8; 32] {
        self.vault.keyring().keyed_hash(Purpose::Names, &[b"device ", &claim[..]].concat())
    }

    /// Returns the cookie of a browser with which a person has signed in now. It keeps what the earlier one proves of others.
    pub(crate) fn device_cookie(&self, person: UserId, epoch: i64, before: &Devices) -> SecretText {
        let new = Claim { person, epoch, until: end(self.vault.now()) };
        let others = before.0.iter().filter(|claim| claim.person != person).copied();
        let tokens = std::iter::once(new).chain(others).take(PERSONS).map(|claim| {
            let bytes = claim.bytes();
            BASE64URL_NOPAD.encode(&[&bytes[..], &self.device_code(&bytes)].concat())
        });
        SecretText::new(tokens.collect::<Vec<_>>().join(&BETWEEN.to_string()))
    }
}

fn end(now: DateTime<Utc>) -> i64 {
    (now + LIFE).timestamp()
}
