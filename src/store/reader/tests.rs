use super::*;
use crate::store::testing::{Fixture, fill, manifest_of, noise};
use std::fs;

#[test]
fn a_chunk_is_read_where_it_lies() {
    let fixture = Fixture::new();
    let bytes = noise(1, 3_000_000);
    let manifest = fixture.index_shared("a", &bytes);
    let mut buf = Vec::new();
    for (at, entry) in (0..).zip(manifest.entries()) {
        assert!(fixture.reader.read(&entry.id, &mut buf).unwrap());
        let start = manifest.offset(at) as usize;
        assert_eq!(buf, bytes[start..start + entry.len as usize]);
    }
    assert!(!fixture.reader.read(&ChunkId([0; 32]), &mut buf).unwrap());
    assert!(buf.is_empty());
}

#[test]
fn a_file_that_changed_is_not_served_and_its_twin_is() {
    let fixture = Fixture::new();
    let bytes = noise(2, 500_000);
    let manifest = fixture.index_shared("a", &bytes);
    let id = manifest.entries()[0].id;
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    fixture.reader.on_stale(Some(Box::new(move |_, damaged| {
        tell.lock().push(damaged);
    })));
    let path = fixture.home.shared().join("a");
    let mut buf = Vec::new();
    assert!(fixture.reader.read(&id, &mut buf).unwrap());

    // Cut while it is open.
    File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(10)
        .unwrap();
    assert!(!fixture.reader.read(&id, &mut buf).unwrap());
    assert_eq!(*told.lock(), [false]);
    // Put back, but it is another file now as far as anyone can tell.
    fs::write(&path, noise(3, 500_000)).unwrap();
    assert!(!fixture.reader.read(&id, &mut buf).unwrap());
    fs::remove_file(&path).unwrap();
    assert!(!fixture.reader.read(&id, &mut buf).unwrap());
    fs::create_dir(&path).unwrap();
    assert!(!fixture.reader.read(&id, &mut buf).unwrap());

    fixture.index_shared("b", &bytes);
    assert!(fixture.reader.read(&id, &mut buf).unwrap());
}

#[test]
fn bytes_that_changed_behind_its_back_are_not_served() {
    let fixture = Fixture::new();
    let manifest = fixture.index_shared("a", &noise(4, 3_000_000));
    let path = fixture.home.shared().join("a");
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    fixture.reader.on_stale(Some(Box::new(move |_, damaged| {
        tell.lock().push(damaged);
    })));
    let time = fs::metadata(&path).unwrap().modified().unwrap();
    let file = File::options().write(true).open(&path).unwrap();
    positioned::write_all_at(&file, b"other", 10).unwrap();
    file.set_modified(time).unwrap();
    let mut buf = Vec::new();
    let entries = manifest.entries();
    assert!(!fixture.reader.read(&entries[0].id, &mut buf).unwrap());
    assert!(buf.is_empty());
    assert_eq!(*told.lock(), [true]);
    // What did not change is still what it is called.
    assert!(fixture.reader.read(&entries[1].id, &mut buf).unwrap());
}

#[test]
fn it_tells_which_chunks_it_could_read() {
    let fixture = Fixture::new();
    let bytes = noise(5, 2_000_000);
    let manifest = fixture.index_shared("a", &bytes);
    let other = noise(6, 2_000_000);
    let (partial, _) = fixture.partial(&manifest_of(&other));
    fill(&partial, &other, [1]);
    let entries = partial.manifest().entries();
    let ids = [manifest.entries()[0].id, entries[0].id, entries[1].id];
    let has = || -> Vec<u32> { fixture.reader.has(&ids).unwrap().iter().collect() };
    assert_eq!(has(), [0, 2]);
    fs::write(fixture.home.shared().join("a"), "changed").unwrap();
    assert_eq!(has(), [2]);
}

#[test]
fn more_files_than_may_be_open_are_read() {
    let fixture = Fixture::new();
    let manifests: Vec<_> = (0..OPEN as u64 + 10)
        .map(|at| fixture.index_shared(&format!("f{at}"), &noise(at, 100)))
        .collect();
    let mut buf = Vec::new();
    for manifest in manifests.iter().chain(&manifests) {
        assert!(
            fixture
                .reader
                .read(&manifest.entries()[0].id, &mut buf)
                .unwrap()
        );
    }
    assert_eq!(fixture.reader.opened().files.len(), OPEN);
}
