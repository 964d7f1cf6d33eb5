//! The rotation period in the forms of "Rotate encryption key" and "Edit encryption key".

use crate::App;
use crate::pages::changes::two_step::Again;
use crate::web::forms::AtScope;
use domain::base::form::Form;
use domain::base::number::NotListed;
use domain::keys::key_type::KeyType;
use domain::keys::rotation::RotationPeriod;
use domain::keys::view::VersionRow;
use engine::Error;
use serde::Deserialize;

/// The form of "Edit encryption key".
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeriodForm {
    #[serde(default)]
    rotation_days: String,
}

pub fn period_form(period: RotationPeriod) -> Form {
    Form::new().with("key_type", KeyType::Managed.word()).with("rotation_days", period.days().to_string())
}

/// Returns the typed period, or `None` with the error in the form.
pub fn read_period(rotation_days: &str, form: &mut Form) -> Option<RotationPeriod> {
    let read = rotation_days.parse();
    read.map_err(|error: NotListed| form.refuse("rotation_days", error.to_string())).ok()
}

impl PeriodForm {
    pub fn read(self) -> Result<(RotationPeriod, Form), Box<Again>> {
        let mut form = Form::new().with("rotation_days", &self.rotation_days);
        match read_period(&self.rotation_days, &mut form) {
            Some(period) => Ok((period, form)),
            None => Err(Again::form(form)),
        }
    }
}

/// Returns the Active version, whose period the form has until another is chosen. It must be managed.
pub async fn active(app: &App, at: &AtScope) -> Result<VersionRow, Error> {
    app.portal().keys().managed_version(&at.scope).await
}
