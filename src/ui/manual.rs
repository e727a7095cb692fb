//! `sprat manual DIR`: the manual pages, from the declarations that the help comes from, and from
//! the description of the protocol.
//!
//! Needs no node. Invariant: what the help says of a command or an option, its page says.

mod markdown;

use super::{cli, exit::Exit, output::Out};
use clap::{Arg, Command};
use clap_mangen::{
    Man,
    roff::{Roff, bold, italic, roman},
};
use std::{fs, io, path::Path};

const PROTOCOL: &str = include_str!("../../docs/protocol.md");

/// Writes all pages into a folder, which is made if there is none.
pub fn write(folder: &Path, json: bool) -> Exit {
    let out = Out::streams(json);
    let pages = pages();
    let written = fs::create_dir_all(folder).and_then(|()| {
        let mut pages = pages.iter();
        pages.try_for_each(|(name, text)| fs::write(folder.join(name), text))
    });
    match written {
        Ok(()) => {
            if !json {
                let first = folder.join("sprat.1");
                out.note(&format!(
                    "{} pages written; try `man {}`",
                    pages.len(),
                    first.display()
                ));
            }
            Exit::Done
        }
        Err(error) => {
            out.failure(
                "",
                &format!("cannot write to {}: {error}", folder.display()),
            );
            Exit::Failed
        }
    }
}

/// The names of the pages' files, and their text.
fn pages() -> Vec<(String, Vec<u8>)> {
    let all = cli::whole();
    let mut commands: Vec<Command> = all
        .get_subcommands()
        .filter(|command| !command.is_hide_set() && command.get_name() != "help")
        .map(page_of)
        .collect();
    commands.insert(0, all);
    let mut pages: Vec<(String, Vec<u8>)> = commands
        .into_iter()
        .map(|command| {
            let man = Man::new(command).manual("sprat").source(source());
            (man.get_filename(), rendered(|to| man.render(to)))
        })
        .collect();
    pages.push(("sprat-config.5".into(), config().into_bytes()));
    let protocol = head("SPRAT-PROTOCOL", "7", "what sprat nodes say to each other");
    let protocol = protocol + &markdown::roff(PROTOCOL).to_roff();
    pages.push(("sprat-protocol.7".into(), protocol.into_bytes()));
    pages
}

/// A command's own page: the options of all commands are in `sprat(1)`.
fn page_of(command: &Command) -> Command {
    let name = format!("sprat-{}", command.get_name());
    let after = command.get_after_help().map(ToString::to_string);
    let after = after.map_or_else(String::new, |after| after + "\n\n");
    command
        .clone()
        .name(name.clone())
        .display_name(name)
        .bin_name(format!("sprat {}", command.get_name()))
        .disable_help_flag(true)
        .mut_args(|option| {
            let of_all = option.is_global_set();
            option.hide(of_all)
        })
        .after_help(format!("{after}The options of all commands: sprat(1)."))
}

fn source() -> String {
    format!("sprat {}", env!("CARGO_PKG_VERSION"))
}

fn rendered(render: impl FnOnce(&mut dyn io::Write) -> io::Result<()>) -> Vec<u8> {
    let mut text = Vec::new();
    // Memory takes all that is written to it.
    let _ = render(&mut text);
    text
}

/// The beginning of a page that is no command's.
fn head(title: &str, section: &str, about: &str) -> String {
    let mut page = Roff::new();
    page.control("TH", [title, section, "", &source(), "sprat"]);
    page.control("SH", ["NAME"]);
    page.text([roman(format!("{} - {about}", title.to_lowercase()))]);
    page.render()
}

/// `sprat-config(5)`.
fn config() -> String {
    let mut page = Roff::new();
    page.control("SH", ["DESCRIPTION"]);
    page.text([
        bold("HOME/.sprat/config.toml"),
        roman(
            " is a file of TOML with the options of a home, by their long names. The command line counts first, then the \
             environment (SPRAT_…), then this file. A key that is not known stops the start, with the line that it is in.",
        ),
    ]);
    page.control("SH", ["KEYS"]);
    for option in cli::options_in_file() {
        page.control("TP", []);
        page.text(key(&option));
        let help = option.get_long_help().or_else(|| option.get_help());
        page.text([roman(help.map(ToString::to_string).unwrap_or_default())]);
    }
    page.control("SH", ["EXAMPLE"]);
    page.control("EX", []);
    page.text([roman(
        "name = \"anna\"\nreplicas = 2\nupload-limit = \"20M\"\nrendezvous = [\"meet.example.org\"]",
    )]);
    page.control("EE", []);
    page.control("SH", ["SEE ALSO"]);
    page.text([bold("sprat"), roman("(1)")]);
    head("SPRAT-CONFIG", "5", "the options of a home") + &page.to_roff()
}

fn key(option: &Arg) -> Vec<clap_mangen::roff::Inline> {
    let name = option.get_long().unwrap_or_default();
    let names = option.get_value_names().unwrap_or_default();
    let value = names.first().map_or("true|false", |name| name.as_str());
    let many = matches!(option.get_action(), clap::ArgAction::Append);
    let value = if many {
        format!("[{value}, …]")
    } else {
        value.to_owned()
    };
    vec![bold(name), roman(" = "), italic(value)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(name: &str) -> String {
        let found = pages().into_iter().find(|(page, _)| page == name);
        let (_, text) = found.unwrap_or_else(|| panic!("no {name}"));
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn every_command_has_a_page_and_every_key_an_entry() {
        let names: Vec<String> = pages().into_iter().map(|(name, _)| name).collect();
        for command in cli::whole()
            .get_subcommands()
            .filter(|c| !c.is_hide_set() && c.get_name() != "help")
        {
            let name = format!("sprat-{}.1", command.get_name());
            assert!(names.contains(&name), "{name}: {names:?}");
        }
        let config = page("sprat-config.5");
        for key in ["replica\\-quota", "upload\\-limit", "rendezvous"] {
            assert!(config.contains(key), "{key}: {config}");
        }
        assert!(!config.contains("ask\\-expiry"));
    }

    #[test]
    fn a_page_says_what_the_help_says() {
        let send = page("sprat-send.1");
        assert!(send.contains("sprat receive"), "{send}");
        assert!(!send.contains("\\-\\-discovery\\-port"), "{send}");
        let all = page("sprat.1");
        assert!(all.contains("\\-\\-discovery\\-port"), "{all}");
        assert!(all.contains("sprat\\-send(1)"), "{all}");
    }

    #[test]
    fn the_protocol_has_its_sections_and_tables() {
        let protocol = page("sprat-protocol.7");
        assert!(
            protocol.contains(".SH \"Identities and ids\""),
            "{protocol}"
        );
        assert!(protocol.contains("BLAKE3 of the chunk"), "{protocol}");
        assert!(!protocol.contains("| --- |"), "{protocol}");
        assert!(!protocol.contains("```"), "{protocol}");
    }
}
