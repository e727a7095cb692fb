//! What the JSON of a send's events has where their fields do not say it.

use super::AskRefusal;
use crate::node::api::{WhoError, nobody};
use serde::{Serialize, Serializer};

/// An error of nobody in particular.
#[derive(Serialize)]
struct Nobody<'a> {
    to: Option<&'a str>,
    peer: Option<&'a str>,
    error: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ids: Option<Vec<String>>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference to the field"
)]
pub(super) fn why<S: Serializer>(why: &AskRefusal, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(why.why())
}

pub(super) fn unsendable<S: Serializer>(why: &str, to: S) -> Result<S::Ok, S::Error> {
    let error = Nobody {
        to: None,
        peer: None,
        error: why.to_owned(),
        ids: None,
    };
    error.serialize(to)
}

pub(super) fn not_found<S: Serializer>(
    word: &str,
    why: &WhoError,
    to: S,
) -> Result<S::Ok, S::Error> {
    let error = Nobody {
        to: Some(word),
        peer: None,
        error: nobody(word, why),
        ids: match why {
            WhoError::Ambiguous(ids) => Some(ids.iter().map(ToString::to_string).collect()),
            WhoError::Nobody | WhoError::NewKey { .. } => None,
        },
    };
    error.serialize(to)
}
