//! The tables of `list` and `peers`: aligned, and no wider than the terminal.
//!
//! Pure. What strangers named goes through `printable` here. Only names are cut, in the
//! middle, so that the beginning and the extension stay; without a width nothing is cut.

use super::{
    sentences::{directory::presence, gaps},
    text::{self, cut_middle},
};
use crate::{
    core::path::printable,
    node::{Listing, PeerInfo, SignedUp},
};
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use unicode_width::UnicodeWidthStr as _;

/// Columns between two cells.
const GAP: usize = 2;
/// A name keeps this much, however narrow the terminal is.
const NARROWEST: usize = 12;
/// A media type is foreign text too: this much of it is shown…
const MEDIA: usize = 24;
/// …and this much when names need the room.
const SHORT_MEDIA: usize = 12;

/// `list` for people; `long`: with whose it is and when it was changed.
#[must_use]
pub fn listings(rows: &[Listing], long: bool, width: Option<usize>) -> String {
    if long {
        return long_listings(rows, width);
    }
    let header = ["NAME", "SIZE", "TYPE", "HOLDERS", "COPIES", "ID"];
    let cells = |media| {
        let row = |row: &Listing| {
            [
                printable(&row.name).into_owned(),
                text::size(row.size),
                cut_middle(&printable(&row.media), media),
                holders(row),
                copies(row),
                row.id.short(),
            ]
        };
        rows.iter().map(row).collect::<Vec<_>>()
    };
    let mut table = cells(MEDIA);
    let needed: usize = widths(&header, &table)
        .iter()
        .map(|width| width + GAP)
        .sum();
    if width.is_some_and(|width| width + GAP < needed) {
        table = cells(SHORT_MEDIA);
    }
    render(header, table, &[1, 3, 4], &[2, 4, 3], width)
}

fn long_listings(rows: &[Listing], width: Option<usize>) -> String {
    let header = [
        "NAME", "OWNER", "CHANGED", "SIZE", "HOLDERS", "COPIES", "ID",
    ];
    let row = |row: &Listing| {
        [
            printable(&row.name).into_owned(),
            owner(row),
            gaps::changed(row.mtime),
            text::size(row.size),
            holders(row),
            copies(row),
            row.id.short(),
        ]
    };
    let cells = rows.iter().map(row).collect();
    render(header, cells, &[3, 4, 5], &[5, 4, 3, 2], width)
}

/// `you`, `anna, bob`; `older, at bob` of what is no longer meant by its name.
fn owner(row: &Listing) -> String {
    let mut whose = Vec::new();
    if row.older {
        whose.push("older, at".to_owned());
        let mine = row.mine.then(|| "you".to_owned());
        let at = (!row.at.is_empty()).then(|| gaps::owners(&row.at));
        let at: Vec<String> = mine.into_iter().chain(at).collect();
        whose.push(if at.is_empty() {
            "keepers".to_owned()
        } else {
            at.join(", ")
        });
        return whose.join(" ");
    }
    whose.extend(row.shared.then(|| "you".to_owned()));
    whose.extend((!row.owners.is_empty()).then(|| gaps::owners(&row.owners)));
    if whose.is_empty() {
        "-".to_owned()
    } else {
        whose.join(", ")
    }
}

/// `3`; `3 (you)` of what this node has for its user.
fn holders(row: &Listing) -> String {
    if row.mine {
        format!("{} (you)", row.holders)
    } else {
        row.holders.to_string()
    }
}

/// `3`; `2 (kept)` of what nobody here offers any more.
fn copies(row: &Listing) -> String {
    if row.replica {
        format!("{} (kept)", row.copies)
    } else {
        row.copies.to_string()
    }
}

/// `peers` for people.
#[must_use]
pub fn peers(rows: &[PeerInfo], width: Option<usize>) -> String {
    let header = ["NAME", "ID", "VIA", "ADDRESS", "RTT", "OFFERS"];
    let cells = rows.iter().map(|row| {
        [
            printable(&row.name).into_owned(),
            fingerprint(row),
            row.via.as_str().to_owned(),
            printable(&row.address).into_owned(),
            row.rtt.map_or_else(
                || "-".to_owned(),
                |rtt| format!("{:.1} ms", rtt.as_secs_f64() * 1000.0),
            ),
            row.offers.to_string(),
        ]
    });
    render(header, cells.collect(), &[4, 5], &[5, 4, 2, 3], width)
}

/// `people` for people.
#[must_use]
pub fn people(rows: &[SignedUp], width: Option<usize>) -> String {
    let header = ["NAME", "SEEN", "ID", "ADDED", "SERVER"];
    let cells = rows.iter().map(|row| {
        let added = if row.added { "yes" } else { "no" };
        [
            printable(&row.name).into_owned(),
            presence(row),
            row.node.short(),
            added.to_owned(),
            printable(&row.server).into_owned(),
        ]
    });
    render(header, cells.collect(), &[], &[4, 3], width)
}

/// The end of the id, which is the key. Another one than was known for the name is marked; this
/// column always shows.
fn fingerprint(row: &PeerInfo) -> String {
    if row.key_changed {
        format!("{} (new key!)", row.node.short())
    } else if row.unproven {
        format!("{} (unproven)", row.node.short())
    } else {
        row.node.short()
    }
}

/// How wide each column has to be.
fn widths<const N: usize>(header: &[&str; N], rows: &[[String; N]]) -> [usize; N] {
    std::array::from_fn(|at| {
        let cells = rows.iter().map(|row| row[at].width());
        cells.max().unwrap_or(0).max(header[at].width())
    })
}

/// Draws a table. When the width is not enough, the columns of `spare` go, in that order, and then
/// names are cut.
fn render<const N: usize>(
    header: [&str; N],
    mut rows: Vec<[String; N]>,
    right: &[usize],
    spare: &[usize],
    width: Option<usize>,
) -> String {
    let mut shown: Vec<usize> = (0..N).collect();
    if let Some(width) = width {
        let needs = widths(&header, &rows);
        let others = |shown: &[usize]| shown[1..].iter().map(|&at| GAP + needs[at]).sum::<usize>();
        let least = needs[0].min(NARROWEST);
        for column in spare {
            if others(&shown) + least > width {
                shown.retain(|at| at != column);
            }
        }
        let room = width.saturating_sub(others(&shown)).max(NARROWEST);
        for row in &mut rows {
            row[0] = cut_middle(&row[0], room);
        }
    }
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(shown.iter().map(|&at| header[at]))
        .add_rows(rows.iter().map(|row| shown.iter().map(|&at| &row[at])));
    for (column, at) in table.column_iter_mut().zip(&shown) {
        column.set_padding((
            0,
            if Some(at) == shown.last() {
                0
            } else {
                GAP as u16
            },
        ));
        if right.contains(at) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

#[cfg(test)]
mod tests;
