use super::*;
use crate::{
    core::{chunker, path::RelPath},
    store::testing::{Fixture, fill, manifest_of, noise},
};

#[test]
fn files_of_every_size_come_out_as_they_went_in() {
    let fixture = Fixture::new();
    // Nothing; one byte; exactly one shortest chunk; one byte more than a chunk can have; many
    // chunks.
    for size in [0, 1, 64 << 10, chunker::MAX + 1, 5_000_000] {
        let bytes = noise(size as u64, size);
        let manifest = manifest_of(&bytes);
        let (partial, have) = fixture.partial(&manifest);
        assert_eq!(have.count(), 0);
        fill(&partial, &bytes, (0..manifest.len()).rev());
        let name = RelPath::parse(&format!("{size}.bin")).unwrap();
        let dest = fixture.home.downloads();
        let done = partial.finish(&dest, &name, 1_000_000_000, false).unwrap();
        assert!(!done.already);
        assert_eq!(fs::read(&done.path).unwrap(), bytes);
        assert_eq!(fs::read_dir(fixture.home.partials()).unwrap().count(), 0);
    }
    assert_eq!(fixture.index.fetched().unwrap().len(), 5);
    assert!(fixture.index.partials().unwrap().is_empty());
}

#[test]
fn what_was_synced_is_here_after_a_restart() {
    let fixture = Fixture::new();
    let bytes = noise(1, 5_000_000);
    let manifest = manifest_of(&bytes);
    let (partial, _) = fixture.partial(&manifest);
    fill(&partial, &bytes, [0, 3, 5]);
    assert!(partial.unsynced() > 0);
    partial.sync().unwrap();
    assert_eq!(partial.unsynced(), 0);
    let have = partial.have();
    drop(partial);
    let fixture = fixture.restart();
    let claimed = fixture.index.partial_have(&manifest.file()).unwrap();
    assert_eq!(claimed, Some(have.clone()));
    assert_eq!(fixture.partial(&manifest).1, have);
}

#[test]
fn what_was_written_but_not_claimed_is_found_by_its_hash() {
    let fixture = Fixture::new();
    let mut bytes = noise(1, 5_000_000);
    bytes[..8192].fill(0);
    let manifest = manifest_of(&bytes);
    let (partial, _) = fixture.partial(&manifest);
    fill(&partial, &bytes, [0, 1, 4]);
    // Something else was being written when the process was killed.
    positioned::write_all_at(partial.file(), &[1; 100], manifest.offset(2)).unwrap();
    drop(partial);
    let fixture = fixture.restart();
    let none = HaveSet::empty(manifest.len());
    let claimed = fixture.index.partial_have(&manifest.file()).unwrap();
    assert_eq!(claimed, Some(none));
    let (partial, have) = fixture.partial(&manifest);
    assert_eq!(have.iter().collect::<Vec<_>>(), [0, 1, 4]);
    // It is claimed as soon as it is synced.
    partial.sync().unwrap();
    let claimed = fixture.index.partial_have(&manifest.file()).unwrap();
    assert_eq!(claimed, Some(have));
}

#[test]
fn a_claim_without_the_bytes_is_not_believed() {
    let fixture = Fixture::new();
    let bytes = noise(1, 2_000_000);
    let manifest = manifest_of(&bytes);
    let (partial, _) = fixture.partial(&manifest);
    fill(&partial, &bytes, 0..manifest.len());
    partial.sync().unwrap();
    let path = partial.path().to_owned();
    drop(partial);
    File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(manifest.size() - 1)
        .unwrap();
    let (partial, have) = fixture.partial(&manifest);
    assert_eq!(have.count(), manifest.len() - 1);
    drop(partial);
    fs::remove_file(&path).unwrap();
    assert_eq!(fixture.partial(&manifest).1.count(), 0);
}

#[test]
fn another_chunk_is_refused() {
    let fixture = Fixture::new();
    let bytes = noise(1, 2_000_000);
    let manifest = manifest_of(&bytes);
    let (partial, _) = fixture.partial(&manifest);
    let other = VerifiedChunk::hash(b"other");
    for at in [0, manifest.len()] {
        assert!(matches!(
            partial.write(ChunkIndex(at), &other),
            Err(StoreError::Corrupt(_))
        ));
    }
    assert_eq!(partial.have().count(), 0);
}

