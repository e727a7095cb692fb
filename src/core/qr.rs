//! Addresses as QR codes: text in, a square of modules out. Pure.
//!
//! Owns the choice of the code's size and how it is laid out in half blocks. Never prints.
//! Invariant: what cannot be a code (too long) gives none; nothing here fails otherwise.

use qrcode::{Color, EcLevel, QrCode};

/// Light modules around a code, without which cameras do not find it: the standard wants four.
const QUIET: usize = 4;
/// The longest text, in bytes: beyond that the modules are too small for a camera.
const LONGEST: usize = 512;

/// A code: a square of modules, without the light border.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Matrix {
    width: usize,
    dark: Vec<bool>,
}

impl Matrix {
    /// The code of a text; `None` when it is longer than 512 bytes.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let short = Some(text).filter(|text| text.len() <= LONGEST)?;
        let code = QrCode::with_error_correction_level(short, EcLevel::L).ok()?;
        Some(Self {
            width: code.width(),
            dark: code.to_colors().iter().map(|c| *c == Color::Dark).collect(),
        })
    }

    /// Modules on a side.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Whether the module in this column and row is dark; those beyond the edge are light.
    #[must_use]
    pub fn is_dark(&self, x: usize, y: usize) -> bool {
        x < self.width && y < self.width && self.dark[y * self.width + x]
    }

    /// Its rows, each with a `1` for a dark module and a `0` for a light one.
    #[must_use]
    pub fn rows(&self) -> Vec<String> {
        let text = |row: &[bool]| row.iter().map(|dark| digit(*dark)).collect();
        self.dark.chunks(self.width).map(text).collect()
    }

    /// A line for two rows of modules, with the light border. A block is a light module, so that it
    /// can be read on a dark terminal; most cameras read the inverse on a light one, too.
    #[must_use]
    pub fn half_blocks(&self) -> String {
        let side = self.width + 2 * QUIET;
        // Where the border begins, the index wraps round: beyond the edge, so light.
        let light = |x: usize, y: usize| {
            y < side && !self.is_dark(x.wrapping_sub(QUIET), y.wrapping_sub(QUIET))
        };
        let line = |y: usize| {
            (0..side).map(move |x| match (light(x, y), light(x, y + 1)) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            })
        };
        let lines = (0..side).step_by(2).map(|y| line(y).collect::<String>());
        lines.collect::<Vec<_>>().join("\n")
    }

    /// A picture of it, with the light border: nothing but numbers stands in it.
    #[must_use]
    pub fn svg(&self) -> String {
        use std::fmt::Write as _;
        let side = self.width + 2 * QUIET;
        let mut path = String::new();
        for y in 0..self.width {
            for x in (0..self.width).filter(|x| self.is_dark(*x, y)) {
                let _ = write!(path, "M{} {}h1v1h-1z", x + QUIET, y + QUIET);
            }
        }
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\">\
             <path fill=\"#fff\" d=\"M0 0h{side}v{side}h-{side}z\"/><path fill=\"#000\" d=\"{path}\"/></svg>"
        )
    }
}

/// `1` for dark.
fn digit(dark: bool) -> char {
    if dark { '1' } else { '0' }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: &str = "http://192.168.178.23:45681/3mJr7AoUXx2Wqd5xY9KpQz/";

    #[test]
    fn a_code_has_its_three_finders_and_a_light_border() {
        let code = Matrix::of(ADDRESS).unwrap();
        let last = code.width() - 7;
        for (x, y) in [(0, 0), (last, 0), (0, last)] {
            let ring = (0..7).all(|at| code.is_dark(x + at, y) && code.is_dark(x, y + at));
            assert!(ring && !code.is_dark(x + 1, y + 1) && code.is_dark(x + 3, y + 3));
        }
        assert_eq!((code.width() - 21) % 4, 0, "{}", code.width());
        assert!(!code.is_dark(code.width(), 0) && !code.is_dark(0, usize::MAX));
    }

    #[test]
    fn half_blocks_say_what_the_modules_say() {
        let code = Matrix::of(ADDRESS).unwrap();
        let text = code.half_blocks();
        let lines: Vec<Vec<char>> = text.lines().map(|line| line.chars().collect()).collect();
        let side = code.width() + 8;
        assert_eq!(lines.len(), side.div_ceil(2));
        assert!(lines.iter().all(|line| line.len() == side));
        assert!(lines[0].iter().all(|c| *c == '█'), "the border is light");
        for y in 0..code.width() {
            for x in 0..code.width() {
                let shown = lines[y.midpoint(4)][x + 4];
                let light = match y % 2 {
                    0 => "█▀",
                    _ => "█▄",
                };
                assert_eq!(light.contains(shown), !code.is_dark(x, y), "{x} {y}");
            }
        }
    }

    #[test]
    fn rows_and_picture_have_nothing_of_the_text_in_them() {
        let code = Matrix::of("<script>\"&").unwrap();
        assert_eq!(code.rows().len(), code.width());
        assert!(code.rows().iter().all(|row| row.len() == code.width()));
        let picture = code.svg();
        assert!(!picture.contains("script") && picture.starts_with("<svg"));
    }

    #[test]
    fn what_no_camera_would_read_gives_no_code() {
        assert!(Matrix::of(&"x".repeat(512)).is_some());
        assert!(Matrix::of(&"x".repeat(513)).is_none());
    }
}
