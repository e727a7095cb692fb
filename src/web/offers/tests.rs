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

/// The page that is asked for, of change 5.
fn cut(rows: &[Listing], wanted: &Wanted) -> Page {
    page_of(&Held::new(rows.to_vec(), 5), wanted, &Work::default())
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
    let page = cut(&rows, &wanted);
    assert_eq!((page.total, page.revision), (4, 5));
    assert_eq!(names(&page), ["b", "d", "c"]);
    wanted.offset = 3;
    assert_eq!(names(&cut(&rows, &wanted)), ["a"]);
    (wanted.offset, wanted.desc) = (0, Some("1".into()));
    assert_eq!(names(&cut(&rows, &wanted)), ["a", "c", "b"]);
    wanted.offset = usize::MAX;
    assert!(names(&cut(&rows, &wanted)).is_empty());
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
    let page = cut(&rows, &wanted);
    assert_eq!(names(&page), ["photos/c.jpg"]);
    let folder = Folder {
        path: "photos/2024/".into(),
        name: "2024".into(),
        files: 2,
        size: 7,
    };
    assert_eq!(page.folders, [folder]);
    wanted.folder = Some("/".into());
    let page = cut(&rows, &wanted);
    assert_eq!(names(&page), ["photosynthesis.txt"]);
    assert_eq!(page.folders[0].files, 3);
}

#[test]
fn older_versions_come_only_when_wanted() {
    let mut old = row("a", 1);
    old.older = true;
    let rows = [old, row("a", 2)];
    assert_eq!(cut(&rows, &Wanted::default()).total, 1);
    let wanted = Wanted {
        versions: Some("1".into()),
        ..Wanted::default()
    };
    assert_eq!(cut(&rows, &wanted).total, 2);
}
