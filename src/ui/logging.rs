//! The log: to standard error, above the bar or the prompt while there is one. Every line of it is escaped.

use super::output::Line;
use crate::core::path::printable;
use std::{
    io::{self, Write},
    sync::{Mutex, PoisonError},
};
use tokio::sync::mpsc;
use tracing_subscriber::EnvFilter;

/// What shares the terminal with the log.
pub enum Screen {
    /// Nothing.
    Streams,
    /// The bar of a download.
    Bar(indicatif::WeakProgressBar),
    /// The printer of the prompt.
    Prompt(mpsc::Sender<Line>),
}

static SCREEN: Mutex<Screen> = Mutex::new(Screen::Streams);

/// Starts the log: warnings; `-v` what happens, `-vv` everything; or what `SPRAT_LOG` says.
pub fn start(verbose: u8) {
    let usual = match verbose {
        0 => "error,sprat=warn",
        1 => "error,sprat=info",
        _ => "warn,sprat=debug",
    };
    let asked = std::env::var("SPRAT_LOG").ok().filter(|f| !f.is_empty());
    let filter = asked
        .and_then(|filter| EnvFilter::try_new(filter).ok())
        .unwrap_or_else(|| EnvFilter::new(usual));
    let started = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(|| Entry(Vec::new()))
        .try_init();
    // A second start (in a test) changes nothing.
    drop(started);
}

/// Sends the log where it breaks nothing.
pub fn through(screen: Screen) {
    *SCREEN.lock().unwrap_or_else(PoisonError::into_inner) = screen;
}

/// One entry, written as a whole when it is complete.
struct Entry(Vec<u8>);

impl Write for Entry {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let text = String::from_utf8_lossy(&self.0);
        let text = printable(text.trim_end());
        if text.is_empty() {
            return;
        }
        let screen = SCREEN.lock().unwrap_or_else(PoisonError::into_inner);
        match &*screen {
            Screen::Prompt(printer) => drop(printer.try_send(Line::Text(text.into_owned()))),
            Screen::Bar(bar) => match bar.upgrade() {
                Some(bar) => bar.suspend(|| to_stderr(&text)),
                None => to_stderr(&text),
            },
            Screen::Streams => to_stderr(&text),
        }
    }
}

fn to_stderr(text: &str) {
    // Without a standard error there is nobody to tell.
    drop(writeln!(io::stderr().lock(), "{text}"));
}
