use super::*;
use crate::core::path::RelPath;
use crate::store::{
    NewFile, Stamp,
    testing::{Fixture, fill, manifest_of, noise},
};
use std::fs;
use tokio::sync::mpsc::{Receiver, channel};

const DEADLINE: Duration = Duration::from_secs(30);

struct Watched {
    fixture: Fixture,
    events: Receiver<ShareEvent>,
    _fetched: Fetched,
}

fn watched(fixture: Fixture) -> Watched {
    let (sender, events) = channel(64);
    let downloads = fixture.home.downloads();
    let fetched = Fetched::start(&downloads, &fixture.index, &fixture.reader, sender).unwrap();
    Watched {
        fixture,
        events,
        _fetched: fetched,
    }
}

/// Downloads a file with these bytes into `into`.
fn download(fixture: &Fixture, into: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let manifest = manifest_of(bytes);
    let (partial, _) = fixture.partial(&manifest);
    fill(&partial, bytes, 0..manifest.len());
    let name = RelPath::parse(name).unwrap();
    partial.finish(into, &name, 1_000_000, false).unwrap().path
}

impl Watched {
    #[track_caller]
    fn withdrawn(&mut self) -> String {
        let until = Instant::now() + DEADLINE;
        loop {
            match self.events.try_recv() {
                Ok(ShareEvent::Withdrawn { name, .. }) => return name.as_str().to_owned(),
                Ok(other) => panic!("{other:?}"),
                Err(_) => assert!(Instant::now() < until, "nothing was withdrawn"),
            }
            thread::sleep(Duration::from_millis(5)); // Between two looks.
        }
    }
}

#[test]
fn a_download_that_is_deleted_moved_or_changed_counts_no_longer() {
    let fixture = Fixture::new();
    let into = fixture.home.downloads();
    let early = download(&fixture, &into, "early.bin", &noise(1, 300_000));
    let mut watched = watched(fixture);
    fs::remove_file(early).unwrap();
    assert_eq!(watched.withdrawn(), "early.bin");

    let names = ["deleted", "moved", "changed", "replaced"];
    let fixture = &watched.fixture;
    let paths: Vec<PathBuf> = (0..)
        .zip(names)
        .map(|(at, name)| download(fixture, &into, name, &noise(10 + at, 200_000)))
        .collect();
    let other = fixture.folder.path().join("other");
    fs::write(&other, "other").unwrap();
    fs::remove_file(&paths[0]).unwrap();
    assert_eq!(watched.withdrawn(), "deleted");
    fs::rename(&paths[1], into.join("away")).unwrap();
    assert_eq!(watched.withdrawn(), "moved");
    fs::write(&paths[2], "changed").unwrap();
    assert_eq!(watched.withdrawn(), "changed");
    fs::rename(&other, &paths[3]).unwrap();
    assert_eq!(watched.withdrawn(), "replaced");
    assert!(
        watched
            .fixture
            .index
            .files(Kind::Fetched)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn whole_folders_go_wherever_they_are_renamed_or_removed() {
    let fixture = Fixture::new();
    let into = fixture.home.downloads();
    let mut watched = watched(fixture);
    let get = |watched: &Watched, name: &str, seed| {
        download(&watched.fixture, &into, name, &noise(seed, 100_000));
    };
    get(&watched, "a/b/c/one.txt", 1);
    get(&watched, "a/two.txt", 2);
    get(&watched, "d/three.txt", 3);
    fs::rename(into.join("a/b"), into.join("a/x")).unwrap();
    assert_eq!(watched.withdrawn(), "a/b/c/one.txt");
    fs::remove_dir_all(into.join("d")).unwrap();
    assert_eq!(watched.withdrawn(), "d/three.txt");
    fs::remove_dir_all(into.join("a")).unwrap();
    assert_eq!(watched.withdrawn(), "a/two.txt");
    // The same folder, once more.
    get(&watched, "d/four.txt", 4);
    fs::remove_file(into.join("d/four.txt")).unwrap();
    assert_eq!(watched.withdrawn(), "d/four.txt");
}

#[test]
fn what_lies_elsewhere_is_watched_too_and_what_only_lies_beside_costs_nothing() {
    let fixture = Fixture::new();
    let elsewhere = fixture.folder.path().join("elsewhere");
    fs::create_dir_all(elsewhere.join("much/more")).unwrap();
    let path = download(&fixture, &elsewhere, "film.mkv", &noise(5, 400_000));
    let (sender, _events) = channel(64);
    let (tell, inbox) = sync_channel(4);
    let mut worker = Worker {
        downloads: fixture.home.downloads(),
        index: fixture.index.clone(),
        reader: fixture.reader.clone(),
        events: sender,
        stop: Arc::default(),
        inbox,
        tell,
        lost: Arc::default(),
        watcher: None,
        folders: HashSet::new(),
        blind: false,
        touched: HashSet::new(),
        placed: Vec::new(),
        gone: HashSet::new(),
    };
    worker.sweep();
    assert_eq!(worker.folders, HashSet::from([elsewhere]));
    drop(worker);
    let mut watched = watched(fixture);
    fs::remove_file(path).unwrap();
    assert_eq!(watched.withdrawn(), "film.mkv");
}

#[test]
fn what_else_stands_for_a_name_remains() {
    let fixture = Fixture::new();
    let bytes = noise(1, 100_000);
    let [one, two, own] = ["one", "two", "own"].map(|name| fixture.folder.path().join(name));
    for folder in [&one, &two] {
        fs::create_dir(folder).unwrap();
        download(&fixture, folder, "same.bin", &bytes);
    }
    let mut watched = watched(fixture);
    let remains = |watched: &mut Watched, wanted: bool| {
        let until = Instant::now() + DEADLINE;
        loop {
            match watched.events.try_recv() {
                Ok(ShareEvent::Remains { offered, shared }) => {
                    assert_eq!((offered.name.as_str(), shared), ("same.bin", wanted));
                    return;
                }
                Ok(other) => panic!("{other:?}"),
                Err(_) => assert!(Instant::now() < until, "nothing was told"),
            }
            thread::sleep(Duration::from_millis(5)); // Between two looks.
        }
    };
    // The folder as a whole may be on a disk that was taken out.
    fs::rename(&one, &own).unwrap();
    remains(&mut watched, false);
    let fixture = &watched.fixture;
    let shared = fixture.home.shared().join("same.bin");
    fs::write(&shared, &bytes).unwrap();
    let stamp = Stamp::of(&fs::metadata(&shared).unwrap());
    let manifest = manifest_of(&bytes);
    let file = NewFile {
        record: FileRecord {
            kind: Kind::Shared,
            path: "same.bin".into(),
            stamp,
            rights: true.into(),
            file: manifest.file(),
            name: "same.bin".into(),
            media: String::new(),
        },
        entries: manifest.entries().to_vec(),
    };
    fixture.index.add_file(file).unwrap();
    fs::remove_file(two.join("same.bin")).unwrap();
    remains(&mut watched, true);
    // A third copy, and the shared one is not what it was: nothing stands for the name any more.
    fs::write(&shared, "other").unwrap();
    download(&watched.fixture, &two, "same.bin", &bytes);
    fs::remove_file(two.join("same.bin")).unwrap();
    assert_eq!(watched.withdrawn(), "same.bin");
}
