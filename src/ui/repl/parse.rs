//! The prompt's language: one command a line, words as in a shell, `#` begins a comment. Pure.

mod download;
#[cfg(test)]
mod tests;

use super::talk;
use crate::ui::{
    cli,
    commands::{ListWhat, Whose},
    directory::Errand,
    slips,
    streams::Output,
};

/// What a line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// A blank line, or a comment.
    Nothing,
    /// `list [-l] [--versions] [PATTERN]`
    List(ListWhat),
    /// `download WHAT… [-o PATH] [--overwrite] [--from NAME | --all-versions]`
    Download {
        /// Names, globs, folders or ids.
        what: Vec<String>,
        /// Where to put it.
        output: Output,
        /// Whose.
        whose: Whose,
    },
    /// `peers`
    Peers,
    /// `msg NAME TEXT`
    Msg {
        /// A name or an id.
        who: String,
        /// What to say.
        text: String,
        /// Take a new key.
        trust: bool,
    },
    /// `chat NAME`
    Chat {
        /// A name or an id.
        who: String,
        /// Take a new key.
        trust: bool,
    },
    /// `history NAME [N]`
    History {
        /// A name or an id.
        who: String,
        /// How many lines.
        lines: usize,
    },
    /// In a chat: a line to say.
    Say(String),
    /// In a chat: `/send FILE`
    SendHere(String),
    /// In a chat: `/quit`
    Quit,
    /// `signup`, `people` and `add`
    Directory(Errand),
    /// `status`
    Status,
    /// `cancel [N]`
    Cancel(Option<u32>),
    /// `clean [--yes]`
    Clean {
        /// Remove them.
        yes: bool,
    },
    /// `cancel later N`
    Forget(u32),
    /// `send FILE… --to NAME… [--later]`
    Send {
        /// Files and folders.
        files: Vec<String>,
        /// Names or ids of people.
        to: Vec<String>,
        /// Whether a known name's new key is accepted.
        trust: bool,
        /// Whether it waits for them to come.
        later: bool,
    },
    /// `asks`
    Asks,
    /// `accept N [DIR]`
    Accept(u32, Option<String>),
    /// `refuse N`
    Refuse(u32),
    /// `help [COMMAND]`
    Help(Option<String>),
    /// `exit`
    Exit,
}

/// A command as `help` tells of it.
#[derive(Debug)]
pub struct Verb {
    /// The word.
    pub name: &'static str,
    /// How it is used.
    pub usage: &'static str,
    /// What it does, in a line.
    pub does: &'static str,
    /// More, for `help COMMAND`.
    pub more: &'static str,
}

