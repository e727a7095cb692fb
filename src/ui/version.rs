//! `sprat version`: what this program is, for people, scripts and reports of faults.

use super::{exit::Exit, json, output::Out};
use crate::node::{About, about};

/// Prints it.
pub fn print(json: bool) -> Exit {
    let out = Out::streams(json);
    let about = about();
    if json {
        out.object(&json::told("version", &about));
    } else {
        out.result(&sentences(&about));
    }
    Exit::Done
}

/// The same for people.
#[must_use]
pub fn sentences(about: &About) -> String {
    format!(
        "sprat {} for {} on {}\nlayout of a home {}, of its index {}\nprotocols: {}",
        about.version,
        about.os,
        about.arch,
        about.home,
        about.index,
        about.protocols.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_and_a_person_are_told_the_same() {
        let about = about();
        let line = json::line(&json::told("version", &about)).unwrap();
        let told: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(told["event"], "version");
        assert_eq!(told["version"], env!("CARGO_PKG_VERSION"));
        let sentences = sentences(&about);
        for protocol in told["protocols"].as_array().unwrap() {
            assert!(
                sentences.contains(protocol.as_str().unwrap()),
                "{sentences}"
            );
        }
        assert!(sentences.contains("/sprat/chunk/1"), "{sentences}");
    }
}
