use super::*;
use crate::{
    core::{
        chunk::VerifiedChunk,
        manifest::{Entry as Chunk, Manifest},
    },
    store::testing::{Fixture, manifest_of, noise},
    wire::manifest,
};
use std::{fs, thread};

mod fair;
mod lost;

const PLENTY: Limits = Limits {
    quota: 1 << 30,
    floor: 0,
};
const ORIGIN: NodeId = NodeId([1; 32]);

fn offer() -> ReplicaOffer {
    ReplicaOffer {
        name: "notes/ä.txt".into(),
        mtime: -5,
        rights: true.into(),
        media: "text/plain".into(),
    }
}

fn open(fixture: &Fixture, limits: Limits) -> Replicas {
    Replicas::open(&fixture.home, &fixture.index, &fixture.reader, limits).unwrap()
}

/// Keeps the chunks at these positions of the file with these bytes.
fn keep(
    replicas: &Replicas,
    manifest: &Manifest,
    bytes: &[u8],
    positions: &[u32],
) -> Result<Vec<(FileId, Vec<u32>)>, StoreError> {
    replicas.set_file(&Arc::new(manifest.clone()), &offer(), &ORIGIN, 1000)?;
    let batch: Vec<VerifiedChunk<'_>> = positions
        .iter()
        .map(|&at| chunk(manifest, bytes, at))
        .collect();
    let sum = batch.iter().map(|chunk| chunk.bytes().len() as u64).sum();
    let mut reservation = replicas.reserve(&ORIGIN, sum).unwrap();
    reservation.keep(&manifest.file(), &batch)?;
    reservation.commit()
}

fn chunk<'a>(manifest: &Manifest, bytes: &'a [u8], at: u32) -> VerifiedChunk<'a> {
    let entry = manifest.entries()[at as usize];
    let start = manifest.offset(at) as usize;
    VerifiedChunk::check(entry.id, &bytes[start..start + entry.len as usize]).unwrap()
}

/// A file of equal pieces, some of which repeat.
fn pieces(tags: &[u8], len: usize) -> (Manifest, Vec<u8>) {
    let pieces: Vec<Vec<u8>> = tags.iter().map(|&tag| noise(tag.into(), len)).collect();
    let entries: Vec<Chunk> = pieces
        .iter()
        .map(|bytes| Chunk {
            id: VerifiedChunk::hash(bytes).id(),
            len: len as u32,
        })
        .collect();
    let file = manifest::encode(&entries).file;
    (Manifest::new(file, entries).unwrap(), pieces.concat())
}

fn here(replicas: &Replicas, file: &FileId) -> Vec<u32> {
    let have = replicas.have(file).unwrap();
    have.map_or_else(Vec::new, |have| have.iter().collect())
}

fn chunk_files(replicas: &Replicas) -> usize {
    walkdir::WalkDir::new(&replicas.0.dir)
        .into_iter()
        .filter(|entry| entry.as_ref().unwrap().file_type().is_file())
        .count()
}

