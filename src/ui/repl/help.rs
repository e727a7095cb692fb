//! What the prompt says of its commands: a usage, a line, and more for `help COMMAND`. Pure.
//!
//! What a command takes is declared in `cli`; a test sees to it that both name the same commands.

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
        name: "share",
        usage: "share [PATH...] [--as NAME]",
        does: "offer files and folders where they lie",
        more: "Nothing is copied, and others see the name alone. They are remembered over restarts. Without PATH: which those are.",
    },
    Verb {
        name: "unshare",
        usage: "unshare NAME... [--move]",
        does: "offer something no longer",
        more: "What was shared by `share` stays where it is. What lies in shared/ goes to downloads/ with --move. Nothing is deleted.",
    },
    Verb {
        name: "status",
        usage: "status",
        does: "show how this node and its downloads do",
        more: "`safe to leave` says whether what you share would still be here without you.\n\
               What runs is shown with the numbers that `cancel` takes.",
    },
    Verb {
        name: "jobs",
        usage: "jobs",
        does: "show downloads and sends, and those that ended",
        more: "With the numbers that `cancel`, `pause` and `resume` take, no matter which front end started them.",
    },
    Verb {
        name: "pause",
        usage: "pause [N]",
        does: "hold a download or a send",
        more: "N is its number in `jobs`; without it, the only one that runs. It keeps its place. Those who take what is sent wait.",
    },
    Verb {
        name: "resume",
        usage: "resume [N]",
        does: "let it go on",
        more: "N is its number in `jobs`; without it, the only one that runs.",
    },
    Verb {
        name: "send",
        usage: "send FILE... --to NAME... [--later]",
        does: "ask people whether they take files",
        more: "FILE is a file or a folder anywhere on this machine, NAME what `peers` shows, or the end of an id.\n\
               Each of them is asked; nobody else sees the files. It ends when everyone has them or said no.\n\
               With --later it waits for those who are not here, also over restarts: they are asked when they come. `asks`\n\
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
        more: "N is its number in `jobs`; without it, the only one that runs. What is here is kept.\n\
               `cancel later N` takes back what waits for somebody. After `exit`, cancel also means: stay.",
    },
    Verb {
        name: "link",
        usage: "link FILE|NAME... [--pin[=PIN]] [--uses N] [--expires TIME] [--tls] [--web-seed], link --upload",
        does: "give files to somebody with only a browser, or take theirs",
        more: "FILE stays where it is; NAME is one that the swarm offers. It prints an address for the same network, and a QR code.\n\
               With --upload others hand files in: each is an ask. A link is good as long as this node runs.",
    },
    Verb {
        name: "links",
        usage: "links",
        does: "show the links that there are",
        more: "With the numbers that `unlink` takes.",
    },
    Verb {
        name: "unlink",
        usage: "unlink N",
        does: "take a link back",
        more: "N is its number in `links`. What is being fetched by it breaks off.",
    },
    Verb {
        name: "clean",
        usage: "clean [--yes]",
        does: "show the downloads that were broken off, or remove them",
        more: "With --yes they are removed, and would have to be fetched anew. What was not used for a week is removed automatically.",
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

/// How a command is used, after a mistake.
#[must_use]
pub fn usage(name: &str) -> String {
    let usage = VERBS.iter().find(|known| known.name == name);
    format!("usage: {}", usage.map_or(name, |known| known.usage))
}

/// Columns of what is typed, in the list of all.
const TYPED: usize = 27;

/// What is typed, one way a line, and what it does in a column beside the last of these, or below.
fn row(verb: &Verb) -> String {
    let typed = verb.usage.replace(", ", "\n  ");
    let last = typed.rsplit("\n  ").next().unwrap_or_default().len();
    let gap = match TYPED.checked_sub(last) {
        Some(rest) => " ".repeat(rest),
        None => format!("\n  {:TYPED$}", ""),
    };
    format!("  {typed}{gap}  {}", verb.does)
}

/// The text of `help`.
///
/// # Errors
/// A sentence, when there is no such command.
pub fn help(about: Option<&str>) -> Result<String, String> {
    let Some(about) = about else {
        let rows: Vec<_> = VERBS.iter().map(row).collect();
        return Ok(rows.join("\n"));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::cli::AtPrompt;
    use clap::CommandFactory as _;
    use std::collections::BTreeSet;

    #[test]
    fn every_command_is_explained_and_nothing_else() {
        let declared = AtPrompt::command();
        let declared: BTreeSet<_> = declared
            .get_subcommands()
            .map(clap::Command::get_name)
            .collect();
        assert_eq!(declared, VERBS.iter().map(|verb| verb.name).collect());
        for verb in VERBS {
            assert!(help(Some(verb.name)).is_ok());
            let all = help(None).unwrap();
            assert!(verb.usage.split(", ").all(|way| all.contains(way)));
            // In one column, whatever is typed.
            let line = all.lines().find(|line| line.ends_with(verb.does)).unwrap();
            assert_eq!(line.find(verb.does), Some(2 + TYPED + 2), "{line}");
        }
        assert!(help(Some("x")).is_err());
    }
}
