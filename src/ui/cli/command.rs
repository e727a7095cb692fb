//! The commands, and the options that each has for itself.
//!
//! Owns their words and help. Never acts on them.

use super::parse::parse_name;
use crate::ui::{
    commands::{ListWhat, Whose},
    server_options::{self, RendezvousOptions},
    streams::Output,
};
use clap::Subcommand;
use std::path::PathBuf;

/// Lines of a history, unless told otherwise.
pub const HISTORY: usize = 100;

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a node without a prompt, until SIGTERM or Ctrl-C
    #[command(
        after_help = "With --json the first line is {\"event\":\"ready\",\"peer\",\"name\",\"addresses\"}."
    )]
    Serve {
        /// Take what this person sends, or what anybody sends with `all`; may be given again [default: nobody]
        #[arg(long, value_name = "NAME")]
        accept: Vec<String>,
    },

    /// Send files and folders to people, who are asked first, or to whoever has the code that it prints
    #[command(after_help = "\
Examples:
  sprat send photo.jpg                    prints a code: whoever types `sprat receive CODE` gets it
  sprat send photo.jpg --to alice         she sees who asks, for what and how large it is, and says yes or no
  sprat send photos/ notes.txt --to alice bob
  sprat send big.iso --to alice --wait 60 if she may take a minute to be there
  sprat send big.iso --to alice --later   whenever she comes
  tar c notes/ | sprat send - --as notes.tar  what standard input gives
  sprat send photo.jpg --code 7-amber-falcon  to whoever waits with that code (`sprat receive` shows one)

Standard input is read to its end into a private file in the home before anybody is asked, and that file is removed at the end.

NAME is what `sprat peers` shows, or the end of an id. It stays until everyone has it, or said no; an ask that nobody answers ends after
five minutes. Those who accept the same files fetch them from each other, too. Nobody else sees or gets them.

Exit codes: 0 everyone has it, 4 everyone refused (or did not answer), 3 some did, 5 there is nobody of that name.")]
    Send {
        /// Files and folders, or - for standard input
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,

        /// What standard input is called [default: stdin]
        #[arg(long = "as", value_name = "NAME")]
        called: Option<String>,

        /// To whom; may be given again
        #[arg(long, value_name = "NAME", num_args = 1..)]
        to: Vec<String>,

        /// Wait for whoever is not here, for as long as it takes; Ctrl-C ends it (at a prompt it is kept over restarts)
        #[arg(long, requires = "to")]
        later: bool,

        /// Without --to: how many words the code has, 2 to 8 [default: 2, with --group 4]
        #[arg(long, value_name = "N", conflicts_with = "to",
              value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(2..=8))]
        words: Option<usize>,

        /// The code that `sprat receive` shows on the other machine; asked for when it is left out (or read from `SPRAT_CODE`)
        #[arg(long, value_name = "CODE", num_args = 0..=1, default_missing_value = "",
              conflicts_with_all = ["to", "words", "group"])]
        code: Option<String>,

        /// Without --to: one code for many receivers, who fetch from each other too, until Ctrl-C; at least four words
        #[arg(long, conflicts_with = "to")]
        group: bool,

        /// Send although that name had another key before, and remember the new one
        #[arg(long)]
        trust_new_key: bool,
    },

    /// Take what somebody sends with a code
    #[command(after_help = "\
Examples:
  sprat receive 7-amber-falcon           what `sprat send` printed on the other machine
  sprat receive 7 amber falcon -o /tmp   the same, to somewhere else
  sprat receive 7-amber-falcon -yo - | tar x   one file, to standard output once it is whole
  sprat receive                          shows a code for the sender to type (`sprat send FILE --code CODE`), and asks for the
                                         sender's, so that it stands in no history (or reads SPRAT_CODE)

A code is good for one receiver, and one wrong guess burns it: whoever showed it then shows another. Nothing that travels lets
anybody who listens test guesses. Nobody near hears of either machine before they have found each other.

