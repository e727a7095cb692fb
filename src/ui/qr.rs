//! An address, a code or a line to join by as a QR code, for a camera before the screen.
//!
//! Needs no node. Never draws into a pipe, a file or a terminal that is too narrow for it.

use super::output::Out;
use crate::core::qr::Matrix;
use unicode_width::UnicodeWidthStr as _;

/// Shows `text` as a code, where somebody looks and it fits; the text itself was told before.
pub fn show(out: &Out, text: &str) {
    if out.json() || !out.can().codes {
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

    /// As a camera sees it on a dark terminal: four dots on a side for each module.
    fn picture(code: &str) -> Vec<u8> {
        let rows = code.lines().flat_map(|line| {
            let lit = |halves: &'static str| move |c: char| halves.contains(c);
            [lit("█▀"), lit("█▄")].map(|lit| line.chars().map(lit).collect::<Vec<bool>>())
        });
        let rows: Vec<Vec<bool>> = rows.collect();
        let (width, height) = (rows[0].len() * 4, rows.len() * 4);
        let mut picture = format!("P5 {width} {height} 255\n").into_bytes();
        for row in rows {
            let line = row.iter().flat_map(|lit| [if *lit { 255 } else { 0 }; 4]);
            let line: Vec<u8> = line.collect();
            (0..4).for_each(|_| picture.extend(&line));
        }
        picture
    }

    #[test]
    fn what_is_drawn_is_read_by_a_scanner() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("code.pgm");
        let join = "sprat --rendezvous 203.0.113.7:12000/p2p/12D3KooWSCufgHzV4fCwRijfH2k3abrpAJxTKxEvN1FDuRXA2U9x";
        for text in ["99-mosaic-slipper", "http://192.0.2.7:45681/x/", join] {
            std::fs::write(&file, picture(&drawn(text, 80).unwrap())).unwrap();
            let read = std::process::Command::new("zbarimg")
                .args(["-q", "--raw"])
                .arg(&file)
                .output();
            let Ok(read) = read else {
                eprintln!("left out: zbarimg is not installed");
                return;
            };
            assert_eq!(String::from_utf8_lossy(&read.stdout).trim(), text);
        }
    }
}
