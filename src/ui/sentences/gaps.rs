//! What is not known of what the swarm offers, and what a name could mean: sentences. Pure; what
//! strangers named is escaped.

use crate::{
    core::path::printable,
    node::{Gap, Gaps, Missing, Owner, Scan, Version},
    ui::text::{self, person},
};

/// More nodes than this are counted, not named.
const NAMED: usize = 4;

/// Who has not told all that it offers, and what to do.
#[must_use]
pub fn incomplete(gaps: &Gaps) -> String {
    let mut parts = Vec::new();
    if gaps.alone {
        parts.push("nobody else is here".to_owned());
    }
    let scanning: Vec<String> = gaps.scanning.iter().take(NAMED).map(scanning).collect();
    parts.extend(scanning);
    for gap in gaps.catalogs.iter().take(NAMED) {
        let who = person(&gap.node.name);
        let names = text::count(gap.known, "name");
        parts.push(match gap.why {
            Missing::Connection => {
                format!("{who} announced itself, and no connection to it came about yet")
            }
            Missing::Rest => format!("{who} told {names} so far"),
            Missing::Answer => format!("{who} does not say what it offers"),
            Missing::Others => format!("{who} did not say yet who else is here"),
            Missing::Room => match gap.of {
                Some(of) if of > gap.known => format!(
                    "there is room here for {} of the {of} names that {who} offers",
                    gap.known
                ),
                _ => format!("{who} offers more than the {names} for which there is room here"),
            },
        });
    }
    let more =
        gaps.scanning.len().saturating_sub(NAMED) + gaps.catalogs.len().saturating_sub(NAMED);
    if more > 0 {
        parts.push(format!("and {}", text::count(more as u64, "more node")));
    }
    let cut = |gap: &Gap| gap.why == Missing::Room;
    // Time makes no room.
    let waits = gaps.alone || !gaps.scanning.is_empty() || !gaps.catalogs.iter().all(cut);
    let mut what_helps = Vec::new();
    what_helps.extend(waits.then_some("Ask again, or give it time with --wait SECONDS"));
    let room = gaps.catalogs.iter().any(cut);
    what_helps.extend(room.then_some("What has no room in the list its owner can send"));
    format!(
        "this may not be all: {}. {}",
        parts.join("; "),
        what_helps.join(". ")
    )
}

fn scanning((node, scan): &(Owner, Scan)) -> String {
    let of = match (scan.of_files, scan.of_bytes) {
        (Some(files), Some(bytes)) => format!(
            " ({} of {}, {} of {})",
            scan.files.min(files),
            text::count(files, "file"),
            text::size(scan.bytes.min(bytes)),
            text::size(bytes)
        ),
        _ => String::new(),
    };
    format!(
        "{} is still reading its shared folder{of}",
        person(&node.name)
    )
}

/// A name with contents of several owners: which there are, and how to choose.
#[must_use]
pub fn ambiguous(name: &str, versions: &[Version]) -> String {
    let mut lines = vec![format!(
        "`{}` is offered with different contents:",
        printable(name)
    )];
    lines.extend(versions.iter().map(|one| format!("  {}", version(one))));
    let several = versions.iter().filter(|one| !one.owners.is_empty()).count() > 1;
    lines.push(if several {
        "choose one with --from NAME or by its id, or take all with --all-versions".to_owned()
    } else {
        "choose one by its id".to_owned()
    });
    lines.join("\n")
}

fn version(version: &Version) -> String {
    format!(
        "{}: {}, changed {}, id {}",
        owners(&version.owners),
        text::size(version.size),
        changed(version.mtime),
        version.id.short()
    )
}

/// When a file was changed.
#[must_use]
pub fn changed(mtime: i64) -> String {
    text::moment(u64::try_from(mtime).unwrap_or_default())
}

/// `anna, bob and 3 others`; `nobody here` for none.
#[must_use]
pub fn owners(owners: &[Owner]) -> String {
    let named: Vec<String> = owners
        .iter()
        .take(NAMED)
        .map(|one| person(&one.name))
        .collect();
    match owners.len().saturating_sub(NAMED) {
        0 if named.is_empty() => "nobody here".to_owned(),
        0 => named.join(", "),
        more => format!(
            "{} and {}",
            named.join(", "),
            text::count(more as u64, "other")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::id::{FileId, NodeId};

    fn node(name: &str) -> Owner {
        Owner {
            node: NodeId([1; 32]),
            name: name.into(),
        }
    }

    #[test]
    fn who_is_still_reading_is_named_with_how_far_it_is() {
        let scan = Scan {
            files: 12,
            bytes: 1 << 20,
            of_files: Some(300),
            of_bytes: Some(1 << 30),
        };
        let gap = |name: &str, why| Gap {
            node: node(name),
            known: 1536,
            of: None,
            why,
        };
        let gaps = Gaps {
            catalogs: vec![
                gap("bob\u{7}", Missing::Rest),
                gap("eve", Missing::Connection),
            ],
            scanning: vec![(node("anna"), scan), (node("carl"), Scan::default())],
            alone: false,
        };
        assert_eq!(
            incomplete(&gaps),
            "this may not be all: anna is still reading its shared folder (12 of 300 files, 1.0 MiB of 1.0 GiB); \
             carl is still reading its shared folder; bob\\u{7} told 1536 names so far; \
             eve announced itself, and no connection to it came about yet. \
             Ask again, or give it time with --wait SECONDS"
        );
        let many = Gaps {
            catalogs: vec![gap("x", Missing::Answer); 9],
            scanning: Vec::new(),
            alone: true,
        };
        assert!(incomplete(&many).starts_with("this may not be all: nobody else is here; x"));
        assert!(incomplete(&many).contains("and 5 more nodes"));
        let mut cut = Gaps {
            catalogs: vec![gap("bob", Missing::Room)],
            ..Gaps::default()
        };
        cut.catalogs[0].of = Some(9000);
        assert_eq!(
            incomplete(&cut),
            "this may not be all: there is room here for 1536 of the 9000 names that bob offers. \
             What has no room in the list its owner can send"
        );
        cut.catalogs.push(gap("eve", Missing::Rest));
        cut.catalogs[0].of = None;
        let both = incomplete(&cut);
        assert!(both.contains("bob offers more than the 1536 names for which there is room here"));
        assert!(both.contains("--wait SECONDS. What has no room"), "{both}");
    }

    #[test]
    fn who_has_to_choose_is_told_among_what() {
        let version = |id, owner: &[&str]| Version {
            id: FileId([id; 32]),
            size: 2048,
            mtime: 951_782_400,
            owners: owner.iter().map(|name| node(name)).collect(),
        };
        assert_eq!(
            ambiguous(
                "a.pdf",
                &[version(1, &["anna"]), version(2, &["bob", "carl"])]
            ),
            "`a.pdf` is offered with different contents:\n  \
             anna: 2.0 KiB, changed 2000-02-29 00:00 UTC, id 0101010101\n  \
             bob, carl: 2.0 KiB, changed 2000-02-29 00:00 UTC, id 0202020202\n\
             choose one with --from NAME or by its id, or take all with --all-versions"
        );
        assert!(ambiguous("0101", &[version(1, &[])]).ends_with("choose one by its id"));
    }
}
