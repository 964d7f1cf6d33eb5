//! API keys: the list, "Create API key", "Revoke".

use crate::App;
use crate::api::native::reference;
use crate::pages::changes::review;
use crate::pages::changes::review::{Review, Step};
use crate::web::failure::{Failure, Shown, refused};
use crate::web::forms::{NoFields, Typed};
use crate::web::page::{Page, chrome, chrome_of_all, done};
use crate::web::redirect::{query_value, see};
use crate::web::visitor::SignedIn;
use app::pages::{AddApiKeyPage, ApiGuidePage, ApiKeysPage, NewApiKeyPage};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::base::address;
use domain::base::form::Form;
use domain::base::words::{date, moment, span};
use domain::data::operation::Operation;
use domain::services::api_key::{ApiKeyId, ApiKeyRefused, Lifetime, Reach, words};
use domain::services::command::{CreateApiKey, RevokeApiKey};
use engine::Error;
use engine::base::error::ChangesError;
use engine::changes::prepare::Prepared;
use leptos::prelude::*;
use serde::Deserialize;

const HOME: &str = address::API_KEYS;
const ADD: &str = address::API_KEY_ADD;
const NEW: &str = address::API_KEY_NEW;

pub async fn list(State(app): State<App>, who: SignedIn) -> Result<Response, Failure> {
    let before = query_value(&who.visitor.query, "before").and_then(|id| id.parse().ok());
    let (chrome, view) = (chrome(&app, &who).await?, app.portal().services().api_keys(before).await?);
    let unsaved = app.portal().services().unsaved_api_key(&who.session).await?;
    Ok(Page::framed(&who, "API keys").show(&app, move || view! { <ApiKeysPage chrome view unsaved /> }))
}

/// "How services use it".
pub async fn guide(State(app): State<App>, who: SignedIn) -> Result<Response, Failure> {
    let chrome = chrome_of_all(&app, &who).await?;
    let (address, operations) = (app.public_url().as_str().trim_end_matches('/').to_owned(), reference());
    let page = Page::framed(&who, "How services use it");
    Ok(page.show(&app, move || view! { <ApiGuidePage chrome address operations /> }))
}

/// Boxes that were ticked come one by one under the same name.
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

fn filled(command: &CreateApiKey) -> Form {
    let reach: Vec<_> = command.grants.iter().map(|grant| grant.reach.to_string()).collect();
    Form::new()
        .with("name", &command.name)
        .with("scopes", reach.join(","))
        .with("operations", words(&command.operations))
        .with("lifetime", command.lifetime.days().to_string())
}

async fn first_step(app: &App, who: &SignedIn, (form, status): Shown) -> Result<Response, Failure> {
    let chrome = chrome_of_all(app, who).await?;
    let page = Page::framed(who, "Create API key").status(status);
    Ok(page.show(app, move || view! { <AddApiKeyPage chrome form /> }))
}

pub async fn show_add(State(app): State<App>, who: SignedIn) -> Result<Response, Failure> {
    if let Some(id) = review::named(&who.visitor.query) {
        return second_step(&app, &who, id, None).await;
    }
    // After "Back", as it was filled in before.
    let form = match query_value(&who.visitor.query, "back").and_then(|id| id.parse().ok()) {
        Some(id) => {
            app.portal().changes().prepared(&who.session, id).await.map(|prepared| filled(&prepared.command))
        }
        None => Ok(Form::new()),
    };
    first_step(&app, &who, (form.unwrap_or_default(), StatusCode::OK)).await
}

