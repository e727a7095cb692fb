//! What becomes of copies whose records, or whose bytes, were lost.

use super::*;

/// The node's next start after its index was lost.
fn without_its_index(fixture: Fixture) -> Fixture {
    let Fixture {
        index,
        reader,
        home,
        folder,
    } = fixture;
    drop((reader, index));
    fs::remove_dir_all(home.index_dir()).unwrap();
    drop(home);
    Fixture::at(folder)
}

#[test]
fn an_index_that_was_lost_loses_no_copy() {
    let fixture = Fixture::new();
    let (manifest, bytes) = pieces(&[1, 2, 3, 2], 70_000);
    let replicas = open(&fixture, PLENTY);
    keep(&replicas, &manifest, &bytes, &[0, 1]).unwrap();
    let dir = replicas.0.dir.clone();
    drop(replicas);
    // One that the power failed on.
    let damaged = path_of(&dir, &manifest.entries()[2].id);
    fs::create_dir_all(damaged.parent().unwrap()).unwrap();
    fs::write(damaged, vec![0; 70_000]).unwrap();
    let mut fixture = without_its_index(fixture);
    // At the second start they are known already; and once more it was lost.
    for round in 0..3 {
        let replicas = open(&fixture, PLENTY);
        assert_eq!((replicas.strays(), replicas.used()), (2, 140_000));
        assert_eq!((chunk_files(&replicas), replicas.files().len()), (2, 0));
        let mut buf = Vec::new();
        for at in 0..3 {
            let found = fixture.reader.read(&manifest.entries()[at].id, &mut buf);
            assert_eq!(found.unwrap(), at < 2);
        }
        drop(replicas);
        fixture = match round {
            0 => fixture.restart(),
            _ => without_its_index(fixture),
        };
    }
    // Its manifest comes: nothing has to be sent again.
    let replicas = open(&fixture, PLENTY);
    let file = manifest.file();
    replicas
        .set_file(&Arc::new(manifest.clone()), &offer(), &ORIGIN, 0)
        .unwrap();
    assert_eq!(here(&replicas, &file), [0, 1, 3]);
    let used = 140_000 + manifest_bytes(4);
    assert_eq!((replicas.strays(), replicas.used()), (0, used));
    drop(replicas);
    let fixture = fixture.restart();
    let replicas = open(&fixture, PLENTY);
    assert_eq!(here(&replicas, &file), [0, 1, 3]);
    assert_eq!(replicas.used(), used);
}

#[test]
fn records_that_were_lost_are_made_again_from_the_manifest() {
    let fixture = Fixture::new();
    let (manifest, bytes) = pieces(&[1, 2, 3], 70_000);
    let replicas = open(&fixture, PLENTY);
    keep(&replicas, &manifest, &bytes, &[0, 1, 2]).unwrap();
    let used = replicas.used();
    drop(replicas);
    let records = fixture.index.replica_chunks(&[]).unwrap();
    fixture.index.remove_replica_chunks(&records[..2]).unwrap();
    let fixture = fixture.restart();
    let replicas = open(&fixture, PLENTY);
    assert_eq!(here(&replicas, &manifest.file()), [0, 1, 2]);
    assert_eq!((replicas.strays(), replicas.used()), (0, used));
    // And while it runs: the index was begun again under it.
    let records = fixture.index.replica_chunks(&[]).unwrap();
    fixture.index.remove_replica_chunks(&records).unwrap();
    let file = manifest.file();
    fixture.index.remove_replica_file(&file).unwrap();
    assert_eq!(replicas.reload(&fixture.home).unwrap(), [file]);
    assert_eq!((replicas.strays(), replicas.used()), (3, 210_000));
}

#[test]
fn strays_give_way_to_what_somebody_wants_and_to_time() {
    let fixture = Fixture::new();
    let (manifest, bytes) = pieces(&[1, 2, 3, 4], 100_000);
    let replicas = open(&fixture, PLENTY);
    keep(&replicas, &manifest, &bytes, &[0, 1, 2, 3]).unwrap();
    drop(replicas);
    let fixture = without_its_index(fixture);
    // A quota that has become smaller removes nothing by itself.
    let limits = Limits {
        quota: 300_000,
        floor: 0,
    };
    let replicas = open(&fixture, limits);
    assert_eq!((replicas.strays(), chunk_files(&replicas)), (4, 4));
    assert!(!replicas.room_for(&ORIGIN, 100_000));
    replicas.evict_strays(100_000).unwrap();
    assert!(replicas.room_for(&ORIGIN, 100_000));
    let left = replicas.strays();
    assert!((1..=2).contains(&left), "{left}");
    assert_eq!(chunk_files(&replicas), left);
    drop(replicas);
    // More than a month ago.
    let mut records = fixture.index.replica_chunks(&[]).unwrap();
    for record in &mut records {
        record.at -= 31 * 24 * 3600;
    }
    fixture.index.add_replica_chunks(&records).unwrap();
    let fixture = fixture.restart();
    let replicas = open(&fixture, limits);
    assert_eq!((replicas.strays(), chunk_files(&replicas)), (0, 0));
    assert_eq!(replicas.used(), 0);
}

#[test]
fn a_damaged_chunk_is_forgotten_and_told() {
    let fixture = Fixture::new();
    let (manifest, bytes) = pieces(&[1, 2, 1, 3], 70_000);
    let replicas = open(&fixture, PLENTY);
    keep(&replicas, &manifest, &bytes, &[0, 1, 3]).unwrap();
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    replicas.on_lost(move |file, places| tell.lock().push((file, places.to_vec())));
    let path = |at: usize| path_of(&replicas.0.dir, &manifest.entries()[at].id);
    fs::write(path(0), noise(9, 70_000)).unwrap();
    fs::write(path(1), b"short").unwrap();
    fs::remove_file(path(3)).unwrap();
    let mut buf = Vec::new();
    for at in [0, 1] {
        assert!(
            !fixture
                .reader
                .read(&manifest.entries()[at].id, &mut buf)
                .unwrap()
        );
        assert!(buf.is_empty() && !path(at).exists());
    }
    let file = manifest.file();
    assert_eq!(*told.lock(), [(file, vec![0, 2]), (file, vec![1])]);
    assert_eq!(here(&replicas, &file), [3]);
    assert!(
        !fixture
            .reader
            .read(&manifest.entries()[3].id, &mut buf)
            .unwrap()
    );
    assert_eq!((replicas.used(), replicas.files()), (0, vec![]));
    // It can come again.
    keep(&replicas, &manifest, &bytes, &[0]).unwrap();
    assert!(
        fixture
            .reader
            .read(&manifest.entries()[0].id, &mut buf)
            .unwrap()
    );
}

#[test]
fn a_look_forgets_what_is_gone_and_counts_for_a_while() {
    let fixture = Fixture::new();
    let (manifest, bytes) = pieces(&[1, 2, 1, 3], 70_000);
    let replicas = open(&fixture, PLENTY);
    keep(&replicas, &manifest, &bytes, &[0, 1, 3]).unwrap();
    let file = manifest.file();
    let path = |at: usize| path_of(&replicas.0.dir, &manifest.entries()[at].id);
    fs::remove_file(path(0)).unwrap();
    fs::write(path(1), b"short").unwrap();
    replicas.verify(&file).unwrap();
    assert_eq!(here(&replicas, &file), [3]);
    assert_eq!(replicas.used(), manifest_bytes(4) + 70_000);
    fs::remove_file(path(3)).unwrap();
    replicas.verify(&file).unwrap();
    assert_eq!(
        here(&replicas, &file),
        [3],
        "the last look was a moment ago"
    );
}
