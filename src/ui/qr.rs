//! An address as a QR code, for a camera before the screen.
//!
//! Needs no node. Never draws into a pipe, a file or a terminal that is too narrow for it.

use super::output::Out;
use crate::core::qr::Matrix;
use unicode_width::UnicodeWidthStr as _;

/// Shows `text` as a code, where somebody looks and it fits; the text itself was told before.
pub fn show(out: &Out, text: &str) {
    if out.json() {
        return;
    }
    let Some(code) = out.width().and_then(|width| drawn(text, width)) else {
        return;
    };
    out.result(&code);
}

fn drawn(text: &str, width: usize) -> Option<String> {
    let code = Matrix::of(text)?.half_blocks();
    let fits = code.lines().next()?.width() <= width;
    fits.then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_whole_or_not_there() {
        let code = drawn("http://192.0.2.7:45681/x/", 80).unwrap();
        let wide = code.lines().next().unwrap().chars().count();
        assert!(drawn("http://192.0.2.7:45681/x/", wide).is_some());
        assert_eq!(drawn("http://192.0.2.7:45681/x/", wide - 1), None);
    }
}
