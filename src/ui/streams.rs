//! `-` in the place of a file: standard input that is sent, and standard output that a file goes
//! to.
//!
//! Invariants: standard output gets nothing but the bytes of one whole, verified file; nothing here
//! panics when its other end is closed.

use super::{
    cli::Output,
    config::Setup,
    exit::Exit,
    output::Out,
    running::{leave, start},
    sentences,
    signals::Signals,
};
use crate::{
    core::path::{RelPath, printable},
    node::{Fetched, Landing, Node, PourError, Shape, Spool},
};
use std::{
    io,
    path::{Path, PathBuf},
};

/// What standard input is called, unless told otherwise.
const STDIN: &str = "stdin";

/// What is to be sent: paths, among which `-` may stand for standard input.
#[derive(Clone, Debug)]
pub struct Input {
    paths: Vec<PathBuf>,
    /// What standard input is called, if it is sent.
    called: Option<RelPath>,
}

/// Whether a path means a stream.
#[must_use]
pub fn is_stream(path: &Path) -> bool {
    path == Path::new("-")
}

impl Input {
    /// Takes the words of a command line.
    ///
    /// # Errors
    /// A sentence, when they make no sense.
    pub fn of(paths: Vec<PathBuf>, called: Option<String>) -> Result<Self, String> {
        let streams = paths.iter().filter(|path| is_stream(path)).count();
        let called = match (streams, called) {
            (0, None) => None,
            (0, Some(_)) => {
                return Err("--as names what comes by standard input: `sprat send -`".to_owned());
            }
            (1, called) => {
                let name = called.unwrap_or_else(|| STDIN.to_owned());
                let parsed = RelPath::parse(&name).ok();
                let parsed = parsed.filter(|parsed| parsed.as_str() == parsed.file_name());
                Some(parsed.ok_or_else(|| format!("--as takes the name of a file, not `{name}`"))?)
            }
            _ => return Err("standard input can be sent once".to_owned()),
        };
        Ok(Self { paths, called })
    }

    /// Whether the files among them are there; says which is not.
    ///
    /// # Errors
    /// The exit code.
    pub fn all_there(&self, out: &Out) -> Result<(), Exit> {
        for file in self.files() {
            if let Err(error) = std::fs::metadata(file) {
                out.failure("", &format!("{}: {error}", file.to_string_lossy()));
                return Err(Exit::Failed);
            }
        }
        Ok(())
    }

    /// The files among them.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let paths = self.paths.iter().map(PathBuf::as_path);
        paths.filter(|path| !is_stream(path))
    }

    /// Whether standard input is sent, so that nothing can be typed.
    #[must_use]
    pub fn is_streamed(&self) -> bool {
        self.called.is_some()
    }

    /// A node for a send, and the files that it is to send. What came by standard input goes with
    /// the last of the three.
    ///
    /// # Errors
    /// The exit code, of a node that has left again; what was wrong is told.
    pub async fn start(
        self,
        setup: &Setup,
        out: &Out,
        signals: &mut Signals,
    ) -> Result<(Node, Vec<PathBuf>, Option<Spool>), Exit> {
        let node = start(setup, false, out).await?;
        match self.into_paths(&node, out, signals).await {
            Ok((files, held)) => Ok((node, files, held)),
            Err(exit) => {
                leave(&node).await;
                Err(exit)
            }
        }
    }

    /// Paths alone: standard input is read to its end first, into a private folder that has to be
    /// held until all is sent.
    ///
    /// # Errors
    /// The exit code; what was wrong is told.
    pub async fn into_paths(
        self,
        node: &Node,
        out: &Out,
        signals: &mut Signals,
    ) -> Result<(Vec<PathBuf>, Option<Spool>), Exit> {
        let Some(name) = self.called else {
            return Ok((self.paths, None));
        };
        if !out.json() {
            let end = if out.is_typed() {
                "; Ctrl-D ends it"
            } else {
                ""
            };
            out.note(&format!("reading standard input{end}"));
        }
        let taken = tokio::select! {
            taken = node.take_in(name, out.input()) => taken,
            _ = signals.next() => return Err(Exit::Interrupted),
        };
        let (spool, path) = taken.map_err(|error| {
            out.failure("", &error.to_string());
            match error {
                crate::node::StoreError::NoSpace { .. } => Exit::NoSpace,
                _ => Exit::Failed,
            }
        })?;
        let mut paths = self.paths;
        for stream in paths.iter_mut().filter(|path| is_stream(path)) {
            stream.clone_from(&path);
        }
        Ok((paths, Some(spool)))
    }
}

