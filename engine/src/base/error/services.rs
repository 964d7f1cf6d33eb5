//! Failures of API keys.

use super::Row;
use domain::data::code::ApiCode;
use domain::data::operation::Operation;
use domain::services::api_key::ApiKeyRefused;

#[derive(Debug, thiserror::Error)]
pub enum ServicesError {
    #[error("API key refused: {0}")]
    ApiKey(#[from] ApiKeyRefused),
    #[error("the API key is missing or not valid")]
    UnknownApiKey,
    #[error("the API key lacks the {} permission", .0.word())]
    NotAllowed(Operation),
}

impl ServicesError {
    pub(super) fn row(&self) -> Row {
        match self {
            Self::ApiKey(refused) => {
                let row = Row::invalid(refused.to_string());
                match refused {
                    ApiKeyRefused::NoScope | ApiKeyRefused::UnknownScope(_) | ApiKeyRefused::TwoKinds(_) => row.at("scopes"),
                    ApiKeyRefused::NoOperation => row.at("operations"),
                    ApiKeyRefused::TwoLive(_) => row.at("name"),
                }
            }
            Self::UnknownApiKey => Row::signed_out(
                "The API key is missing or not valid. Check that it has not expired and is not revoked.",
            ),
            Self::NotAllowed(operation) => Row::refused(format!(
                "This API key lacks the \"{}\" permission for this scope. Ask an administrator for a key that has it.",
                operation.word()
            ))
            .code(ApiCode::NotAllowed.word()),
        }
    }
}