#[test]
fn what_was_kept_is_served_and_there_again_after_a_restart() {
    let fixture = Fixture::new();
    let bytes = noise(1, 3_000_000);
    let manifest = manifest_of(&bytes);
    let replicas = open(&fixture, PLENTY);
    let kept = keep(&replicas, &manifest, &bytes, &[2, 0, 5]).unwrap();
    let file = manifest.file();
    assert_eq!(kept, [(file, vec![0, 2, 5])]);
    let used = replicas.used();
    drop(replicas);

    let fixture = fixture.restart();
    let replicas = open(&fixture, PLENTY);
    assert_eq!(replicas.used(), used);
    assert_eq!(here(&replicas, &file), [0, 2, 5]);
    assert_eq!(
        fixture.index.manifest(&file).unwrap(),
        Some((*manifest).clone())
    );
    let mut buf = Vec::new();
    for at in 0..manifest.len() {
        let entry = manifest.entries()[at as usize];
        let found = fixture.reader.read(&entry.id, &mut buf).unwrap();
        assert_eq!(found, [0, 2, 5].contains(&at));
        assert_eq!(buf.is_empty(), !found);
    }
    let expected = ReplicaFile {
        file,
        offer: offer(),
        size: 3_000_000,
        origins: vec![ORIGIN],
        chunks: manifest.len(),
        here: 3,
        unwanted_since: None,
        seen: 1000,
    };
    assert_eq!(replicas.files(), [expected]);

    // Once more costs nothing.
    let again = keep(&replicas, &manifest, &bytes, &[2]).unwrap();
    assert_eq!(again, [(file, vec![2])]);
    assert_eq!(replicas.used(), used);

    let freed = replicas.remove(&file, None).unwrap();
    assert_eq!(
        (freed, replicas.used(), chunk_files(&replicas)),
        (used, 0, 0)
    );
    assert_eq!(replicas.files(), []);
    assert_eq!(fixture.index.manifest(&file).unwrap(), None);
    assert!(
        !fixture
            .reader
            .read(&manifest.entries()[0].id, &mut buf)
            .unwrap()
    );
}

#[test]
fn a_repeated_chunk_is_kept_once_and_had_everywhere() {
    let fixture = Fixture::new();
    let (manifest, bytes) = pieces(&[1, 2, 1, 3, 1], 71_000);
    let replicas = open(&fixture, PLENTY);
    let kept = keep(&replicas, &manifest, &bytes, &[2, 4]).unwrap();
    assert_eq!(kept, [(manifest.file(), vec![0, 2, 4])]);
    assert_eq!(chunk_files(&replicas), 1);
    drop(replicas);
    let fixture = fixture.restart();
    let replicas = open(&fixture, PLENTY);
    assert_eq!(here(&replicas, &manifest.file()), [0, 2, 4]);
    assert_eq!(
        replicas.remove(&manifest.file(), Some(&[2])).unwrap(),
        manifest_bytes(5) + 71_000
    );
    assert_eq!(replicas.files(), []);
}

#[test]
fn a_chunk_of_two_files_stays_until_the_last_one_goes() {
    let fixture = Fixture::new();
    let (one, one_bytes) = pieces(&[1, 2], 80_000);
    let (two, two_bytes) = pieces(&[3, 2], 80_000);
    let replicas = open(&fixture, PLENTY);
    keep(&replicas, &one, &one_bytes, &[0, 1]).unwrap();
    keep(&replicas, &two, &two_bytes, &[0, 1]).unwrap();
    assert_eq!(chunk_files(&replicas), 3);
    replicas.remove(&one.file(), Some(&[1, 0])).unwrap();
    let shared = two.entries()[1].id;
    let mut buf = Vec::new();
    assert!(fixture.reader.read(&shared, &mut buf).unwrap());
    assert_eq!(here(&replicas, &two.file()), [0, 1]);
    assert_eq!(replicas.used(), 160_000 + manifest_bytes(2));
    replicas.remove(&two.file(), Some(&[1])).unwrap();
    assert!(!fixture.reader.read(&shared, &mut buf).unwrap());
    assert_eq!(
        (here(&replicas, &two.file()), chunk_files(&replicas)),
        (vec![0], 1)
    );
}