/// Every command, in the order of `help`.
pub const VERBS: &[Verb] = &[
    Verb {
        name: "list",
        usage: "list [-l] [PATTERN]",
        does: "show what the swarm offers",
        more: "PATTERN is a glob, or a part of the name: list 'photos/*.jpg', list jpg\n\
               -l shows whose it is and when it was changed; --versions also what others have of files that their owners changed.\n\
               HOLDERS counts the nodes that have the whole file, this one included: (you) beside it. COPIES is the fewest copies\n\
               that any part of it has, there and on the nodes that keep a part.\n\
               (kept): nobody here offers it any more; it lives on in the copies that others keep for its owner.",
    },
    Verb {
        name: "download",
        usage: "download WHAT... [-o PATH]",
        does: "fetch from everyone who has a piece",
        more: "WHAT is a name, a glob, a folder (photos/) or an id from `list`; names with spaces stand in quotes.\n\
               It goes to downloads/, or to PATH: a folder, or for one file its own path (a new folder ends in /). A file that is\n\
               there stays, unless --overwrite is given. One that was interrupted goes on where it stopped.\n\
               Where several people share different files by one name: --from NAME takes that person's, --all-versions all.",
    },
    Verb {
        name: "peers",
        usage: "peers",
        does: "show who is here",
        more: "With the path by which they are reached and the round trip.",
    },
    Verb {
        name: "msg",
        usage: "msg NAME TEXT",
        does: "say something to somebody here",
        more: "NAME is a name or an id from `peers`; one with spaces stands in quotes. TEXT is taken as it stands, or stands in\n\
               quotes. It tells whether it was delivered. With --trust-new-key before NAME it is sent although that name had\n\
               another key before, and the new key is remembered.",
    },
    Verb {
        name: "chat",
        usage: "chat NAME",
        does: "talk with somebody here",
        more: "Each line is sent to them until /quit; //x says /x. --trust-new-key as for `msg`.",
    },
    Verb {
        name: "history",
        usage: "history NAME [N]",
        does: "show what was said with somebody",
        more: "The last N lines, 100 unless told otherwise. They need not be here.",
    },
    Verb {
        name: "people",
        usage: "people [PATTERN]",
        does: "show who signed up at the rendezvous server",
        more: "PATTERN is a part of the name. It needs --rendezvous, as do `add` and `signup`.",
    },
    Verb {
        name: "add",
        usage: "add NAME",
        does: "add somebody who signed up to those you know",
        more: "NAME means their key from then on, and no other. --trust-new-key adds them although it had another one before.",
    },
    Verb {
        name: "signup",
        usage: "signup NAME [--release]",
        does: "bind a name to this node at the rendezvous server",
        more: "Others find you by it. It is yours there until you give it back (--release) or were not there for 90 days.",
    },
    Verb {
        name: "status",
        usage: "status",
        does: "show how this node and its downloads do",
        more: "`safe to leave` says whether what you share would still be here without you.\n\
               Downloads under way are shown with the numbers that `cancel` takes.",
    },
    Verb {
        name: "send",
        usage: "send FILE... --to NAME... [--later]",
        does: "ask people whether they take files",
        more: "FILE is a file or a folder anywhere on this machine, NAME what `peers` shows, or the end of an id.\n\
               Each of them is asked; nobody else sees the files. It ends when everyone has them or said no.\n\
               With --later it waits for whoever is not here, also over restarts: they are asked when they come. `asks`\n\
               shows what waits.",
    },
    Verb {
        name: "asks",
        usage: "asks",
        does: "show who asks to send you something",
        more: "With the numbers that `accept` and `refuse` take, and what waits for somebody to come (`send --later`).",
    },
    Verb {
        name: "accept",
        usage: "accept N [DIR]",
        does: "take what somebody asks to send",
        more: "N is the number of the ask. It goes to downloads/, or to DIR.",
    },
    Verb {
        name: "refuse",
        usage: "refuse N",
        does: "decline it",
        more: "What was accepted is stopped by it; what is here is kept.",
    },
    Verb {
        name: "cancel",
        usage: "cancel [N], cancel later N",
        does: "stop a download or a send",
        more: "N is its number in `status`; without it, the only one that runs. What is here is kept.\n\
               `cancel later N` takes back what waits for somebody. After `exit`, cancel also means: stay.",
    },
    Verb {
        name: "clean",
        usage: "clean [--yes]",
        does: "show the downloads that were broken off, or remove them",
        more: "With --yes they are removed, and would have to be fetched anew. One that nobody used for a week goes by itself.",
    },
    Verb {
        name: "help",
        usage: "help [COMMAND]",
        does: "show this, or more about a command",
        more: "Also `?`.",
    },
    Verb {
        name: "exit",
        usage: "exit",
        does: "say goodbye and leave the swarm",
        more: "Also `quit`, and Ctrl-D. While files that you share have no copy elsewhere it waits for that,\n\
               if somebody here keeps copies; asked twice, it leaves at once.",
    },
];

