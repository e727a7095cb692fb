use super::*;
use crate::store::testing::{Fixture, fill, manifest_of, noise};

fn download(fixture: &Fixture, name: &str, bytes: &[u8]) -> Result<Finished, StoreError> {
    let manifest = manifest_of(bytes);
    let (partial, have) = fixture.partial(&manifest);
    fill(
        &partial,
        bytes,
        (0..manifest.len()).filter(|&at| !have.has(at)),
    );
    let name = RelPath::parse(name).unwrap();
    partial.finish(&fixture.home.downloads(), &name, 1_700_000_000, false)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn nothing_that_is_there_is_replaced() {
    let fixture = Fixture::new();
    let downloads = fixture.home.downloads();
    let first = download(&fixture, "sub/a.txt", b"one").unwrap();
    assert_eq!(first.path, downloads.join("sub/a.txt"));
    let second = download(&fixture, "sub/a.txt", b"two").unwrap();
    assert_eq!(second.path, downloads.join("sub/a (2).txt"));
    let third = download(&fixture, "sub/A.TXT", b"three").unwrap();
    assert_eq!(
        third.path,
        downloads.join("sub/A (2).TXT").with_file_name("A (3).TXT")
    );
    assert_eq!(fs::read(first.path).unwrap(), b"one");
    // Decomposed on the disk, composed in the offer: one name.
    fs::write(downloads.join("e\u{301}"), "?").unwrap();
    let accent = download(&fixture, "\u{e9}", b"four").unwrap();
    assert_eq!(accent.path, downloads.join("\u{e9} (2)"));
}

#[test]
fn an_identical_file_is_used_as_it_is() {
    let fixture = Fixture::new();
    let bytes = noise(1, 700_000);
    let manifest = manifest_of(&bytes);
    let downloads = fixture.home.downloads();
    let name = RelPath::parse("a.bin").unwrap();
    let find = || find_existing(&fixture.reader, &downloads, &name, &manifest).unwrap();
    assert_eq!(find(), None);
    fs::create_dir(&downloads).unwrap();
    fs::write(downloads.join("a.bin"), &bytes).unwrap();
    assert_eq!(find(), Some(downloads.join("a.bin")));
    let done = download(&fixture, "a.bin", &bytes).unwrap();
    assert!(done.already);
    // It is served although it was never downloaded.
    let mut buf = Vec::new();
    let id = manifest.entries()[0].id;
    assert!(fixture.reader.read(&id, &mut buf).unwrap());
    // One changed byte, same size: another file, also to an index that knew it.
    let mut other = bytes.clone();
    other[600_000] ^= 1;
    fs::write(downloads.join("a.bin"), &other).unwrap();
    assert_eq!(find(), None);
    let done = download(&fixture, "a.bin", &bytes).unwrap();
    assert_eq!(done.path, downloads.join("a (2).bin"));
    assert_eq!(find(), Some(done.path));
    assert_eq!(names(&downloads), ["a (2).bin", "a.bin"]);
}

#[test]
fn names_that_this_system_can_hold_stay_as_they_are() {
    let fixture = Fixture::new();
    let done = download(&fixture, "CON/f:ads", b"x").unwrap();
    let relative = done.path.strip_prefix(fixture.home.downloads()).unwrap();
    let name = RelPath::parse("CON/f:ads").unwrap();
    let expected = if cfg!(target_os = "linux") {
        name
    } else {
        name.portable()
    };
    assert_eq!(relative, Path::new(expected.as_str()));
}

#[cfg(unix)]
#[test]
fn nothing_is_written_through_a_symlink() {
    let fixture = Fixture::new();
    let outside = tempfile::tempdir().unwrap();
    let downloads = fixture.home.downloads();
    fs::create_dir(&downloads).unwrap();
    std::os::unix::fs::symlink(outside.path(), downloads.join("link")).unwrap();
    assert!(matches!(
        download(&fixture, "link/a", b"x"),
        Err(StoreError::Name { .. })
    ));
    fs::write(downloads.join("file"), "").unwrap();
    assert!(matches!(
        download(&fixture, "file/a", b"x"),
        Err(StoreError::Name { .. })
    ));
    // A link in the place of the file itself is kept, and what it points at, too.
    let target = outside.path().join("target");
    std::os::unix::fs::symlink(&target, downloads.join("a")).unwrap();
    let done = download(&fixture, "a", b"x").unwrap();
    assert_eq!(done.path, downloads.join("a (2)"));
    assert!(names(outside.path()).is_empty());
}

/// What the sender's bits are here.
#[cfg(unix)]
const MODES: [(u32, u32); 6] = [
    (0o600, 0o600),
    (0o750, 0o750),
    (0o444, 0o444),
    (0o777, 0o777),
    (0o4755, 0o755),
    (0o1666, 0o666),
];

#[cfg(unix)]
#[test]
fn a_file_arrives_with_the_senders_bits_less_the_receivers_umask() {
    use crate::store::{SmallFile, lay, place_all};
    use std::os::unix::fs::MetadataExt;
    let fixture = Fixture::new();
    let downloads = fixture.home.downloads();
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o7777;
    let probe = fixture.folder.path().join("probe");
    let mut options = fs::OpenOptions::new();
    let all = modes::arriving(options.write(true).create_new(true), Rights::of(0o777));
    drop(all.open(&probe).unwrap());
    let umask = 0o777 & !mode(&probe);
    let (mut laid, mut expected) = (Vec::new(), Vec::new());
    for (at, (theirs, ours)) in MODES.into_iter().enumerate() {
        let rights = Rights::of(theirs);
        let bytes = noise(at as u64, 20);
        let manifest = manifest_of(&bytes);
        let name = RelPath::parse(&format!("large/{at}")).unwrap();
        let (partial, _) = fixture.partial(&manifest);
        fill(&partial, &bytes, [0]);
        let done = partial
            .finish(&downloads, &name, 1_000_000, rights)
            .unwrap();
        assert_eq!(mode(&done.path), ours & !umask, "{theirs:o}");
        let bytes = noise(at as u64 + 100, 20);
        let manifest = manifest_of(&bytes);
        let small = SmallFile {
            name: RelPath::parse(&format!("small/{at}")).unwrap(),
            file: manifest.file(),
            entry: manifest.entries().first().copied(),
            mtime: 1_000_000,
            rights,
        };
        laid.push(lay(&fixture.home, small, &bytes).unwrap());
        expected.push((theirs, ours & !umask));
    }
    let finder = Finder::new(&fixture.reader, &downloads, Taken::Beside);
    for (done, (theirs, ours)) in place_all(&fixture.home, finder, laid)
        .into_iter()
        .zip(expected)
    {
        assert_eq!(mode(&done.unwrap().path), ours, "{theirs:o}");
    }
    // It is offered on as its owner has it, not as it lies here.
    let records = fixture.index.files(Kind::Fetched).unwrap();
    let modes: Vec<u16> = records
        .iter()
        .filter_map(|(_, one)| one.rights.mode())
        .collect();
    assert_eq!(modes.len(), 2 * MODES.len());
    assert!(modes.contains(&0o666) && modes.contains(&0o600));
}

#[cfg(unix)]
#[test]
fn times_and_the_executable_bit_are_kept() {
    use std::os::unix::fs::MetadataExt;
    let fixture = Fixture::new();
    let bytes = b"#!/bin/sh\n";
    let (partial, _) = fixture.partial(&manifest_of(bytes));
    fill(&partial, bytes, [0]);
    let name = RelPath::parse("run.sh").unwrap();
    let downloads = fixture.home.downloads();
    let done = partial
        .finish(&downloads, &name, 1_234_567_890, true)
        .unwrap();
    let meta = fs::metadata(&done.path).unwrap();
    assert_eq!(meta.mtime(), 1_234_567_890);
    assert_eq!(meta.mode() & 0o700, 0o700);
    assert_eq!(meta.mode() & 0o022, 0);
    assert_eq!(meta.nlink(), 1);
    // Times that no disk can hold are not worth a failure.
    for (tag, mtime) in [i64::MIN, -1, i64::MAX].into_iter().enumerate() {
        let bytes = [tag as u8; 9];
        let (partial, _) = fixture.partial(&manifest_of(&bytes));
        fill(&partial, &bytes, [0]);
        partial.finish(&downloads, &name, mtime, false).unwrap();
    }
    let first = fs::metadata(download(&fixture, "plain", b"p").unwrap().path).unwrap();
    assert_eq!(first.mode() & 0o111, 0);
}

#[test]
fn another_file_stays_or_is_replaced_as_was_said() {
    let fixture = Fixture::new();
    let downloads = fixture.home.downloads();
    fs::create_dir_all(&downloads).unwrap();
    fs::write(downloads.join("out"), "old").unwrap();
    let (name, at) = (
        RelPath::parse("new").unwrap(),
        RelPath::parse("out").unwrap(),
    );
    let (partial, _) = fixture.partial(&manifest_of(b"new"));
    fill(&partial, b"new", [0]);
    let spot = |taken| Spot {
        name: &name,
        at: &at,
        taken,
    };
    let refused = partial.finish(&downloads, spot(Taken::Refused), 0, false);
    assert!(matches!(refused, Err(StoreError::Name { .. })));
    let found = find_existing(
        &fixture.reader,
        &downloads,
        spot(Taken::Refused),
        partial.manifest(),
    );
    assert!(
        matches!(found, Err(StoreError::Name { .. })),
        "before a byte is fetched"
    );
    assert_eq!(fs::read(downloads.join("out")).unwrap(), b"old");
    // A program that has the old one open keeps it: the new one takes its name and not its bytes.
    let old = File::open(downloads.join("out")).unwrap();
    let done = partial
        .finish(&downloads, spot(Taken::Replaced), 0, false)
        .unwrap();
    assert!(!done.already);
    assert_eq!(io::read_to_string(old).unwrap(), "old");
    assert_eq!(fs::read(downloads.join("out")).unwrap(), b"new");
    assert_eq!(names(&downloads), ["out"]);
    let records = fixture.index.files(Kind::Fetched).unwrap();
    assert_eq!(records[0].1.name, "new", "others know it by its own name");
    // A folder is replaced by nothing.
    fs::create_dir(downloads.join("new")).unwrap();
    let (partial, _) = fixture.partial(&manifest_of(b"newer"));
    fill(&partial, b"newer", [0]);
    let spot = Spot {
        taken: Taken::Replaced,
        ..Spot::from(&name)
    };
    assert!(partial.finish(&downloads, spot, 0, false).is_err());
    assert!(downloads.join("new").is_dir());
}

#[test]
fn what_cannot_be_reached_is_known_before_anything_is_fetched() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(reach(folder.path()).is_ok() && reach(&folder.path().join("a/b")).is_ok());
    assert_eq!(names(folder.path()), ["file"], "nothing is left");
    for inside in ["", "below", "below/more"] {
        let refused = reach(&file.join(inside));
        assert!(matches!(refused, Err(StoreError::Name { .. })), "{inside}");
    }
    // Their disk has no room either, which is not what is wrong.
    #[cfg(target_os = "linux")]
    for nowhere in ["/proc", "/proc/nope/a"] {
        let refused = reach(Path::new(nowhere));
        assert!(matches!(refused, Err(StoreError::Io { .. })), "{refused:?}");
    }
}

