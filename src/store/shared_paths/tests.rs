use super::*;
use crate::store::testing::Fixture;

fn rel(name: &str) -> RelPath {
    RelPath::parse(name).unwrap()
}

/// A home, a folder beside it with a file in it, and what the home shares.
fn fixture() -> (Fixture, tempfile::TempDir, SharedPaths) {
    let fixture = Fixture::new();
    let beside = tempfile::tempdir().unwrap();
    fs::create_dir(beside.path().join("music")).unwrap();
    fs::write(beside.path().join("music/song"), "la").unwrap();
    let paths = SharedPaths::of(&fixture.home);
    (fixture, beside, paths)
}

#[test]
fn what_is_shared_is_remembered_and_damage_costs_only_its_line() {
    let (fixture, beside, paths) = fixture();
    let music = beside.path().join("music");
    assert_eq!(paths.read().unwrap(), []);
    let Added::New(one) = paths.add(&music, None).unwrap() else {
        panic!("it was not shared before");
    };
    assert_eq!((one.name.as_str(), &one.path), ("music", &music));
    let file = fixture.home.root().join(".sprat/paths");
    let mut text = fs::read(&file).unwrap();
    text.splice(
        0..0,
        *b"{\"name\":\"../x\",\"path\":\"/x\"}\n{\"name\":\"x\",\"path\":\"x\"}\n\xff\n",
    );
    fs::write(&file, text).unwrap();
    assert_eq!(paths.read().unwrap(), std::slice::from_ref(&one));
    assert_eq!(paths.remove("music/", false).unwrap(), Removed::Left(one));
    assert_eq!(paths.read().unwrap(), []);
    assert!(music.join("song").exists());
    // By its path, too.
    paths.add(&music, Some(&rel("tunes"))).unwrap();
    let removed = paths.remove(music.to_str().unwrap(), false).unwrap();
    assert!(matches!(removed, Removed::Left(one) if one.name == rel("tunes")));
}

#[test]
fn what_belongs_to_sprat_is_never_shared() {
    let (fixture, beside, paths) = fixture();
    let root = fixture.home.root();
    let own = [
        root.to_owned(),
        root.parent().unwrap().to_owned(),
        root.join(".sprat"),
        root.join(".sprat/lock"),
        fixture.home.shared(),
    ];
    for path in own.iter().filter(|path| **path != fixture.home.shared()) {
        let refused = paths.add(path, None);
        assert!(matches!(refused, Err(SharePathError::Own(_))), "{path:?}");
    }
    #[cfg(unix)]
    {
        let link = beside.path().join("innocent");
        std::os::unix::fs::symlink(root.join(".sprat/lock"), &link).unwrap();
        assert!(matches!(
            paths.add(&link, None),
            Err(SharePathError::Own(_))
        ));
        let socket = beside.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        assert!(matches!(
            paths.add(&socket, None),
            Err(SharePathError::Special(_))
        ));
    }
    let missing = paths.add(&beside.path().join("nothing"), None);
    assert!(matches!(missing, Err(SharePathError::Missing(_))));
    assert_eq!(paths.read().unwrap(), []);
}

#[test]
fn a_file_has_one_name_and_a_name_one_file() {
    let (fixture, beside, paths) = fixture();
    let music = beside.path().join("music");
    fs::write(fixture.home.shared().join("here"), "").unwrap();
    let name = |added| match added {
        Ok(Added::Already(one)) => one.name.as_str().to_owned(),
        other => panic!("{other:?}"),
    };
    // What lies in the shared folder has its name by that.
    assert_eq!(
        name(paths.add(&fixture.home.shared().join("here"), None)),
        "here"
    );
    let taken = paths.add(&music, Some(&rel("here")));
    assert!(matches!(taken, Err(SharePathError::Taken(_))));
    paths.add(&music, None).unwrap();
    assert_eq!(name(paths.add(&music, None)), "music");
    assert_eq!(name(paths.add(&music.join("song"), None)), "music/song");
    let other = paths.add(&music, Some(&rel("tunes")));
    assert!(matches!(other, Err(SharePathError::Named(name)) if name == "music"));
    let whole = paths.add(beside.path(), Some(&rel("all")));
    assert!(matches!(whole, Err(SharePathError::Holds { .. })));
    let second = tempfile::tempdir().unwrap();
    fs::create_dir(second.path().join("music")).unwrap();
    for name in [None, Some(rel("music/second"))] {
        let taken = paths.add(&second.path().join("music"), name.as_ref());
        assert!(matches!(taken, Err(SharePathError::Taken(_))), "{taken:?}");
    }
    paths
        .add(&second.path().join("music"), Some(&rel("other")))
        .unwrap();
    assert_eq!(paths.read().unwrap().len(), 2);
    let part = paths.remove("music/song", false);
    assert!(matches!(part, Err(SharePathError::Part { whole, .. }) if whole == "music"));
}

#[test]
fn what_lies_in_the_shared_folder_is_moved_away_when_that_is_said_and_replaces_nothing() {
    let (fixture, _beside, paths) = fixture();
    let (shared, downloads) = (fixture.home.shared(), fixture.home.downloads());
    fs::create_dir_all(&downloads).unwrap();
    fs::create_dir(shared.join("d")).unwrap();
    fs::write(shared.join("d/a.txt"), "mine").unwrap();
    fs::write(downloads.join("a.txt"), "another").unwrap();
    assert!(matches!(
        paths.remove("d/a.txt", false),
        Err(SharePathError::InFolder { .. })
    ));
    assert!(matches!(
        paths.remove("b", true),
        Err(SharePathError::Unknown(_))
    ));
    assert!(matches!(
        paths.remove("../.sprat", true),
        Err(SharePathError::Unknown(_))
    ));
    let moved = paths.remove("d/a.txt", true).unwrap();
    assert_eq!(moved, Removed::Moved(downloads.join("a (2).txt")));
    assert_eq!(fs::read(downloads.join("a (2).txt")).unwrap(), b"mine");
    assert_eq!(fs::read(downloads.join("a.txt")).unwrap(), b"another");
    assert!(!shared.join("d/a.txt").exists());
    assert_eq!(
        paths.remove("d", true).unwrap(),
        Removed::Moved(downloads.join("d"))
    );
}
