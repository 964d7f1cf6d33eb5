//! Extractors of forms and of what addresses name. A form that cannot be read is refused as a whole; a form with an unknown
//! field is refused too, so that nothing is assigned by accident.

use super::failure::Failure;
use super::framing::is_twice;
use axum::extract::FromRequestParts;
use axum::extract::{FromRequest, Path, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use domain::base::number;
use domain::scopes::scope::{Country, ScopeName, Slug};
use domain::services::api_key::ApiKeyId;
use engine::Error;
use engine::SecretText;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;

/// A form with exactly the fields of `T`.
pub struct Typed<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Typed<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        // With two types, one reader takes the body for a form and another reader for something else.
        if is_twice(request.headers(), &CONTENT_TYPE) {
            return Err(Failure::bad_form());
        }
        match axum::Form::<T>::from_request(request, state).await {
            Ok(axum::Form(form)) => Ok(Self(form)),
            Err(_) => Err(Failure::bad_form()),
        }
    }
}

/// A form that carries a code. A form that cannot be read becomes an empty and therefore wrong code: it counts as a failed
/// attempt, so that no malformed request is a free attempt.
pub struct Tried<T>(pub T);

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for Tried<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        Ok(Self(Typed::from_request(request, state).await.map(|Typed(form)| form).unwrap_or_default()))
    }
}

/// The form of a confirmation: a code and nothing else.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeForm {
    #[serde(default)]
    pub code: SecretText,
}

/// A form with no fields: its button is all there is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoFields {}

#[derive(Deserialize)]
struct EnvironmentPath {
    env: String,
}

#[derive(Deserialize)]
struct ScopePath {
    env: String,
    country: String,
}

/// The environment an address names.
pub struct InEnvironment(pub Slug);

/// The scope an address names.
pub struct InScope(pub ScopeName);

impl<S: Send + Sync> FromRequestParts<S> for InEnvironment {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let path = Path::<EnvironmentPath>::from_request_parts(parts, state)
            .await
            .map_err(|_| Failure::not_found())?;
        Slug::try_from(path.0.env).map(Self).map_err(|_| Failure::not_found())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for InScope {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let path =
            Path::<ScopePath>::from_request_parts(parts, state).await.map_err(|_| Failure::not_found())?;
        let environment = Slug::try_from(path.0.env).map_err(|_| Failure::not_found())?;
        let country = Country::from_code(&path.0.country).map_err(|_| Failure::not_found())?;
        Ok(Self(ScopeName { environment, country }))
    }
}

/// An address without parameters: it concerns the account of the person who is signed in, or the portal.
pub struct Plain;

impl<S: Send + Sync> FromRequestParts<S> for Plain {
    type Rejection = Failure;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Failure> {
        Ok(Self)
    }
}

/// The API key an address names.
pub struct OfApiKey(pub ApiKeyId);

impl<S: Send + Sync> FromRequestParts<S> for OfApiKey {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let Path(text) = path.map_err(|_| Failure::not_found())?;
        text.parse().map(Self).map_err(|_| Failure::not_found())
    }
}

/// The subject of a change: the key of a scope, or one version of it where the address names one.
#[derive(Clone)]
pub struct AtScope {
    pub scope: ScopeName,
    pub number: Option<u32>,
}

impl AtScope {
    /// Returns the version that the address names.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the address names none.
    pub fn version(&self) -> Result<u32, Error> {
        self.number.ok_or(Error::NotFound)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for AtScope {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let InScope(scope) = InScope::from_request_parts(parts, state).await?;
        let path = Path::<HashMap<String, String>>::from_request_parts(parts, state).await;
        let path = path.map_err(|_| Failure::not_found())?;
        // `plain` takes one spelling only, so "01" is no second address of version 1.
        let number = path.get("number").map(|text| number::plain(text).ok_or_else(Failure::not_found));
        Ok(Self { scope, number: number.transpose()? })
    }
}
