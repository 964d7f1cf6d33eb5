//! Failures of set-up, sign-in and profile.

use super::Row;
use domain::people::password::PasswordRefused;

#[derive(Debug, thiserror::Error)]
pub enum PeopleError {
    #[error("the e-mail address or the password is wrong")]
    WrongPassword,
    #[error("the setup token is wrong")]
    WrongSetupToken,
    #[error("the setup token is older than 60 minutes")]
    SetupTokenExpired,
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
}

impl PeopleError {
    pub(super) fn row(&self) -> Row {
        match self {
            // No field is named, because that would tell a stranger whether the address has an account.
            Self::WrongPassword => Row::refused("E-mail or password is wrong."),
            Self::WrongSetupToken => Row::refused(
                "This is not the setup token. Keystead prints a new token at every start; use the latest.",
            )
            .at("token"),
            Self::SetupTokenExpired => {
                Row::refused("The setup token is older than 60 minutes. Restart Keystead to get a new one.")
                    .at("token")
            }
            Self::AlreadySetUp => Row::conflict("Keystead is already set up. Sign in instead."),
            Self::WrongCurrentPassword => {
                Row::refused("This is not your current password.").at("current_password")
            }
            Self::NotAnEmail => Row::invalid("Enter an e-mail address, like name@example.com.").at("email"),
            Self::EmailTaken => {
                Row::invalid("An administrator with this e-mail address already exists.").at("email")
            }
            Self::Password(refused @ PasswordRefused::Mismatch) => {
                Row::invalid(refused.to_string()).at("password_again")
            }
            Self::Password(refused) => Row::invalid(refused.to_string()).at("password"),
        }
    }
}
