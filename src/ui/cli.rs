//! The command line: its options, commands and help.
//!
//! Owns the words a person types at the shell. Never acts on them. What is not given stays `None` (or empty), so that
//! `config` can tell it from a default. Every option is global: it counts before and after the command.

use crate::node::Copies;
use clap::{Args, Parser, Subcommand, builder::FalseyValueParser};
use std::{net::IpAddr, path::PathBuf, time::Duration};

const EXAMPLES: &str = "\
Examples:
  sprat                                  a node with a prompt, in the current folder
  sprat --home ~/sprat serve             a node that runs until SIGTERM
  sprat list '*.iso'                     what the nodes nearby offer
  sprat download big.iso                 from everyone who has a piece of it
  sprat download photos/ -o /tmp         a whole folder, to somewhere else
  sprat send photo.jpg --to alice        to one person, who is asked first
  echo 'download big.iso' | sprat        the prompt's commands, from a pipe

Put files into HOME/shared, and every node nearby can fetch them.
Each option can also stand in HOME/.sprat/config.toml; the command line counts first, then SPRAT_…, then that file.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 some of it failed, 4 refused, 5 not found or nobody there,
6 failed verification, 7 no space, 130 interrupted.";

/// Lines of a history, unless told otherwise.
pub const HISTORY: usize = 100;

/// A swarm file-sharing node: put files in a folder, and every machine nearby can fetch them from everyone who has a
/// piece.
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

/// The options, each of which is also `SPRAT_…` in the environment.
#[derive(Args, Debug, Default)]
pub struct Options {
    /// The node's folder: it offers DIR/shared, saves to DIR/downloads, and keeps its state in DIR/.sprat
    #[arg(
        long,
        value_name = "DIR",
        global = true,
        env = "SPRAT_HOME",
        hide_env_values = true,
        default_value = "."
    )]
    pub home: PathBuf,

    /// The port that other nodes connect to, TCP and UDP alike [default: any free one]
    #[arg(
        short,
        long,
        value_name = "PORT",
        global = true,
        env = "SPRAT_TRANSFER_PORT",
        hide_env_values = true
    )]
    pub transfer_port: Option<u16>,

    /// The UDP port on which nodes find each other [default: 45670]
    #[arg(
        long,
        value_name = "PORT",
        global = true,
        env = "SPRAT_DISCOVERY_PORT",
        hide_env_values = true
    )]
    pub discovery_port: Option<u16>,

    /// What others see this node called (by default user@host)
    #[arg(
        long,
        global = true,
        env = "SPRAT_NAME",
        hide_env_values = true,
        value_parser = parse_name
    )]
    pub name: Option<String>,

    /// Listen on this address only; may be given again [default: all]
    #[arg(
        long,
        value_name = "IP",
        global = true,
        env = "SPRAT_LISTEN",
        hide_env_values = true,
        value_delimiter = ','
    )]
    pub listen: Vec<IpAddr>,

    /// Announce the node on this interface only; may be given again [default: all]
    #[arg(
        long,
        value_name = "IF",
        global = true,
        env = "SPRAT_INTERFACE",
        hide_env_values = true,
        value_delimiter = ','
    )]
    pub interface: Vec<String>,

    /// Connect to this node (host:port or a multiaddress), where the network drops broadcasts; may be given again
    #[arg(
        long,
        value_name = "ADDR",
        global = true,
        env = "SPRAT_PEER",
        hide_env_values = true,
        value_delimiter = ','
    )]
    pub peer: Vec<String>,

    /// Join the private swarm of whoever knows the words in FILE (or in the variable `SPRAT_PASSPHRASE`)
    #[arg(
        long,
        value_name = "FILE",
        global = true,
        env = "SPRAT_PASSPHRASE_FILE",
        hide_env_values = true
    )]
    pub passphrase_file: Option<PathBuf>,

    /// Do not use mDNS, only sprat's own beacon
    #[arg(
        long,
        global = true,
        env = "SPRAT_NO_MDNS",
        hide_env_values = true,
        hide_possible_values = true,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_parser = FalseyValueParser::new()
    )]
    pub no_mdns: Option<bool>,

    /// How many copies of each part of your shared files the nodes nearby keep, yours included, so that a file outlives
    /// the machine it came from: a number, or `all` for one on each node [default: 3]
    #[arg(
        long,
        value_name = "N",
        global = true,
        env = "SPRAT_REPLICAS",
        hide_env_values = true
    )]
    pub replicas: Option<Copies>,

    /// How much room this node gives to parts of others' files, such as 500M; 0 = none
    /// [default: 1G, or 5 % of the free disk if that is less]
    #[arg(
        long,
        value_name = "SIZE",
        global = true,
        env = "SPRAT_REPLICA_QUOTA",
        hide_env_values = true,
        value_parser = parse_size
    )]
    pub replica_quota: Option<u64>,

    /// How long a file is kept for its owner after he no longer shares it [default: 600]
    #[arg(
        long,
        value_name = "SECONDS",
        global = true,
        env = "SPRAT_REPLICA_GRACE",
        hide_env_values = true,
        value_parser = parse_seconds
    )]
    pub replica_grace: Option<Duration>,

    /// Send at most so many bytes a second, such as 20M (K, M and G are 1024-based)
    #[arg(
        long,
        value_name = "RATE",
        global = true,
        env = "SPRAT_UPLOAD_LIMIT",
        hide_env_values = true,
        value_parser = parse_rate
    )]
    pub upload_limit: Option<u64>,

    /// Receive at most so many bytes a second, such as 20M
    #[arg(
        long,
        value_name = "RATE",
        global = true,
        env = "SPRAT_DOWNLOAD_LIMIT",
        hide_env_values = true,
        value_parser = parse_rate
    )]
    pub download_limit: Option<u64>,

    /// How long to wait for the swarm to answer [default: 3]
    #[arg(
        long,
        value_name = "SECONDS",
        global = true,
        env = "SPRAT_WAIT",
        hide_env_values = true,
        value_parser = parse_seconds
    )]
    pub wait: Option<Duration>,

    /// Give a download up after so long without any source [default: wait for ever]
    #[arg(
        long,
        value_name = "SECONDS",
        global = true,
        env = "SPRAT_TIMEOUT",
        hide_env_values = true,
        value_parser = parse_seconds
    )]
    pub timeout: Option<Duration>,

    /// How long somebody may take to answer an ask [default: 300]
    #[arg(
        long,
        value_name = "SECONDS",
        global = true,
        env = "SPRAT_ASK_EXPIRY",
        hide = true,
        value_parser = parse_seconds
    )]
    pub ask_expiry: Option<Duration>,

    /// Print results as JSON, one object a line
    #[arg(
        long,
        global = true,
        env = "SPRAT_JSON",
        hide_env_values = true,
        value_parser = FalseyValueParser::new()
    )]
    pub json: bool,

    /// Show no progress bars
    #[arg(
        long,
        global = true,
        env = "SPRAT_NO_PROGRESS",
        hide_env_values = true,
        value_parser = FalseyValueParser::new()
    )]
    pub no_progress: bool,

    /// Say more on standard error: -v what happens, -vv everything (`SPRAT_LOG` takes a filter)
    #[arg(short, long, global = true, action = clap::ArgAction::Count, env = "SPRAT_VERBOSE", hide_env_values = true)]
    pub verbose: u8,
}

