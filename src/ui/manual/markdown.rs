//! The part of Markdown that this project's own documents use, as a manual page. Pure.
//!
//! A table's row is a paragraph that begins with its first column: a terminal is too narrow for the
//! rest side by side.

use clap_mangen::roff::{Inline, Roff, bold, italic, roman};

/// The page's body: everything after the title.
pub fn roff(text: &str) -> Roff {
    let mut page = Roff::new();
    let mut paragraph: Vec<&str> = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(title) = line.strip_prefix("## ") {
            end(&mut page, &mut paragraph);
            page.control("SH", [plain(title).as_str()]);
        } else if let Some(title) = line.strip_prefix("### ") {
            end(&mut page, &mut paragraph);
            page.control("SS", [plain(title).as_str()]);
        } else if line.starts_with("# ") {
            page.control("SH", ["DESCRIPTION"]);
        } else if line.starts_with("```") {
            end(&mut page, &mut paragraph);
            let code: Vec<&str> = lines
                .by_ref()
                .take_while(|l| !l.starts_with("```"))
                .collect();
            page.control("EX", []);
            page.text([roman(code.join("\n"))]);
            page.control("EE", []);
        } else if let Some(row) = line.strip_prefix('|') {
            end(&mut page, &mut paragraph);
            table_row(&mut page, row);
        } else if let Some(item) = item(line) {
            end(&mut page, &mut paragraph);
            page.control("IP", ["\u{2022}", "2"]);
            paragraph.push(item);
        } else if line.trim().is_empty() {
            end(&mut page, &mut paragraph);
            page.control("PP", []);
        } else {
            paragraph.push(line);
        }
    }
    end(&mut page, &mut paragraph);
    page
}

fn end(page: &mut Roff, paragraph: &mut Vec<&str>) {
    if !paragraph.is_empty() {
        page.text(inlines(&paragraph.join(" ")));
        paragraph.clear();
    }
}

/// What follows a bullet or a number.
fn item(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let after_number = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let numbered = (after_number.len() < line.len()).then(|| after_number.strip_prefix(". "));
    line.strip_prefix("- ").or(numbered.flatten())
}

fn table_row(page: &mut Roff, row: &str) {
    let cells: Vec<&str> = row
        .trim_end_matches('|')
        .split('|')
        .map(str::trim)
        .collect();
    let ruler = cells
        .iter()
        .all(|cell| cell.chars().all(|c| "-: ".contains(c)));
    if ruler {
        return;
    }
    let (first, rest) = cells.split_first().unwrap_or((&"", &[]));
    page.control("TP", []);
    page.text(inlines(first));
    page.text(inlines(&rest.join(" | ")));
}

/// Without any marks.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !"`*".contains(*c)).collect()
}

/// Code and strong words bold, emphasis italic, of a link its text.
fn inlines(text: &str) -> Vec<Inline> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['`', '*', '[']) {
        let (before, marked) = rest.split_at(at);
        found.push(roman(before));
        let (inline, after) = marked_at(marked);
        found.push(inline);
        rest = after;
    }
    found.push(roman(rest));
    found
}

type Font = fn(&str) -> Inline;

/// The first mark of `text`, and what comes after it.
fn marked_at(text: &str) -> (Inline, &str) {
    let (strong, emphasis): (Font, Font) = (|text| bold(text), |text| italic(text));
    for (mark, font) in [("`", strong), ("**", strong), ("*", emphasis)] {
        let inside = text
            .strip_prefix(mark)
            .and_then(|rest| rest.split_once(mark));
        if let Some((inside, after)) = inside
            && !inside.is_empty()
        {
            return (font(inside), after);
        }
    }
    let link = text.strip_prefix('[').and_then(|rest| {
        let (name, rest) = rest.split_once("](")?;
        let (_, after) = rest.split_once(')')?;
        (!name.contains(']')).then_some((roman(name), after))
    });
    link.unwrap_or_else(|| {
        let (one, after) = text.split_at(1);
        (roman(one), after)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_become_fonts() {
        let page = roff("a `b` and **c**, *d*, [e](f.md), 2 * 3 [x]").to_roff();
        assert!(
            page.contains("a \\fBb\\fR and \\fBc\\fR, \\fId\\fR, e, 2 * 3 [x]"),
            "{page}"
        );
    }

    #[test]
    fn a_table_has_a_paragraph_for_each_row() {
        let page = roff("| a | b |\n| --- | --- |\n| `x` | y |\n").to_roff();
        assert_eq!(page.matches(".TP").count(), 2, "{page}");
        assert!(!page.contains("---"), "{page}");
    }

    #[test]
    fn code_stays_as_it_is() {
        let page = roff("```text\n.a  b\n- c\n```\nend").to_roff();
        assert!(page.contains(".EX"), "{page}");
        assert!(page.contains("\\&.a  b"), "{page}");
        assert!(!page.contains(".IP"), "{page}");
    }
}
