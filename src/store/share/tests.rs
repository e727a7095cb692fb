mod elsewhere;

use super::*;
use crate::store::testing::{Fixture, manifest_of, noise};
use std::{
    fs::File,
    path::Path,
    time::{Duration, Instant, SystemTime},
};
use tokio::sync::mpsc::{Receiver, channel};

/// A share that is watched from outside.
struct Watched {
    share: Share,
    events: Receiver<ShareEvent>,
}

impl Watched {
    fn start(fixture: &Fixture) -> Self {
        let (tell, events) = channel(64);
        let share = Share::start(&fixture.home, &fixture.index, &fixture.reader, tell).unwrap();
        Self { share, events }
    }

    /// The events up to the first that `wanted` accepts.
    fn until(&mut self, wanted: impl Fn(&ShareEvent) -> bool) -> Vec<ShareEvent> {
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut seen = Vec::new();
        loop {
            if let Ok(event) = self.events.try_recv() {
                seen.push(event);
                if seen.last().is_some_and(&wanted) {
                    return seen;
                }
            } else {
                assert!(Instant::now() < deadline, "only saw {seen:?}");
                thread::sleep(Duration::from_millis(2));
            }
        }
    }

    /// How many files were offered and read when the first scan ended.
    fn scanned(&mut self) -> (u64, u64) {
        let events = self.until(|event| matches!(event, ShareEvent::Scanned { .. }));
        match events.last() {
            Some(ShareEvent::Scanned { files, read, .. }) => (*files, *read),
            _ => unreachable!(),
        }
    }

    fn offered(&mut self, name: &str) -> Offered {
        let is = |event: &ShareEvent| matches!(event, ShareEvent::Offered(it) if it.name.as_str() == name);
        match self.until(is).pop() {
            Some(ShareEvent::Offered(offered)) => offered,
            _ => unreachable!(),
        }
    }

    fn withdrawn(&mut self, wanted: &str) {
        self.until(
            |event| matches!(event, ShareEvent::Withdrawn { name, .. } if name.as_str() == wanted),
        );
    }

    /// Waits for all of these, in any order: `+name` is offered, `-name` withdrawn.
    fn all(&mut self, wanted: &[&str]) {
        let mut missing: Vec<&str> = wanted.to_vec();
        while !missing.is_empty() {
            let next = match self.until(|_| true).pop() {
                Some(ShareEvent::Offered(offered)) => format!("+{}", offered.name.as_str()),
                Some(ShareEvent::Withdrawn { name, .. }) => format!("-{}", name.as_str()),
                _ => continue,
            };
            missing.retain(|one| *one != next);
        }
    }

    fn problem(&mut self, wanted: &str) -> String {
        let is = |event: &ShareEvent| matches!(event, ShareEvent::Problem { name, .. } if name == wanted);
        match self.until(is).pop() {
            Some(ShareEvent::Problem { why, .. }) => why,
            _ => unreachable!(),
        }
    }
}

/// Writes a file that has been there for long.
fn old(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
    let time = SystemTime::now() - Duration::from_secs(3600);
    let file = File::options().write(true).open(path).unwrap();
    file.set_modified(time).unwrap();
}

