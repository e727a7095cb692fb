//! The commands, each declared once: those of the shell, those of the prompt, and within both those
//! that they share.
//!
//! Owns their words. Never acts on them. What the prompt accepts, completes and takes for a slip
//! comes from here, too.

use super::{
    options::Options,
    server::{self, RendezvousOptions},
    shared::{Get, Output, Send, Shared, parse_ask},
};
use clap::{Parser, Subcommand};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  sprat                                  a node with a prompt, in the current folder
  sprat --home ~/sprat serve             a node that runs until SIGTERM
  sprat list '*.iso'                     what the nodes nearby offer
  sprat download big.iso                 from everyone who has a piece of it
  sprat download photos/ -o /tmp         a whole folder, to somewhere else
  sprat send photo.jpg --to alice        to one person, who is asked first
  sprat --rendezvous meet.example.org    with others on other networks, by a server (`sprat rendezvous`)
  echo 'download big.iso' | sprat        the prompt's commands, from a pipe

Put files into HOME/shared, and every node nearby can fetch them.
Each option can also stand in HOME/.sprat/config.toml; the command line counts first, then SPRAT_…, then that file.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 some of it failed, 4 refused, 5 not found or nobody there,
6 failed verification, 7 no space, 130 interrupted.";

/// A swarm file-sharing node: put files in a folder, and every machine nearby can fetch them from
/// everyone who has a piece.
#[derive(Debug, Parser)]
#[command(name = "sprat", version, about, after_help = EXAMPLES)]
pub struct Cli {
    /// What applies to every command.
    #[command(flatten)]
    pub options: Options,
    /// What to do; without it, a prompt.
    #[command(subcommand)]
    pub command: Option<Command>,
}

impl Cli {
    /// Whether it is done without a home, so that what lies there does not matter.
    #[must_use]
    pub fn needs_no_home(&self) -> bool {
        matches!(
            self.command,
            Some(
                Command::Completions { .. }
                    | Command::Passphrase { .. }
                    | Command::Version
                    | Command::Manual { .. }
            )
        )
    }
}

impl Cli {
    /// Whether this works in a home whose file makes no sense: it is about the node in the
    /// background, or about what is wrong, and runs no node then.
    #[must_use]
    pub fn works_with_a_broken_file(&self) -> bool {
        matches!(
            self.command,
            Some(Command::Service { .. } | Command::BugReport { .. })
        )
    }

    /// Whether a folder other than this one may be meant, since nobody said which; and if so,
    /// whether without a question.
    #[must_use]
    pub fn home_unsaid(&self) -> Option<bool> {
        let elsewhere = matches!(
            self.command,
            Some(Command::Rendezvous(_) | Command::Doctor | Command::BugReport { .. })
        );
        let unasked = matches!(self.command, Some(Command::Service { .. }));
        (!self.options.home_said && !elsewhere).then_some(unasked)
    }
}

/// The commands of the shell.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a node without a prompt, until SIGTERM or Ctrl-C
    #[command(
        after_help = "With --json the first line is {\"event\":\"ready\",\"peer\",\"name\",\"addresses\"}."
    )]
    Serve {
        /// Take what this person sends, or what anybody sends with `all`; may be given again
        /// [default: nobody]
        #[arg(long, value_name = "NAME")]
        accept: Vec<String>,
    },

    /// Write a file's bytes to standard output, in order, while they come
    #[command(after_help = "\
Examples:
  sprat get film.mkv | mpv -              plays at once, though nothing of it is here yet
  sprat get backup.tar | tar x
  sprat get log.txt --range -2000         its last 2,000 bytes
  sprat get big.iso | b3sum

NAME is what `download` takes, and means one file. Each part is verified before it is written. What comes stays as a download does: once
all is here it lies in HOME/downloads, and what was broken off goes on the next time (`sprat clean` removes it). Nothing but text is
written to a terminal. When nothing comes for a minute, or for --timeout, it gives up; exit codes are those of `download`.")]
    Get(Get),

    /// Send files and folders to people, who are asked first, or to the person with the code that
    /// it prints
    #[command(after_help = "\