It looks for the sender for 30 seconds, or for --wait SECONDS; with a code of its own it waits until Ctrl-C, or so long.

Exit codes: 0 all of it is here, 4 wrong code, or declined, 5 no sender with that code is near.")]
    Receive {
        /// The sender's code
        code: Vec<String>,

        /// Without CODE: how many words the one that is shown has, 2 to 8 [default: 2]
        #[arg(long, value_name = "N", conflicts_with = "code",
              value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(2..=8))]
        words: Option<usize>,

        /// Where to put it
        #[command(flatten)]
        output: Output,

        /// Take it without a question
        #[arg(short, long)]
        yes: bool,
    },

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
    Download {
        /// Names, globs, folders (photos/) or ids
        #[arg(required = true, value_name = "NAME|ID")]
        what: Vec<String>,

        /// Where to put it
        #[command(flatten)]
        output: Output,

        /// Whose
        #[command(flatten)]
        whose: Whose,
    },

    /// Show who is here, and by which path they are reached
    Peers,

    /// Look why nobody is found: the networks, the routers, the servers, and what to do
    #[command(after_help = "\
Ends with 0 when nothing is the matter. Nothing is changed. With --json: `interface`, `dialled`, `server`, `nat` and `conclusion`
events. It is a node of its own while it looks: give it the same options, and another --home while a node runs here. A home that
does not exist is not made.")]
    Doctor,

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
    Msg {
        /// A name, or an id (the last 6 or more characters of it will do)
        #[arg(value_name = "NAME")]
        who: String,

        /// What to say, at most 4 KiB
        #[arg(required = true)]
        text: Vec<String>,

        /// Send it although that name had another key before, and remember the new one
        #[arg(long)]
        trust_new_key: bool,
    },

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
        who: String,

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
        pattern: Option<String>,
    },

    /// Add somebody who signed up to those you know: that name means their key from then on, and no other
    #[command(after_help = "\
Examples:
  sprat add anna --rendezvous meet.example.org
  sprat send photo.jpg --to anna          reaches her by that server, wherever she is

Exit codes: 0 done, 4 the name means another key here, 5 nobody has that name, or no server answers.")]
    Add {
        /// Exactly the name
        #[arg(value_name = "NAME", value_parser = parse_name)]
        who: String,

        /// Add them although that name had another key before
        #[arg(long)]
        trust_new_key: bool,
    },

    /// Show what was said with somebody
    History {
        /// A name, or an id
        #[arg(value_name = "NAME")]
        who: String,

        /// How many of the last lines
        #[arg(short, long, value_name = "N", default_value_t = HISTORY)]
        lines: usize,
    },

    /// Give this home a new key, as after copying its folder: others then take it for another node
    #[command(after_help = "\
Examples:
  sprat --home ~/copy new-key            two nodes with one key are taken for one, and neither works well

End the node there first. The old key is kept beside the new one (.sprat/identity.key.1). Files, downloads and the people
known there stay; a name that was signed up at a server stays with the old key.")]
    NewKey,

    /// Run a server that introduces nodes on different networks to each other, until SIGTERM or Ctrl-C
    #[command(after_help = server_options::EXAMPLES)]
    Rendezvous(RendezvousOptions),

    /// Print words for a private swarm that nobody guesses
    #[command(after_help = "\
Examples:
  sprat passphrase > ~/swarm.txt         then, on every machine: sprat --passphrase-file ~/swarm.txt

Ten words are worth 82 bits.")]
    Passphrase {
        /// How many words, 10 to 24 [default: 10]
        #[arg(long, value_name = "N",
              value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(10..=24))]
        words: Option<usize>,
    },

    /// Print the completion script of a shell
    #[command(
        after_help = "Example:\n  sprat completions bash > ~/.local/share/bash-completion/completions/sprat"
    )]
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}
