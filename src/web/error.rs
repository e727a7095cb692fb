//! What is answered when something is not done: a status for HTTP, the exit code of the same
//! command, and a sentence.

use super::answers::Failure;
use crate::node::{
    AnswerError, DirectoryError, DownloadError, Exit, HistoryError, JobError, LaterError,
    LinkError, MessageError, SharePathError, StoreError, WhoError, nobody,
};
use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    pub status: StatusCode,
    pub exit: Exit,
    pub message: String,
}

impl ApiError {
    pub fn new(status: StatusCode, exit: Exit, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            status,
            exit,
            message,
        }
    }

    /// It was asked wrongly.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Exit::Usage, message)
    }

    /// There is no such thing.
    pub fn missing(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, Exit::NotFound, message)
    }

    /// Too much at once.
    pub fn busy(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, Exit::Refused, message)
    }

    /// The node is about to end.
    pub fn stopping() -> Self {
        Self::busy("the node is stopping")
    }

    /// Whom a word does not mean.
    pub fn nobody(word: &str, error: &WhoError) -> Self {
        Self::of(Exit::from(error), nobody(word, error))
    }

    /// What an exit code means to HTTP.
    fn of(exit: Exit, message: String) -> Self {
        let status = match exit {
            Exit::Usage => StatusCode::BAD_REQUEST,
            Exit::Refused => StatusCode::CONFLICT,
            Exit::NotFound => StatusCode::NOT_FOUND,
            Exit::NoSpace => StatusCode::INSUFFICIENT_STORAGE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, exit, message)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status, Json(Failure::new(self.exit, self.message))).into_response()
    }
}

macro_rules! exits {
    ($($error:ty),*) => {$(
        impl From<$error> for ApiError {
            fn from(error: $error) -> Self {
                Self::of(Exit::from(&error), error.to_string())
            }
        }
    )*};
}

exits!(
    DirectoryError,
    DownloadError,
    JobError,
    LinkError,
    MessageError,
    SharePathError
);

impl From<AnswerError> for ApiError {
    fn from(error: AnswerError) -> Self {
        let exit = match error {
            AnswerError::Unknown(_) => Exit::NotFound,
            AnswerError::NoRoom { .. } => Exit::NoSpace,
            AnswerError::Place(_) => Exit::Failed,
        };
        Self::of(exit, error.to_string())
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let exit = match error {
            StoreError::NoSpace { .. } => Exit::NoSpace,
            _ => Exit::Failed,
        };
        Self::of(exit, error.to_string())
    }
}

impl From<LaterError> for ApiError {
    fn from(error: LaterError) -> Self {
        Self::of(Exit::Failed, error.to_string())
    }
}

impl From<HistoryError> for ApiError {
    fn from(error: HistoryError) -> Self {
        match error {
            HistoryError::Who(error) => {
                let why = "nobody, or more than one, is known by that name";
                Self::of(Exit::from(&error), why.into())
            }
            HistoryError::Disk(why) => Self::of(Exit::Failed, why),
        }
    }
}