#[test]
fn what_is_there_is_offered_and_not_read_again() {
    let fixture = Fixture::new();
    let shared = fixture.home.shared();
    let bytes = noise(1, 2_000_000);
    old(&shared.join("a.txt"), b"");
    old(&shared.join("sub/b.bin"), &bytes);
    old(&shared.join(".sprat-x.tmp"), b"ours");
    let mut watched = Watched::start(&fixture);
    assert_eq!(watched.offered("a.txt").media, "text/plain");
    let offered = watched.offered("sub/b.bin");
    let manifest = manifest_of(&bytes);
    assert_eq!((offered.file, offered.size), (manifest.file(), 2_000_000));
    assert_eq!(watched.scanned(), (2, 2));
    let mut buf = Vec::new();
    let id = manifest.entries()[1].id;
    assert!(fixture.reader.read(&id, &mut buf).unwrap());
    drop(watched);

    fs::remove_file(shared.join("a.txt")).unwrap();
    let fixture = fixture.restart();
    let mut watched = Watched::start(&fixture);
    assert_eq!(watched.scanned(), (1, 0));
    assert_eq!(
        fixture
            .index
            .files(crate::store::Kind::Shared)
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn changes_are_followed() {
    let fixture = Fixture::new();
    let shared = fixture.home.shared();
    let mut watched = Watched::start(&fixture);
    assert_eq!(watched.scanned(), (0, 0));
    fs::write(shared.join("new"), "1").unwrap();
    let first = watched.offered("new");
    fs::write(shared.join("new"), "22").unwrap();
    watched.withdrawn("new");
    let second = watched.offered("new");
    assert_ne!(first.file, second.file);
    old(&shared.join("folder/deep/x"), b"x");
    watched.offered("folder/deep/x");
    let read = fixture.index.root(&second.file).unwrap();
    assert!(read.is_some());
    fs::rename(shared.join("folder"), shared.join("moved")).unwrap();
    watched.all(&["+moved/deep/x", "-folder/deep/x"]);
    fs::remove_dir_all(shared.join("moved")).unwrap();
    watched.withdrawn("moved/deep/x");
    fs::remove_file(shared.join("new")).unwrap();
    watched.withdrawn("new");
    assert_eq!(fixture.index.root(&second.file).unwrap(), None);
}

#[test]
fn rules_that_change_take_files_away_and_bring_them_back() {
    let fixture = Fixture::new();
    let shared = fixture.home.shared();
    old(&shared.join("notes.tmp"), b"1");
    old(&shared.join("photo"), b"2");
    old(&shared.join("sub/Thumbs.db"), b"3");
    let mut watched = Watched::start(&fixture);
    watched.offered("notes.tmp");
    watched.offered("photo");
    assert_eq!(watched.scanned(), (2, 2));
    fs::write(shared.join(".spratignore"), "*.tmp\n").unwrap();
    watched.withdrawn("notes.tmp");
    old(&shared.join("sub/other.tmp"), b"4");
    old(&shared.join("sub/page"), b"5");
    watched.offered("sub/page");
    fs::write(shared.join(".spratignore"), "page\n").unwrap();
    watched.all(&["+notes.tmp", "+sub/other.tmp", "-sub/page"]);
}

#[cfg(unix)]
#[test]
fn other_permissions_are_told_without_reading_the_file_again() {
    use std::os::unix::fs::PermissionsExt;
    let fixture = Fixture::new();
    let path = fixture.home.shared().join("a");
    old(&path, &noise(1, 100_000));
    let mode = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    mode(0o4640);
    let mut watched = Watched::start(&fixture);
    let rights = |watched: &mut Watched| watched.offered("a").rights.mode();
    assert_eq!(rights(&mut watched), Some(0o640));
    watched.scanned();
    drop(watched);
    mode(0o600);
    let mut watched = Watched::start(&fixture);
    assert_eq!(rights(&mut watched), Some(0o600));
    assert_eq!(watched.scanned(), (1, 0));
}

#[test]
fn a_renamed_file_is_not_read_again() {
    let fixture = Fixture::new();
    let shared = fixture.home.shared();
    old(&shared.join("a/1"), &noise(1, 100_000));
    let mut watched = Watched::start(&fixture);
    assert_eq!(watched.scanned(), (1, 1));
    drop(watched);
    fs::rename(shared.join("a"), shared.join("b")).unwrap();
    let mut watched = Watched::start(&fixture);
    watched.offered("b/1");
    let (files, read) = watched.scanned();
    assert_eq!(files, 1);
    assert_eq!(read, u64::from(cfg!(not(unix))));
}

#[test]
fn a_file_that_is_being_written_is_offered_when_it_is_whole() {
    use std::io::Write;
    let fixture = Fixture::new();
    let mut watched = Watched::start(&fixture);
    watched.scanned();
    let mut file = File::create(fixture.home.shared().join("growing")).unwrap();
    let bytes = noise(1, 16_000);
    // Written for longer than a file takes to settle.
    for part in bytes.chunks(1000) {
        file.write_all(part).unwrap();
        thread::sleep(Duration::from_millis(100));
        assert!(watched.events.try_recv().is_err());
    }
    drop(file);
    let offered = watched.offered("growing");
    assert_eq!(offered.file, manifest_of(&bytes).file());
}

#[test]
fn a_file_found_changed_by_a_reader_is_looked_at_again() {
    let fixture = Fixture::new();
    let path = fixture.home.shared().join("a");
    old(&path, b"before");
    let mut watched = Watched::start(&fixture);
    watched.scanned();
    old(&path, b"behind");
    let mut buf = Vec::new();
    let id = manifest_of(b"before").entries()[0].id;
    assert!(!fixture.reader.read(&id, &mut buf).unwrap());
    assert_eq!(watched.offered("a").file, manifest_of(b"behind").file());
}

#[test]
fn a_file_that_changed_behind_its_back_is_read_again_under_all_its_names() {
    let fixture = Fixture::new();
    let path = fixture.home.shared().join("a");
    let other = fixture.home.shared().join("b");
    old(&path, b"before");
    fs::hard_link(&path, &other).unwrap();
    let mut watched = Watched::start(&fixture);
    watched.scanned();
    drop(watched);
    // It is not watched, and it looks the same afterwards.
    let time = fs::metadata(&path).unwrap().modified().unwrap();
    let mut file = File::options().write(true).open(&path).unwrap();
    std::io::Write::write_all(&mut file, b"behind").unwrap();
    file.set_modified(time).unwrap();
    let mut watched = Watched::start(&fixture);
    assert_eq!(watched.scanned(), (2, 0));
    let mut buf = Vec::new();
    let id = manifest_of(b"before").entries()[0].id;
    assert!(!fixture.reader.read(&id, &mut buf).unwrap());
    watched.all(&["-a", "-b", "+a", "+b"]);
    let id = manifest_of(b"behind").entries()[0].id;
    assert!(fixture.reader.read(&id, &mut buf).unwrap());
}

#[test]
fn a_finished_download_that_changed_is_no_longer_offered() {
    let fixture = Fixture::new();
    let bytes = noise(3, 200_000);
    let (partial, _) = fixture.partial(&manifest_of(&bytes));
    crate::store::testing::fill(&partial, &bytes, 0..partial.manifest().len());
    let name = RelPath::parse("x").unwrap();
    let done = partial.finish(&fixture.home.downloads(), &name, 0, false);
    let done = done.unwrap();
    let mut watched = Watched::start(&fixture);
    watched.scanned();
    fs::write(&done.path, b"edited").unwrap();
    let mut buf = Vec::new();
    let id = partial.manifest().entries()[0].id;
    assert!(!fixture.reader.read(&id, &mut buf).unwrap());
    watched.withdrawn("x");
    assert!(fixture.index.fetched().unwrap().is_empty());
    assert!(fixture.index.locate(&id).unwrap().is_empty());
}

#[test]
fn a_renamed_folder_is_not_read_again_while_it_is_watched() {
    let fixture = Fixture::new();
    let shared = fixture.home.shared();
    old(&shared.join("a/1"), &noise(1, 100_000));
    let mut watched = Watched::start(&fixture);
    watched.scanned();
    fs::rename(shared.join("a"), shared.join("b")).unwrap();
    let seen = watched.until(|event| matches!(event, ShareEvent::Withdrawn { .. }));
    // The new name comes first: at no time does no node have it.
    assert!(
        matches!(
            &seen[..],
            [ShareEvent::Offered(_), ShareEvent::Withdrawn { .. }]
        ),
        "{seen:?}"
    );
}

#[cfg(unix)]
#[test]
fn links_that_leave_are_not_followed() {
    use std::os::unix::fs::symlink;
    let fixture = Fixture::new();
    let outside = tempfile::tempdir().unwrap();
    old(&outside.path().join("secret"), b"secret");
    let shared = fixture.home.shared();
    old(&shared.join("real"), b"real");
    symlink(outside.path().join("secret"), shared.join("escape")).unwrap();
    symlink(outside.path(), shared.join("folder")).unwrap();
    symlink("real", shared.join("inside")).unwrap();
    symlink(".", shared.join("loop")).unwrap();
    symlink("nothing", shared.join("dangling")).unwrap();
    let mut watched = Watched::start(&fixture);
    assert!(watched.problem("escape").contains("leaves"));
    watched.offered("inside");
    assert_eq!(watched.scanned().0, 2);
    // A folder that is replaced by a link while the node runs.
    old(&shared.join("sub/secret"), b"mine");
    watched.offered("sub/secret");
    fs::rename(shared.join("sub"), outside.path().join("sub")).unwrap();
    symlink(outside.path(), shared.join("sub")).unwrap();
    watched.withdrawn("sub/secret");
}

#[cfg(target_os = "linux")]
#[test]
fn names_that_cannot_be_offered_are_told_once() {
    use std::os::unix::ffi::OsStrExt;
    let fixture = Fixture::new();
    let shared = fixture.home.shared();
    old(&shared.join(std::ffi::OsStr::from_bytes(b"\xff")), b"x");
    old(&shared.join("a\nb"), b"x");
    old(&shared.join("e\u{301}"), b"decomposed");
    old(&shared.join("\u{e9}"), b"composed");
    let mut watched = Watched::start(&fixture);
    let events = watched.until(|event| matches!(event, ShareEvent::Scanned { .. }));
    let problems = events
        .iter()
        .filter(|event| matches!(event, ShareEvent::Problem { .. }));
    assert_eq!(problems.count(), 3);
    let offered = events.iter().find_map(|event| match event {
        ShareEvent::Offered(offered) => Some(offered),
        _ => None,
    });
    assert_eq!(offered.unwrap().file, manifest_of(b"decomposed").file());
    // The other one gets its turn when the first has gone.
    fs::remove_file(shared.join("e\u{301}")).unwrap();
    let next = watched.offered("\u{e9}");
    assert_eq!(next.file, manifest_of(b"composed").file());
}

#[test]
fn dropping_it_stops_it_even_when_nobody_listens() {
    let fixture = Fixture::new();
    for at in 0..200 {
        old(&fixture.home.shared().join(format!("{at}")), b"x");
    }
    let watched = Watched::start(&fixture);
    let deadline = Instant::now() + Duration::from_secs(20);
    while watched.events.len() < 64 {
        assert!(Instant::now() < deadline, "nothing is offered");
        thread::sleep(Duration::from_millis(1));
    }
    let begun = Instant::now();
    drop(watched.share);
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[test]
fn a_file_that_grew_after_it_was_read_has_to_settle_for_longer() {
    let fixture = Fixture::new();
    let (tell, _events) = channel(64);
    let (queue, inbox) = sync_channel(4);
    let mut worker = worker::Worker::new(
        fixture.home.shared(),
        (fixture.index.clone(), fixture.reader.clone(), tell),
        Arc::default(),
        inbox,
        Teller::new(queue),
    );
    let now = SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.unwrap().as_secs().cast_signed();
    let stamp = |size, ago| crate::store::Stamp {
        size,
        mtime: now - ago,
        mtime_ns: 0,
        device: 1,
        inode: 7,
    };
    let (log, note) = (Path::new("log"), Path::new("note"));
    assert_eq!(worker.unsettled(log, stamp(2, 3)), None);
    // A writer that pauses for 3.5 seconds.
    worker.grew(log, stamp(1, 6), stamp(2, 3));
    let rest = worker.unsettled(log, stamp(2, 3)).unwrap();
    assert!(rest <= Duration::from_secs(2), "{rest:?}");
    assert_eq!(worker.unsettled(log, stamp(2, 6)), None);
    // It did so again: twice as long.
    worker.grew(log, stamp(2, 12), stamp(3, 6));
    assert!(worker.unsettled(log, stamp(3, 6)).is_some());
    for size in 3..12 {
        worker.grew(log, stamp(size, 12), stamp(size + 1, 6));
    }
    assert_eq!(worker.unsettled(log, stamp(12, 61)), None);
    // Other files are read as soon as ever; so is what is replaced, cut, or written to once in a
    // while.
    let other = crate::store::Stamp {
        inode: 8,
        ..stamp(9, 3)
    };
    worker.grew(note, stamp(1, 6), other);
    worker.grew(note, stamp(3, 6), stamp(2, 3));
    worker.grew(note, stamp(1, 3600), stamp(2, 3));
    assert_eq!(worker.unsettled(note, stamp(2, 3)), None);
}

#[cfg(unix)]
#[test]
fn what_is_passed_over_is_told_a_few_by_name_and_the_rest_as_a_number() {
    let fixture = Fixture::new();
    let shared = fixture.home.shared();
    for at in 0..15 {
        std::os::unix::fs::symlink("nothing", shared.join(format!("{at:02}"))).unwrap();
    }
    let mut watched = Watched::start(&fixture);
    assert!(watched.problem("00").contains("nothing"));
    let why = watched.problem("shared");
    assert!(why.starts_with("5 more"), "{why}");
    watched.scanned();
}
