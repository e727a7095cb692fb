//! Names that strangers gave, made safe for a disk and for an eye.
//!
//! Owns what a file may be called ([`RelPath`]), and how foreign text is shown ([`printable`]).
//! Never touches a disk. Invariants of a [`RelPath`]: not empty, `/`-separated, NFC, no component
//! is empty, `.` or `..`, none is longer than [`MAX_COMPONENT`], there is no backslash and no
//! control character. Joined to a folder it stays below it.

#[cfg(test)]
mod tests;

use std::{borrow::Cow, fmt};
use unicode_normalization::UnicodeNormalization;

/// Bytes of the longest component that is accepted: what ext4, APFS and NTFS can hold.
pub const MAX_COMPONENT: usize = 255;
/// Bytes of the longest path that is accepted.
pub const MAX_PATH: usize = 1024;

/// A longer "extension" is a sentence with a dot in it.
const MAX_EXTENSION: usize = 32;

/// A checked relative path.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RelPath(String);

/// Why a name is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// No name at all.
    #[error("the name is empty")]
    Empty,
    /// It begins with `/`.
    #[error("the name is an absolute path")]
    Absolute,
    /// It begins with a drive, such as `C:`.
    #[error("the name begins with a drive letter")]
    Drive,
    /// It has a component `.` or `..`.
    #[error("the name contains `.` or `..` as a folder")]
    Dots,
    /// Two slashes in a row, or one at the end.
    #[error("the name has an empty part")]
    EmptyComponent,
    /// A backslash, which is a separator on some systems.
    #[error("the name contains a backslash")]
    Backslash,
    /// NUL, a line break, an escape, …
    #[error("the name contains the control character U+{:04X}", u32::from(*.0))]
    Control(char),
    /// A component of more than [`MAX_COMPONENT`] bytes.
    #[error("a part of the name is longer than {MAX_COMPONENT} bytes")]
    ComponentTooLong,
    /// More than [`MAX_PATH`] bytes in all.
    #[error("the name is longer than {MAX_PATH} bytes")]
    TooLong,
}

impl RelPath {
    /// Checks a name that may come from anywhere, and puts it into Unicode form NFC.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        // Composing at most shortens what is allowed by a factor of three or so: nothing huge is
        // worked on.
        if text.len() > 4 * MAX_PATH {
            return Err(PathError::TooLong);
        }
        let text: String = if text.is_ascii() {
            text.to_owned()
        } else {
            text.nfc().collect()
        };
        if text.is_empty() {
            return Err(PathError::Empty);
        }
        if let Some(control) = text.chars().find(|c| c.is_control()) {
            return Err(PathError::Control(control));
        }
        if text.contains('\\') {
            return Err(PathError::Backslash);
        }
        if text.starts_with('/') {
            return Err(PathError::Absolute);
        }
        if text.len() > MAX_PATH {
            return Err(PathError::TooLong);
        }
        for (at, component) in text.split('/').enumerate() {
            match component.as_bytes() {
                [] => return Err(PathError::EmptyComponent),
                b"." | b".." => return Err(PathError::Dots),
                // `f:stream` is a legal name on most systems; `portable` takes its colon away.
                [letter, b':'] if at == 0 && letter.is_ascii_alphabetic() => {
                    return Err(PathError::Drive);
                }
                long if long.len() > MAX_COMPONENT => return Err(PathError::ComponentTooLong),
                _ => {}
            }
        }
        Ok(Self(text))
    }

    /// As it is, unescaped: for the disk and the wire. [`fmt::Display`] is for people.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its parts, outermost folder first.
    #[must_use]
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }

    /// Its last part.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.split_name().1
    }

    /// The folders before the name with their slash (or nothing), and the name.
    fn split_name(&self) -> (&str, &str) {
        self.0.split_at(self.0.rfind('/').map_or(0, |at| at + 1))
    }

    /// A name that every system can hold: for those that cannot hold any.
    ///
    /// - `< > : " | ? *` become `%3C %3E %3A %22 %7C %3F %2A`;
    /// - a dot or space at the end of a component becomes `%2E` or `%20`;
    /// - a component that is a device to Windows (`CON`, `nul.txt`, `COM1`, …) gets a `_` before
    ///   it;
    /// - where that would get longer than a name may be, `_` takes the place of the offending
    ///   character instead.
    ///
    /// A portable name maps to itself, however often it travels. So `a:b` and `a%3Ab` meet: a
    /// person who writes files must look for one that is there already (see [`RelPath::fold_key`],
    /// [`RelPath::numbered`]).
    #[must_use]
    pub fn portable(&self) -> Self {
        let roomy: Vec<String> = self
            .components()
            .map(|part| Some(escaped(part)).filter(|long| long.len() <= MAX_COMPONENT))
            .zip(self.components())
            .map(|(escaped, part)| escaped.unwrap_or_else(|| blanked(part)))
            .collect();
        let path = roomy.join("/");
        if path.len() <= MAX_PATH {
            return Self(path);
        }
        Self(self.components().map(blanked).collect::<Vec<_>>().join("/"))
    }

    /// Equal for two names that differ only in case or Unicode form, which some file systems take
    /// for one file.
    #[must_use]
    pub fn fold_key(&self) -> String {
        if self.0.is_ascii() {
            return self.0.to_ascii_lowercase(); // The same, and most names are.
        }
        // Up and down again, character by character: close to Unicode's full case folding (ß = ss,
        // ς = σ).
        self.0
            .nfd()
            .flat_map(char::to_uppercase)
            .flat_map(char::to_lowercase)
            .nfc()
            .collect()
    }

    /// The same with ` (n)` before the extension: `a.txt` → `a (2).txt`, `.x` → `.x (2)`. An
    /// over-long name is cut for it; the whole path may pass [`MAX_PATH`] by the length of the
    /// addition.
    #[must_use]
    pub fn numbered(&self, n: u32) -> Self {
        self.with(&format!(" ({n})"))
    }

    /// The same with ` (label)` there, such as whose it is; `None` where that makes no path.
    #[must_use]
    pub fn labelled(&self, label: &str) -> Option<Self> {
        if label.len() >= MAX_COMPONENT / 2 {
            return None;
        }
        Self::parse(&self.with(&format!(" ({label})")).0).ok()
    }

    /// The same with `addition` before the extension.
    fn with(&self, addition: &str) -> Self {
        let (folders, name) = self.split_name();
        let (stem, extension) = match name.rfind('.') {
            Some(at @ 1..) if name.len() - at <= MAX_EXTENSION => name.split_at(at),
            _ => (name, ""),
        };
        let mut room = stem
            .len()
            .min(MAX_COMPONENT - addition.len() - extension.len());
        while !stem.is_char_boundary(room) {
            room -= 1;
        }
        let stem = &stem[..room];
        Self(format!("{folders}{stem}{addition}{extension}"))
    }
}

