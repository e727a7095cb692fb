//! What the swarm offers, page by page: sorted, by folders, and remembered for the pages that
//! follow.
//!
//! Invariant: at most [`LISTS`] lists are remembered, each for [`FRESH`] at most, and none over a
//! change of what is offered.

use crate::node::{Listing, Node};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::{
    cmp::Reverse,
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

/// Lists that are remembered: a person types.
const LISTS: usize = 4;
/// How long one counts though nothing seems to change: holders come and go.
const FRESH: Duration = Duration::from_secs(3);
/// Rows of a page.
pub const PAGE: usize = 200;
const MAX_PAGE: usize = 1000;

/// What is asked for.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Wanted {
    q: Option<String>,
    folder: Option<String>,
    #[serde(default)]
    sort: Sort,
    desc: Option<String>,
    versions: Option<String>,
    #[serde(default)]
    offset: usize,
    limit: Option<usize>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Sort {
    #[default]
    Name,
    Size,
    Time,
    Holders,
    Copies,
}

fn is_on(word: Option<&String>) -> bool {
    word.is_some_and(|word| word != "0" && word != "false")
}

/// A page.
#[derive(Debug, Serialize)]
pub struct Page {
    pub total: usize,
    pub offset: usize,
    pub revision: u64,
    pub folders: Vec<Folder>,
    pub offers: Vec<Row>,
}

/// A row: what `list` has, and whether it lies in this node's own folder.
#[derive(Debug, Serialize)]
pub struct Row {
    #[serde(flatten)]
    listing: Listing,
    shared: bool,
}

/// A folder of the folder that is asked for.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Folder {
    #[serde(rename = "folder")]
    path: String,
    name: String,
    files: u64,
    size: u64,
}

/// A list that was asked for a moment ago: its pattern, the change that it is of, and since when.
type Remembered = (Option<String>, u64, Instant, Arc<Vec<Listing>>);

/// See the module.
#[derive(Default)]
pub struct Offers(Mutex<Vec<Remembered>>);

impl Offers {
    /// A page of what is offered; `revision` is how often that changed.
    pub async fn page(&self, node: &Node, wanted: &Wanted, revision: u64) -> Page {
        let pattern = wanted.q.clone().filter(|pattern| !pattern.is_empty());
        let rows = self.rows(node, pattern, revision).await;
        let wanted = wanted.clone();
        let cut = tokio::task::spawn_blocking(move || cut(&rows, &wanted, revision)).await;
        cut.unwrap_or_else(|_| cut_nothing(revision))
    }

    async fn rows(&self, node: &Node, pattern: Option<String>, revision: u64) -> Arc<Vec<Listing>> {
        {
            let mut lists = self.0.lock();
            lists.retain(|(_, of, since, _)| *of == revision && since.elapsed() < FRESH);
            if let Some((.., rows)) = lists.iter().find(|(known, ..)| *known == pattern) {
                return rows.clone();
            }
        }
        let rows = Arc::new(node.list(pattern.clone()).await);
        let mut lists = self.0.lock();
        if lists.len() >= LISTS {
            lists.remove(0);
        }
        lists.push((pattern, revision, Instant::now(), rows.clone()));
        rows
    }
}

fn cut_nothing(revision: u64) -> Page {
    Page {
        total: 0,
        offset: 0,
        revision,
        folders: Vec::new(),
        offers: Vec::new(),
    }
}

