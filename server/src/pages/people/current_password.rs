//! The form that begins the replacement of an authenticator or of recovery codes: the current password.

use crate::pages::changes::two_step::Again;
use domain::base::form::Form;
use engine::SecretText;
use serde::Deserialize;

/// The fields of the first step.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CurrentPasswordForm {
    #[serde(default)]
    current_password: SecretText,
}

impl CurrentPasswordForm {
    pub fn given(self) -> Result<SecretText, Box<Again>> {
        if self.current_password.is_empty() {
            let mut form = Form::new();
            form.refuse("current_password", "Enter your current password.");
            return Err(Again::form(form));
        }
        Ok(self.current_password)
    }
}