#[test]
fn repeats_are_written_at_once() {
    let fixture = Fixture::new();
    let bytes = vec![7; 3 * chunker::MAX + 5];
    let manifest = manifest_of(&bytes);
    let (partial, _) = fixture.partial(&manifest);
    let first = VerifiedChunk::hash(&bytes[..chunker::MAX]);
    assert_eq!(partial.write(ChunkIndex(1), &first).unwrap(), [0, 1, 2]);
    assert_eq!(partial.have().count(), 3);
    assert_eq!(partial.unsynced(), 3 * chunker::MAX as u64);
}

#[test]
fn what_is_here_is_served_to_others_meanwhile_and_after() {
    let fixture = Fixture::new();
    let bytes = noise(1, 2_000_000);
    let manifest = manifest_of(&bytes);
    let (partial, _) = fixture.partial(&manifest);
    let [first, second] = [0, 1].map(|at| manifest.entries()[at].id);
    let mut buf = Vec::new();
    fill(&partial, &bytes, [0]);
    assert!(fixture.reader.read(&first, &mut buf).unwrap());
    assert_eq!(buf, bytes[..buf.len()]);
    assert!(!fixture.reader.read(&second, &mut buf).unwrap());
    fill(&partial, &bytes, 1..manifest.len());
    let name = RelPath::parse("x").unwrap();
    partial
        .finish(&fixture.home.downloads(), &name, 0, false)
        .unwrap();
    assert!(fixture.reader.read(&second, &mut buf).unwrap());
    drop(partial);
    assert!(fixture.reader.read(&first, &mut buf).unwrap());
    let fixture = fixture.restart();
    assert!(fixture.reader.read(&first, &mut buf).unwrap());
}

#[test]
fn a_download_that_is_given_up_leaves_nothing() {
    let fixture = Fixture::new();
    let bytes = noise(1, 500_000);
    let manifest = manifest_of(&bytes);
    let (partial, _) = fixture.partial(&manifest);
    fill(&partial, &bytes, [0]);
    partial.sync().unwrap();
    partial.discard().unwrap();
    assert_eq!(fs::read_dir(fixture.home.partials()).unwrap().count(), 0);
    assert_eq!(fixture.index.root(&manifest.file()).unwrap(), None);
    let mut buf = Vec::new();
    let id = manifest.entries()[0].id;
    assert!(!fixture.reader.read(&id, &mut buf).unwrap());
}