/// The page that is asked for. Pure.
fn cut(all: &[Listing], wanted: &Wanted, revision: u64) -> Page {
    let older = is_on(wanted.versions.as_ref());
    let inside = wanted.folder.as_deref().map(|folder| match folder {
        "/" | "" => String::new(),
        folder => format!("{}/", folder.trim_end_matches('/')),
    });
    let mut folders: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    let mut rows: Vec<&Listing> = Vec::new();
    for row in all.iter().filter(|row| older || !row.older) {
        let Some(inside) = &inside else {
            rows.push(row);
            continue;
        };
        let Some(rest) = row.name.strip_prefix(inside.as_str()) else {
            continue;
        };
        match rest.split_once('/') {
            None => rows.push(row),
            Some((folder, _)) => {
                let (files, size) = folders.entry(folder).or_default();
                *files += 1;
                *size += row.size;
            }
        }
    }
    // They come by name; sorting keeps that order among equals.
    match wanted.sort {
        Sort::Name => {}
        Sort::Size => rows.sort_by_key(|row| row.size),
        Sort::Time => rows.sort_by_key(|row| row.mtime),
        Sort::Holders => rows.sort_by_key(|row| row.holders),
        Sort::Copies => rows.sort_by_key(|row| row.copies),
    }
    if is_on(wanted.desc.as_ref()) {
        match wanted.sort {
            Sort::Name => rows.reverse(),
            Sort::Size => rows.sort_by_key(|row| Reverse(row.size)),
            Sort::Time => rows.sort_by_key(|row| Reverse(row.mtime)),
            Sort::Holders => rows.sort_by_key(|row| Reverse(row.holders)),
            Sort::Copies => rows.sort_by_key(|row| Reverse(row.copies)),
        }
    }
    let total = rows.len();
    let limit = wanted.limit.unwrap_or(PAGE).min(MAX_PAGE);
    let rows = rows.into_iter().skip(wanted.offset).take(limit);
    let folders = folders.into_iter().filter(|_| wanted.offset == 0);
    let inside = inside.as_deref().unwrap_or_default();
    Page {
        total,
        offset: wanted.offset,
        revision,
        folders: folders
            .map(|(name, (files, size))| Folder {
                path: format!("{inside}{name}/"),
                name: name.to_owned(),
                files,
                size,
            })
            .collect(),
        offers: rows
            .map(|row| Row {
                listing: row.clone(),
                shared: row.shared,
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::id::FileId;

    fn row(name: &str, size: u64) -> Listing {
        Listing {
            name: name.into(),
            id: FileId([7; 32]),
            size,
            media: "text/plain".into(),
            mtime: 0,
            owners: Vec::new(),
            at: Vec::new(),
            shared: false,
            others: 1,
            holders: 1,
            copies: 1,
            keepers: 0,
            replica: false,
            mine: false,
            older: false,
        }
    }

    fn names(page: &Page) -> Vec<&str> {
        let rows = page.offers.iter();
        rows.map(|row| &*row.listing.name).collect()
    }

    #[test]
    fn pages_are_cut_after_sorting() {
        let rows = [row("a", 3), row("b", 1), row("c", 2), row("d", 1)];
        let mut wanted = Wanted {
            sort: Sort::Size,
            limit: Some(3),
            ..Wanted::default()
        };
        let page = cut(&rows, &wanted, 5);
        assert_eq!((page.total, page.revision), (4, 5));
        assert_eq!(names(&page), ["b", "d", "c"]);
        wanted.offset = 3;
        assert_eq!(names(&cut(&rows, &wanted, 5)), ["a"]);
        (wanted.offset, wanted.desc) = (0, Some("1".into()));
        assert_eq!(names(&cut(&rows, &wanted, 5)), ["a", "c", "b"]);
        wanted.offset = usize::MAX;
        assert!(names(&cut(&rows, &wanted, 5)).is_empty());
    }

    #[test]
    fn a_folder_shows_what_lies_in_it_and_counts_what_lies_deeper() {
        let rows = [
            row("photos/2024/a.jpg", 3),
            row("photos/2024/x/b.jpg", 4),
            row("photos/c.jpg", 1),
            row("photosynthesis.txt", 9),
        ];
        let mut wanted = Wanted {
            folder: Some("photos/".into()),
            ..Wanted::default()
        };
        let page = cut(&rows, &wanted, 0);
        assert_eq!(names(&page), ["photos/c.jpg"]);
        let folder = Folder {
            path: "photos/2024/".into(),
            name: "2024".into(),
            files: 2,
            size: 7,
        };
        assert_eq!(page.folders, [folder]);
        wanted.folder = Some("/".into());
        let page = cut(&rows, &wanted, 0);
        assert_eq!(names(&page), ["photosynthesis.txt"]);
        assert_eq!(page.folders[0].files, 3);
    }

    #[test]
    fn older_versions_come_only_when_wanted() {
        let mut old = row("a", 1);
        old.older = true;
        let rows = [old, row("a", 2)];
        assert_eq!(cut(&rows, &Wanted::default(), 0).total, 1);
        let wanted = Wanted {
            versions: Some("1".into()),
            ..Wanted::default()
        };
        assert_eq!(cut(&rows, &wanted, 0).total, 2);
    }
}