#[test]
fn fifty_pushers_together_stay_within_the_quota() {
    let fixture = Fixture::new();
    let limits = Limits {
        quota: 1_000_000,
        floor: 0,
    };
    let replicas = open(&fixture, limits);
    let granted: Vec<Reservation> = thread::scope(|scope| {
        let threads: Vec<_> = (0..50u8)
            .map(|tag| {
                let replicas = &replicas;
                scope.spawn(move || {
                    let asks =
                        std::iter::repeat_with(|| replicas.reserve(&NodeId([tag; 32]), 30_000));
                    asks.take(3).flatten().collect::<Vec<_>>()
                })
            })
            .collect();
        threads
            .into_iter()
            .flat_map(|one| one.join().unwrap())
            .collect()
    });
    assert_eq!(granted.len(), 33);
    assert!(!replicas.room_for(&NodeId([99; 32]), 30_000));
    drop(granted);
    // One origin alone gets half.
    assert!(replicas.room_for(&ORIGIN, 500_000));
    assert!(!replicas.room_for(&ORIGIN, 500_001));
    assert!(!replicas.room_for(&ORIGIN, u64::MAX));
    let (manifest, bytes) = pieces(&[1, 2, 3], 150_000);
    keep(&replicas, &manifest, &bytes, &[0, 1, 2]).unwrap();
    assert!(!replicas.room_for(&ORIGIN, 50_000));
    assert!(replicas.room_for(&NodeId([2; 32]), 500_000));
    assert!(replicas.reserve(&ORIGIN, 50_000).is_none());
    // Evicted chunks make room for the same origin again.
    replicas.remove(&manifest.file(), Some(&[1])).unwrap();
    assert!(replicas.room_for(&ORIGIN, 50_000));
}

#[test]
fn without_a_quota_or_below_the_floor_nothing_is_taken() {
    let fixture = Fixture::new();
    for limits in [
        Limits { quota: 0, floor: 0 },
        Limits {
            quota: 1 << 30,
            floor: u64::MAX,
        },
    ] {
        let replicas = open(&fixture, limits);
        assert!(!replicas.room_for(&ORIGIN, 0));
        assert!(replicas.reserve(&ORIGIN, 1).is_none());
        let (manifest, _) = pieces(&[1], 66_000);
        let refused = replicas.set_file(&Arc::new(manifest.clone()), &offer(), &ORIGIN, 0);
        assert!(matches!(refused, Err(StoreError::NoSpace { .. })));
        assert_eq!(fixture.index.manifest(&manifest.file()).unwrap(), None);
    }
    let default = Limits::default_for(fixture.home.root());
    assert!(default.quota <= GIB && default.floor <= GIB);
}

#[test]
fn a_quota_that_changes_counts_at_once_and_throws_nothing_away() {
    let fixture = Fixture::new();
    let replicas = open(&fixture, PLENTY);
    let (manifest, bytes) = pieces(&[1], 66_000);
    keep(&replicas, &manifest, &bytes, &[0]).unwrap();
    let used = replicas.used();
    assert!(used > 0 && replicas.room_for(&ORIGIN, 1));
    replicas.set_quota(used);
    assert!(!replicas.room_for(&ORIGIN, 1));
    assert_eq!((replicas.used(), replicas.limits().quota), (used, used));
    replicas.set_quota(PLENTY.quota);
    assert!(replicas.room_for(&ORIGIN, 1));
}

#[test]
fn what_was_not_committed_is_not_claimed_and_leaves_nothing_behind() {
    let fixture = Fixture::new();
    let (manifest, bytes) = pieces(&[1, 2, 3], 70_000);
    let replicas = open(&fixture, PLENTY);
    replicas
        .set_file(&Arc::new(manifest.clone()), &offer(), &ORIGIN, 0)
        .unwrap();
    let mut reservation = replicas.reserve(&ORIGIN, 140_000).unwrap();
    let first = chunk(&manifest, &bytes, 0);
    reservation.keep(&manifest.file(), &[first]).unwrap();
    assert_eq!(reservation.left(), 70_000);
    let mut buf = Vec::new();
    assert!(!fixture.reader.read(&first.id(), &mut buf).unwrap());
    assert!(here(&replicas, &manifest.file()).is_empty());
    // More than was promised, of another file, of a file that was not named.
    let second = chunk(&manifest, &bytes, 1);
    reservation.keep(&manifest.file(), &[second]).unwrap();
    let third = chunk(&manifest, &bytes, 2);
    let refused = reservation.keep(&manifest.file(), &[third]);
    assert!(matches!(
        refused,
        Err(StoreError::NoSpace { needed: 70_000, .. })
    ));
    let foreign = VerifiedChunk::hash(b"foreign");
    let refused = reservation.keep(&manifest.file(), &[foreign]);
    assert!(matches!(refused, Err(StoreError::Corrupt(_))));
    let refused = reservation.keep(&FileId([9; 32]), &[first]);
    assert!(matches!(refused, Err(StoreError::Corrupt(_))));
    assert_eq!(chunk_files(&replicas), 2);
    drop(reservation);
    assert_eq!(
        (chunk_files(&replicas), replicas.used()),
        (0, manifest_bytes(3))
    );
    assert!(replicas.room_for(&ORIGIN, (PLENTY.quota / 2) - manifest_bytes(3)));
}

