//! The commands that the shell and the prompt have in common, and their words.
//!
//! Owns what a person may write after each. Never acts on them.

use super::link::LinkWhat;
use crate::node::parse_name;
use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Lines of a history, unless told otherwise.
const HISTORY: usize = 100;

/// The commands that mean the same at the shell and at the prompt.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand, Serialize, Deserialize)]
pub enum Shared {
    /// Show what the nodes nearby offer
    #[command(after_help = "\
Examples:
  sprat list                 everything
  sprat list jpg             names that contain `jpg`
  sprat list 'photos/*.jpg'  names that match a glob
  sprat list -l              with the owner and the date of each
  sprat list --versions      with what others still have of files that their owners changed
  sprat list --json          for a program

`holders` counts the nodes that have the whole file, this one included, `(you)` beside it; `copies` is the fewest copies that any part
of it has on the same nodes and on those that keep a part. `(kept)` beside them: nobody here offers the file any more; it lives on in
the copies that others keep for its owner.

It waits while names come in, and up to --wait for a node that still reads its folder. Exit codes: 0 this is all there is, 3 somebody
did not tell all (who, is said), 5 nothing matches, or nobody is here.")]
    List(ListWhat),

    /// Fetch files from everyone who has a piece of them
    #[command(after_help = "\
Examples:
  sprat download big.iso            by its name
  sprat download 'photos/*.jpg'     by a glob
  sprat download photos/            a whole folder
  sprat download 3f9c2a71b0         by the id that `list` shows
  sprat download big.iso -o /tmp    to somewhere else than HOME/downloads
  sprat download big.iso -o new.iso under another name: a path that is no folder and does not end in / is the file's own
  sprat download big.iso -o -       to standard output, once it is whole and verified
  sprat download homework.pdf --from anna     hers, where several people share one by that name
  sprat download '*.pdf' --all-versions       theirs, too: homework (anna).pdf, homework (bob).pdf

A name means what its owner shares by it now. A download that was interrupted goes on when the same command is given again. When every
node that has the rest is gone, it waits for one to come back, for ever or until --timeout.")]
    Download(Download),

    /// Show who is here, and by which path they are reached
    Peers {
        /// Ask each address of this network for LocalSend first, where announcements do not arrive
        #[arg(long)]
        scan: bool,
    },

    /// Show the downloads that were broken off, and remove them
    #[command(after_help = "\
They are kept so that the same `download` goes on with them. One that nobody used for a week, or whose file is here in a newer version, is
removed by itself. At a terminal it asks first.")]
    Clean {
        /// Remove them without asking
        #[arg(short, long)]
        yes: bool,
    },

    /// Say something to somebody who is here
    #[command(after_help = "\
Examples:
  sprat msg alice 'lunch at noon?'     by the name that `peers` shows
  sprat msg Xy12AbCd hello             by the id beside it

It ends well only when the other side has it. Nothing is kept for somebody who is away.")]
    Msg(Msg),

    /// Bind a name to this node at the rendezvous server, so that others find you by it
    #[command(after_help = "\
Examples:
  sprat signup anna --rendezvous meet.example.org
  sprat signup anna --release             gives the name back

The name is yours, at that server, until you give it back or were not there for 90 days; your key proves it.

Exit codes: 0 done, 4 the name is taken, 5 no server answers.")]
    Signup {
        /// The name, at most 64 bytes
        #[arg(value_name = "NAME", value_parser = parse_name)]
        called: String,

        /// Give it back
        #[arg(long)]
        release: bool,
    },

    /// Show who signed up at the rendezvous server, in this swarm
    #[command(after_help = "\
Examples:
  sprat people --rendezvous meet.example.org
  sprat people ann                        names that contain `ann`

Exit codes: 0 done, 5 nobody matches, or no server answers.")]
    People {
        /// A part of the name
        #[arg(value_name = "PATTERN")]
        part: Option<String>,
    },

    /// Add somebody who signed up to those you know: that name means their key from then on, and no
    /// other
    #[command(after_help = "\
Examples:
  sprat add anna --rendezvous meet.example.org
  sprat send photo.jpg --to anna          reaches her by that server, wherever she is

Exit codes: 0 done, 4 the name means another key here, 5 nobody has that name, or no server answers.")]
    Add {
        /// Exactly the name
        #[arg(value_name = "NAME", value_parser = parse_name)]
        called: String,

        /// Add them although that name had another key before
        #[arg(long)]
        trust_new_key: bool,
    },

    /// Show what was said with somebody
    History(History),

    /// Offer files and folders where they lie, without copying them; alone: show which those are
    #[command(after_help = "\
Examples:
  sprat share ~/Music                     others see Music/…, and what changes in it
  sprat share /srv/big.iso --as debian.iso
  sprat share                             what is shared so
  sprat unshare Music                     no longer; it stays where it is

They are remembered over restarts. One that goes away (a stick that is pulled out) is offered again when it is back. Others see the
names alone, never the path. Links in a folder that lead out of it are not followed, and .spratignore counts. What holds the home
itself is refused.

Exit codes: 0 done, 2 it cannot be shared, 4 something else has its name, 5 it does not exist.")]
    Share(Share),