/// The command, or the form with everything that is wrong with it at once.
async fn plan(app: &App, who: &SignedIn, typed: AddForm) -> Result<CreateApiKey, (Form, Option<Error>)> {
    let mut form = typed.shown();
    let name = domain::scopes::scope::display_name(&typed.name);
    name.map_err(|refused| form.refuse("name", refused.to_string())).ok();
    let reach: Result<Vec<Reach>, _> = typed.scopes.iter().map(|text| text.parse::<Reach>()).collect();
    match &reach {
        Ok(reach) if reach.is_empty() => form.refuse("scopes", ApiKeyRefused::NoScope.to_string()),
        Ok(_) => {}
        Err(_) => form.refuse("scopes", "Choose from the list."),
    }
    let operations: Option<Vec<_>> = typed.operations.iter().map(|word| Operation::from_word(word)).collect();
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
            let planned =
                app.portal().services().plan_api_key(&who.session, &typed.name, &reach, operations, lifetime);
            planned.await.map_err(|error| (form, Some(error)))
        }
        _ => Err((form, None)),
    }
}

pub async fn add(State(app): State<App>, who: SignedIn, step: Step<AddForm>) -> Result<Response, Failure> {
    let (id, code) = match step {
        Step::Confirm(id, code) => (id, code),
        Step::Prepare(typed) => {
            return match plan(&app, &who, typed).await {
                Ok(command) => {
                    let id = app.portal().changes().prepare(&who.session, &command).await?;
                    Ok(see(&review::address(ADD, id)))
                }
                Err((form, Some(error))) => first_step(&app, &who, refused(form, error)?).await,
                Err((form, None)) => first_step(&app, &who, (form, StatusCode::UNPROCESSABLE_ENTITY)).await,
            };
        }
    };
    let ask = match app.portal().changes().confirm::<CreateApiKey>(&who.session, id, &code).await {
        Ok(ask) => ask,
        Err(error) => return second_step(&app, &who, id, Some(error)).await,
    };
    let form = filled(ask.command());
    match app.portal().services().create_api_key(ask, &who.session).await {
        Ok(()) => Ok(see(NEW)),
        Err(error) => first_step(&app, &who, refused(form, error)?).await,
    }
}

async fn second_step(
    app: &App,
    who: &SignedIn,
    id: domain::base::id::ChangeId,
    error: Option<Error>,
) -> Result<Response, Failure> {
    let now = app.portal().now();
    let review = |command: &CreateApiKey| {
        let reach: Vec<_> = command.grants.iter().map(|grant| grant.reach.explained()).collect();
        let operations = words(&command.operations).replace(',', ", ");
        let opens =
            [Operation::Decrypt, Operation::Unwrap].iter().any(|one| command.operations.contains(one));
        Review {
            heading: "Create API key",
            about: command.name.clone(),
            crumbs: crumbs("Create API key"),
            has_parameters: true,
            verb: "Create",
            back: format!("{ADD}?back={id}"),
            effects: vec![
                format!("A key named {} may {operations}.", command.name),
                format!("It may so in {}, and nowhere else.", reach.join(", ")),
                format!(
                    "It works until {} ({} days).",
                    date(command.lifetime.end(now)),
                    command.lifetime.days()
                ),
                "Its secret is shown on the next page until you have saved it, and never again.".to_owned(),
            ],
            warning: opens.then(|| "Whoever has this key can read what was encrypted there.".to_owned()),
            report: None,
            policy: None,
        }
    };
    review::second_step::<CreateApiKey>(app, who, HOME, review, id, error).await
}

fn crumbs(last: &str) -> Vec<(String, Option<String>)> {
    vec![("API keys".into(), Some(HOME.into())), (last.into(), None)]
}

pub async fn show_new(State(app): State<App>, who: SignedIn) -> Result<Response, Failure> {
    let view = match app.portal().services().new_api_key(&who.session).await {
        Err(Error::NotFound) => return Ok(see(HOME)),
        view => view?,
    };
    let page = Page::with_islands(&who.visitor, "Your new API key");
    Ok(page.show(&app, move || view! { <NewApiKeyPage view /> }))
}

