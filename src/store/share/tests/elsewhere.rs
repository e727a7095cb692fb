//! What is shared where it lies.

use super::*;

#[test]
fn what_is_shared_where_it_lies_is_offered_followed_and_withdrawn() {
    let fixture = Fixture::new();
    let beside = tempfile::tempdir().unwrap();
    let music = beside.path().join("music");
    let bytes = noise(1, 200_000);
    old(&music.join("cd/song"), &bytes);
    old(&music.join(".sprat/identity.key"), b"another home's");
    old(&beside.path().join("film"), b"film");
    old(&beside.path().join("private"), b"private");
    old(&fixture.home.shared().join("mine"), b"mine");
    let paths = SharedPaths::of(&fixture.home);
    paths.add(&music, None).unwrap();
    let mut watched = Watched::start(&fixture);
    let seen = watched.until(|event| matches!(event, ShareEvent::Scanned { .. }));
    let names: Vec<&str> = seen
        .iter()
        .filter_map(|event| match event {
            ShareEvent::Offered(one) => Some(one.name.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(names, ["mine", "music/cd/song"]);
    let mut buf = Vec::new();
    let id = manifest_of(&bytes).entries()[0].id;
    assert!(fixture.reader.read(&id, &mut buf).unwrap());
    // While it runs: one more, by another name, and what changes in both.
    paths
        .add(
            &beside.path().join("film"),
            Some(&RelPath::parse("movie").unwrap()),
        )
        .unwrap();
    watched.share.set_paths(paths.read().unwrap(), false);
    watched.offered("movie");
    old(&music.join("new"), b"new");
    watched.offered("music/new");
    // As editors save: another file takes its place.
    old(&beside.path().join("film.new"), b"longer film");
    fs::rename(beside.path().join("film.new"), beside.path().join("film")).unwrap();
    watched.all(&["-movie", "+movie"]);
    paths.remove("music", false).unwrap();
    watched.share.set_paths(paths.read().unwrap(), true);
    watched.all(&["-music/cd/song", "-music/new"]);
    assert!(!fixture.reader.read(&id, &mut buf).unwrap());
    drop(watched);
    // While it does not run: no longer, and nothing of it stays in the index.
    paths.remove("movie", false).unwrap();
    drop(paths);
    let fixture = fixture.restart();
    let mut watched = Watched::start(&fixture);
    assert_eq!(watched.scanned(), (1, 0));
    let left = fixture.index.files(crate::store::Kind::Shared).unwrap();
    assert_eq!(left.len(), 1);
}

#[test]
fn what_is_shared_where_it_lies_goes_away_and_comes_back() {
    let fixture = Fixture::new();
    let beside = tempfile::tempdir().unwrap();
    let (stick, drawer) = (beside.path().join("stick"), beside.path().join("drawer"));
    old(&stick.join("a"), b"a");
    let paths = SharedPaths::of(&fixture.home);
    paths.add(&stick, None).unwrap();
    let mut watched = Watched::start(&fixture);
    watched.offered("stick/a");
    watched.scanned();
    fs::rename(&stick, &drawer).unwrap();
    watched.all(&["-stick/a"]);
    fs::rename(&drawer, &stick).unwrap();
    watched.offered("stick/a");
    // Another start without it.
    drop((watched, paths));
    fs::rename(&stick, &drawer).unwrap();
    let fixture = fixture.restart();
    let mut watched = Watched::start(&fixture);
    let path = stick.to_string_lossy().into_owned();
    assert!(watched.problem(&path).contains("comes back"));
    fs::rename(&drawer, &stick).unwrap();
    watched.offered("stick/a");
}

#[cfg(unix)]
#[test]
fn links_out_of_what_is_shared_where_it_lies_are_not_followed() {
    use std::os::unix::fs::symlink;
    let fixture = Fixture::new();
    let beside = tempfile::tempdir().unwrap();
    let folder = beside.path().join("folder");
    old(&folder.join("real"), b"real");
    old(&folder.join("a.tmp"), b"left out");
    old(&folder.join(".spratignore"), b"*.tmp\n");
    old(&beside.path().join("secret"), b"secret");
    symlink("../secret", folder.join("out")).unwrap();
    symlink("real", folder.join("in")).unwrap();
    SharedPaths::of(&fixture.home).add(&folder, None).unwrap();
    let mut watched = Watched::start(&fixture);
    let out = folder.join("out").to_string_lossy().into_owned();
    assert!(watched.problem(&out).contains("leaves"));
    assert_eq!(watched.scanned().0, 2);
}