    /// Offer something no longer
    #[command(after_help = "\
Examples:
  sprat unshare Music                     what `share` offered, by its name or its path; it stays where it is
  sprat unshare notes.txt --move          what lies in HOME/shared goes to HOME/downloads

Nothing is deleted. Copies that others have fetched stay with them.

Exit codes: 0 done, 4 it lies in HOME/shared (move it away, or give --move), 5 nothing is shared by that name.")]
    Unshare(Unshare),

    /// Show how this node and its downloads do
    Status,

    /// Give files to somebody on the same network who has only a browser, or take theirs
    #[command(after_help = "\
Examples:
  sprat link film.mp4 photos/      prints an address, and a QR code for a phone
  sprat link big.iso               a name that the swarm offers does, too
  sprat link --upload              others hand files in; you are asked before anything is stored
  sprat link notes.txt --pin --uses 1 --expires 1h
  sprat link film.mp4 --web-seed   curl and players fetch it by its name
  sprat link notes.txt --tls       encrypted; the browser warns, and you compare the fingerprint

Without --tls the way is not encrypted: others on the network could read along. A link is good as long as the node runs. Without a node
in this home it stays in the foreground until Ctrl-C.

Exit codes: 0 done, 2 wrong usage, 5 there is no such file or name.")]
    Link(LinkWhat),

    /// Show the links that there are
    Links,

    /// Take a link back
    Unlink {
        /// Its number in `links`
        #[arg(value_name = "N", value_parser = parse_link)]
        link: u32,
    },

    /// Show what runs and what ended, with the numbers that the others take
    #[command(after_help = "\
Of a node that runs in this home: its downloads and sends, and what people send it, from every terminal and page. Exit codes: 0 done, 5 no node
runs here.")]
    Jobs,

    /// Let a download of a node that runs ask for no more, or a send give no more
    Pause {
        /// Its number in `jobs`
        #[arg(value_name = "N", value_parser = parse_job)]
        job: Option<u64>,
    },

    /// Let it go on
    Resume {
        /// Its number in `jobs`
        #[arg(value_name = "N", value_parser = parse_job)]
        job: Option<u64>,
    },

    /// Stop a download or a send of a node that runs
    #[command(args_conflicts_with_subcommands = true)]
    Cancel {
        /// Its number in `jobs`
        #[arg(value_name = "N", value_parser = parse_job)]
        job: Option<u64>,

        /// Or what waits for somebody
        #[command(subcommand)]
        waiting: Option<Waiting>,
    },
}

/// What to offer where it lies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args, Serialize, Deserialize)]
#[group(skip)]
pub struct Share {
    /// Files and folders
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,

    /// What others are to see it called [default: its own name]
    #[arg(long = "as", value_name = "NAME", requires = "paths")]
    pub called: Option<String>,
}

/// What to offer no longer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args, Serialize, Deserialize)]
#[group(skip)]
pub struct Unshare {
    /// Names, or paths
    #[arg(required = true, value_name = "NAME")]
    pub names: Vec<String>,

    /// Move what lies in the shared folder to the downloads
    #[arg(long = "move")]
    pub move_away: bool,
}

impl Unshare {
    /// Gives what looks like a path its whole one: the node may run in another folder.
    pub fn make_absolute(&mut self) {
        for name in &mut self.names {
            let is_path = name.starts_with('/') || name.starts_with('.');
            if is_path && let Ok(path) = std::fs::canonicalize(&*name) {
                *name = path.to_string_lossy().into_owned();
            }
        }
    }
}

/// What `cancel` can take back besides what runs.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand, Serialize, Deserialize)]
pub enum Waiting {
    /// Files that wait for somebody
    Later {
        /// Their number in `asks`
        #[arg(value_name = "N", value_parser = parse_ask)]
        number: u32,
    },
}

pub(super) fn parse_ask(text: &str) -> Result<u32, String> {
    text.parse()
        .map_err(|_| "`asks` shows the numbers".to_owned())
}

fn parse_link(text: &str) -> Result<u32, String> {
    text.parse()
        .map_err(|_| "`links` shows the numbers".to_owned())
}

fn parse_job(text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|_| "`jobs` shows the numbers".to_owned())
}

/// What to download, to where, and whose.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args, Serialize, Deserialize)]
pub struct Download {
    /// Names, globs, folders (photos/) or ids
    #[arg(required = true, value_name = "NAME|ID")]
    pub what: Vec<String>,

    /// Where to put it
    #[command(flatten)]
    pub output: Output,

    /// Whose
    #[command(flatten)]
    pub whose: Whose,
}

/// Which file's bytes to write.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[group(skip)] // The shell's command of that name has one.
pub struct Get {
    /// A name or an id
    #[arg(value_name = "NAME|ID")]
    pub what: String,

