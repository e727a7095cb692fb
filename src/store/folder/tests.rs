use super::*;
use std::fs;

#[cfg(unix)]
#[test]
fn no_link_is_followed_below_an_open_folder() {
    use std::os::unix::fs::symlink;
    let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::create_dir_all(inside.path().join("a/b")).unwrap();
    fs::write(inside.path().join("a/b/f"), "mine").unwrap();
    fs::write(outside.path().join("f"), "secret").unwrap();
    symlink(outside.path(), inside.path().join("a/out")).unwrap();
    symlink("b/f", inside.path().join("a/link")).unwrap();
    let folder = Folder::open(inside.path()).unwrap();
    assert!(folder.open_file(Path::new("a/b/f")).is_ok());
    for way in ["a/out/f", "a/link", "a/out"] {
        let error = folder.open_file(Path::new(way)).unwrap_err();
        assert!(is_no_folder(&error), "{way}: {error}");
    }
    for way in ["../x", "/etc/passwd", "a/../../x"] {
        assert!(folder.open_file(Path::new(way)).is_err(), "{way}");
        assert!(folder.sub(Path::new(way)).is_err(), "{way}");
    }
    let sub = folder.sub(Path::new("a")).unwrap();
    assert_eq!(sub.stat("out").unwrap().what, What::Link);
    assert!(is_no_folder(&sub.make("out").unwrap_err()));
    // It stays the same folder when its name means another one.
    fs::rename(inside.path().join("a"), inside.path().join("was")).unwrap();
    symlink(outside.path(), inside.path().join("a")).unwrap();
    sub.create("new", 0o644).unwrap();
    assert!(inside.path().join("was/new").exists());
    assert!(!outside.path().join("new").exists());
}

#[cfg(unix)]
#[test]
fn steps_one_at_a_time_lead_to_the_same_places() {
    use rustix::fs::OFlags;
    use std::os::unix::fs::symlink;
    let inside = tempfile::tempdir().unwrap();
    fs::create_dir_all(inside.path().join("a/b")).unwrap();
    fs::write(inside.path().join("a/b/f"), "mine").unwrap();
    symlink("a", inside.path().join("link")).unwrap();
    let folder = Folder::open(inside.path()).unwrap();
    let read = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    assert!(folder.by_steps(Path::new("a/b/f"), read).is_ok());
    assert!(folder.by_steps(Path::new("link/b/f"), read).is_err());
    assert!(folder.by_steps(Path::new(""), read).is_err());
}
