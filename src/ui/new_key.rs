//! `sprat new-key`: another key for a home, and what that means to others.

use super::{config::Setup, exit::Exit, json, output::Out};
use crate::{
    core::{id::NodeId, path::printable},
    node::{NewKey, new_key},
};

/// Does it, and tells. Needs that no node runs in the home.
pub async fn run(setup: &Setup) -> Exit {
    let out = Out::streams(setup.json);
    let home = setup.settings.home.clone();
    let made = tokio::task::spawn_blocking(move || new_key(&home)).await;
    match made {
        Ok(Ok(made)) => {
            if out.json() {
                out.object(&json::told("newkey", &made));
            } else {
                out.result(&sentences(&made));
            }
            Exit::Done
        }
        Ok(Err(error)) => {
            out.error(&printable(&error.to_string()));
            Exit::from(&error)
        }
        Err(error) => {
            out.error(&printable(&error.to_string()));
            Exit::Failed
        }
    }
}

fn sentences(made: &NewKey) -> String {
    let now = made.now.short();
    let Some(kept) = &made.kept else {
        return format!("this home had no key yet; it has one now: {now}");
    };
    let before = made.before.as_ref().map(NodeId::short);
    let before = before.unwrap_or_else(|| "damaged".to_owned());
    let kept = kept.to_string_lossy();
    format!(
        "the key of this home is {now} now; it was {before}, which is kept in {}\n\
         To others this is a new node: a person who sent something to it by name is warned, and takes the new key with \
         --trust-new-key. A name that was signed up at a server stays with the old key: give it back with that key, or \
         choose another. Files, copies, downloads and the people known here stay.",
        printable(&kept)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_is_told() {
        let mut made = NewKey {
            before: Some(NodeId([1; 32])),
            now: NodeId([2; 32]),
            kept: Some("/h/.sprat/identity.key.1".into()),
        };
        let told = sentences(&made);
        for word in [
            &*NodeId([1; 32]).short(),
            &NodeId([2; 32]).short(),
            "identity.key.1",
            "--trust-new-key",
        ] {
            assert!(told.contains(word), "{told}");
        }
        made.before = None;
        assert!(sentences(&made).contains("damaged"));
        made.kept = None;
        assert!(sentences(&made).contains("no key yet"));
    }
}