/// Reads one line.
///
/// # Errors
/// A sentence that says what is wrong and what to do.
pub fn parse(line: &str) -> Result<Command, String> {
    // What people say has apostrophes and hashes in it.
    if let Some(rest) = line.trim_start().strip_prefix("msg")
        && rest.starts_with(char::is_whitespace)
    {
        return talk::msg(rest).ok_or_else(|| usage("msg"));
    }
    let Some(words) = shlex::split(line) else {
        return Err("a quote is not closed, or the line ends in a backslash".to_owned());
    };
    let mut words = words.into_iter();
    let Some(verb) = words.next() else {
        return Ok(Command::Nothing);
    };
    let words: Vec<String> = words.collect();
    let mut options = words.iter().take_while(|word| *word != "--");
    if let Some(slip) = options.find_map(|word| slips::one_dash(word, &cli::long_options())) {
        return Err(slip);
    }
    match verb.as_str() {
        "list" => list(words),
        "download" => download::parse(words),
        "peers" => none("peers", &words, Command::Peers),
        "msg" => Err(usage("msg")),
        "chat" => talk::chat(words).ok_or_else(|| usage("chat")),
        "history" => talk::history(&words).ok_or_else(|| usage("history")),
        "people" => {
            let pattern = at_most_one("people", words)?;
            Ok(Command::Directory(Errand::People(pattern)))
        }
        "add" => {
            let (name, trust) = one_and_flag("add", words, "--trust-new-key")?;
            Ok(Command::Directory(Errand::Add { name, trust }))
        }
        "signup" => {
            let (name, release) = one_and_flag("signup", words, "--release")?;
            Ok(Command::Directory(Errand::SignUp { name, release }))
        }
        "status" => none("status", &words, Command::Status),
        "send" => send(words),
        "asks" => none("asks", &words, Command::Asks),
        "accept" => accept(words),
        "refuse" => match &words[..] {
            [number] => Ok(Command::Refuse(ask_number("refuse", number)?)),
            _ => Err(format!("{}; `asks` shows the numbers", usage("refuse"))),
        },
        "receive" => Err(
            "a code is typed at the shell: `sprat receive CODE`, with another --home".to_owned(),
        ),
        "exit" | "quit" => none("exit", &words, Command::Exit),
        "cancel" if words.first().is_some_and(|word| word == "later") => match &words[1..] {
            [number] => number
                .parse()
                .map(Command::Forget)
                .map_err(|_| "cancel later takes a number; `asks` shows it".to_owned()),
            _ => Err(format!("{}; `asks` shows the numbers", usage("cancel"))),
        },
        "cancel" => match at_most_one("cancel", words)? {
            None => Ok(Command::Cancel(None)),
            Some(number) => number
                .parse()
                .map(|number| Command::Cancel(Some(number)))
                .map_err(|_| "cancel takes the number of a download; `status` shows it".to_owned()),
        },
        "clean" => match &words[..] {
            [] => Ok(Command::Clean { yes: false }),
            [word] if word == "--yes" || word == "-y" => Ok(Command::Clean { yes: true }),
            _ => Err(usage("clean")),
        },
        "help" | "?" => at_most_one("help", words).map(Command::Help),
        unknown => {
            let (here, shell) = (VERBS.iter().map(|verb| verb.name), cli::commands());
            let (here, shell) = (here.collect::<Vec<_>>(), shell.iter().map(String::as_str));
            Err(slips::not_at_the_prompt(
                unknown,
                &here,
                &shell.collect::<Vec<_>>(),
            ))
        }
    }
}

fn usage(verb: &str) -> String {
    let usage = VERBS.iter().find(|known| known.name == verb);
    format!("usage: {}", usage.map_or(verb, |known| known.usage))
}

fn none(verb: &str, words: &[String], command: Command) -> Result<Command, String> {
    if words.is_empty() {
        Ok(command)
    } else {
        Err(usage(verb))
    }
}