Examples:
  sprat send photo.jpg                    prints a code: the person who types `sprat receive CODE` gets it
  sprat send photo.jpg --to alice         she sees who asks, for what and how large it is, and says yes or no
  sprat send photos/ notes.txt --to alice bob
  sprat send big.iso --to alice --wait 60 if she may take a minute to be there
  sprat send big.iso --to alice --later   whenever she comes
  tar c notes/ | sprat send - --as notes.tar  what standard input gives
  sprat send photo.jpg --code 7-amber-falcon  to the person who waits with that code (`sprat receive` shows one)

Standard input is read to its end into a private file in the home before anybody is asked, and that file is removed at the end.

NAME is what `sprat peers` shows, or the end of an id. It stays until everyone has it, or said no; an ask that nobody answers ends after
five minutes. Those who accept the same files fetch them from each other, too. Nobody else sees or gets them.

Exit codes: 0 everyone has it, 4 everyone refused (or did not answer), 3 some did, 5 there is nobody of that name.")]
    Send {
        /// Which files, to whom
        #[command(flatten)]
        what: Send,

        /// What standard input is called [default: stdin]
        #[arg(long = "as", value_name = "NAME")]
        called: Option<String>,

        /// Without --to: how many words the code has, 2 to 8 [default: 2, with --group 4]
        #[arg(long, value_name = "N", conflicts_with = "to",
              value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(2..=8))]
        words: Option<usize>,

        /// The code that `sprat receive` shows on the other machine; asked for when it is left out
        /// (or read from `SPRAT_CODE`)
        #[arg(long, value_name = "CODE", num_args = 0..=1, default_missing_value = "",
              conflicts_with_all = ["to", "words", "group"])]
        code: Option<String>,

        /// Without --to: one code for many receivers, who fetch from each other too, until Ctrl-C;
        /// at least four words
        #[arg(long, conflicts_with = "to")]
        group: bool,
    },

    /// Take what somebody sends with a code, or offers by LocalSend
    #[command(after_help = "\
Examples:
  sprat receive 7-amber-falcon           what `sprat send` printed on the other machine
  sprat receive 7 amber falcon -o /tmp   the same, to somewhere else
  sprat receive 7-amber-falcon -yo - | tar x   one file, to standard output once it is whole
  sprat receive https://192.168.1.20:53317  what a LocalSend app shares by link there, into a folder; http:// where its encryption is off
  sprat receive                          shows a code for the sender to type (`sprat send FILE --code CODE`), and asks for the
                                         sender's, so that it stands in no history (or reads SPRAT_CODE)

A code is good for one receiver, and one wrong guess burns it: the side that showed it then shows another. Nothing that travels lets
anybody who listens test guesses. Nobody near hears of either machine before they have found each other.

It looks for the sender for 30 seconds, or for --wait SECONDS; with a code of its own it waits until Ctrl-C, or so long.

Exit codes: 0 all of it is here, 4 wrong code or PIN, or declined, 5 no sender with that code is near.")]
    Receive {
        /// The sender's code, or the address of a LocalSend app
        code: Vec<String>,

        /// The PIN that the app at that address asks for
        #[arg(long, value_name = "PIN", requires = "code")]
        pin: Option<String>,

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

    /// The commands that the prompt has, too.
    #[command(flatten)]
    Shared(Shared),

    /// Open the page of the node that runs in this home, and print its address
    #[command(
        after_help = "The node has to be started with --web. The address opens the page once, within ten minutes; each call prints another one."
    )]
    Web,

    /// Look why nobody is found: the networks, the routers, the servers, and what to do
    #[command(after_help = "\
