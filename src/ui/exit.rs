//! The exit codes: those of the node's errors, and of a server's.

pub use crate::node::Exit;
use crate::server::ServerError;

impl From<&ServerError> for Exit {
    fn from(error: &ServerError) -> Self {
        match error {
            _ if error.is_no_space() => Self::NoSpace,
            ServerError::Setting(_) => Self::Usage,
            _ => Self::Failed,
        }
    }
}