pub async fn saved_new(
    State(app): State<App>,
    who: SignedIn,
    Typed(_): Typed<NoFields>,
) -> Result<Response, Failure> {
    app.portal().services().forget_new_api_key(&who.session).await?;
    Ok(see(HOME))
}

fn read_id(text: &str) -> Result<ApiKeyId, Failure> {
    text.parse().map_err(|_| Failure::not_found())
}

fn revoke_path(id: ApiKeyId) -> String {
    format!("{HOME}/{id}/revoke")
}

/// Only where the address names the key that the change is about.
async fn prepared(
    app: &App,
    who: &SignedIn,
    key: ApiKeyId,
    id: domain::base::id::ChangeId,
) -> Result<RevokeApiKey, Error> {
    let Prepared { command, .. } = app.portal().changes().prepared::<RevokeApiKey>(&who.session, id).await?;
    if command.id == key { Ok(command) } else { Err(Error::Changes(ChangesError::ChangeGone)) }
}

async fn revocation(
    app: &App,
    who: &SignedIn,
    key: ApiKeyId,
    id: domain::base::id::ChangeId,
    error: Option<Error>,
) -> Result<Response, Failure> {
    if let Err(Error::Changes(ChangesError::ChangeGone)) = prepared(app, who, key, id).await {
        return review::gone(app, who, HOME).await;
    }
    let row = app.portal().services().api_key(key).await?;
    let now = app.portal().now();
    let review = |command: &RevokeApiKey| {
        Review {
        heading: "Revoke API key",
        about: format!("{} · {}…", command.name, command.id.seen()),
        crumbs: crumbs("Revoke API key"),
        has_parameters: false,
        verb: "Revoke",
        back: HOME.to_owned(),
        effects: vec![
            format!("The key {} stops working: here at once, on other servers within a second.", command.name),
            "Services that still come in with it are refused. What was encrypted stays readable with other keys."
                .to_owned(),
            "This cannot be undone; another key can be made.".to_owned(),
        ],
        warning: row.last_used_at.map(|at| {
            format!("It was used {} ago, on {}.", span(now - at), moment(at))
        }),
        report: None,
            policy: None,
    }
    };
    review::second_step::<RevokeApiKey>(app, who, HOME, review, id, error).await
}

pub async fn show_revoke(
    State(app): State<App>,
    who: SignedIn,
    Path(key): Path<String>,
) -> Result<Response, Failure> {
    let key = read_id(&key)?;
    match review::named(&who.visitor.query) {
        Some(id) => revocation(&app, &who, key, id, None).await,
        None => Ok(see(HOME)),
    }
}

pub async fn revoke(
    State(app): State<App>,
    who: SignedIn,
    Path(key): Path<String>,
    step: Step<NoFields>,
) -> Result<Response, Failure> {
    let key = read_id(&key)?;
    let (id, code) = match step {
        Step::Confirm(id, code) => (id, code),
        Step::Prepare(NoFields {}) => {
            let command = match app.portal().services().plan_revoke(&who.session, key).await {
                Err(outdated @ Error::Changes(ChangesError::Outdated(_))) => {
                    let problem = domain::Problem::from(&outdated);
                    return Ok(done(&app, &who, HOME, problem.message).await);
                }
                command => command?,
            };
            let id = app.portal().changes().prepare(&who.session, &command).await?;
            return Ok(see(&review::address(&revoke_path(key), id)));
        }
    };
    let confirmed = match prepared(&app, &who, key, id).await {
        Ok(_) => app.portal().changes().confirm::<RevokeApiKey>(&who.session, id, &code).await,
        Err(error) => Err(error),
    };
    match confirmed {
        Ok(ask) => {
            let name = ask.command().name.clone();
            app.portal().services().revoke_api_key(ask).await?;
            let message = format!("The key {name} is revoked. Services that come in with it are refused.");
            Ok(done(&app, &who, HOME, message).await)
        }
        Err(error) => revocation(&app, &who, key, id, Some(error)).await,
    }
}
