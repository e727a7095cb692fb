//! What many terminals do beyond text: links to files, a title, the clipboard.
//!
//! Pure but for [`Can::here`]. Invariant: what a stranger named is escaped before it stands in a
//! sequence, so it cannot end one.

use crate::core::path::printable;
use base64::Engine as _;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

/// What stays as it is in the path of an address.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// Whether codes for cameras are wanted.
static CODES: AtomicBool = AtomicBool::new(true);

/// Says that no codes for cameras are wanted, as long as this program runs.
pub fn no_codes() {
    CODES.store(false, Ordering::Relaxed);
}

/// What the terminal of a command can show, and may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Can {
    /// Links to files.
    pub links: bool,
    /// Codes for cameras.
    pub codes: bool,
}

impl Can {
    /// That of this program's standard output.
    #[must_use]
    pub fn here() -> Self {
        Self {
            links: supports_hyperlinks::on(supports_hyperlinks::Stream::Stdout),
            codes: CODES.load(Ordering::Relaxed),
        }
    }
}

/// A sentence with a link at the last place where the file's path stands in it.
#[must_use]
pub fn linked(sentence: &str, path: &Path) -> String {
    let shown = path.to_string_lossy();
    let shown = printable(&shown);
    match sentence.rfind(&*shown) {
        Some(at) if path.is_absolute() => {
            let (before, rest) = sentence.split_at(at);
            let after = &rest[shown.len()..];
            let path = path.to_string_lossy();
            let address = utf8_percent_encode(&path, PLAIN);
            format!("{before}\x1b]8;;file://{address}\x1b\\{shown}\x1b]8;;\x1b\\{after}")
        }
        _ => sentence.to_owned(),
    }
}

/// Puts a text on the clipboard of the one who looks.
#[must_use]
pub fn copied(text: &str) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(text);
    format!("\x1b]52;c;{text}\x07")
}

/// Keeps the title that the terminal has, to be put back by [`TITLE_BACK`].
pub const TITLE_KEPT: &str = "\x1b[22;2t";
/// Puts back what was kept.
pub const TITLE_BACK: &str = "\x1b[23;2t";

/// Another title.
#[must_use]
pub fn title(text: &str) -> String {
    format!("\x1b]2;{}\x07", printable(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_a_link_whatever_is_in_its_name() {
        let path = Path::new("/h/a b\x1b]8;;x\x07.txt");
        let said = format!("got it; saved as {}", printable(&path.to_string_lossy()));
        let linked = linked(&said, path);
        assert_eq!(linked.matches("\x1b]8;;").count(), 2, "{linked:?}");
        assert!(
            linked.contains("file:///h/a%20b%1B%5D8%3B%3Bx%07.txt\x1b\\"),
            "{linked:?}"
        );
        assert!(!linked.contains('\x07'), "{linked:?}");
    }

    #[test]
    fn a_sentence_without_the_path_stays_as_it_is() {
        assert_eq!(linked("got 3 files", Path::new("/h/x")), "got 3 files");
        assert_eq!(linked("saved as x", Path::new("x")), "saved as x");
    }

    #[test]
    fn a_title_and_a_copy_end_where_they_should() {
        assert_eq!(title("a\x07b").matches('\x07').count(), 1);
        assert_eq!(
            copied("sprat receive 7-x"),
            "\x1b]52;c;c3ByYXQgcmVjZWl2ZSA3LXg=\x07"
        );
    }
}