/// A size in bytes: a number with K, M, G or T (1024-based; `KB`, `KiB` mean the same), or without.
///
/// # Errors
/// A sentence, for anything else.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is not a size: write it as 500M, 1.5G or 4096");
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.');
    let (number, unit) = text.split_at(digits.unwrap_or(text.len()));
    let shift = match unit.trim().to_ascii_uppercase().as_str() {
        "" | "B" => 0,
        "K" | "KB" | "KIB" => 10,
        "M" | "MB" | "MIB" => 20,
        "G" | "GB" | "GIB" => 30,
        "T" | "TB" | "TIB" => 40,
        _ => return Err(wrong()),
    };
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let bytes = number * (1u64 << shift) as f64;
    // Nobody has more than 8 EiB.
    if bytes < (1u64 << 63) as f64 {
        Ok(bytes as u64)
    } else {
        Err(wrong())
    }
}

/// Bytes a second; less than 1 K would be a mistake.
///
/// # Errors
/// A sentence, for anything else.
pub fn parse_rate(text: &str) -> Result<u64, String> {
    match parse_size(text)? {
        0..1024 => Err(format!("`{text}` is less than 1K a second")),
        rate => Ok(rate),
    }
}

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

NAME is what `sprat peers` shows, or the end of an id. It stays until everyone has it, or said no; an ask that nobody answers ends after
five minutes. Those who accept the same files fetch them from each other, too. Nobody else sees or gets them.

Exit codes: 0 everyone has it, 4 everyone refused (or did not answer), 3 some did, 5 there is nobody of that name.")]
    Send {
        /// Files and folders
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,

        /// To whom; may be given again
        #[arg(long, value_name = "NAME", num_args = 1..)]
        to: Vec<String>,

        /// Without --to: how many words the code has, 2 to 8 [default: 2, with --group 4]
        #[arg(long, value_name = "N", conflicts_with = "to",
              value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(2..=8))]
        words: Option<usize>,

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
  sprat receive                          asks for the code, so that it stands in no history (or reads SPRAT_CODE)

A code is good for one receiver, and one wrong guess burns it: the sender then shows another. Nothing that travels lets anybody
who listens test guesses.