#[test]
fn two_who_push_the_same_do_not_remove_it_from_each_other() {
    let fixture = Fixture::new();
    let (manifest, bytes) = pieces(&[1, 2], 70_000);
    let replicas = open(&fixture, PLENTY);
    replicas
        .set_file(&Arc::new(manifest.clone()), &offer(), &ORIGIN, 0)
        .unwrap();
    let start = || {
        let mut reservation = replicas.reserve(&ORIGIN, 70_000).unwrap();
        let batch = [chunk(&manifest, &bytes, 0)];
        reservation.keep(&manifest.file(), &batch).unwrap();
        reservation
    };
    let (one, two, three) = (start(), start(), start());
    drop(one);
    assert_eq!(two.commit().unwrap(), [(manifest.file(), vec![0])]);
    assert_eq!(three.commit().unwrap(), [(manifest.file(), vec![0])]);
    assert_eq!(replicas.used(), 70_000 + manifest_bytes(2));
    let mut buf = Vec::new();
    assert!(
        fixture
            .reader
            .read(&manifest.entries()[0].id, &mut buf)
            .unwrap()
    );
    // Evicted while it is on its way for the second time: that one is not claimed.
    let four = start();
    replicas.remove(&manifest.file(), None).unwrap();
    assert_eq!(four.commit().unwrap(), []);
    assert_eq!((replicas.used(), chunk_files(&replicas)), (0, 0));
}

#[test]
fn the_traces_of_a_crash_are_cleared_away_at_the_next_start() {
    let fixture = Fixture::new();
    let (manifest, bytes) = pieces(&[1, 2, 3], 70_000);
    let (other, _) = pieces(&[7, 8], 66_000);
    let replicas = open(&fixture, PLENTY);
    keep(&replicas, &manifest, &bytes, &[0, 1]).unwrap();
    replicas
        .set_file(&Arc::new(other.clone()), &offer(), &ORIGIN, 0)
        .unwrap();
    let dir = replicas.0.dir.clone();
    drop(replicas);
    // Written and not claimed; half written; claimed and lost; and one that only looks like a
    // chunk.
    let unclaimed = path_of(&dir, &manifest.entries()[2].id);
    fs::create_dir_all(unclaimed.parent().unwrap()).unwrap();
    fs::write(&unclaimed, &bytes[140_000..]).unwrap();
    fs::write(dir.join("new/17"), b"half").unwrap();
    fs::remove_file(path_of(&dir, &manifest.entries()[1].id)).unwrap();
    fs::create_dir_all(dir.join("00")).unwrap();
    fs::write(dir.join("00/readme"), b"what").unwrap();
    let fixture = fixture.restart();
    let replicas = open(&fixture, PLENTY);
    // What hashes right is kept, even if it was not claimed.
    assert_eq!(here(&replicas, &manifest.file()), [0, 2]);
    assert_eq!((chunk_files(&replicas), replicas.strays()), (2, 0));
    assert_eq!(replicas.used(), 140_000 + manifest_bytes(3));
    // A file of which nothing came is forgotten, with its manifest.
    assert_eq!(replicas.files().len(), 1);
    assert_eq!(fixture.index.manifest(&other.file()).unwrap(), None);
}

