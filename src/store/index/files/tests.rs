use super::*;
use crate::{
    core::manifest::Entry,
    store::{Home, Stamp},
};

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
    for tree in [&index.0.chunks, &index.0.files, &index.0.roots] {
        assert!(tree.is_empty());
    }
    assert!(index.table().is_empty());
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

/// Files of one chunk each, and one that has the contents of the first.
fn singles() -> Vec<NewFile> {
    let tags = (1..=40).chain([1]);
    let file = |(at, tag): (usize, u8)| new(Kind::Fetched, &format!("/many/{at:02}"), &[tag]);
    (0..).zip(tags).map(file).collect()
}

#[test]
fn files_of_one_chunk_are_found_by_all_that_is_known_of_them_until_they_go() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(folder.path()).unwrap();
    let (index, _) = Index::open(&home).unwrap();
    let mut files = singles();
    let numbers = index.add_files(&mut files).unwrap();
    assert!(index.0.roots.is_empty() && index.0.chunks.is_empty());
    drop(index);
    let (index, _) = Index::open(&home).unwrap();
    assert_eq!(index.files(Kind::Fetched).unwrap().len(), files.len());
    assert_eq!(index.sweep().unwrap(), 0);
    for (at, (file, &number)) in files.iter().zip(&numbers).enumerate() {
        let record = &file.record;
        assert_eq!(index.record(number).unwrap().as_deref(), Some(record));
        let (found, _) = index.file_at(record.kind, &record.path).unwrap().unwrap();
        assert_eq!(found, number);
        let manifest = index.manifest(&record.file).unwrap().unwrap();
        assert_eq!(manifest.entries(), file.entries);
        let twice = usize::from(at == 0);
        let users = index.files_of(&record.file).unwrap();
        assert_eq!(users.len(), 1 + twice);
        let places = index.locate(&file.entries[0].id).unwrap();
        assert_eq!(places.len(), 1 + twice);

        index.remove_file(number).unwrap();
        assert_eq!(index.record(number).unwrap(), None);
        let manifest = index.manifest(&record.file).unwrap();
        assert_eq!(manifest.is_some(), twice == 1);
        assert_eq!(index.locate(&file.entries[0].id).unwrap().len(), twice);
    }
    assert!(index.0.files.is_empty() && index.table().is_empty());
}

#[test]
fn the_manifest_of_one_chunk_outlives_its_file_while_a_download_needs_it() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(folder.path()).unwrap();
    let (index, _) = Index::open(&home).unwrap();
    let mut files = singles();
    let numbers = index.add_files(&mut files).unwrap();
    let file = files[3].record.file;
    let have = crate::core::have::HaveSet::empty(1);
    index.set_partial_have(&file, &have).unwrap();
    index.remove_file(numbers[3]).unwrap();
    let manifest = index.manifest(&file).unwrap().unwrap();
    assert_eq!(manifest.entries(), files[3].entries);
    index.remove_partial(&file).unwrap();
    assert!(index.manifest(&file).unwrap().is_none() && index.0.roots.is_empty());
}

#[test]
fn many_go_at_once_and_the_others_stay() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(folder.path()).unwrap();
    let (index, _) = Index::open(&home).unwrap();
    let mut files = singles();
    files.push(new(Kind::Shared, "large", &[1, 50]));
    let numbers = index.add_files(&mut files).unwrap();
    // One that is not there is no trouble.
    let (stay, go): (Vec<u64>, Vec<u64>) = numbers.iter().partition(|&&number| number % 2 == 0);
    index.remove_files(&[&go[..], &[1 << 40]].concat()).unwrap();
    drop(index);
    let (index, _) = Index::open(&home).unwrap();
    for (file, number) in files.iter().zip(&numbers) {
        let stays = stay.contains(number);
        assert_eq!(index.record(*number).unwrap().is_some(), stays);
        let record = &file.record;
        assert_eq!(
            index.file_at(record.kind, &record.path).unwrap().is_some(),
            stays
        );
    }
    index.remove_files(&stay).unwrap();
    assert!(index.0.files.is_empty() && index.0.chunks.is_empty());
    assert!(index.table().is_empty() && index.0.roots.is_empty());
}

