//! The `sprat` program: parses the command line, runs it, ends with its exit code.

use sprat::ui;
use std::process::ExitCode;

fn main() -> ExitCode {
    match ui::cli::read(std::env::args_os()) {
        Ok(cli) => ui::run(cli),
        Err(exit) => exit,
    }
    .into()
}
