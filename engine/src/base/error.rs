//! What can go wrong in a use case, and what of it leaves the process.

use crate::base::refused::Refused;
use chrono::{DateTime, Utc};
use domain::base::problem::{Code, Problem};
use domain::base::words;
use domain::custody::preflight::{FailureCode, Report};
use domain::data::operation::Operation;
use domain::keys::key_version::NotManaged;
use domain::keys::limits::LimitReached;
use domain::people::password::PasswordRefused;
use domain::scopes::alias::AliasRefused;
use domain::scopes::scope::{NameRefused, NotACountry};
use domain::services::api_key::ApiKeyRefused;
use std::sync::Arc;

/// Why a use case did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no session, or it is over")]
    SignedOut,
    #[error("the e-mail address or the password is wrong")]
    WrongPassword,
    #[error("the verification code is wrong or already used")]
    WrongCode { next_in_seconds: i64 },
    #[error("the recovery code is wrong or already used")]
    WrongRecoveryCode,
    #[error("the setup token is wrong")]
    WrongSetupToken,
    #[error("the setup token is older than 60 minutes")]
    SetupTokenExpired,
    #[error("too many tries, blocked until {until}")]
    Blocked { until: DateTime<Utc>, now: DateTime<Utc> },
    #[error("twenty wrong codes in a row")]
    CodesExhausted,
    #[error("there is an administrator already")]
    AlreadySetUp,
    #[error("the current password is wrong")]
    WrongCurrentPassword,
    #[error("not an e-mail address")]
    NotAnEmail,
    #[error("the e-mail address belongs to an administrator already")]
    EmailTaken,
    #[error("password refused: {0}")]
    Password(#[from] PasswordRefused),
    #[error("name refused: {0}")]
    Name(#[from] NameRefused),
    #[error("the slug {0} is or was in use")]
    SlugTaken(String),
    #[error("there are {limit} environments")]
    TooManyEnvironments { limit: i64 },
    #[error("the name is the one it has")]
    NameUnchanged,
    #[error("country refused: {0}")]
    Country(#[from] NotACountry),
    #[error("{0} is there already")]
    CountryTaken(&'static str),
    #[error("alias refused: {0}")]
    Alias(#[from] AliasRefused),
    #[error("there are {limit} tenant secrets in this scope")]
    TooManySecrets { limit: i64 },
    #[error("API key refused: {0}")]
    ApiKey(#[from] ApiKeyRefused),
    #[error("no API key, or one that does not work")]
    UnknownApiKey,
    #[error("the API key may not {}", .0.word())]
    NotAllowed(Operation),
    #[error(transparent)]
    Data(#[from] Refused),
    #[error("an encryption key exists")]
    HasKeys,
    #[error("{}", words::limit_reached(limit, *now))]
    Limit { limit: LimitReached, now: DateTime<Utc> },
    #[error(transparent)]
    NotManaged(#[from] NotManaged),
    #[error("the period is the one it has")]
    PeriodUnchanged { days: i64 },
    #[error("the prepared change is gone, spent or expired")]
    ChangeGone,
    #[error("what was shown is no longer true: {0}")]
    Outdated(String),
    #[error("the pre-flight found: {}", .0.summary())]
    Preflight(Box<Report>),
    #[error("too many pre-flights")]
    PreflightsTooMany { seconds: i64 },
    #[error("the customer's KMS refuses: {0}")]
    KmsRefused(FailureCode),
    #[error("the customer's KMS cannot be reached: {0}")]
    KmsUnreachable(FailureCode),
    #[error("the Active version is not of a customer's KMS")]
    NotAws,
    #[error("it does not exist")]
    NotFound,
    #[error("the queue for password checks is full")]
    Busy,
    #[error("a column cannot be read: {table}.{column} of {id}")]
    Corrupt { table: &'static str, column: &'static str, id: String },
    #[error("a sealed value does not open: {0}")]
    Sealed(String),
    #[error("database: {0}")]
    Database(sqlx::Error),
    #[error("a statement does not fit the database's schema: {0}")]
    Schema(sqlx::Error),
    #[error("the connection broke during a commit, which may or may not have happened: {0}")]
    Unsure(sqlx::Error),
    #[error("the journal cannot be written: {0}")]
    Journal(Arc<std::io::Error>),
    #[error("the clock is {seconds} s off the database's")]
    ClockOff { seconds: i64 },
    #[error("{0}")]
    Fault(String),
}

/// An outage and a mistake of ours are told apart here, once: the one passes, the other does not.
impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        if crate::store::is_misfit(&error) { Self::Schema(error) } else { Self::Database(error) }
    }
}

impl Error {
    /// Whether the server is at fault: such errors are logged, whole, at the boundary.
    pub fn is_fault(&self) -> bool {
        matches!(self.code(), Code::Internal)
            || matches!(self, Self::Database(_) | Self::Unsure(_) | Self::Journal(_))
    }

    fn code(&self) -> Code {
        match self {
            Self::SignedOut | Self::UnknownApiKey => Code::SignedOut,
            Self::WrongPassword
            | Self::WrongCode { .. }
            | Self::WrongRecoveryCode
            | Self::WrongSetupToken
            | Self::SetupTokenExpired
            | Self::WrongCurrentPassword
            | Self::NotAllowed(_)
            | Self::KmsRefused(_) => Code::Refused,
            Self::Blocked { .. } | Self::CodesExhausted | Self::PreflightsTooMany { .. } => Code::Locked,
            Self::NotAnEmail
            | Self::EmailTaken
            | Self::Password(_)
            | Self::Name(_)
            | Self::SlugTaken(_)
            | Self::NameUnchanged
            | Self::Country(_)
            | Self::CountryTaken(_)
            | Self::Alias(_)
            | Self::ApiKey(_)
            | Self::Data(
                Refused::Malformed
                | Refused::NotOpened
                | Refused::TooLong
                | Refused::NotBase64
                | Refused::Unread
                | Refused::NotADek,
            )
            | Self::PeriodUnchanged { .. }
            | Self::Preflight(_) => Code::Invalid,
            Self::AlreadySetUp
            | Self::TooManyEnvironments { .. }
            | Self::TooManySecrets { .. }
            | Self::HasKeys
            | Self::Data(Refused::NoKey)
            | Self::NotManaged(_)
            | Self::ChangeGone
            | Self::Outdated(_) => Code::Conflict,
            Self::Limit { .. } => Code::Limit,
            Self::NotFound | Self::NotAws => Code::NotFound,
            Self::KmsUnreachable(_)
            | Self::Busy
            | Self::ClockOff { .. }
            | Self::Journal(_)
            | Self::Database(_)
            | Self::Unsure(_) => Code::Busy,
            Self::Corrupt { .. } | Self::Sealed(_) | Self::Schema(_) | Self::Fault(_) => Code::Internal,
        }
    }

    /// One word for a program: in the journal, in metrics, in the type of a problem.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Data(refused) => refused.word(),
            Self::NotAllowed(_) => "not_allowed",
            Self::UnknownApiKey => "unauthorised",
            Self::KmsRefused(_) => "kms_refused",
            Self::KmsUnreachable(_) => "kms_unreachable",
            Self::Journal(_) => "journal",
            _ => match self.code() {
                Code::Invalid => "invalid",
                Code::Refused => "refused",
                Code::Locked => "too_many",
                Code::SignedOut => "unauthorised",
                Code::NotFound => "not_found",
                Code::Conflict => "conflict",
                Code::Limit => "limit",
                Code::Busy => "busy",
                Code::Internal => "internal",
            },
        }
    }

    /// The form field the error belongs to.
    fn field(&self) -> Option<&'static str> {
        match self {
            Self::WrongCode { .. } => Some("code"),
            Self::WrongRecoveryCode => Some("recovery_code"),
            Self::WrongSetupToken | Self::SetupTokenExpired => Some("token"),
            Self::WrongCurrentPassword => Some("current_password"),
            Self::NotAnEmail | Self::EmailTaken => Some("email"),
            Self::Password(PasswordRefused::Mismatch) => Some("password_again"),
            Self::Password(_) => Some("password"),
            Self::Name(_) | Self::SlugTaken(_) | Self::NameUnchanged => Some("name"),
            Self::Country(_) | Self::CountryTaken(_) => Some("country"),
            Self::PeriodUnchanged { .. } => Some("rotation_days"),
            Self::Alias(_) => Some("alias"),
            Self::ApiKey(ApiKeyRefused::NoScope | ApiKeyRefused::UnknownScope(_)) => Some("scopes"),
            Self::ApiKey(ApiKeyRefused::NoOperation) => Some("operations"),
            Self::ApiKey(ApiKeyRefused::TwoLive(_)) => Some("name"),
            _ => None,
        }
    }

    /// What is wrong, then what to do.
    fn message(&self) -> String {
        match self {
            Self::SignedOut => "Sign in first.".into(),
            Self::WrongPassword => "E-mail or password is wrong.".into(),
            Self::WrongCode { next_in_seconds } => {
                format!("Wrong or already used. Next code in {next_in_seconds} s.")
            }
            Self::WrongRecoveryCode => "Wrong or already used. Try another of your recovery codes.".into(),
            Self::WrongSetupToken => {
                "This is not the setup token. Each start of Keystead makes a new one: take the last."
                    .into()
            }
            Self::SetupTokenExpired => {
                "The setup token is older than 60 minutes. Restart Keystead to get a new one.".into()
            }
            Self::Blocked { until, now } => {
                format!("Too many tries. Try again {}.", words::until(*until, *now))
            }
            Self::CodesExhausted => {
                "Too many wrong codes in a row. Use a recovery code, or ask the operator to run keystead admin reset-totp."
                    .into()
            }
            Self::AlreadySetUp => "Keystead is set up already. Sign in.".into(),
            Self::WrongCurrentPassword => "This is not your current password.".into(),
            Self::NotAnEmail => "Enter an e-mail address, like name@example.com.".into(),
            Self::EmailTaken => "An administrator with this e-mail address exists already.".into(),
            Self::Password(refused) => refused.to_string(),
            Self::Name(refused) => refused.to_string(),
            Self::SlugTaken(slug) => format!(
                "The address “{slug}” made from this name is or was in use, and addresses are never used again. Choose another name."
            ),
            Self::TooManyEnvironments { limit } => {
                format!("There are {limit} environments, and there cannot be more. Remove one that is empty.")
            }
            Self::NameUnchanged => "This is the name it has. Enter another.".into(),
            Self::Country(refused) => refused.to_string(),
            Self::CountryTaken(name) => format!("{name} is in this environment already."),
            Self::Alias(refused) => refused.to_string(),
            Self::TooManySecrets { limit } => format!("This scope has {limit} secret paths, and there cannot be more."),
            Self::ApiKey(refused) => refused.to_string(),
            Self::Data(refused) => refused.to_string(),
            Self::NotAllowed(operation) => {
                format!("This API key may not {} here. An administrator makes keys that may.", operation.word())
            }
            Self::UnknownApiKey => "No API key was given, or it does not work.".into(),
            Self::HasKeys => {
                "An encryption key exists here. It may be needed to decrypt, so this cannot be removed.".into()
            }
            Self::Limit { limit, now } => words::limit_reached(limit, *now),
            Self::NotManaged(why) => why.to_string(),
            Self::PeriodUnchanged { days } => {
                format!("The rotation period is {days} days already. Choose another.")
            }
            Self::ChangeGone => {
                "This change has expired or was confirmed already. Nothing was done now; start it again.".into()
            }
            Self::Outdated(what) => format!("{what} Nothing was changed; look at the new state and start again."),
            Self::Preflight(report) if report.blocks() => {
                "The key cannot be used as it is. The checks below say why; nothing was stored.".into()
            }
            Self::Preflight(_) => {
                "The key works, but these credentials are not limited to Decrypt as far as can be told. Use others, or tick \
                 the box under what the check found."
                    .into()
            }
            Self::PreflightsTooMany { seconds } => {
                format!("Too many checks in a short time. Try again in {seconds} s.")
            }
            Self::KmsRefused(code) => format!("The customer's KMS refuses to release this key ({code})."),
            Self::KmsUnreachable(code) => {
                format!("The customer's KMS cannot be reached ({code}). Try again in a moment.")
            }
            Self::NotFound | Self::NotAws => "There is nothing at this address.".into(),
            Self::Busy => "Keystead is busy. Try again in a few seconds.".into(),
            Self::Corrupt { .. } | Self::Sealed(_) | Self::Schema(_) | Self::Fault(_) => {
                "Something inside Keystead failed. Nothing was changed; the server's log says why.".into()
            }
            Self::Unsure(_) => {
                "The connection to the database broke while this was being written: it was done whole or not at all. \
                 Look which before you try again."
                    .into()
            }
            Self::ClockOff { .. } => {
                "This server's clock differs too much from the database's: no code can be checked until an operator sets it."
                    .into()
            }
            Self::Journal(_) => {
                "The journal cannot be written, so nothing is encrypted or decrypted. It goes on by itself once it can; an \
                 operator finds the reason in the server's log."
                    .into()
            }
            Self::Database(_) => {
                "The database cannot be reached or refused to write. Nothing was changed; try again in a moment."
                    .into()
            }
        }
    }
}

impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        let problem = Problem::new(error.code(), error.message());
        match error.field() {
            Some(field) => problem.at(field),
            None => problem,
        }
    }
}