#[test]
fn a_disk_that_fails_claims_nothing_and_gives_the_room_back() {
    let fixture = Fixture::new();
    let (manifest, bytes) = pieces(&[1, 2], 70_000);
    let replicas = open(&fixture, PLENTY);
    let new = replicas.0.dir.join("new");
    fs::remove_dir(&new).unwrap();
    fs::write(&new, b"in the way").unwrap();
    assert!(keep(&replicas, &manifest, &bytes, &[0, 1]).is_err());
    assert!(here(&replicas, &manifest.file()).is_empty());
    assert_eq!(replicas.used(), manifest_bytes(2));
    assert_eq!(replicas.state().accounts.unwritten(), 0);
    assert!(replicas.state().pending.is_empty());
    fs::remove_file(&new).unwrap();
    fs::create_dir(&new).unwrap();
    keep(&replicas, &manifest, &bytes, &[0, 1]).unwrap();
}

#[test]
fn a_download_takes_what_is_kept_here() {
    let fixture = Fixture::new();
    let bytes = noise(1, 3_000_000);
    let manifest = manifest_of(&bytes);
    let replicas = open(&fixture, PLENTY);
    keep(&replicas, &manifest, &bytes, &[1, 3]).unwrap();
    let (partial, _) = fixture.partial(&manifest);
    assert_eq!(partial.copy_local(|_| true).unwrap().positions, [1, 3]);
    // The manifest outlives the download: the replica needs it.
    partial.discard().unwrap();
    assert!(fixture.index.manifest(&manifest.file()).unwrap().is_some());
}

#[test]
fn who_wants_a_file_is_remembered() {
    let fixture = Fixture::new();
    let (manifest, bytes) = pieces(&[1], 70_000);
    let file = manifest.file();
    let replicas = open(&fixture, PLENTY);
    assert!(!replicas.touch(&file, &ORIGIN, 1).unwrap());
    keep(&replicas, &manifest, &bytes, &[0]).unwrap();
    let other = NodeId([2; 32]);
    assert!(replicas.touch(&file, &other, 2000).unwrap());
    replicas.drop_origin(&file, &ORIGIN, 3000).unwrap();
    assert_eq!(replicas.files()[0].unwanted_since, None);
    replicas.drop_origin(&file, &other, 70_000).unwrap();
    replicas.drop_origin(&file, &other, 80_000).unwrap();
    drop(replicas);
    let fixture = fixture.restart();
    let replicas = open(&fixture, PLENTY);
    let known = &replicas.files()[0];
    assert_eq!((known.seen, known.unwanted_since), (2000, Some(70_000)));
    assert!(known.origins.is_empty());
    // A crowd of origins is not remembered whole.
    for tag in 0..100 {
        replicas.touch(&file, &NodeId([tag; 32]), 6000).unwrap();
    }
    let known = &replicas.files()[0];
    assert_eq!((known.unwanted_since, known.origins.len()), (None, 16));
    replicas.set_unwanted(&file, Some(7)).unwrap();
    assert_eq!(replicas.files()[0].unwanted_since, Some(7));
}

#[test]
fn a_file_of_many_chunks_costs_what_is_added() {
    let fixture = Fixture::new();
    let bytes: Vec<u8> = (0..300u32)
        .flat_map(|at| noise(at.into(), 66_000))
        .collect();
    let entries: Vec<Chunk> = bytes
        .chunks(66_000)
        .map(|bytes| Chunk {
            id: VerifiedChunk::hash(bytes).id(),
            len: 66_000,
        })
        .collect();
    let file = manifest::encode(&entries).file;
    let manifest = Manifest::new(file, entries).unwrap();
    let replicas = open(&fixture, PLENTY);
    for batch in (0..300).collect::<Vec<u32>>().chunks(50) {
        keep(&replicas, &manifest, &bytes, batch).unwrap();
    }
    assert!(replicas.have(&file).unwrap().unwrap().is_full());
    drop(replicas);
    let fixture = fixture.restart();
    let replicas = open(&fixture, PLENTY);
    assert!(replicas.have(&file).unwrap().unwrap().is_full());
    let evens: Vec<u32> = (0..300).step_by(2).collect();
    replicas.remove(&file, Some(&evens)).unwrap();
    assert_eq!(here(&replicas, &file).len(), 150);
}
