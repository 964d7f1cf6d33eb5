//! The data that the first steps of all changes of a scope share.

use crate::App;
use crate::web::forms::AtScope;
use crate::web::page::chrome;
use crate::web::visitor::SignedIn;
use domain::base::form::Form;
use domain::keys::view::LimitsView;
use domain::overview::frame::Chrome;
use domain::scopes::scope::ScopeName;
use engine::Error;

/// The data of such a page.
pub struct FirstStep {
    pub chrome: Chrome,
    pub scope: ScopeName,
    pub environment_name: String,
    pub form: Form,
}

impl FirstStep {
    /// # Errors
    /// [`Error::NotFound`] for an unknown scope.
    pub async fn load(app: &App, who: &SignedIn, at: &AtScope, form: Form) -> Result<Self, Error> {
        let environment_name = app.portal().scopes().environment_name(&at.scope).await?;
        Ok(Self { chrome: chrome(app, who).await?, scope: at.scope.clone(), environment_name, form })
    }

    /// Returns the data of a page that also shows the limits. The query for the limits finds the name, too.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown scope.
    pub async fn with_limits(
        app: &App,
        who: &SignedIn,
        at: &AtScope,
        form: Form,
    ) -> Result<(Self, LimitsView), Error> {
        let (limits, environment_name) = app.portal().keys().limits(&at.scope).await?;
        let chrome = chrome(app, who).await?;
        Ok((Self { chrome, scope: at.scope.clone(), environment_name, form }, limits))
    }
}
