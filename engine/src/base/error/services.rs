//! Failures of API keys.

use super::Row;
use domain::data::operation::Operation;
use domain::services::api_key::ApiKeyRefused;

#[derive(Debug, thiserror::Error)]
pub enum ServicesError {
    #[error("API key refused: {0}")]
    ApiKey(#[from] ApiKeyRefused),
    #[error("no API key, or one that does not work")]
    UnknownApiKey,
    #[error("the API key may not {}", .0.word())]
    NotAllowed(Operation),
}

impl ServicesError {
    pub(super) fn row(&self) -> Row {
        match self {
            Self::ApiKey(refused) => {
                let row = Row::invalid(refused.to_string());
                match refused {
                    ApiKeyRefused::NoScope | ApiKeyRefused::UnknownScope(_) => row.at("scopes"),
                    ApiKeyRefused::NoOperation => row.at("operations"),
                    ApiKeyRefused::TwoLive(_) => row.at("name"),
                }
            }
            Self::UnknownApiKey => Row::signed_out("No API key was given, or it does not work."),
            Self::NotAllowed(operation) => Row::refused(format!(
                "This API key may not {} here. An administrator makes keys that may.",
                operation.word()
            ))
            .code("not_allowed"),
        }
    }
}