#[test]
fn an_unfinished_download_gets_no_place() {
    let fixture = Fixture::new();
    let (partial, _) = fixture.partial(&manifest_of(b"abc"));
    let name = RelPath::parse("a").unwrap();
    let done = partial.finish(&fixture.home.downloads(), &name, 0, false);
    assert!(matches!(done, Err(StoreError::Missing { missing: 1, .. })));
    assert!(!fixture.home.downloads().exists());
}

#[cfg(unix)]
#[test]
fn a_crash_between_placing_and_forgetting_costs_nothing() {
    let fixture = Fixture::new();
    let bytes = noise(1, 300_000);
    let manifest = manifest_of(&bytes);
    let (partial, _) = fixture.partial(&manifest);
    fill(&partial, &bytes, 0..manifest.len());
    partial.sync().unwrap();
    let downloads = fixture.home.downloads();
    fs::create_dir(&downloads).unwrap();
    fs::hard_link(partial.path(), downloads.join("a")).unwrap();
    drop(partial);
    let fixture = fixture.restart();
    let name = RelPath::parse("a").unwrap();
    let found = find_existing(&fixture.reader, &downloads, &name, &manifest).unwrap();
    assert_eq!(found, Some(downloads.join("a")));
    // A download of it does not write into the user's file.
    let (partial, have) = fixture.partial(&manifest);
    assert_eq!(have.count(), 0);
    assert_eq!(fs::read(downloads.join("a")).unwrap(), bytes);
    fill(&partial, &bytes, 0..manifest.len());
    assert!(partial.finish(&downloads, &name, 0, false).unwrap().already);
}

