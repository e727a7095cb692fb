use super::*;
use crate::{
    core::{have::HaveSet, id::ChunkId},
    store::{Home, Index, NewFile, database},
    wire::manifest,
};

fn encode(record: &FileRecord) -> Vec<u8> {
    let executable = StoredRights::Executable(record.rights.executable());
    cbor::encode(&Stored(
        record.kind as u8,
        modes::path_bytes(&record.path),
        record.stamp,
        record.rights.mode().map_or(executable, StoredRights::Mode),
        record.file,
        record.name.clone(),
        record.media.clone(),
    ))
}

fn file(at: u8, chunks: u8) -> NewFile {
    let kinds = [Kind::Fetched, Kind::Received, Kind::Shared];
    let entry = |chunk| Entry {
        id: ChunkId([at, chunk].repeat(16).try_into().unwrap()),
        len: 70_000,
    };
    let entries: Vec<Entry> = (0..chunks).map(entry).collect();
    let record = FileRecord {
        kind: kinds[usize::from(at) % 3],
        path: format!("/many/{at:02}").into(),
        stamp: Stamp {
            size: 70_000 * u64::from(chunks),
            mtime: i64::from(at) - 9,
            inode: 7,
            ..Stamp::default()
        },
        rights: if at.is_multiple_of(2) {
            true.into()
        } else {
            Rights::of(0o640)
        },
        file: manifest::encode(&entries).file,
        name: format!("{at:02}"),
        media: "text/plain".into(),
    };
    NewFile { record, entries }
}

fn length_first(bytes: &[u8], rest: &[u8]) -> Vec<u8> {
    super::super::key(&[&(bytes.len() as u32).to_be_bytes(), bytes, rest])
}

/// Its sled, bare; the last handle may still be closing.
fn reopened(home: &Home) -> sled::Db {
    let dir = home.index_dir();
    let opened = database::open(&dir, || sled::open(&dir), || panic!("moved aside"));
    opened.unwrap().0
}

/// Writes an index as an older version did.
fn write_old(home: &Home, format: u32, files: &[NewFile]) {
    let db = reopened(home);
    let tree = |name| db.open_tree(name).unwrap();
    let mut several = vec![SEVERAL];
    for (number, file) in (100u64..).zip(files) {
        let (number, record) = (number.to_be_bytes(), &file.record);
        let id = record.file.as_bytes();
        let one = manifest::encode(&file.entries);
        let inline = one.pages.first().map_or(&[][..], |page| &page[..]);
        let root = length_first(&one.root, inline);
        let beside = format == 5 && file.entries.len() == 1;
        let user = super::super::key(&[id, &number]);
        if beside {
            tree("users").insert(user, root).unwrap();
        } else {
            tree("users").insert(user, Vec::new()).unwrap();
            tree("roots").insert(id, root).unwrap();
        }
        if format == 5 {
            several.extend(number);
            several.extend(length_first(&encode(record), &[]));
        } else {
            tree("sources").insert(number, encode(record)).unwrap();
        }
        let path = [&[record.kind as u8], &modes::path_bytes(&record.path)[..]].concat();
        tree("paths").insert(path, &number).unwrap();
        for (at, entry) in (0u64..).zip(&file.entries) {
            let place = [&(70_000 * at).to_be_bytes()[..], &entry.len.to_be_bytes()].concat();
            let key = super::super::key(&[entry.id.as_bytes(), &number]);
            tree("chunks").insert(key, place).unwrap();
        }
    }
    if format == 5 {
        tree("sources")
            .insert(100u64.to_be_bytes(), several)
            .unwrap();
    }
    tree("meta")
        .insert("format", &format.to_be_bytes())
        .unwrap();
}

fn old(format: u32, files: &[NewFile]) -> (tempfile::TempDir, Home) {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(folder.path()).unwrap();
    write_old(&home, format, files);
    (folder, home)
}

#[test]
fn indices_of_older_formats_are_read_and_kept() {
    let files: Vec<NewFile> = (0..40).map(|at| file(at, at % 4)).collect();
    for format in [4, 5] {
        let (_folder, home) = old(format, &files);
        check(&home, &files);
    }
}

