//! The log: to standard error, above the bar or the prompt while there is one. Every line of it is
//! escaped.

use super::{cli::LogFormat, json, output::Line};
use crate::{
    core::path::printable,
    node::{LogLine, log_lines},
};
use parking_lot::Mutex;
use serde::Serialize;
use std::{
    fmt::{self, Write as _},
    io::{self, Write},
    time::{SystemTime, UNIX_EPOCH},
};
use tokio::sync::mpsc;
use tracing::{Event, Subscriber, field::Field};
use tracing_subscriber::{
    EnvFilter, Layer,
    layer::{Context, SubscriberExt as _},
    util::SubscriberInitExt as _,
};

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

const INFO: &str = "error,sprat=info";

/// What is logged: of this program warnings, with `-v` what happens and with `-vv` everything. Of
/// the libraries nothing unless asked: what of it matters to a person is said by this program, in
/// its own words.
fn usual(verbose: u8) -> &'static str {
    match verbose {
        0 => "off,sprat=warn",
        1 => INFO,
        _ => "warn,sprat=debug",
    }
}

/// Starts the log, as loud as asked for, or as `SPRAT_LOG` says, or `RUST_LOG`.
pub fn start(verbose: u8, format: LogFormat) {
    let usual = usual(verbose);
    let variables = ["SPRAT_LOG", "RUST_LOG"].into_iter();
    let mut asked = variables.filter_map(|name| std::env::var(name).ok().filter(|f| !f.is_empty()));
    let filter = asked
        .next()
        .and_then(|filter| EnvFilter::try_new(filter).ok())
        .unwrap_or_else(|| EnvFilter::new(usual));
    let lines = match format {
        LogFormat::Json => Objects.boxed(),
        LogFormat::Text => tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .with_writer(|| Entry(Vec::new()))
            .boxed(),
    };
    let kept = Keep.with_filter(EnvFilter::new(INFO));
    let started = tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .with(kept)
        .try_init();
    // A second start (in a test) changes nothing.
    drop(started);
}

/// Keeps the newest lines for those who ask the node for them.
struct Keep;

impl<S: Subscriber> Layer<S> for Keep {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        log_lines().push(LogLine {
            time: unix_now(),
            level: event.metadata().level().as_str(),
            text: text_of(event),
        });
    }
}

/// What an event says, with its fields.
fn text_of(event: &Event<'_>) -> String {
    let mut text = String::new();
    event.record(&mut |field: &Field, value: &dyn fmt::Debug| {
        let gap = if text.is_empty() { "" } else { " " };
        let _ = match field.name() {
            "message" => write!(text, "{gap}{value:?}"),
            name => write!(text, "{gap}{name}={value:?}"),
        };
    });
    text
}

/// Writes each event as an object, for programs.
struct Objects;

impl<S: Subscriber> Layer<S> for Objects {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        #[derive(Serialize)]
        struct Object<'a> {
            time: u64,
            level: &'static str,
            target: &'a str,
            text: String,
        }
        let object = Object {
            time: unix_now(),
            level: event.metadata().level().as_str(),
            target: event.metadata().target(),
            text: text_of(event),
        };
        if let Some(line) = json::line(&object) {
            put(line);
        }
    }
}

fn unix_now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_secs()
}

/// Sends the log where it breaks nothing.
pub fn through(screen: Screen) {
    *SCREEN.lock() = screen;
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
        if !text.is_empty() {
            put(text.into_owned());
        }
    }
}

/// Prints a line where it breaks nothing.
fn put(text: String) {
    let screen = SCREEN.lock();
    match &*screen {
        Screen::Prompt(printer) => drop(printer.try_send(Line::Text(text))),
        Screen::Bar(bar) => match bar.upgrade() {
            Some(bar) => bar.suspend(|| to_stderr(&text)),
            None => to_stderr(&text),
        },
        Screen::Streams => to_stderr(&text),
    }
}

fn to_stderr(text: &str) {
    // Without a standard error there is nobody to tell.
    drop(writeln!(io::stderr().lock(), "{text}"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use tracing_subscriber::fmt::MakeWriter;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Kept {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    #[test]
    fn what_libraries_complain_of_is_nobodys_business_unless_asked() {
        let said = |verbose| {
            let kept = Kept::default();
            let log = tracing_subscriber::fmt()
                .with_env_filter(EnvFilter::new(usual(verbose)))
                .with_writer(kept.clone())
                .finish();
            tracing::subscriber::with_default(log, || {
                tracing::error!(target: "libp2p_mdns::behaviour::iface", "theirs");
                tracing::warn!(target: "sprat::node", "ours");
            });
            let said = kept.0.lock().clone();
            let said = String::from_utf8(said).unwrap();
            (said.contains("theirs"), said.contains("ours"))
        };
        assert_eq!(said(0), (false, true));
        assert_eq!(said(1), (true, true));
    }
}