#[test]
fn files_finished_at_once_under_one_name_all_get_a_place() {
    let fixture = Fixture::new();
    std::thread::scope(|scope| {
        for tag in 0..8u64 {
            let fixture = &fixture;
            scope.spawn(move || download(fixture, "a", &noise(tag, 1000)).unwrap());
        }
    });
    assert_eq!(names(&fixture.home.downloads()).len(), 8);
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_is_swapped_for_a_link_meanwhile_leads_nothing_outside() {
    use crate::store::{Finder, SmallFile, lay, place_all};
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use std::sync::atomic::{AtomicBool, Ordering};
    let fixture = Fixture::new();
    let outside = tempfile::tempdir().unwrap();
    let downloads = fixture.home.downloads();
    let (folder, link) = (downloads.join("d"), fixture.folder.path().join("link"));
    fs::create_dir_all(&folder).unwrap();
    std::os::unix::fs::symlink(outside.path(), &link).unwrap();
    let stop = AtomicBool::new(false);
    let mut placed = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                renameat_with(CWD, &folder, CWD, &link, RenameFlags::EXCHANGE).unwrap();
            }
        });
        for round in 0..60u64 {
            let small = |at| {
                let bytes = noise(round * 100 + at, 20);
                let manifest = manifest_of(&bytes);
                let small = SmallFile {
                    name: RelPath::parse(&format!("d/{round}-{at}")).unwrap(),
                    file: manifest.file(),
                    entry: manifest.entries().first().copied(),
                    mtime: 1_000_000,
                    rights: false.into(),
                };
                lay(&fixture.home, small, &bytes).unwrap()
            };
            let finder = Finder::new(&fixture.reader, &downloads, Taken::Beside);
            let results = place_all(&fixture.home, finder, (0..50).map(small).collect());
            placed += results.iter().filter(|result| result.is_ok()).count();
            let single = download(&fixture, &format!("d/{round}"), &noise(1 << 40 | round, 50));
            placed += usize::from(single.is_ok());
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(names(outside.path()).is_empty());
    let real = [&folder, &link].map(|path| fs::symlink_metadata(path).unwrap().is_dir());
    let real = if real[0] { &folder } else { &link };
    assert_eq!(names(real).len(), placed);
    assert!(placed > 0);
}