#[test]
fn a_file_that_cannot_fit_is_refused_before_anything_is_written() {
    let fixture = Fixture::new();
    // A little under 1 PiB would be needed for this test to mean nothing.
    let entry = Entry {
        id: ChunkId([1; 32]),
        len: 1 << 20,
    };
    let entries = vec![entry; 1 << 22];
    let free = fs4::available_space(fixture.folder.path()).unwrap();
    let encoded = manifest::encode(&entries);
    let manifest = Arc::new(Manifest::new(encoded.file, entries).unwrap());
    if free > manifest.size() {
        eprintln!("skipped: this disk has room for 4 TiB");
        return;
    }
    let opened = Partial::open(
        &fixture.home,
        &fixture.index,
        &fixture.reader,
        Arc::clone(&manifest),
        &fixture.home.downloads(),
    );
    match opened {
        Err(StoreError::NoSpace { needed, .. }) => {
            // How much is free changes while others write; that most of it is missing does not.
            assert!(needed <= manifest.size() && needed > 0);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_disk_that_fills_up_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=8m", "sprat-test"])
        .arg(folder.path())
        .output()
        .is_ok_and(|done| done.status.success());
    if !mounted {
        eprintln!("skipped: no right to mount a small disk");
        return;
    }
    let path = folder.path().to_owned();
    let result = std::panic::catch_unwind(move || {
        let fixture = Fixture::at(folder);
        let bytes = noise(1, 4_000_000);
        let manifest = manifest_of(&bytes);
        let (partial, _) = fixture.partial(&manifest);
        fill(&partial, &bytes, [0]);
        let hog = fixture.home.root().join("hog");
        // The write that fills the disk ends early, without an error.
        let _ = fs::write(&hog, vec![1; 8 << 20]);
        let entry = manifest.entries()[1];
        let start = manifest.offset(1) as usize;
        let chunk = VerifiedChunk::hash(&bytes[start..start + entry.len as usize]);
        match partial.write(ChunkIndex(1), &chunk) {
            Err(StoreError::NoSpace { needed, .. }) => assert!(needed > 3_000_000),
            other => panic!("{other:?}"),
        }
        assert_eq!(partial.have().count(), 1);
        fs::remove_file(&hog).unwrap();
        assert_eq!(partial.write(ChunkIndex(1), &chunk).unwrap(), [1]);
        std::mem::forget(fixture.folder);
    });
    let unmounted = std::process::Command::new("umount").arg(&path).status();
    assert!(unmounted.is_ok_and(|status| status.success()));
    fs::remove_dir(&path).unwrap();
    result.unwrap();
}

#[cfg(unix)]
#[test]
fn holes_are_neither_fetched_nor_written_nor_wanted_as_room() {
    use std::os::unix::fs::MetadataExt;
    let taken = |path: &Path| fs::metadata(path).unwrap().blocks() * 512;
    let fixture = Fixture::new();
    let mut bytes = vec![0; 64 << 20];
    bytes[30_000_000..30_004_096].copy_from_slice(&noise(1, 4096));
    let manifest = manifest_of(&bytes);
    assert!(manifest.data() <= 4 << 20, "{}", manifest.data());
    let (partial, have) = fixture.partial(&manifest);
    assert!(manifest.len() - have.count() <= 4, "{}", have.count());
    // A kill costs no hole: all are known again, though nothing was written or synced.
    drop(partial);
    let (partial, again) = fixture.partial(&manifest);
    assert_eq!(again, have);
    drop(partial);
    fixture.index.remove_partial(&manifest.file()).unwrap();
    let (partial, again) = fixture.partial(&manifest);
    assert_eq!(again, have);
    partial.discard().unwrap();

    let (partial, have) = fixture.partial(&manifest);
    let missing = (0..manifest.len()).filter(|&at| !have.has(at));
    fill(&partial, &bytes, missing);
    let name = RelPath::parse("sparse").unwrap();
    let done = partial.finish(&fixture.home.downloads(), &name, 0, false);
    let path = done.unwrap().path;
    assert!(fs::read(&path).unwrap() == bytes);
    assert!(taken(&path) <= 1 << 20, "{}", taken(&path));
    // A copy of it on another disk, too.
    let copy = fixture.folder.path().join("copy");
    let to = File::create_new(&copy).unwrap();
    crate::store::placing::copy(&File::open(&path).unwrap(), &to).unwrap();
    assert!(fs::read(&copy).unwrap() == bytes);
    assert!(taken(&copy) <= 1 << 20, "{}", taken(&copy));
}

#[test]
fn a_hole_is_not_believed_where_something_was_written() {
    let fixture = Fixture::new();
    let bytes = vec![0; 4 << 20];
    let manifest = manifest_of(&bytes);
    let path = fixture.home.partials().join(manifest.file().to_string());
    fs::write(&path, vec![7; 4 << 20]).unwrap();
    let (partial, have) = fixture.partial(&manifest);
    assert_eq!(have.count(), 0);
    fill(&partial, &bytes, [0]);
    let name = RelPath::parse("zeroes").unwrap();
    let done = partial.finish(&fixture.home.downloads(), &name, 0, false);
    assert!(fs::read(done.unwrap().path).unwrap() == bytes);
}

#[test]
fn a_stranger_makes_no_hole_of_what_is_none() {
    // The name of the zeroes with another length, and another name with theirs.
    let zeroes = manifest_of(&vec![0; chunker::MAX]).entries()[0];
    assert!(zeroes.is_hole());
    let other = ChunkId([7; 32]);
    for (id, len) in [
        (zeroes.id, zeroes.len - 1),
        (zeroes.id, 1),
        (other, zeroes.len),
    ] {
        assert!(!Entry { id, len }.is_hole());
    }
}