    /// What this person offers by that name
    #[arg(long, value_name = "NAME")]
    pub from: Option<String>,

    /// These bytes alone: 0-99 are the first hundred, 100- all but those, -100 the last hundred
    #[arg(long, value_name = "A-B", allow_hyphen_values = true, value_parser = parse_range)]
    pub range: Option<String>,
}

fn parse_range(text: &str) -> Result<String, String> {
    let number = |text: &str| text.is_empty() || text.bytes().all(|byte| byte.is_ascii_digit());
    let (first, last) = text.split_once('-').unwrap_or(("", ""));
    let backwards = || {
        let [first, last] = [first, last].map(str::parse::<u64>);
        matches!((first, last), (Ok(first), Ok(last)) if first > last)
    };
    if text.len() > 1 && number(first) && number(last) && text.contains('-') && !backwards() {
        Ok(text.to_owned())
    } else {
        Err("bytes are given as FIRST-LAST, FIRST- or -COUNT".to_owned())
    }
}

/// What `list` is to show.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args, Serialize, Deserialize)]
pub struct ListWhat {
    /// A glob, or a part of the name
    pub pattern: Option<String>,

    /// Show whose it is and when it was changed
    #[arg(short, long)]
    pub long: bool,

    /// Show older versions, too: what others still have of a file that its owner has changed
    #[arg(long)]
    pub versions: bool,
}

/// Whose file a name means, where several people share one by it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args, Serialize, Deserialize)]
pub struct Whose {
    /// Fetch what this person offers by these names
    #[arg(long, value_name = "NAME", conflicts_with = "all_versions")]
    pub from: Option<String>,

    /// Where several people share different files by one name, fetch all, as `name (PERSON).ext`
    #[arg(long)]
    pub all_versions: bool,
}

/// Where a command line wants what arrives: `-o`, `--overwrite`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args, Serialize, Deserialize)]
pub struct Output {
    /// Where to put it: a folder, for one file also its path, or `-` for standard output [default:
    /// HOME/downloads]
    #[arg(short = 'o', long = "output", value_name = "PATH")]
    pub path: Option<PathBuf>,

    /// Replace another file that lies there, once the new one is whole
    #[arg(long)]
    pub overwrite: bool,
}

impl Output {
    /// Whether it is a folder that is there or that is plainly meant, and nothing there is replaced.
    #[must_use]
    pub fn is_folder(&self) -> bool {
        let ends_as_folder = |path: &Path| {
            let last = path.as_os_str().as_encoded_bytes().last();
            last.is_some_and(|last| std::path::is_separator(char::from(*last)))
        };
        let path = self.path.as_deref();
        !self.overwrite && path.is_none_or(|path| ends_as_folder(path) || path.is_dir())
    }

    /// Whether it is standard output.
    #[must_use]
    pub fn is_stream(&self) -> bool {
        self.path.as_deref() == Some(Path::new("-"))
    }
}

/// What to say, and to whom.
#[derive(Clone, Debug, PartialEq, Eq, Args, Serialize, Deserialize)]
pub struct Msg {
    /// A name, or an id (the last 6 or more characters of it will do)
    #[arg(value_name = "NAME")]
    pub who: String,

    /// What to say, at most 4 KiB
    #[arg(required = true)]
    pub text: Vec<String>,

    /// Send it although that name had another key before, and remember the new one
    #[arg(long)]
    pub trust_new_key: bool,
}

/// With whom something was said, and how much of it to show.
#[derive(Clone, Debug, PartialEq, Eq, Args, Serialize, Deserialize)]
pub struct History {
    /// A name, or an id
    #[arg(value_name = "NAME")]
    pub who: String,

    /// How many of the last lines [default: 100]
    #[arg(value_name = "N", value_parser = parse_lines)]
    last: Option<usize>,

    /// The same
    #[arg(short, long, value_name = "N", value_parser = parse_lines, conflicts_with = "last")]
    lines: Option<usize>,
}

impl History {
    /// How many of the last lines are wanted.
    #[must_use]
    pub fn count(&self) -> usize {
        self.last.or(self.lines).unwrap_or(HISTORY)
    }
}

fn parse_lines(text: &str) -> Result<usize, String> {
    text.parse()
        .map_err(|_| "N is a number of lines".to_owned())
}

/// Which files to send to whom.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args, Serialize, Deserialize)]
#[group(skip)] // The shell's command of that name has one.
pub struct Send {
    /// Files and folders, or - for standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// To whom; may be given again
    #[arg(long, value_name = "NAME", num_args = 1..)]
    pub to: Vec<String>,

    /// Wait until they are here, for as long as it takes; Ctrl-C ends it (a node that stays keeps
    /// it, over restarts, too)
    #[arg(long, requires = "to")]
    pub later: bool,

    /// The PIN that a LocalSend app asks for
    #[arg(long, value_name = "PIN", requires = "to", conflicts_with = "later")]
    pub pin: Option<String>,

    /// Send although that name had another key before, and remember the new one
    #[arg(long)]
    pub trust_new_key: bool,
}
