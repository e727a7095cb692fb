//! Which folder is meant when nobody says: this one, or the person's own.
//!
//! Owns the question and its answer, and where the state of the person's own is. Never makes a
//! folder but the one that was chosen, and that of its state.

use crate::core::path::printable;
use std::{
    ffi::OsString,
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
    let is_home = |folder: &Path| {
        [".sprat", "shared"]
            .iter()
            .any(|of| folder.join(of).is_dir())
    };
    if is_home(here) {
        return Usual::Here;
    }
    match own {
        Some(own) if own == here => Usual::Here,
        Some(own) if is_home(&own) => Usual::Own(own),
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
    // A home from now on, whatever becomes of this command.
    match fs::create_dir_all(own.join("shared")) {
        Ok(()) => Ok(Some(own)),
        Err(error) => Err(format!("cannot make {}: {error}", shown(&own))),
    }
}

/// Keeps the state of the home in `~/sprat` where XDG wants state to be, if that is the home that is
/// meant and it has none yet: `.sprat` leads there then. Where that cannot be, the state stays in
/// the home, as in any other.
pub fn keep_state_apart(home: &Path) {
    let user = std::env::home_dir().and_then(|user| fs::canonicalize(user).ok());
    let state = state_folder(std::env::var_os("XDG_STATE_HOME"), user.as_deref());
    let own = user.map(|user| user.join(OWN));
    let (Some(state), Some(own)) = (state, own) else {
        return;
    };
    if fs::canonicalize(home).is_ok_and(|home| home == own) {
        // What cannot be made there is made in the home, or that says why not.
        let _ = apart(&own, &state);
    }
}

/// The folder of all programs' state.
fn state_folder(chosen: Option<OsString>, user: Option<&Path>) -> Option<PathBuf> {
    // A path that is not absolute does not count: so XDG has it.
    let chosen = chosen.map(PathBuf::from).filter(|path| path.is_absolute());
    if cfg!(any(not(unix), target_os = "macos")) {
        return None;
    }
    chosen.or_else(|| user.map(|user| user.join(".local/state")))
}

/// Makes `own/.sprat` lead to `state/sprat/.sprat`: a name that is never shared nor sent.
#[cfg(unix)]
fn apart(own: &Path, state: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt as _, symlink};
    let link = own.join(".sprat");
    let kept = match fs::read_link(&link) {
        // It led to something that has been removed.
        Ok(kept) => kept,
        Err(error) if error.kind() == io::ErrorKind::NotFound => state.join("sprat/.sprat"),
        // It is a folder.
        Err(error) => return Err(error),
    };
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&kept)?;
    match symlink(&kept, &link) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        done => done,
    }
}

#[cfg(not(unix))]
fn apart(_: &Path, _: &Path) -> io::Result<()> {
    Ok(())
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
        made(own.clone()).unwrap();
        assert_eq!(found(), Usual::Own(own.clone()));
        fs::rename(own.join("shared"), own.join(".sprat")).unwrap();
        assert_eq!(found(), Usual::Own(own.clone()));
        for own_sign in ["shared", ".sprat"] {
            fs::create_dir(here.join(own_sign)).unwrap();
            assert_eq!(found(), Usual::Here, "{own_sign}");
            fs::remove_dir(here.join(own_sign)).unwrap();
        }
        assert_eq!(usual(&own, Some(own.clone())), Usual::Here);
    }

    #[cfg(unix)]
    #[test]
    fn the_state_of_the_persons_own_home_lies_apart_unless_it_has_some() {
        let place = tempfile::tempdir().unwrap();
        let (own, state) = (place.path().join("sprat"), place.path().join("state"));
        fs::create_dir(&own).unwrap();
        apart(&own, &state).unwrap();
        apart(&own, &state).unwrap();
        fs::write(own.join(".sprat/identity.key"), "k").unwrap();
        assert!(state.join("sprat/.sprat/identity.key").exists());
        // What it led to is gone: it is made anew there.
        fs::remove_dir_all(&state).unwrap();
        apart(&own, &place.path().join("other")).unwrap();
        assert!(own.join(".sprat").is_dir() && state.join("sprat/.sprat").is_dir());
        assert!(!place.path().join("other").exists());
        // A home with its state in it stays as it is.
        let old = place.path().join("old");
        fs::create_dir_all(old.join(".sprat")).unwrap();
        assert!(apart(&old, &state).is_err());
        assert!(!old.join(".sprat").is_symlink());
    }

    #[cfg(all(unix, not(target_os = "macos")))]
    #[test]
    fn the_folder_of_state_is_that_of_xdg() {
        let of = |chosen: &str| state_folder(Some(chosen.into()), Some(Path::new("/home/a")));
        assert_eq!(of("/x/state"), Some("/x/state".into()));
        for chosen in ["", "state", "./x"] {
            assert_eq!(of(chosen), Some("/home/a/.local/state".into()));
        }
        assert_eq!(state_folder(None, None), None);
    }
}
