//! Which folder is meant when nobody says: this one, or the person's own.
//!
//! Owns the question and its answer. Never makes a folder but the one that was chosen.

use crate::core::path::printable;
use std::{
    fs,
    io::{self, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
};

/// The folder in a person's own that is their home of sprat, if they choose it.
const OWN: &str = "sprat";

/// What is there.
#[derive(Debug, PartialEq, Eq)]
enum Usual {
    /// This folder has been a home, or is meant for one.
    Here,
    /// The person's own has been one.
    Own(PathBuf),
    /// Neither.
    Either(PathBuf),
    /// There is no other.
    Only,
}

fn usual(here: &Path, own: Option<PathBuf>) -> Usual {
    if here.join(".sprat").is_dir() || here.join("shared").is_dir() {
        return Usual::Here;
    }
    match own {
        Some(own) if own == here => Usual::Here,
        Some(own) if own.join(".sprat").is_dir() => Usual::Own(own),
        Some(own) => Usual::Either(own),
        None => Usual::Only,
    }
}

/// The folder to use instead of this one, if it is another. Asks where somebody can answer;
/// elsewhere says what is done. `unasked` is for what would rather not be where it was started.
///
/// # Errors
/// A sentence, when there was no answer.
pub fn chosen(unasked: bool) -> Result<Option<PathBuf>, String> {
    let here = std::env::current_dir().unwrap_or_default();
    let own = std::env::home_dir().map(|folder| folder.join(OWN));
    let asks = io::stdin().is_terminal() && io::stderr().is_terminal();
    match usual(&here, own) {
        Usual::Here | Usual::Only => Ok(None),
        Usual::Own(own) => {
            note(&format!("using the home in {}", shown(&own)));
            Ok(Some(own))
        }
        Usual::Either(own) if unasked => made(own),
        Usual::Either(own) if asks => ask(&here, own),
        Usual::Either(_) => {
            note(&format!(
                "{} becomes a home of sprat (--home DIR is another one)",
                shown(&here)
            ));
            Ok(None)
        }
    }
}

fn ask(here: &Path, own: PathBuf) -> Result<Option<PathBuf>, String> {
    note(&format!(
        "This folder is no home of sprat yet. A home has what you offer (shared/), what you get (downloads/) and who you are.\n  \
         1  make this folder one: {}\n  2  use {}, from now on in every folder that is none",
        shown(here),
        shown(&own)
    ));
    loop {
        let mut asked = io::stderr().lock();
        let _ = asked
            .write_all(b"which one? [1/2] ")
            .and_then(|()| asked.flush());
        drop(asked);
        let mut answer = String::new();
        match io::stdin().read_line(&mut answer) {
            Ok(1..) => match answer.trim() {
                "1" => return Ok(None),
                "2" => return made(own),
                _ => {}
            },
            _ => return Err("no folder was chosen; name one with --home".to_owned()),
        }
    }
}

fn made(own: PathBuf) -> Result<Option<PathBuf>, String> {
    match fs::create_dir_all(&own) {
        Ok(()) => Ok(Some(own)),
        Err(error) => Err(format!("cannot make {}: {error}", shown(&own))),
    }
}

fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy()).into_owned()
}

fn note(text: &str) {
    // Without a standard error there is nobody to tell.
    let _ = writeln!(io::stderr(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_has_been_a_home_is_never_left_for_another() {
        let place = tempfile::tempdir().unwrap();
        let (here, own) = (place.path().join("here"), place.path().join("sprat"));
        fs::create_dir_all(&here).unwrap();
        let found = || usual(&here, Some(own.clone()));
        assert_eq!(found(), Usual::Either(own.clone()));
        assert_eq!(usual(&here, None), Usual::Only);
        fs::create_dir_all(own.join(".sprat")).unwrap();
        assert_eq!(found(), Usual::Own(own.clone()));
        for own_sign in ["shared", ".sprat"] {
            fs::create_dir(here.join(own_sign)).unwrap();
            assert_eq!(found(), Usual::Here, "{own_sign}");
            fs::remove_dir(here.join(own_sign)).unwrap();
        }
        assert_eq!(usual(&own, Some(own.clone())), Usual::Here);
    }
}
