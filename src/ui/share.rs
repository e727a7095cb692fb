//! `share` and `unshare`: what they do, with a node that runs and for the next one that does.

use super::{
    cli::{Share, Unshare},
    config::Setup,
    exit::Exit,
    json,
    output::Out,
    send::expand,
};
use crate::{
    core::path::{RelPath, printable},
    node::{self, Added, Node, Removed, SharedPathInfo},
};
use std::path::{Path, PathBuf};

/// With a node that runs. Paths are from the root of the disk.
pub async fn share(node: &Node, out: &Out, what: Share) -> Exit {
    if what.paths.is_empty() {
        return show(out, node.shared_paths().await);
    }
    let name = match name_of(out, &what) {
        Ok(name) => name,
        Err(exit) => return exit,
    };
    let mut exits = Vec::new();
    for path in &what.paths {
        let path = expand(&path.to_string_lossy());
        let added = node.share_path(&path, name.clone()).await;
        exits.extend(tell_added(out, &path, added, ""));
    }
    Exit::of(what.paths.len() - exits.len(), &exits)
}

/// With a node that runs.
pub async fn unshare(node: &Node, out: &Out, what: Unshare) -> Exit {
    let mut exits = Vec::new();
    for name in &what.names {
        let removed = node.unshare(name, what.move_away).await;
        exits.extend(tell_removed(out, name, &removed));
    }
    Exit::of(what.names.len() - exits.len(), &exits)
}

/// In a home in which no node runs.
pub async fn share_at(setup: &Setup, what: Share) -> Exit {
    let out = Out::streams(setup.json);
    let home = setup.settings.home.clone();
    let done = tokio::task::spawn_blocking(move || {
        if what.paths.is_empty() {
            return show(&out, node::shared_at(&home));
        }
        let name = match name_of(&out, &what) {
            Ok(name) => name,
            Err(exit) => return exit,
        };
        let later = "; a node that runs in this home offers it";
        let mut exits = Vec::new();
        for path in &what.paths {
            let added = node::share_at(&home, path, name.as_ref());
            exits.extend(tell_added(&out, path, added, later));
        }
        Exit::of(what.paths.len() - exits.len(), &exits)
    });
    done.await.unwrap_or(Exit::Failed)
}

/// In a home in which no node runs.
pub async fn unshare_at(setup: &Setup, mut what: Unshare) -> Exit {
    what.make_absolute();
    let out = Out::streams(setup.json);
    let home = setup.settings.home.clone();
    let done = tokio::task::spawn_blocking(move || {
        let mut exits = Vec::new();
        for name in &what.names {
            let removed = node::unshare_at(&home, name, what.move_away);
            exits.extend(tell_removed(&out, name, &removed));
        }
        Exit::of(what.names.len() - exits.len(), &exits)
    });
    done.await.unwrap_or(Exit::Failed)
}

fn name_of(out: &Out, what: &Share) -> Result<Option<RelPath>, Exit> {
    let Some(called) = &what.called else {
        return Ok(None);
    };
    if what.paths.len() > 1 {
        out.failure("", "--as names one file or folder");
        return Err(Exit::Usage);
    }
    match RelPath::parse(called) {
        Ok(name) => Ok(Some(name)),
        Err(error) => {
            out.failure(called, &error.to_string());
            Err(Exit::Usage)
        }
    }
}

fn show<E: std::fmt::Display>(out: &Out, paths: Result<Vec<SharedPathInfo>, E>) -> Exit
where
    for<'a> Exit: From<&'a E>,
{
    let paths = match paths {
        Ok(paths) => paths,
        Err(error) => {
            out.failure("", &error.to_string());
            return Exit::from(&error);
        }
    };
    if out.json() {
        out.objects(paths.iter());
    } else if paths.is_empty() {
        out.note("nothing is shared where it lies; what is in shared/ is");
    } else {
        out.results(paths.iter().map(|one| {
            let gone = if one.there { "" } else { " (not there now)" };
            format!("{}  {}{gone}", printable(&one.name), printable(&one.path))
        }));
    }
    Exit::Done
}

/// The exit code of a failure.
fn tell_added<E: std::fmt::Display>(
    out: &Out,
    path: &Path,
    added: Result<Added, E>,
    later: &str,
) -> Option<Exit>
where
    for<'a> Exit: From<&'a E>,
{
    let (one, already) = match added {
        Ok(Added::New(one)) => (one, false),
        Ok(Added::Already(one)) => (one, true),
        Err(error) => {
            out.failure(&path.to_string_lossy(), &error.to_string());
            return Some(Exit::from(&error));
        }
    };
    let (name, path) = (one.name.as_str(), one.path.to_string_lossy());
    if out.json() {
        out.object(&json::Event::Shared {
            name,
            path: &path,
            already,
        });
    } else {
        let name = printable(name);
        out.result(&if already {
            format!("{} is shared as {name} already", printable(&path))
        } else {
            format!("sharing {} as {name}{later}", printable(&path))
        });
    }
    None
}

/// The exit code of a failure.
fn tell_removed<E: std::fmt::Display>(
    out: &Out,
    name: &str,
    removed: &Result<Removed, E>,
) -> Option<Exit>
where
    for<'a> Exit: From<&'a E>,
{
    let (name, path, moved): (&str, PathBuf, bool) = match removed {
        Ok(Removed::Left(one)) => (one.name.as_str(), one.path.clone(), false),
        Ok(Removed::Moved(path)) => (name, path.clone(), true),
        Err(error) => {
            out.failure(name, &error.to_string());
            return Some(Exit::from(error));
        }
    };
    let path = path.to_string_lossy();
    if out.json() {
        out.object(&json::Event::Unshared {
            name,
            path: &path,
            moved,
        });
    } else {
        let (name, path) = (printable(name), printable(&path));
        out.result(&if moved {
            format!("{name} is not shared any more, and lies at {path}")
        } else {
            format!("{name} is not shared any more; it stays at {path}")
        });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::SharePathError;

    #[test]
    fn each_refusal_has_the_exit_code_that_the_help_promises() {
        let code = |error: SharePathError| Exit::from(&error);
        assert_eq!(code(SharePathError::Missing("/x".into())), Exit::NotFound);
        assert_eq!(code(SharePathError::Own("/x".into())), Exit::Usage);
        assert_eq!(code(SharePathError::Taken("x".into())), Exit::Refused);
        let lies = SharePathError::InFolder {
            name: "x".into(),
            at: "/x".into(),
        };
        assert_eq!(code(lies), Exit::Refused);
    }
}
