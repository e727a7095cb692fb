//! Reading the command line, and saying what was meant where that is likely.

use super::{
    command::{AtPrompt, Cli},
    file::{self, Defaults},
    server,
};
use crate::ui::{exit::Exit, home, slips};
use clap::{
    CommandFactory as _, FromArgMatches as _, Subcommand as _,
    error::{ContextKind, ContextValue, ErrorKind},
    parser::ValueSource,
};
use std::{ffi::OsString, path::Path};

/// The commands of the shell.
pub fn commands() -> Vec<String> {
    let all = Cli::command();
    let names = all.get_subcommands().map(clap::Command::get_name);
    names.map(str::to_owned).collect()
}

/// The long names of all options, of whatever command.
pub fn long_options() -> Vec<String> {
    let mut all = Cli::command();
    all.build();
    let own = all.get_arguments();
    let of_commands = all.get_subcommands().flat_map(clap::Command::get_arguments);
    let long = own.chain(of_commands).filter_map(clap::Arg::get_long);
    long.map(str::to_owned).collect()
}

/// The options of every command that mean something to a rendezvous server, which is no node.
const OF_A_SERVER: [&str; 8] = [
    "help",
    "home",
    "json",
    "listen",
    "log_format",
    "no_qr",
    "verbose",
    "web",
];

/// The whole command line, in which each command shows what is of use to it.
pub(super) fn definition(defaults: &Defaults) -> clap::Command {
    let mut all = with_defaults(Cli::command(), defaults);
    // Only then the commands have the options of all.
    all.build();
    all.mut_subcommand("rendezvous", |server| {
        server.mut_args(|option| {
            let of_a_node =
                option.is_global_set() && !OF_A_SERVER.contains(&option.get_id().as_str());
            match option.get_id().as_str() {
                // There is no usual address, so nothing is lost by a space before it.
                "web" => option.num_args(1).require_equals(false).help(server::WEB),
                _ if of_a_node => option.hide(true),
                _ => option,
            }
        })
    })
}

/// The same without the file of a home, for those who describe it.
pub fn whole() -> clap::Command {
    definition(&Defaults::new())
}

/// Reads the words of a command line, the program's name first, and what the file of the home says
/// beside them. Ends the program for those that ask for help, and for mistakes that clap explains
/// well.
///
/// # Errors
/// What else is wrong was said.
pub fn read(words: impl IntoIterator<Item = OsString>) -> Result<Cli, Exit> {
    let mut words: Vec<OsString> = words.into_iter().collect();
    let slip = slip(&words);
    let said = match over(definition(&Defaults::new()), &words) {
        // Even if it can be read: `-output` is `-o` with a folder that nobody meant.
        _ if slip.is_some() => slip.unwrap_or_default(),
        Ok(cli) if cli.needs_no_home() => return Ok(cli),
        Ok(cli) => match at_home(cli, &mut words) {
            Ok(cli) => return Ok(cli),
            Err(said) => said,
        },
        Err(error) => match of_the_prompt(&error).or_else(|| files_last(&error, &words)) {
            Some(said) => said,
            None => error.exit(),
        },
    };
    crate::ui::output::Out::streams(false).error(&said);
    Err(Exit::Usage)
}

/// Settles which home is meant, and reads the words again with what its file says.
fn at_home(mut cli: Cli, words: &mut Vec<OsString>) -> Result<Cli, String> {
    if let Some(folder) = cli.home_unsaid().map(home::chosen).transpose()?.flatten() {
        words.insert(1, said_home(&folder));
        cli.options.home = folder;
    }
    home::keep_state_apart(&cli.options.home);
    match file::read(&cli.options.home) {
        Ok(file) if file.is_empty() => Ok(cli),
        Ok(file) => Ok(over(definition(&file), words).unwrap_or_else(|error| error.exit())),
        Err(error) if cli.works_with_a_broken_file() => {
            cli.options.broken = Some(error.to_string());
            Ok(cli)
        }
        Err(error) => Err(error.to_string()),
    }
}

/// `--home`, as it is typed.
fn said_home(folder: &Path) -> OsString {
    let mut said = OsString::from("--home=");
    said.push(folder);
    said
}

/// The same for a program that runs in a home: what is wrong is for it to tell.
pub fn read_again(words: &[OsString], home: &Path) -> Result<Cli, String> {
    let file = file::read(home).map_err(|error| error.to_string())?;
    let mut cli = over(definition(&file), words).map_err(|error| error.to_string())?;
    home.clone_into(&mut cli.options.home);
    Ok(cli)
}

/// Gives options defaults. They must not have been built: clap would mistake one for another.
fn with_defaults(mut all: clap::Command, defaults: &Defaults) -> clap::Command {
    for (id, values) in defaults {
        all = all.mut_arg(id, |option| option.default_values(values));
    }
    all
}