Exit codes: 0 all of it is here, 4 wrong code, or declined, 5 no sender with that code is near.")]
    Receive {
        /// The code; asked for when it is not given
        code: Vec<String>,

        /// Where to put it [default: HOME/downloads]
        #[arg(short, long, value_name = "DIR")]
        output: Option<PathBuf>,

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
  sprat list --json          for a program

`holders` counts the other nodes that have the whole file; `copies` is the fewest copies that any part of it has.
`(kept)` beside them: nobody here offers the file any more; it lives on in the copies that others keep for its owner.")]
    List {
        /// A glob, or a part of the name
        pattern: Option<String>,
    },

    /// Fetch files from everyone who has a piece of them
    #[command(after_help = "\
Examples:
  sprat download big.iso            by its name
  sprat download 'photos/*.jpg'     by a glob
  sprat download photos/            a whole folder
  sprat download 3f9c2a71b0         by the id that `list` shows
  sprat download big.iso -o /tmp    to somewhere else than HOME/downloads

A download that was interrupted goes on when the same command is given again. When every node that has the rest is
gone, it waits for one to come back, for ever or until --timeout.")]
    Download {
        /// Names, globs, folders (photos/) or ids
        #[arg(required = true, value_name = "NAME|ID")]
        what: Vec<String>,

        /// Where to put it [default: HOME/downloads]
        #[arg(short, long, value_name = "DIR")]
        output: Option<PathBuf>,
    },

    /// Show who is here, and by which path they are reached
    Peers,

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

    /// Show what was said with somebody
    History {
        /// A name, or an id
        #[arg(value_name = "NAME")]
        who: String,

        /// How many of the last lines
        #[arg(short, long, value_name = "N", default_value_t = HISTORY)]
        lines: usize,
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

/// Reads a number of seconds, fractions allowed; at most a year, so that no clock overflows.
///
/// # Errors
/// A sentence, for anything else.
pub fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .trim()
        .parse()
        .map_err(|_| "not a number of seconds".to_owned())?;
    seconds_from(seconds)
}

/// The same from a number.
pub(super) fn seconds_from(seconds: f64) -> Result<Duration, String> {
    const YEAR: f64 = 365.0 * 86_400.0;
    if (0.0..=YEAR).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err("must be between 0 and a year".to_owned())
    }
}

/// Checks a node's name: 1 to 64 bytes without control characters.
pub(super) fn parse_name(text: &str) -> Result<String, String> {
    let name = text.trim();
    if name.is_empty() {
        Err("a name may not be empty".to_owned())
    } else if name.len() > crate::node::MAX_NAME {
        Err(format!(
            "a name has at most {} bytes",
            crate::node::MAX_NAME
        ))
    } else if name.chars().any(char::is_control) {
        Err("a name may not contain control characters".to_owned())
    } else {
        Ok(name.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    fn parse(line: &str) -> Cli {
        Cli::try_parse_from(line.split_whitespace()).expect(line)
    }

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn options_count_before_and_after_the_command() {
        let before = parse("sprat --home /h -t 4000 --wait 0.5 --json list x");
        let after = parse("sprat list x --home /h -t 4000 --wait 0.5 --json");
        for cli in [before, after] {
            assert_eq!(cli.options.home, PathBuf::from("/h"));
            assert_eq!(cli.options.transfer_port, Some(4000));
            assert_eq!(cli.options.wait, Some(Duration::from_millis(500)));
            assert!(cli.options.json);
            assert!(matches!(cli.command, Some(Command::List { pattern: Some(p) }) if p == "x"));
        }
    }

    #[test]
    fn without_a_command_it_is_the_prompt_in_the_current_folder() {
        let cli = parse("sprat");
        assert!(cli.command.is_none());
        assert_eq!(cli.options.home, PathBuf::from("."));
    }

    #[test]
    fn lists_are_repeated_or_separated_by_commas() {
        let cli = parse("sprat --peer a:1 --peer b:2,c:3 --listen 127.0.0.1 peers");
        assert_eq!(cli.options.peer, ["a:1", "b:2", "c:3"]);
        assert_eq!(cli.options.listen.len(), 1);
    }

    #[test]
    fn download_takes_several_names_and_a_folder() {
        let Some(Command::Download { what, output }) =
            parse("sprat download a b/ -o /tmp -vv").command
        else {
            panic!("not a download");
        };
        assert_eq!(what, ["a", "b/"]);
        assert_eq!(output, Some(PathBuf::from("/tmp")));
        assert!(Cli::try_parse_from(["sprat", "download"]).is_err());
    }

    #[test]
    fn mdns_can_be_turned_off_and_on() {
        assert_eq!(parse("sprat --no-mdns list").options.no_mdns, Some(true));
        assert_eq!(
            parse("sprat --no-mdns=false list").options.no_mdns,
            Some(false)
        );
        assert_eq!(parse("sprat list").options.no_mdns, None);
    }

    #[test]
    fn nonsense_is_refused() {
        for line in [
            "sprat --wait -1",
            "sprat --wait nan",
            "sprat --wait 1e300",
            "sprat -t 70000",
            "sprat --listen here",
            "sprat frobnicate",
        ] {
            assert!(
                Cli::try_parse_from(line.split_whitespace()).is_err(),
                "{line}"
            );
        }
        assert!(Cli::try_parse_from(["sprat", "--name", ""]).is_err());
        assert!(Cli::try_parse_from(["sprat", "--name", "a\u{1b}[1m"]).is_err());
        assert!(Cli::try_parse_from(["sprat", "--name", &"x".repeat(65)]).is_err());
    }
}
