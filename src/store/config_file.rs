//! Changes to `HOME/.sprat/config.toml` that a front end makes: one key each, all else as it stands,
//! comments included.
//!
//! Never reads what the file means: the command line does. Invariant: the file is whole at any
//! time, the old one or the new one.

use super::{StoreError, failed, home::write_durably};
use std::{fs, io, path::Path};
use toml_edit::{DocumentMut, Value};

/// What a key is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// A text.
    Text(String),
    /// A number.
    Number(u64),
}

/// Sets a key of the file of the home at `root`; a file that is not there is made.
///
/// # Errors
/// When the file is no TOML, or cannot be read or written. It stays as it was.
pub fn keep(root: &Path, key: &str, kept: &Kept) -> Result<(), StoreError> {
    let path = root.join(".sprat").join("config.toml");
    // A link to it, as those have who keep such files together, stays a link.
    let path = fs::canonicalize(&path).unwrap_or(path);
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        read => read.map_err(failed("read", &path))?,
    };
    let changed = with(&text, key, kept).map_err(failed("read", &path))?;
    write_durably(&path, changed.as_bytes()).map_err(failed("write", &path))
}

/// The text with a key set. Pure.
fn with(text: &str, key: &str, kept: &Kept) -> io::Result<String> {
    let mut file: DocumentMut = text.parse().map_err(io::Error::other)?;
    let mut value = match kept {
        Kept::Text(text) => Value::from(text.as_str()),
        Kept::Number(number) => Value::from(i64::try_from(*number).unwrap_or(i64::MAX)),
    };
    if let Some(before) = file.get(key).and_then(toml_edit::Item::as_value) {
        *value.decor_mut() = before.decor().clone();
    }
    file[key] = toml_edit::Item::Value(value);
    Ok(file.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_key_changes_and_all_else_stays_as_it_was_written() {
        let text = "# mine\nname = 'anna'   # me\n\nupload-limit = \"2M\" # slow line\r\n";
        let bob = Kept::Text("b\"o\nb".into());
        let changed = with(text, "name", &bob).unwrap();
        let expected =
            "# mine\nname = \"b\\\"o\\nb\"   # me\n\nupload-limit = \"2M\" # slow line\n";
        let same = |text: &str| text.replace("'''", "\"").replace("\r\n", "\n");
        let back: DocumentMut = changed.parse().unwrap();
        assert_eq!(back["name"].as_str(), Some("b\"o\nb"));
        let (first, last) = (same(&changed), same(expected));
        assert_eq!(first.lines().next(), last.lines().next());
        assert!(
            first.ends_with("   # me\n\nupload-limit = \"2M\" # slow line\n"),
            "{first}"
        );
        let more = with(text, "replica-quota", &Kept::Number(5)).unwrap();
        assert!(same(&more).starts_with(&same(text)), "{more}");
        assert!(more.ends_with("replica-quota = 5\n"), "{more}");
        assert_eq!(
            with("", "replica-quota", &Kept::Number(0)).unwrap(),
            "replica-quota = 0\n"
        );
    }

    #[test]
    fn a_file_that_is_none_stays_as_it_is() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join(".sprat");
        std::fs::create_dir(&folder).unwrap();
        let file = folder.join("config.toml");
        keep(home.path(), "name", &Kept::Text("anna".into())).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "name = \"anna\"\n");
        std::fs::write(&file, "name = 'a\n").unwrap();
        assert!(keep(home.path(), "name", &Kept::Text("b".into())).is_err());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "name = 'a\n");
    }
}
