use super::*;
use crate::store::Home;

fn new(kind: Kind, path: &str, tags: &[u8]) -> NewFile {
    NewFile {
        record: FileRecord {
            kind,
            path: path.into(),
            stamp: Stamp {
                size: 1,
                mtime: -5,
                mtime_ns: 1,
                device: 0,
                inode: 9,
            },
            rights: true.into(),
            file: FileId([0; 32]),
            name: path.into(),
            media: "text/plain".into(),
        },
        entries: tags
            .iter()
            .map(|&tag| Entry {
                id: ChunkId([tag; 32]),
                len: 70_000,
            })
            .collect(),
    }
}

#[test]
fn a_chunk_is_found_in_every_file_that_has_it_until_they_go() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(folder.path()).unwrap();
    let (index, _) = Index::open(&home).unwrap();
    let mut files = [
        new(Kind::Shared, "a", &[1, 2]),
        new(Kind::Fetched, "/b", &[3, 1]),
        new(Kind::Shared, "same", &[1, 2]),
    ];
    let numbers = index.add_files(&mut files).unwrap();
    let found = index.locate(&ChunkId([1; 32])).unwrap();
    let offsets: Vec<u64> = found.iter().map(|place| place.offset).collect();
    assert_eq!(offsets, [0, 70_000, 0]);
    assert_eq!(*found[1].record, files[1].record);
    assert_eq!(index.files(Kind::Shared).unwrap().len(), 2);

    let file = files[0].record.file;
    index.remove_file(numbers[0]).unwrap();
    assert_eq!(index.locate(&ChunkId([2; 32])).unwrap().len(), 1);
    assert!(index.manifest(&file).unwrap().is_some());
    index.remove_file(numbers[2]).unwrap();
    assert!(index.manifest(&file).unwrap().is_none());
    index.remove_file(numbers[1]).unwrap();
    for tree in [
        &index.0.chunks,
        &index.0.users,
        &index.0.paths,
        &index.0.roots,
    ] {
        assert!(tree.is_empty());
    }
}

#[test]
fn a_path_has_one_record() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(folder.path()).unwrap();
    let (index, _) = Index::open(&home).unwrap();
    index.add_file(new(Kind::Shared, "a", &[1])).unwrap();
    let second = index.add_file(new(Kind::Shared, "a", &[2])).unwrap();
    assert!(index.locate(&ChunkId([1; 32])).unwrap().is_empty());
    let (number, record) = index
        .file_at(Kind::Shared, Path::new("a"))
        .unwrap()
        .unwrap();
    assert_eq!(number, second);
    assert_eq!(index.files_of(&record.file).unwrap().len(), 1);
    drop(index);
    let (index, _) = Index::open(&home).unwrap();
    let (number, again) = index
        .file_at(Kind::Shared, Path::new("a"))
        .unwrap()
        .unwrap();
    assert_eq!((number, again), (second, record));
}
