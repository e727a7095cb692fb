use super::*;
use clap::{CommandFactory as _, Parser as _};
use std::{path::PathBuf, time::Duration};

fn parse(line: &str) -> Cli {
    Cli::try_parse_from(line.split_whitespace()).expect(line)
}

#[test]
fn the_definition_is_consistent() {
    Cli::command().debug_assert();
    AtPrompt::command().debug_assert();
}

#[test]
fn no_command_has_an_argument_of_the_name_of_an_option_of_all() {
    let all = Cli::command();
    let of_all: Vec<&clap::Id> = all.get_arguments().map(clap::Arg::get_id).collect();
    for command in all.get_subcommands() {
        let taken = command
            .get_arguments()
            .find(|arg| of_all.contains(&arg.get_id()));
        assert!(taken.is_none(), "{}: {taken:?}", command.get_name());
    }
    for line in [
        "sprat signup anna --name node",
        "sprat add anna --name node",
    ] {
        assert_eq!(parse(line).options.name.as_deref(), Some("node"));
    }
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
        assert!(
            matches!(cli.command, Some(Command::Shared(Shared::List(what))) if what.pattern.as_deref() == Some("x"))
        );
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
    let Some(Command::Shared(Shared::Download(Download { what, output, .. }))) =
        parse("sprat download a b/ -o /tmp -vv").command
    else {
        panic!("not a download");
    };
    assert_eq!(what, ["a", "b/"]);
    assert_eq!(output.path, Some(PathBuf::from("/tmp")));
    assert!(!output.overwrite);
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

#[test]
fn a_history_is_as_long_as_either_form_says() {
    for (line, lines) in [("", 100), (" 5", 5), (" -l 6", 6), (" --lines=7", 7)] {
        let Some(Command::Shared(Shared::History(history))) =
            parse(&format!("sprat history bob{line}")).command
        else {
            panic!("{line}: not a history");
        };
        assert_eq!((&*history.who, history.count()), ("bob", lines));
    }
    assert!(Cli::try_parse_from(["sprat", "history", "bob", "5", "-l", "6"]).is_err());
}
