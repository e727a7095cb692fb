//! The `sprat` program: parses the command line, runs it, ends with its exit code.

use clap::Parser as _;
use sprat::ui;
use std::process::ExitCode;

fn main() -> ExitCode {
    ui::run(ui::cli::Cli::parse()).into()
}