fn at_most_one(verb: &str, mut words: Vec<String>) -> Result<Option<String>, String> {
    match words.len() {
        0 | 1 => Ok(words.pop()),
        _ => Err(format!(
            "{}; words with spaces between them stand in quotes",
            usage(verb)
        )),
    }
}

/// One word, and perhaps an option.
fn one_and_flag(verb: &str, mut words: Vec<String>, flag: &str) -> Result<(String, bool), String> {
    let before = words.len();
    words.retain(|word| word != flag);
    let given = words.len() < before;
    match words.pop() {
        Some(word) if words.is_empty() && !word.starts_with('-') => Ok((word, given)),
        _ => Err(usage(verb)),
    }
}

fn list(words: Vec<String>) -> Result<Command, String> {
    let (mut what, mut patterns, mut options) = (ListWhat::default(), Vec::new(), true);
    for word in words {
        match word.as_str() {
            "--" if options => options = false,
            "-l" | "--long" if options => what.long = true,
            "--versions" if options => what.versions = true,
            other if options && other.starts_with('-') && other != "-" => {
                return Err(format!(
                    "{}; a name that begins with - comes after --",
                    usage("list")
                ));
            }
            _ => patterns.push(word),
        }
    }
    what.pattern = at_most_one("list", patterns)?;
    Ok(Command::List(what))
}

fn send(words: Vec<String>) -> Result<Command, String> {
    let (mut files, mut to) = (Vec::new(), Vec::new());
    let (mut options, mut people, mut trust, mut later) = (true, false, false, false);
    for word in words {
        if options && word == "--trust-new-key" {
            trust = true;
        } else if options && word == "--later" {
            later = true;
        } else if options && word == "--" {
            (options, people) = (false, false);
        } else if options && word == "--to" {
            people = true;
        } else if let Some(name) = word.strip_prefix("--to=").filter(|_| options) {
            to.push(name.to_owned());
        } else if options && word.starts_with('-') && word != "-" {
            return Err(format!(
                "{}; a name that begins with - comes after --",
                usage("send")
            ));
        } else if people {
            to.push(word);
        } else {
            files.push(word);
        }
    }
    if files.iter().any(|file| file == "-") {
        return Err(
            "here standard input is the prompt's: `sprat send -` at the shell, with another --home"
                .to_owned(),
        );
    }
    if to.is_empty() && !files.is_empty() {
        let why = "here it takes a name after --to; for a code, `sprat send FILE` at the shell, with another --home";
        return Err(format!("{}; {why}", usage("send")));
    }
    if files.is_empty() || to.is_empty() {
        return Err(usage("send"));
    }
    Ok(Command::Send {
        files,
        to,
        trust,
        later,
    })
}

fn accept(words: Vec<String>) -> Result<Command, String> {
    let mut words = words.into_iter();
    match (words.next(), words.next(), words.next()) {
        (Some(number), folder, None) => Ok(Command::Accept(ask_number("accept", &number)?, folder)),
        _ => Err(format!("{}; `asks` shows the numbers", usage("accept"))),
    }
}

fn ask_number(verb: &str, word: &str) -> Result<u32, String> {
    word.parse()
        .map_err(|_| format!("{verb} takes the number of an ask; `asks` shows it"))
}

/// The text of `help`.
///
/// # Errors
/// A sentence, when there is no such command.
pub fn help(about: Option<&str>) -> Result<String, String> {
    let Some(about) = about else {
        let lines: Vec<_> = VERBS
            .iter()
            .map(|verb| format!("  {:<26}  {}", verb.usage, verb.does))
            .collect();
        return Ok(lines.join("\n"));
    };
    let about = match about {
        "quit" => "exit",
        "?" => "help",
        other => other,
    };
    VERBS
        .iter()
        .find(|verb| verb.name == about)
        .map(|verb| format!("{}: {}\n{}", verb.usage, verb.does, verb.more))
        .ok_or_else(|| format!("there is no command `{about}`; try `help`"))
}