Ends with 0 when nothing is the matter. Nothing is changed. With --json: `interface`, `dialled`, `server`, `nat` and `conclusion`
events. A node that runs in this home looks itself; else one looks for as long as this takes: give it the options that yours has. A home
that does not exist is not made.")]
    Doctor,

    /// Give this home a new key, as after copying its folder: others then take it for another node
    #[command(after_help = "\
Examples:
  sprat --home ~/copy new-key            two nodes with one key are taken for one, and neither works well

End the node there first. The old key is kept beside the new one (.sprat/identity.key.1). Files, downloads and the people
known there stay; a name that was signed up at a server stays with the old key.")]
    NewKey,

    /// Run a server that introduces nodes on different networks to each other, until SIGTERM or
    /// Ctrl-C
    #[command(after_help = server::EXAMPLES)]
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

    /// Run a node in the background whenever you are logged in: install, remove, status
    #[command(after_help = "\
Examples:
  sprat --home ~/sprat service install   a node for that home, from now on
  sprat service status
  sprat service remove                   the home and what is in it stay

The node is `sprat serve` with the options of the home's file (.sprat/config.toml); `systemctl --user reload sprat` reads it again where
it can be changed while the node runs. Every command given in that home is done by it. On Linux it is a user unit of systemd, which
ends when you log out unless you say `loginctl enable-linger` once; on macOS an agent of launchd.")]
    Service {
        /// What to do
        #[command(subcommand)]
        what: ServiceWhat,
    },

    /// Show what this program is: its version, what it speaks, how it lays out a home
    Version,

    /// Show what a report of a fault needs, without keys, names and addresses
    #[command(after_help = "\
Examples:
  sprat bug-report                       shows it
  sprat bug-report report.txt            shows it, and writes it if you agree

A node that runs in this home tells of itself; else one looks for as long as this takes.")]
    BugReport {
        /// Where to write it
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },

    /// Write the manual pages into a folder
    #[command(after_help = "\
Example:
  sprat manual /tmp/man && man -l /tmp/man/sprat-send.1

`man` finds them by their names where the pages of each section have a folder: those that end in .1 in ~/.local/share/man/man1, sprat-config.5 in
man5 and sprat-protocol.7 in man7.")]
    Manual {
        /// Which folder
        #[arg(value_name = "DIR")]
        folder: PathBuf,
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

/// What to do with the node in the background.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub enum ServiceWhat {
    /// Begin, now and at every login
    Install,
    /// End, for good
    Remove,
    /// Show whether it runs
    Status,
}

/// The commands of the prompt, and nothing else that stands in a line. (`help` tells of them:
/// `repl::help`.)
#[derive(Clone, Debug, PartialEq, Eq, Parser)]
#[command(
    no_binary_name = true,
    disable_help_flag = true,
    disable_help_subcommand = true
)]
pub enum AtPrompt {
    /// The commands that the shell has, too.
    #[command(flatten)]
    Shared(Shared),

    /// Ask people whether they take files
    Send(Send),

    /// Talk with somebody who is here
    Chat {
        /// A name, or an id
        #[arg(value_name = "NAME")]
        who: String,

        /// Talk although that name had another key before, and remember the new one
        #[arg(long)]
        trust_new_key: bool,
    },

    /// Show who asks to send something
    Asks,

    /// Take what somebody asks to send
    Accept {
        /// Its number in `asks`
        #[arg(value_name = "N", value_parser = parse_ask)]
        ask: u32,

        /// Where to put it
        #[arg(value_name = "DIR")]
        into: Option<String>,
    },

    /// Decline it
    Refuse {
        /// Its number in `asks`
        #[arg(value_name = "N", value_parser = parse_ask)]
        ask: u32,
    },

    /// Show the commands, or more about one
    #[command(alias = "?")]
    Help {
        /// Which
        #[arg(value_name = "COMMAND")]
        about: Option<String>,
    },

    /// Leave the swarm
    #[command(alias = "quit")]
    Exit,
}