impl fmt::Display for RelPath {
    /// Escaped by [`printable`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&printable(&self.0))
    }
}

/// Characters that Windows refuses in names. (Slash, backslash and controls are refused
/// everywhere.)
fn forbidden(c: char) -> bool {
    matches!(c, '<' | '>' | ':' | '"' | '|' | '?' | '*')
}

/// Windows drops these from the end of a name, so that two names become one.
fn unfit_at_end(c: char) -> bool {
    matches!(c, '.' | ' ')
}

/// Whether Windows takes the name for a device, whatever its extension.
fn is_device(component: &str) -> bool {
    let stem = component.split('.').next().unwrap_or_default();
    let stem = stem.trim_end_matches(' ').to_ascii_uppercase();
    match stem.as_str() {
        "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$" => true,
        stem => stem
            .strip_prefix("COM")
            .or_else(|| stem.strip_prefix("LPT"))
            .is_some_and(|port| {
                let mut port = port.chars();
                matches!(port.next(), Some('0'..='9' | '¹' | '²' | '³')) && port.next().is_none()
            }),
    }
}

fn escaped(component: &str) -> String {
    let mut out = String::with_capacity(component.len() + 8);
    if is_device(component) {
        out.push('_');
    }
    let last = component.chars().count() - 1;
    for (at, c) in component.chars().enumerate() {
        if forbidden(c) || (at == last && unfit_at_end(c)) {
            out.extend(format!("%{:02X}", u32::from(c)).chars());
        } else {
            out.push(c);
        }
    }
    // A combining mark may have found a new letter to combine with.
    out.nfc().collect()
}

/// Like [`escaped`], and never longer than the component was.
fn blanked(component: &str) -> String {
    let device = is_device(component);
    let last = component.chars().count() - 1;
    component
        .chars()
        .enumerate()
        .map(|(at, c)| {
            let bad = forbidden(c) || (at == last && unfit_at_end(c)) || (at == 0 && device);
            if bad { '_' } else { c }
        })
        .collect()
}

/// Whether a terminal, or the reader of a page, could be deceived by it: controls, bidirectional
/// controls, and what takes no room.
pub(super) fn deceives(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{180E}'
            | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
            | '\u{3164}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

fn escape(c: char) -> String {
    match c {
        '\n' => "\\n".into(),
        '\r' => "\\r".into(),
        '\t' => "\\t".into(),
        c => format!("\\u{{{:x}}}", u32::from(c)),
    }
}

/// Foreign text for a terminal, a log or a page: one line, with nothing in it that moves a cursor,
/// colours, reorders or hides. `\n`, `\r`, `\t` and `\u{…}` stand for what was there; a backslash
/// stays as it is.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(deceives) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if deceives(c) {
            out.push_str(&escape(c));
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// [`printable`], and not longer than `max_chars` characters: what is too long ends in `…`. No
/// escape is cut in two.
#[must_use]
pub fn printable_cut(text: &str, max_chars: usize) -> String {
    let mut out = String::new();
    let mut used = 0;
    // Where to cut if the text turns out to be too long: one character is kept free for the `…`.
    let mut cut = 0;
    for c in text.chars() {
        let before = out.len();
        if deceives(c) {
            let escape = escape(c);
            used += escape.len();
            out.push_str(&escape);
        } else {
            used += 1;
            out.push(c);
        }
        if used < max_chars {
            cut = out.len();
        } else if used > max_chars {
            out.truncate(cut.min(before));
            if max_chars > 0 {
                out.push('…');
            }
            break;
        }
    }
    out
}
