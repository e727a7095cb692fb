use super::*;
use crate::{
    core::{id::FileId, rights::Rights},
    store::{NewFile, testing::Fixture},
};

/// Puts files into the index, as if they had been read.
fn index(fixture: &Fixture, paths: impl Iterator<Item = String>) -> Vec<(u64, FileRecord)> {
    let new = |(at, path): (usize, String)| NewFile {
        record: FileRecord {
            kind: Kind::Shared,
            path: path.clone().into(),
            stamp: Stamp {
                size: 10,
                inode: at as u64 / 2 + 1,
                ..Stamp::default()
            },
            rights: Rights::of(0o644),
            file: FileId([0; 32]),
            name: path,
            media: "text/plain".into(),
        },
        entries: Vec::new(),
    };
    let mut files: Vec<NewFile> = paths.enumerate().map(new).collect();
    let numbers = fixture.index.add_files(&mut files).unwrap();
    numbers
        .into_iter()
        .zip(files.into_iter().map(|file| file.record))
        .collect()
}

fn known(fixture: &Fixture, files: &[(u64, FileRecord)]) -> KnownFiles {
    let mut known = KnownFiles::new(&fixture.index);
    for (number, record) in files {
        known.add(*number, record, 1);
    }
    known
}

fn unseen(known: &mut KnownFiles, path: &str, scan: Option<u32>) -> Vec<String> {
    let paths = known.unseen(Path::new(path), scan).unwrap();
    let text = |path: PathBuf| path.to_str().unwrap().to_owned();
    let mut paths: Vec<String> = paths.into_iter().map(text).collect();
    paths.sort();
    paths
}

#[test]
fn a_file_takes_few_bytes_beside_the_index() {
    let fixture = Fixture::new();
    let paths = (0..5000).map(|at| format!("folder{}/a rather long name {at}.txt", at / 500));
    let known = known(&fixture, &index(&fixture, paths));
    let marks = known
        .folders
        .values()
        .map(|folder| folder.marks.allocated());
    let each = (marks.sum::<usize>() + known.identities.allocated()) / 5000;
    assert!(each <= 32, "{each} bytes a file");
    assert_eq!(known.all_offered(), (5000, 50_000));
}

#[test]
fn files_are_found_by_path_and_by_what_they_lie_below() {
    let fixture = Fixture::new();
    let paths = ["a", "b/a", "b/c/a", "b-c/a", "bb/a", "/b/a"];
    let files = index(&fixture, paths.into_iter().map(str::to_owned));
    let mut known = known(&fixture, &files);
    for (number, record) in &files {
        let found = known.at(&record.path).unwrap().unwrap();
        assert_eq!((found.number, &*found.record), (*number, record));
        assert!(found.offered);
    }
    for none in ["b", "c", "b/c", "b/a/a", "/a", ""] {
        assert!(known.at(Path::new(none)).unwrap().is_none(), "{none}");
    }
    assert_eq!(unseen(&mut known, "b", None), ["b/a", "b/c/a"]);
    assert_eq!(unseen(&mut known, "b/a", None), ["b/a"]);
    assert_eq!(unseen(&mut known, "/b", None), ["/b/a"]);
    assert_eq!(unseen(&mut known, "/", None), ["/b/a"]);
    assert_eq!(
        unseen(&mut known, "", None),
        ["a", "b-c/a", "b/a", "b/c/a", "bb/a"]
    );
    // What was seen in the scan is not unseen.
    let found = known.at(Path::new("b/a")).unwrap().unwrap();
    known.seen(&found, 2);
    assert_eq!(unseen(&mut known, "b", Some(2)), ["b/c/a"]);
    assert!(unseen(&mut known, "b/a", Some(2)).is_empty());
    assert!(unseen(&mut known, "b", Some(1)).len() == 1);
    // Two names of the same file.
    let identity = files[0].1.stamp.identity();
    let mut same = known.same(identity).unwrap();
    same.sort_by(|one, other| one.path.cmp(&other.path));
    let same: Vec<&str> = same.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(same, ["a", "b/a"]);
    // One that goes.
    known.rename(&found, "other");
    let (gone, name) = known.remove(Path::new("b/a")).unwrap().unwrap();
    assert_eq!((gone.number, name.as_str()), (files[1].0, "other"));
    assert!(known.remove(Path::new("b/a")).unwrap().is_none());
    assert_eq!(known.same(identity).unwrap().len(), 1);
    assert_eq!(known.all_offered(), (5, 50));
    let outside = |keep: bool, known: &mut KnownFiles| known.elsewhere(|_| keep).unwrap();
    assert_eq!(outside(false, &mut known), [Path::new("/b/a")]);
    assert!(outside(true, &mut known).is_empty());
}

#[test]
fn what_the_index_forgot_is_forgotten_and_what_was_offered_stays_so() {
    let fixture = Fixture::new();
    let paths = (0..300).map(|at| format!("d{}/{at}", at % 3));
    let files = index(&fixture, paths);
    let mut known = known(&fixture, &files[..200]);
    fixture.index.remove_file(files[7].0).unwrap();
    assert_eq!(known.load().unwrap(), [files[7].0]);
    for (at, (_, record)) in files.iter().enumerate() {
        let found = known.at(&record.path).unwrap();
        let offered = found.map(|found| found.offered);
        assert_eq!(offered, (at != 7).then_some(at < 200), "{at}");
    }
    assert_eq!(known.all_offered(), (199, 1990));
    // And what an earlier run indexed is offered once it is seen again.
    let found = known.at(&files[250].1.path).unwrap().unwrap();
    known.offered(&found);
    known.offered(&found);
    assert_eq!(known.all_offered(), (200, 2000));
}