fn check(home: &Home, files: &[NewFile]) {
    let (index, notice) = Index::open(home).unwrap();
    assert_eq!(notice, None);
    assert_eq!(index.sweep().unwrap(), 0);
    for (number, file) in (100..).zip(files) {
        let record = index.record(number).unwrap();
        assert_eq!(record.as_deref(), Some(&file.record));
        let (kind, path) = (file.record.kind, &file.record.path);
        let (found, _) = index.file_at(kind, path).unwrap().unwrap();
        assert_eq!(found, number);
        let manifest = index.manifest(&file.record.file).unwrap().unwrap();
        assert_eq!(manifest.entries(), file.entries);
        for (at, entry) in (0..).zip(&file.entries) {
            let places = index.locate(&entry.id).unwrap();
            assert_eq!(places.len(), 1);
            assert_eq!((places[0].source, places[0].offset), (number, at * 70_000));
        }
    }
    let (index, db) = (index.clone(), index.0.db.db());
    let left = db.tree_names();
    assert!(
        !left
            .iter()
            .any(|name| [&b"sources"[..], b"users", b"paths"].contains(&&name[..]))
    );
    let large = files.iter().filter(|file| file.entries.len() > 1);
    let chunks: usize = large.clone().map(|file| file.entries.len()).sum();
    assert_eq!(db.open_tree("chunks").unwrap().len(), chunks);
    assert_eq!(db.open_tree("roots").unwrap().len(), large.count());
    for number in (100..).take(files.len()) {
        index.remove_file(number).unwrap();
    }
    assert!(index.0.files.is_empty() && index.0.roots.is_empty() && index.0.chunks.is_empty());
}

/// What an upgrade that ends early has done.
type Done = fn(&sled::Db, [&sled::Tree; 2]);

#[test]
fn an_upgrade_that_was_interrupted_is_taken_again() {
    let files: Vec<NewFile> = (0..40).map(|at| file(at, at % 4)).collect();
    let until: [Done; 3] = [
        |_, [packs, _]| {
            packs.insert(100u64.to_be_bytes(), "half").unwrap();
            packs.insert(90u64.to_be_bytes(), "another's").unwrap();
        },
        |db, [packs, sources]| {
            write_packs(db, sources, packs).unwrap();
            remove_chunks(db, packs).unwrap();
        },
        |db, _| pack_small_files(db).unwrap(),
    ];
    for (format, until) in [4, 5]
        .into_iter()
        .flat_map(|format| until.map(|done| (format, done)))
    {
        let (_folder, home) = old(format, &files);
        let db = reopened(&home);
        let [packs, sources] = ["files", "sources"].map(|name| db.open_tree(name).unwrap());
        until(&db, [&packs, &sources]);
        drop((packs, sources, db));
        check(&home, &files);
    }
}

#[test]
fn what_a_download_needs_of_a_small_file_stays() {
    let one = file(1, 1);
    let (_folder, home) = old(4, std::slice::from_ref(&one));
    let db = reopened(&home);
    let have = db.open_tree("have").unwrap();
    let key = super::super::key(&[one.record.file.as_bytes(), &[0, 0]]);
    have.insert(key, &[0, 0, 0, 1, 0]).unwrap();
    drop((have, db));
    let (index, _) = Index::open(&home).unwrap();
    assert_eq!(
        index.partial_have(&one.record.file).unwrap(),
        Some(HaveSet::empty(1))
    );
    assert_eq!(index.0.db.db().open_tree("roots").unwrap().len(), 1);
    index.remove_file(100).unwrap();
    assert!(index.manifest(&one.record.file).unwrap().is_some());
}

#[test]
fn permissions_of_older_homes_are_read() {
    let read = |bytes: &[u8]| Rights::from(cbor::decode::<StoredRights>(bytes).unwrap());
    for executable in [false, true] {
        assert_eq!(read(&cbor::encode(&executable)), executable.into());
    }
    assert_eq!(read(&cbor::encode(&0o600u16)), Rights::of(0o600));
}
