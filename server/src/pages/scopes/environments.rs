//! Environments and countries.

use crate::App;
use crate::pages::form_status;
use crate::web::failure::{Failure, in_form};
use crate::web::forms::{InEnvironment, InScope, NoFields, Typed};
use crate::web::page::{Page, chrome, chrome_of_all, done};
use crate::web::redirect::{query_filter, query_page, query_value};
use crate::web::visitor::SignedIn;
use app::pages::{
    EnvironmentPage, EnvironmentsPage, KEY_NAMES, RemoveCountryPage, RemoveEnvironmentPage,
    RenameEnvironmentPage, slug_after_removal,
};
use axum::extract::State;
use axum::response::Response;
use domain::base::address;
use domain::base::form::Form;
use domain::scopes::country_list::{Column, CountrySearch};
use domain::scopes::scope::{Country, EnvironmentKind, ScopeName, Slug};
use engine::Error;
use leptos::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddForm {
    #[serde(default)]
    name: String,
    /// Empty: derived from the name.
    #[serde(default)]
    slug: String,
    #[serde(default)]
    kind: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NameForm {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CountryForm {
    #[serde(default)]
    country: String,
}

async fn list_page(app: &App, who: &SignedIn, form: Form) -> Result<Response, Failure> {
    let (chrome, rows) = (chrome_of_all(app, who).await?, app.portal().scopes().environments().await?);
    let page = Page::framed(who, "Environments").status(form_status(&form));
    Ok(page.show(app, move || view! { <EnvironmentsPage chrome rows form /> }))
}

pub async fn list(State(app): State<App>, who: SignedIn) -> Result<Response, Failure> {
    list_page(&app, &who, Form::new()).await
}

pub async fn add(
    State(app): State<App>,
    who: SignedIn,
    Typed(typed): Typed<AddForm>,
) -> Result<Response, Failure> {
    let mut form = Form::new().with("name", &typed.name).with("slug", &typed.slug).with("kind", &typed.kind);
    let kind = match typed.kind.as_str() {
        "" => Some(EnvironmentKind::default()),
        word => EnvironmentKind::from_word(word),
    };
    let Some(kind) = kind else {
        form.refuse("kind", "Choose Production or Test.");
        return list_page(&app, &who, form).await;
    };
    match app.portal().scopes().add_environment(&who.session, &typed.name, &typed.slug, kind).await {
        Ok(row) => {
            let message =
                format!("Environment \"{}\" added. Next, add the countries where it stores data.", row.name);
            Ok(done(&app, &who, &address::environment(&row.slug), message).await)
        }
        Err(error) => list_page(&app, &who, form.refused(&in_form(error)?)).await,
    }
}

/// Returns what the query of an environment's page looks for.
fn search_of(query: &str) -> CountrySearch {
    let value = |name| query_value(query, name).unwrap_or_default();
    CountrySearch {
        text: query_filter(query, "find"),
        only_without_key: value("without_key") == "yes",
        sort: Column::from_word(&value("sort")).unwrap_or_default(),
        is_descending: value("order") == "descending",
        page: query_page(query, "page"),
    }
}

async fn environment_page(app: &App, who: &SignedIn, slug: &Slug, form: Form) -> Result<Response, Failure> {
    let search = search_of(&who.visitor.query);
    let new = query_value(&who.visitor.query, "new").and_then(|code| Country::from_code(&code).ok());
    let view = app.portal().scopes().environment(slug).await?;
    let limits = match app.portal().keys().environment_limits(slug).await {
        Ok(limits) => Some(limits),
        // Of an environment whose row somebody else wrote, nobody knows the limits.
        Err(Error::Vault(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let chrome = chrome(app, who).await?;
    let is_here = |country: &Country| view.countries.iter().any(|row| row.country == *country);
    let choices: Vec<_> = Country::all().into_iter().filter(|country| !is_here(country)).collect();
    let page = Page::framed(who, view.environment.name.clone()).status(form_status(&form));
    Ok(page.show(app, move || view! { <EnvironmentPage chrome view limits search new form choices /> }))
}

pub async fn show(
    State(app): State<App>,
    who: SignedIn,
    InEnvironment(slug): InEnvironment,
) -> Result<Response, Failure> {
    environment_page(&app, &who, &slug, Form::new()).await
}

pub async fn add_country(
    State(app): State<App>,
    who: SignedIn,
    InEnvironment(slug): InEnvironment,
    Typed(typed): Typed<CountryForm>,
) -> Result<Response, Failure> {
    match app.portal().scopes().add_country(&who.session, &slug, &typed.country).await {
        Ok(country) => {
            let message = format!("{} added. Next: add an encryption key.", country.name());
            let page = address::environment_with(&slug, &[("new", country.code())]);
            Ok(done(&app, &who, &page, message).await)
        }
        Err(error) => {
            let form = Form::new().with("country", &typed.country).refused(&in_form(error)?);
            environment_page(&app, &who, &slug, form).await
        }
    }
}

async fn rename_page(app: &App, who: &SignedIn, slug: &Slug, form: Form) -> Result<Response, Failure> {
    let environment = app.portal().scopes().environment(slug).await?.environment;
    let chrome = chrome(app, who).await?;
    let page = Page::framed(who, format!("Rename {}", environment.name)).status(form_status(&form));
    Ok(page.show(app, move || view! { <RenameEnvironmentPage chrome environment form /> }))
}

pub async fn show_rename(
    State(app): State<App>,
    who: SignedIn,
    InEnvironment(slug): InEnvironment,
) -> Result<Response, Failure> {
    let name = app.portal().scopes().environment(&slug).await?.environment.name;
    rename_page(&app, &who, &slug, Form::new().with("name", name)).await
}

pub async fn rename(
    State(app): State<App>,
    who: SignedIn,
    InEnvironment(slug): InEnvironment,
    Typed(typed): Typed<NameForm>,
) -> Result<Response, Failure> {
    match app.portal().scopes().rename_environment(&who.session, &slug, &typed.name).await {
        Ok(name) => {
            let message = format!("Environment renamed to \"{name}\". Its URL name stays {slug}.");
            Ok(done(&app, &who, &address::environment(&slug), message).await)
        }
        Err(error) => {
            rename_page(&app, &who, &slug, Form::new().with("name", &typed.name).refused(&in_form(error)?))
                .await
        }
    }
}

async fn remove_page(app: &App, who: &SignedIn, slug: &Slug, form: Form) -> Result<Response, Failure> {
    let environment = app.portal().scopes().environment(slug).await?.environment;
    let keys = app.portal().scopes().keys_losing(slug, None, KEY_NAMES).await?;
    let chrome = chrome(app, who).await?;
    let page = Page::framed(who, format!("Remove {}", environment.name)).status(form_status(&form));
    Ok(page.show(app, move || view! { <RemoveEnvironmentPage chrome environment keys form /> }))
}

pub async fn show_remove(
    State(app): State<App>,
    who: SignedIn,
    InEnvironment(slug): InEnvironment,
) -> Result<Response, Failure> {
    remove_page(&app, &who, &slug, Form::new()).await
}

pub async fn remove(
    State(app): State<App>,
    who: SignedIn,
    InEnvironment(slug): InEnvironment,
    Typed(NoFields {}): Typed<NoFields>,
) -> Result<Response, Failure> {
    match app.portal().scopes().remove_environment(&who.session, &slug).await {
        Ok(row) => {
            let message = format!("Environment \"{}\" removed. {}", row.name, slug_after_removal(&row));
            Ok(done(&app, &who, address::ENVIRONMENTS, message).await)
        }
        Err(error) => remove_page(&app, &who, &slug, Form::new().refused(&in_form(error)?)).await,
    }
}

async fn remove_country_page(
    app: &App,
    who: &SignedIn,
    scope: &ScopeName,
    form: Form,
) -> Result<Response, Failure> {
    let (environment, country) = app.portal().scopes().country(&scope.environment, scope.country).await?;
    let keys = app.portal().scopes().keys_losing(&scope.environment, Some(scope.country), KEY_NAMES).await?;
    let chrome = chrome(app, who).await?;
    let page = Page::framed(who, format!("Remove {}", scope.country.name())).status(form_status(&form));
    Ok(page.show(app, move || view! { <RemoveCountryPage chrome environment country keys form /> }))
}

pub async fn show_remove_country(
    State(app): State<App>,
    who: SignedIn,
    InScope(scope): InScope,
) -> Result<Response, Failure> {
    remove_country_page(&app, &who, &scope, Form::new()).await
}

pub async fn remove_country(
    State(app): State<App>,
    who: SignedIn,
    InScope(scope): InScope,
    Typed(NoFields {}): Typed<NoFields>,
) -> Result<Response, Failure> {
    match app.portal().scopes().remove_country(&who.session, &scope).await {
        Ok(()) => {
            let message = format!("{} removed from {}.", scope.country.name(), scope.environment);
            Ok(done(&app, &who, &address::environment(&scope.environment), message).await)
        }
        Err(error) => remove_country_page(&app, &who, &scope, Form::new().refused(&in_form(error)?)).await,
    }
}
