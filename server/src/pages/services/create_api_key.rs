//! "Create API key".

use crate::App;
use crate::pages::changes::two_step::{Again, ChangeForm, View};
use crate::web::forms::Plain;
use crate::web::page::chrome_of_all;
use crate::web::visitor::SignedIn;
use app::pages::AddApiKeyPage;
use app::pages::custody::aws_fields::Checked;
use domain::base::address;
use domain::base::form::Form;
use domain::data::operation::Operation;
use domain::services::api_key::{ApiKeyRefused, Lifetime, Reach, words};
use domain::services::command::CreateApiKey;
use engine::Error;
use leptos::prelude::*;
use serde::Deserialize;

/// The form of a new API key. Browsers send ticked boxes one by one under the same name.
#[derive(Default, Deserialize)]
#[serde(try_from = "Vec<(String, String)>")]
pub struct AddForm {
    name: String,
    scopes: Vec<String>,
    operations: Vec<String>,
    lifetime: String,
}

impl TryFrom<Vec<(String, String)>> for AddForm {
    type Error = &'static str;

    fn try_from(fields: Vec<(String, String)>) -> Result<Self, &'static str> {
        let (mut form, mut name, mut lifetime) = (Self::default(), None, None);
        for (field, value) in fields {
            match field.as_str() {
                "name" if name.is_none() => name = Some(value),
                "lifetime" if lifetime.is_none() => lifetime = Some(value),
                "scopes" => form.scopes.push(value),
                "operations" => form.operations.push(value),
                // A repeated field has two readings, so it is refused like an unknown one.
                _ => return Err("a field that the form does not have"),
            }
        }
        (form.name, form.lifetime) = (name.unwrap_or_default(), lifetime.unwrap_or_default());
        Ok(form)
    }
}

impl AddForm {
    fn shown(&self) -> Form {
        Form::new()
            .with("name", &self.name)
            .with("scopes", self.scopes.join(","))
            .with("operations", self.operations.join(","))
            .with("lifetime", &self.lifetime)
    }
}

impl ChangeForm for CreateApiKey {
    const HEADING: &'static str = "Create API key";
    const OVER: Option<&'static str> = Some(address::API_KEYS);
    type At = Plain;
    type Typed = AddForm;

    fn path(_: &Plain) -> String {
        address::API_KEY_ADD.to_owned()
    }

    fn is_at(&self, _: &Plain) -> bool {
        true
    }

    async fn view(app: &App, who: &SignedIn, _: &Plain, form: Form, _: Checked) -> Result<View, Error> {
        let chrome = chrome_of_all(app, who).await?;
        Ok(Box::new(move || view! { <AddApiKeyPage chrome form /> }.into_any()))
    }

    /// Makes a command of the form; else returns the form with all of its errors at once.
    async fn plan(app: &App, who: &SignedIn, _: &Plain, typed: AddForm) -> Result<Self, Box<Again>> {
        let mut form = typed.shown();
        // The engine checks the name again; checked here, its error stands beside the others.
        let name = domain::scopes::scope::display_name(&typed.name);
        name.map_err(|refused| form.refuse("name", refused.to_string())).ok();
        let reach: Result<Vec<Reach>, _> = typed.scopes.iter().map(|text| text.parse::<Reach>()).collect();
        match &reach {
            Ok(reach) if reach.is_empty() => form.refuse("scopes", ApiKeyRefused::NoScope.to_string()),
            Ok(_) => {}
            Err(_) => form.refuse("scopes", "Choose from the list."),
        }
        let operations: Option<Vec<_>> =
            typed.operations.iter().map(|word| Operation::from_word(word)).collect();
        match &operations {
            Some(operations) if operations.is_empty() => {
                form.refuse("operations", ApiKeyRefused::NoOperation.to_string());
            }
            Some(_) => {}
            None => form.refuse("operations", "Choose from the list."),
        }
        let lifetime = typed.lifetime.parse::<Lifetime>();
        if let Err(refused) = &lifetime {
            form.refuse("lifetime", refused.to_string());
        }
        match (reach, operations, lifetime) {
            (Ok(reach), Some(operations), Ok(lifetime)) if !form.is_refused() => {
                let services = app.portal().services();
                let planned =
                    services.plan_api_key(&who.session, &typed.name, &reach, operations, lifetime).await;
                planned.map_err(|error| Again::because(form, error))
            }
            _ => Err(Again::form(form)),
        }
    }

    fn filled(&self) -> Form {
        let reach: Vec<_> = self.grants.iter().map(|grant| grant.reach.to_string()).collect();
        Form::new()
            .with("name", &self.name)
            .with("scopes", reach.join(","))
            .with("operations", words(&self.operations))
            .with("lifetime", self.lifetime.days().to_string())
    }
}