/// Where words go beside what arrives.
#[must_use]
pub fn out(output: &Output, out: Out) -> Out {
    if output.is_stream() {
        out.beside_a_file()
    } else {
        out
    }
}

/// What the node is told; with standard output a folder that has to be held until that has all.
///
/// # Errors
/// The exit code; what was wrong is told.
pub async fn landing(
    output: Output,
    node: &Node,
    out: &Out,
) -> Result<(Landing, Option<Spool>), Exit> {
    if !output.is_stream() {
        let landing = Landing {
            into: output.path,
            shape: Shape::Path,
            overwrite: output.overwrite,
            reuse: Vec::new(),
        };
        return Ok((landing, None));
    }
    let spool = node.spool().await.map_err(|error| {
        out.failure("", &error.to_string());
        Exit::Failed
    })?;
    let landing = Landing {
        into: Some(spool.folder().to_owned()),
        shape: Shape::One,
        overwrite: false,
        reuse: Vec::new(),
    };
    Ok((landing, Some(spool)))
}

/// Writes a file that came to standard output, and says so.
pub async fn pour(node: &Node, out: &Out, file: &Fetched) -> Exit {
    let Err(error) = node.pour(file, out.output(&file.name)).await else {
        out.end_output().await;
        if !out.json() {
            out.note(&poured(file));
        }
        return Exit::Done;
    };
    let why = match &error {
        PourError::Out(why) => return not_poured(out, &file.name, why),
        PourError::Store(why) => why.to_string(),
    };
    untold(out, &file.name, &why)
}

/// Says why standard output did not take all of a file.
#[must_use]
pub fn not_poured(out: &Out, name: &str, why: &io::Error) -> Exit {
    if why.kind() == io::ErrorKind::BrokenPipe {
        let why = "the reader of standard output closed it; not all was written";
        return untold(out, name, why);
    }
    untold(out, name, &format!("standard output: {why}"))
}

fn untold(out: &Out, name: &str, why: &str) -> Exit {
    let why = format!("{name} did not all go to standard output: {why}");
    out.failure("", &why);
    Exit::Failed
}

fn poured(file: &Fetched) -> String {
    let name = printable(&file.name);
    if file.already {
        format!("{name} was here already, and went to standard output")
    } else {
        let course = sentences::course(file);
        format!("got {name}, {course}; it went to standard output")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(paths: &[&str], called: Option<&str>) -> Result<Input, String> {
        let paths = paths.iter().map(PathBuf::from).collect();
        Input::of(paths, called.map(str::to_owned))
    }

    #[test]
    fn standard_input_has_a_name_and_is_sent_once() {
        let name = |input: Input| input.called.map(|name| name.as_str().to_owned());
        assert_eq!(name(input(&["-"], None).unwrap()).as_deref(), Some("stdin"));
        let named = input(&["a", "-"], Some("log.txt")).unwrap();
        assert_eq!(named.files().collect::<Vec<_>>(), [Path::new("a")]);
        assert_eq!(name(named).as_deref(), Some("log.txt"));
        assert_eq!(name(input(&["./-"], None).unwrap()), None);
        for (paths, called) in [
            (&["-", "-"][..], None),
            (&["a"], Some("b")),
            (&["-"], Some("a/b")),
            (&["-"], Some("..")),
            (&["-"], Some("")),
        ] {
            assert!(input(paths, called).is_err(), "{paths:?} {called:?}");
        }
    }
}
