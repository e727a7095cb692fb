//! `download`: what, to where, and whose.

use super::{Command, Output, Whose, usage};
use std::path::PathBuf;

/// Reads the words after `download`.
pub(super) fn parse(words: Vec<String>) -> Result<Command, String> {
    let mut what = Vec::new();
    let mut output = Output::default();
    let mut whose = Whose::default();
    let mut options = true;
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let path = if !options || !word.starts_with('-') || word == "-" {
            what.push(word);
            continue;
        } else if word == "--" {
            options = false;
            continue;
        } else if word == "--overwrite" {
            output.overwrite = true;
            continue;
        } else if word == "--all-versions" && whose.from.is_none() {
            whose.all_versions = true;
            continue;
        } else if word == "--from" || word.starts_with("--from=") {
            let name = word.strip_prefix("--from=").map(str::to_owned);
            match name.or_else(|| words.next()) {
                Some(name) if !name.is_empty() && whose == Whose::default() => {
                    whose.from = Some(name);
                }
                _ => return Err(format!("{}; --from takes one name", usage("download"))),
            }
            continue;
        } else if word == "-o" || word == "--output" {
            words.next()
        } else if let Some(path) = word.strip_prefix("--output=") {
            Some(path.to_owned())
        } else if let Some(path) = word.strip_prefix("-o") {
            Some(path.to_owned())
        } else {
            return Err(format!(
                "{}; a name that begins with - comes after --",
                usage("download")
            ));
        };
        match path {
            Some(path) if !path.is_empty() && output.path.is_none() => {
                output.path = Some(PathBuf::from(path));
            }
            _ => return Err(format!("{}; -o takes one path", usage("download"))),
        }
    }
    if output.is_stream() {
        return Err(
            "here standard output is the prompt's: `sprat download NAME -o -` at the shell, with another --home"
                .to_owned(),
        );
    }
    if what.is_empty() {
        return Err(usage("download"));
    }
    Ok(Command::Download {
        what,
        output,
        whose,
    })
}