/// Reads words by a definition.
pub(super) fn over(definition: clap::Command, words: &[OsString]) -> Result<Cli, clap::Error> {
    let of_all: Vec<_> = definition
        .get_arguments()
        .filter_map(|option| Some((option.get_id().clone(), option.get_long()?.to_owned())))
        .collect();
    let matches = definition.try_get_matches_from(words)?;
    let mut cli = Cli::from_arg_matches(&matches)?;
    let typed = of_all.iter().filter(|(id, _)| {
        matches.try_contains_id(id.as_str()).is_ok()
            && matches.value_source(id.as_str()) == Some(ValueSource::CommandLine)
    });
    cli.options.home_said = matches.value_source("home") != Some(ValueSource::DefaultValue);
    cli.options.typed = typed.map(|(_, long)| format!("--{long}")).collect();
    let said = matches.value_source("wait") != Some(ValueSource::DefaultValue);
    cli.options.patience = cli.options.wait.filter(|_| said);
    Ok(cli)
}

fn slip(words: &[OsString]) -> Option<String> {
    let known = long_options();
    let options = words.iter().skip(1).take_while(|word| *word != "--");
    options
        .filter_map(|word| word.to_str())
        .find_map(|word| slips::one_dash(word, &known))
}

fn of_the_prompt(error: &clap::Error) -> Option<String> {
    if error.kind() != ErrorKind::InvalidSubcommand {
        return None;
    }
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else {
        return None;
    };
    AtPrompt::has_subcommand(word)
        .then(|| format!("`{word}` is typed at the prompt, which `sprat` without a command opens"))
}

/// `send --to bob photo.jpg`: the file is taken for another name.
fn files_last(error: &clap::Error, words: &[OsString]) -> Option<String> {
    let lacks = error.kind() == ErrorKind::MissingRequiredArgument;
    let after = words.iter().skip_while(|word| *word != "--to");
    (lacks && words.iter().any(|word| word == "send") && after.count() > 2).then(|| {
        "`--to` takes every word after it for a name: put the files before it, as in `sprat send FILE --to NAME`"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &str) -> Option<String> {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        slip(&words)
    }

    #[test]
    fn an_option_with_one_dash_is_not_taken_for_a_letter_with_a_value() {
        let said_to = said("sprat send a.jpg -to alice").unwrap();
        assert!(said_to.contains("`--to`"), "{said_to}");
        for line in [
            "sprat -json list",
            "sprat download x -output d",
            "sprat -rendezvous=h peers",
            "sprat rendezvous -port 1",
        ] {
            assert!(said(line).is_some(), "{line}");
        }
        for line in [
            "sprat -t 4000 list",
            "sprat -t4000 -vv list",
            "sprat download x -o/tmp",
            "sprat msg alice -- -to",
            "sprat send a.jpg --to alice",
        ] {
            assert_eq!(said(line), None, "{line}");
        }
    }

    #[test]
    fn the_help_of_a_server_has_nothing_of_a_node() {
        let help = |command: &str| {
            let asked =
                definition(&Defaults::new()).try_get_matches_from(["sprat", command, "--help"]);
            asked.unwrap_err().to_string()
        };
        let (server, node) = (help("rendezvous"), help("serve"));
        for option in [
            "--replicas",
            "--transfer-port",
            "--no-mdns",
            "--peer <",
            "--rendezvous",
        ] {
            assert!(!server.contains(option), "{option}: {server}");
            assert!(node.contains(option), "{option}: {node}");
        }
        for option in [
            "--home",
            "--listen",
            "--json",
            "--port",
            "--circuits",
            "--web <ADDR:PORT>",
        ] {
            assert!(server.contains(option), "{option}: {server}");
        }
        let read =
            definition(&Defaults::new()).try_get_matches_from(["sprat", "--no-mdns", "rendezvous"]);
        assert!(read.is_ok());
        for line in [
            "sprat rendezvous --web 0.0.0.0:80",
            "sprat rendezvous --web=0.0.0.0:80",
        ] {
            let read = definition(&Defaults::new()).try_get_matches_from(line.split(' '));
            let cli = Cli::from_arg_matches(&read.unwrap()).unwrap();
            assert_eq!(cli.options.web, Some(([0, 0, 0, 0], 80).into()), "{line}");
        }
        let bare =
            definition(&Defaults::new()).try_get_matches_from(["sprat", "rendezvous", "--web"]);
        assert!(bare.is_err());
    }

    #[test]
    fn what_was_typed_is_known_wherever_it_stands() {
        let read = |line: &str| {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            over(definition(&Defaults::new()), &words).unwrap()
        };
        let typed = read("sprat --no-mdns download x --upload-limit 1M --wait 3")
            .options
            .typed;
        assert_eq!(typed, ["--no-mdns", "--upload-limit", "--wait"]);
        assert!(read("sprat list").options.typed.is_empty());
    }

    #[test]
    fn files_that_were_taken_for_names_are_told_their_place() {
        let said = |line: &str| {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            let error = over(definition(&Defaults::new()), &words).unwrap_err();
            files_last(&error, &words)
        };
        assert!(said("sprat send --to bob photo.jpg").is_some_and(|said| said.contains("before")));
        for line in ["sprat send", "sprat send --to bob", "sprat msg bob"] {
            assert_eq!(said(line), None, "{line}");
        }
    }

    #[test]
    fn a_command_of_the_prompt_is_sent_there() {
        let wrong = |word| {
            definition(&Defaults::new())
                .try_get_matches_from(["sprat", word])
                .unwrap_err()
        };
        assert!(of_the_prompt(&wrong("accept")).is_some_and(|said| said.contains("prompt")));
        assert_eq!(of_the_prompt(&wrong("recieve")), None);
        assert!(wrong("recieve").to_string().contains("'receive'"));
    }
}
