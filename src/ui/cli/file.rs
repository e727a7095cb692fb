//! `HOME/.sprat/config.toml`: the options that may stand in it, by their long names, as they are
//! declared.
//!
//! What it says becomes the default of an option, so the command line and the environment count
//! before it. A mistake names its line, and stops the start: a misspelt key is never ignored.

use super::options::{NOT_IN_FILE, Options};
use crate::ui::slips;
use clap::{Arg, ArgAction, Args as _, Id, builder::Resettable, builder::ValueParser};
use std::{
    collections::BTreeMap,
    error::Error as _,
    fs, io,
    path::{Path, PathBuf},
};
use toml::{Spanned, Value};

/// The values of options, by their ids.
pub type Defaults = BTreeMap<Id, Vec<String>>;

/// A file that makes no sense, or cannot be read: exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// A line of it is wrong.
    #[error("{}, line {line}: {why}", file.display())]
    Line {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
    /// It cannot be read.
    #[error("cannot read {}: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Reads the file of a home; one that does not exist says nothing.
///
/// # Errors
/// [`FileError`] names the file and the line.
pub fn read(home: &Path) -> Result<Defaults, FileError> {
    let file = home.join(".sprat").join("config.toml");
    match fs::read_to_string(&file) {
        Ok(text) => parse(&text, &file),
        // A home that is none is for the node to refuse.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(Defaults::new())
        }
        Err(source) => Err(FileError::Read { file, source }),
    }
}

/// Reads its text.
pub(super) fn parse(text: &str, file: &Path) -> Result<Defaults, FileError> {
    let wrong = |at: usize, why: String| FileError::Line {
        file: file.to_owned(),
        line: text
            .get(..at)
            .map_or(1, |before| before.split('\n').count()),
        why,
    };
    let keys: BTreeMap<String, Spanned<Value>> = toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        wrong(at, error.message().to_owned())
    })?;
    let declared = Options::augment_args(clap::Command::new("file"));
    let mut defaults = Defaults::new();
    for (key, value) in keys {
        let at = value.span().start;
        let option = option(&declared, &key).map_err(|why| wrong(at, why))?;
        let values = values(option, value.into_inner())
            .and_then(|values| checked(option, values))
            .map_err(|why| wrong(at, format!("{key}: {why}")))?;
        defaults.insert(option.get_id().clone(), values);
    }
    Ok(defaults)
}

/// The options that may stand in the file.
pub fn options_in_file() -> Vec<Arg> {
    let declared = Options::augment_args(clap::Command::new("file"));
    let options = declared.get_arguments();
    let known = options.filter(|option| !NOT_IN_FILE.contains(&option.get_id().as_str()));
    known.cloned().collect()
}

fn option<'a>(declared: &'a clap::Command, key: &str) -> Result<&'a Arg, String> {
    let options = declared.get_arguments();
    let known = options.filter(|option| !NOT_IN_FILE.contains(&option.get_id().as_str()));
    let known = known.filter_map(|option| Some((option.get_long()?, option)));
    let known: Vec<(&str, &Arg)> = known.collect();
    if let Some((_, option)) = known.iter().find(|(long, _)| *long == key) {
        return Ok(option);
    }
    let near = slips::nearest(key, known.iter().map(|(long, _)| *long));
    Err(near.map_or_else(
        || {
            let known: Vec<&str> = known.iter().map(|(long, _)| *long).collect();
            format!(
                "nothing is called `{key}` here; there are {}",
                known.join(", ")
            )
        },
        |meant| format!("nothing is called `{key}` here; did you mean `{meant}`?"),
    ))
}

/// The words that stand for a value on the command line.
fn values(option: &Arg, value: Value) -> Result<Vec<String>, String> {
    let switch = option.get_value_parser().type_id() == ValueParser::bool().type_id();
    let one = |value: Value| match value {
        Value::Boolean(value) if switch => Ok(value.to_string()),
        _ if switch => Err("is true or false".to_owned()),
        Value::String(text) => Ok(text),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Float(number) => Ok(number.to_string()),
        _ => Err("is a text or a number".to_owned()),
    };
    match value {
        Value::Array(values) if matches!(option.get_action(), ArgAction::Append) => {
            values.into_iter().map(one).collect()
        }
        value => Ok(vec![one(value)?]),
    }
}

/// The same, if the option takes them.
fn checked(option: &Arg, values: Vec<String>) -> Result<Vec<String>, String> {
    let alone = option.clone().env(Resettable::Reset).global(false);
    let alone = clap::Command::new("file").arg(alone.default_values(&values));
    match alone.try_get_matches_from(["file"]) {
        Ok(_) => Ok(values),
        Err(error) => Err(error
            .source()
            .map_or_else(|| error.to_string(), ToString::to_string)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_file_is_named_with_its_line() {
        let cases = [
            (
                "name = 'a'\ntransfer-prot = 1\n",
                2,
                "did you mean `transfer-port`",
            ),
            ("\n\ntransfer-port = 'x'\n", 3, "transfer-port: "),
            ("transfer-port = 70000\n", 1, "transfer-port: "),
            ("name = 'a\n", 1, ""),
            ("name = 'a'\nwait = -1\n", 2, "between 0 and a year"),
            ("name = \"\"\n", 1, "may not be empty"),
            ("listen = ['127.0.0.1', 'here']\n", 1, "listen: "),
            ("no-mdns = 'maybe'\n", 1, "true or false"),
            ("replica-quota = '5 apples'\n", 1, "is not a size"),
            ("name = ['a', 'b']\n", 1, "a text or a number"),
            ("[name]\nx = 1\n", 1, "a text or a number"),
            ("home = '/'\n", 1, "nothing is called `home`"),
        ];
        for (text, expected, said) in cases {
            match parse(text, Path::new("h/config.toml")) {
                Err(error @ FileError::Line { line, .. }) => {
                    let text = error.to_string();
                    assert_eq!(line, expected, "{text}");
                    assert!(text.starts_with("h/config.toml, line "), "{text}");
                    assert!(text.contains(said), "{text}");
                }
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_home_without_a_file_has_the_defaults() {
        let home = tempfile::tempdir().expect("a folder");
        assert!(read(home.path()).expect("nothing to read").is_empty());
    }
}