#[test]
fn what_lies_below_folders_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(folder.path()).unwrap();
    let (index, _) = Index::open(&home).unwrap();
    let paths = ["/a/b", "/a/bc", "/a/b/c", "/a/b/d/e", "/f", "/g/h"];
    let mut files: Vec<NewFile> = (0..)
        .zip(paths)
        .map(|(at, path)| new(Kind::Fetched, path, &[at]))
        .collect();
    files.push(new(Kind::Received, "/a/b/z", &[9]));
    index.add_files(&mut files).unwrap();
    let below = |folders: &[&str]| {
        let folders = folders.iter().map(PathBuf::from).collect();
        let found = index.files_below(Kind::Fetched, &folders).unwrap();
        let paths = found.into_iter().map(|(_, record)| record.path);
        paths
            .map(|path| path.to_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(below(&["/a/b"]), ["/a/b", "/a/b/c", "/a/b/d/e"]);
    assert_eq!(below(&["/a/b/d", "/g"]), ["/a/b/d/e", "/g/h"]);
    assert!(below(&[]).is_empty());
}

#[test]
fn a_crash_between_a_new_record_and_the_end_of_the_old_one_shows_the_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(folder.path()).unwrap();
    let (index, _) = Index::open(&home).unwrap();
    let old = index.add_file(new(Kind::Shared, "a", &[1])).unwrap();
    let at = old.to_be_bytes();
    let value = index.0.files.get(at).unwrap().unwrap();
    let new = index.add_file(new(Kind::Shared, "a", &[2])).unwrap();
    index.0.files.insert(at, value).unwrap();
    drop(index);
    let (index, _) = Index::open(&home).unwrap();
    let (found, _) = index
        .file_at(Kind::Shared, Path::new("a"))
        .unwrap()
        .unwrap();
    assert_eq!(found, new);
    // The next one ends both.
    index
        .add_file(super::tests::new(Kind::Shared, "a", &[3]))
        .unwrap();
    assert_eq!(index.files(Kind::Shared).unwrap().len(), 1);
}

/// Copies an index as a crash would leave it that lost all of its log from `end` on.
fn cut_off(home: &Home, end: u64) -> (tempfile::TempDir, Home) {
    let folder = tempfile::tempdir().unwrap();
    let other = Home::open(folder.path()).unwrap();
    std::fs::create_dir_all(other.index_dir()).unwrap();
    for name in ["conf", "db"] {
        let (from, to) = (home.index_dir().join(name), other.index_dir().join(name));
        std::fs::copy(from, to).unwrap();
    }
    let log = std::fs::File::options()
        .write(true)
        .open(other.index_dir().join("db"));
    log.unwrap().set_len(end).unwrap();
    (folder, other)
}

#[test]
fn after_a_crash_each_file_is_whole_or_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(folder.path()).unwrap();
    let (index, _) = Index::open(&home).unwrap();
    let log = home.index_dir().join("db");
    let mut ends = Vec::new();
    let mut all = Vec::new();
    for batch in 0..12u8 {
        let tags = |at: u8| {
            if at.is_multiple_of(8) {
                vec![batch, at, 1]
            } else {
                vec![batch * 20 + at]
            }
        };
        let file = |at: u8| new(Kind::Shared, &format!("{batch}/{at}"), &tags(at));
        let mut files: Vec<NewFile> = (0..20).map(file).collect();
        all.extend(index.add_files(&mut files).unwrap());
        // And some go again.
        let (left, gone) = all.split_at(all.len() - 2);
        index.remove_files(&[gone, &left[..1]].concat()).unwrap();
        all = left[1..].to_vec();
        index.flush().unwrap();
        ends.push(std::fs::metadata(&log).unwrap().len());
    }
    let len = ends[ends.len() - 1];
    let mut most = 0;
    for end in ends.into_iter().chain((1..24).map(|part| len * part / 24)) {
        let (_folder, home) = cut_off(&home, end);
        let (index, _) = Index::open(&home).unwrap();
        let files = index.files(Kind::Shared).unwrap();
        most = most.max(files.len());
        for (number, record) in files {
            let (found, _) = index.file_at(record.kind, &record.path).unwrap().unwrap();
            assert_eq!(found, number);
            let manifest = index.manifest(&record.file).unwrap().unwrap();
            for entry in manifest.entries() {
                let places = index.locate(&entry.id).unwrap();
                assert!(
                    places.iter().any(|place| place.source == number),
                    "cut at {end}"
                );
            }
        }
    }
    assert_eq!(most, all.len());
}

