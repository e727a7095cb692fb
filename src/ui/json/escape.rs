//! An object as one line that a terminal can show: what would deceive it is escaped.

use serde::Serialize;
use std::fmt::Write as _;

/// One line of JSON; characters outside ASCII that a terminal obeys or hides are `\uXXXX`.
pub(super) fn line(value: &impl Serialize) -> String {
    // These types hold only strings, numbers and lists of them: serialising them cannot fail.
    let text = serde_json::to_string(value).unwrap_or_default();
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if deceives(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// C1 controls, DEL, bidirectional and zero-width characters, line separators, tags.
fn deceives(c: char) -> bool {
    matches!(c,
        '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}')
}
