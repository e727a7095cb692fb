//! The exit codes: what a script can tell apart. The local API has the same.

use super::{DirectoryError, DownloadError, LinkError, SendFailure, StartError, WhoError};
use crate::store::SendError;
use std::process::ExitCode;

/// How a command ended. Its number is the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything was done.
    Done = 0,
    /// It failed.
    Failed = 1,
    /// It was asked wrongly; asking again the same way cannot help.
    Usage = 2,
    /// A part of it failed.
    Partial = 3,
    /// Somebody refused.
    Refused = 4,
    /// Not found, or nobody there.
    NotFound = 5,
    /// What came is not what it should be.
    Unverified = 6,
    /// The disk is full.
    NoSpace = 7,
    /// Ctrl-C or SIGTERM.
    Interrupted = 130,
}

impl Exit {
    /// The number.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }

    /// What a number means; any other than those above is a failure.
    #[must_use]
    pub fn from_code(code: u8) -> Self {
        let all = [
            Self::Done,
            Self::Usage,
            Self::Partial,
            Self::Refused,
            Self::NotFound,
            Self::Unverified,
            Self::NoSpace,
            Self::Interrupted,
        ];
        let known = all.into_iter().find(|exit| exit.code() == code);
        known.unwrap_or(Self::Failed)
    }

    /// What several parts amount to: `done` of them went well, and `failures` is how the others
    /// ended.
    #[must_use]
    pub fn of(done: usize, failures: &[Self]) -> Self {
        match failures {
            [] => Self::Done,
            _ if failures.contains(&Self::Interrupted) => Self::Interrupted,
            _ if done > 0 => Self::Partial,
            [first, rest @ ..] if rest.iter().all(|other| other == first) => *first,
            _ => Self::Failed,
        }
    }

    /// The same when there may be more than is known: what went well was only a part, and what was
    /// not found may be there.
    #[must_use]
    pub fn incomplete(self) -> Self {
        match self {
            Self::Done | Self::NotFound => Self::Partial,
            other => other,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

impl From<&DownloadError> for Exit {
    fn from(error: &DownloadError) -> Self {
        match error {
            DownloadError::NotFound(_)
            | DownloadError::SourcesLost(_)
            | DownloadError::Stalled(_) => Self::NotFound,
            DownloadError::NotKnown { .. }
            | DownloadError::Withdrawn { .. }
            | DownloadError::Replaced { .. } => Self::Partial,
            DownloadError::Ambiguous { .. } | DownloadError::NotOne(_) => Self::Usage,
            DownloadError::Owner { why, .. } => Self::from(why),
            DownloadError::Name { .. } | DownloadError::Disk { .. } => Self::Failed,
            DownloadError::Verification(_) => Self::Unverified,
            DownloadError::NoSpace { .. } => Self::NoSpace,
            DownloadError::Interrupted => Self::Interrupted,
        }
    }
}

impl From<&WhoError> for Exit {
    fn from(error: &WhoError) -> Self {
        match error {
            WhoError::Nobody => Self::NotFound,
            WhoError::Ambiguous(_) => Self::Usage,
            WhoError::NewKey { .. } => Self::Refused,
        }
    }
}

impl From<&DirectoryError> for Exit {
    fn from(error: &DirectoryError) -> Self {
        match error {
            DirectoryError::NoServer(_) | DirectoryError::NotFound(_) => Self::NotFound,
            DirectoryError::NoneNamed | DirectoryError::Name(_) | DirectoryError::Different(_) => {
                Self::Usage
            }
            DirectoryError::Taken(_)
            | DirectoryError::NotYours(_)
            | DirectoryError::NewKey { .. }
            | DirectoryError::Refused(_) => Self::Refused,
            DirectoryError::Lies(_) => Self::Unverified,
            DirectoryError::Busy(_) | DirectoryError::Silent(..) | DirectoryError::Unsure(_) => {
                Self::Failed
            }
        }
    }
}

impl From<&SendFailure> for Exit {
    fn from(error: &SendFailure) -> Self {
        match error {
            SendFailure::Changed(_) | SendFailure::Theirs(_) => Self::Failed,
            SendFailure::Gone => Self::NotFound,
            SendFailure::Stopped => Self::Interrupted,
        }
    }
}

impl From<&LinkError> for Exit {
    fn from(error: &LinkError) -> Self {
        match error {
            LinkError::Nothing | LinkError::Terms(_) => Self::Usage,
            LinkError::NotFound(..)
            | LinkError::Unknown(_)
            | LinkError::File(SendError::Missing(_)) => Self::NotFound,
            LinkError::NobodyAnswers => Self::Refused,
            LinkError::File(_)
            | LinkError::TooMany(_)
            | LinkError::TooManyFiles(_)
            | LinkError::NotServed(_) => Self::Failed,
        }
    }
}

impl From<&StartError> for Exit {
    fn from(error: &StartError) -> Self {
        match error {
            _ if error.is_no_space() => Self::NoSpace,
            StartError::Home(_)
            | StartError::Net(_)
            | StartError::Store(_)
            | StartError::Beacon(_)
            | StartError::Internal(_) => Self::Failed,
            StartError::Setting(_) => Self::Usage,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_manual() {
        let all = [
            (Exit::Done, 0),
            (Exit::Failed, 1),
            (Exit::Usage, 2),
            (Exit::Partial, 3),
            (Exit::Refused, 4),
            (Exit::NotFound, 5),
            (Exit::Unverified, 6),
            (Exit::NoSpace, 7),
            (Exit::Interrupted, 130),
        ];
        for (exit, code) in all {
            assert_eq!(exit.code(), code);
            assert_eq!(Exit::from_code(code), exit);
        }
    }

    #[test]
    fn some_failures_among_successes_are_partial() {
        assert_eq!(Exit::of(2, &[]), Exit::Done);
        assert_eq!(Exit::of(1, &[Exit::NotFound]), Exit::Partial);
        assert_eq!(Exit::of(0, &[Exit::NotFound; 2]), Exit::NotFound);
        assert_eq!(Exit::of(0, &[Exit::NotFound, Exit::NoSpace]), Exit::Failed);
        assert_eq!(
            Exit::of(1, &[Exit::NotFound, Exit::Interrupted]),
            Exit::Interrupted
        );
    }

    #[test]
    fn a_task_that_panicked_is_a_failure_and_not_wrong_usage() {
        let internal = StartError::Internal("task 7 panicked".into());
        assert_eq!(Exit::from(&internal), Exit::Failed);
        assert!(internal.to_string().contains("bug"), "{internal}");
    }

    #[test]
    fn errors_have_their_codes() {
        let not_found = DownloadError::NotFound("x".into());
        assert_eq!(Exit::from(&not_found), Exit::NotFound);
        assert_eq!(Exit::from(&DownloadError::Interrupted), Exit::Interrupted);
        assert_eq!(
            Exit::from(&DownloadError::Verification("x".into())),
            Exit::Unverified
        );
    }
}