/// Two of many that have the same tag.
fn alike<T>(many: impl Iterator<Item = (u32, T)>) -> (T, T) {
    let mut known = BTreeMap::new();
    for (tag, one) in many {
        if let Some(other) = known.remove(&tag) {
            return (other, one);
        }
        known.insert(tag, one);
    }
    panic!("of 400,000 some should be alike");
}

#[test]
fn what_only_looks_the_same_in_memory_is_told_apart_by_its_record() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(folder.path()).unwrap();
    let (index, _) = Index::open(&home).unwrap();
    let all = || 0..400_000_u32;
    // Paths.
    let path = |n: u32| format!("path {n}");
    let tags = all().map(|n| {
        (
            index.table().tag((Kind::Shared, path(n).as_bytes())),
            path(n),
        )
    });
    let (absent, here) = alike(tags);
    let number = index.add_file(new(Kind::Shared, &here, &[1, 2])).unwrap();
    let found = |path: &str| {
        let found = index.file_at(Kind::Shared, Path::new(path)).unwrap();
        found.map(|(number, _)| number)
    };
    assert_eq!((found(&here), found(&absent)), (Some(number), None));
    let other = index.add_file(new(Kind::Shared, &absent, &[3])).unwrap();
    assert_eq!((found(&here), found(&absent)), (Some(number), Some(other)));
    // Chunks, which are all that a file consists of, and with them files.
    let chunk = |n: u32| ChunkId(*blake3::hash(&n.to_be_bytes()).as_bytes());
    let (absent, here) = alike(all().map(|n| (index.table().tag(chunk(n)), chunk(n))));
    let of = |id: ChunkId| {
        let len = 1;
        let mut file = new(Kind::Shared, &id.to_string(), &[]);
        file.entries.push(Entry { id, len });
        file
    };
    let source = index.add_file(of(here)).unwrap();
    let places = index.locate(&here).unwrap();
    assert_eq!(
        places.iter().map(|one| one.source).collect::<Vec<_>>(),
        [source]
    );
    assert_eq!(index.locate(&absent).unwrap().len(), 0);
    let file = |n: u32| manifest::encode(&of(chunk(n)).entries).file;
    let (absent, here) = alike(all().map(|n| (index.table().tag(file(n)), n)));
    index.add_file(of(chunk(here))).unwrap();
    assert_eq!(index.files_of(&file(here)).unwrap().len(), 1);
    assert_eq!(index.files_of(&file(absent)).unwrap().len(), 0);
    assert!(index.manifest(&file(absent)).unwrap().is_none());
}

#[test]
fn records_that_were_looked_up_are_kept_to_a_bound() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(folder.path()).unwrap();
    let (index, _) = Index::open(&home).unwrap();
    let mut files: Vec<NewFile> = (0..3 * KNOWN)
        .map(|n| new(Kind::Shared, &n.to_string(), &[7]))
        .collect();
    for number in index.add_files(&mut files).unwrap() {
        assert!(index.record(number).unwrap().is_some());
        assert!(index.0.known.read().len() <= KNOWN);
    }
}
