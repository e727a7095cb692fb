use super::*;
use crate::{
    core::{
        id::ChunkId,
        manifest::{Entry, PAGE_ENTRIES},
    },
    store::Home,
};

#[test]
fn manifests_come_back_whole() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(folder.path()).unwrap();
    let (index, _) = Index::open(&home).unwrap();
    // No page; one that is kept with the root; one that is not; one full, of several parts; one
    // more entry.
    for count in [0, 1, 100, PAGE_ENTRIES, PAGE_ENTRIES + 1] {
        let entries: Vec<Entry> = (0..count as u32)
            .map(|at| Entry {
                id: ChunkId(*blake3::hash(&at.to_le_bytes()).as_bytes()),
                len: 100_000,
            })
            .collect();
        let encoded = manifest::encode(&entries);
        assert_eq!(index.manifest(&encoded.file).unwrap(), None);
        index.add_manifest(&encoded).unwrap();
        assert_eq!(
            index.root(&encoded.file).unwrap().as_ref(),
            Some(&encoded.root)
        );
        for (at, page) in (0..).zip(&encoded.pages) {
            assert_eq!(index.page(&encoded.file, at).unwrap().as_ref(), Some(page));
        }
        let manifest = index.manifest(&encoded.file).unwrap().unwrap();
        assert_eq!(manifest.entries(), entries);
        index.remove_partial(&encoded.file).unwrap();
    }
    assert!(index.0.pages.is_empty() && index.0.roots.is_empty());
}

fn manifest_of(tag: u8, chunks: usize) -> Encoded {
    let entry = |at: usize| Entry {
        id: ChunkId(*blake3::hash(&[&[tag][..], &at.to_le_bytes()].concat()).as_bytes()),
        len: 100_000,
    };
    manifest::encode(&(0..chunks).map(entry).collect::<Vec<_>>())
}

#[test]
fn what_an_earlier_run_left_behind_is_swept_away_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(folder.path()).unwrap();
    let (index, _) = Index::open(&home).unwrap();
    let left: Vec<Encoded> = (0..20).map(|tag| manifest_of(tag, 200)).collect();
    for one in &left {
        index.add_manifest(one).unwrap();
    }
    // Pages whose root never came.
    let cut_off = manifest_of(50, PAGE_ENTRIES + 5);
    index.add_page(&cut_off.file, 1, &cut_off.pages[1]).unwrap();
    let kept = manifest_of(60, 300);
    index.add_manifest(&kept).unwrap();
    let have = crate::core::have::HaveSet::empty(300);
    index.set_partial_have(&kept.file, &have).unwrap();
    // What came in this run may still be needed.
    assert_eq!(index.sweep().unwrap(), 0);
    drop(index);

    let (index, _) = Index::open(&home).unwrap();
    let new = manifest_of(70, 200);
    index.add_manifest(&new).unwrap();
    let user = index.clone();
    assert_eq!(index.sweep().unwrap(), left.len() + 1);
    for one in left.iter().chain([&cut_off]) {
        assert_eq!(user.root(&one.file).unwrap(), None);
        assert_eq!(user.page(&one.file, 1).unwrap(), None);
    }
    for one in [&kept, &new] {
        assert!(user.manifest(&one.file).unwrap().is_some());
    }
}

#[test]
fn a_manifest_that_comes_page_by_page_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(folder.path()).unwrap();
    let (index, _) = Index::open(&home).unwrap();
    for chunks in [1, PAGE_ENTRIES + 1] {
        let encoded = manifest_of(1, chunks);
        for (at, page) in (0..).zip(&encoded.pages) {
            index.add_page(&encoded.file, at, page).unwrap();
        }
        assert_eq!(index.manifest(&encoded.file).unwrap(), None);
        index.add_root(&encoded.file, &encoded.root).unwrap();
        assert!(index.manifest(&encoded.file).unwrap().is_some());
        for (at, page) in (0..).zip(&encoded.pages) {
            assert_eq!(index.page(&encoded.file, at).unwrap().as_ref(), Some(page));
        }
        index.remove_manifest(&encoded.file).unwrap();
        assert_eq!(index.root(&encoded.file).unwrap(), None);
    }
    assert!(index.0.pages.is_empty());
}
