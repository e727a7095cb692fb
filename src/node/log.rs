//! The newest lines of the program's log, for front ends: a log is the process's, and so is this.
//!
//! Owns at most [`LINES`] lines of at most [`LONGEST`] bytes. Never decides what is logged.

use crate::core::ring::Ring;
use parking_lot::Mutex;
use serde::Serialize;
use std::sync::LazyLock;
use tokio::sync::watch;

/// Lines that are kept.
const LINES: usize = 1000;
/// Bytes of a line.
const LONGEST: usize = 512;

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// When: seconds since 1970.
    pub time: u64,
    /// `ERROR`, `WARN`, `INFO`.
    pub level: &'static str,
    /// What: it may name what strangers named.
    pub text: String,
}

/// See the module.
pub struct LogLines {
    lines: Mutex<Ring<LogLine>>,
    /// The number of the next line.
    next: watch::Sender<u64>,
}

static LOG: LazyLock<LogLines> = LazyLock::new(LogLines::new);

/// Those of this process.
#[must_use]
pub fn log_lines() -> &'static LogLines {
    &LOG
}

impl LogLines {
    fn new() -> Self {
        Self {
            lines: Mutex::new(Ring::new(LINES, 1)),
            next: watch::channel(1).0,
        }
    }

    /// Adds a line; what is too long is cut.
    pub fn push(&self, mut line: LogLine) {
        if line.text.len() > LONGEST {
            let end = (0..=LONGEST - 3).rev();
            let end = end.into_iter().find(|end| line.text.is_char_boundary(*end));
            line.text.truncate(end.unwrap_or(0));
            line.text.push('…');
        }
        let next = {
            let mut lines = self.lines.lock();
            lines.push(line);
            lines.next()
        };
        self.next.send_replace(next);
    }

    /// The lines from number `from` on that are kept, each with its number, and the number of the
    /// next.
    #[must_use]
    pub fn since(&self, from: u64) -> (Vec<(u64, LogLine)>, u64) {
        let lines = self.lines.lock();
        let found = lines.since(from);
        let found = found.map(|(number, line)| (number, line.clone())).collect();
        (found, lines.next())
    }

    /// Tells the number of the next line, with each that comes.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.next.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_and_the_oldest_make_way() {
        let log = LogLines::new();
        for number in 0..1500 {
            log.push(LogLine {
                time: number,
                level: "INFO",
                text: "ä".repeat(400),
            });
        }
        let (lines, next) = log.since(0);
        assert_eq!((lines.len(), lines[0].0, next), (LINES, 501, 1501));
        assert!(lines[0].1.text.len() <= LONGEST && lines[0].1.text.ends_with('…'));
        assert_eq!(log.since(1500).0.len(), 1);
        assert!(log.since(1501).0.is_empty());
    }
}
