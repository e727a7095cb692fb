use super::*;
use crate::{
    core::id::NodeId,
    store::testing::{Fixture, manifest_of, noise},
};

fn sent(fixture: &Fixture) -> Sent {
    Sent::open(fixture.reader.clone()).unwrap()
}

#[test]
fn what_is_sent_is_there_for_those_only_who_were_granted_it() {
    let fixture = Fixture::new();
    let bytes = noise(1, 700_000);
    let path = fixture.folder.path().join("a.bin");
    fs::write(&path, &bytes).unwrap();
    let sent = sent(&fixture);
    let files = sent.add(&[path], 10, |_| true).unwrap().files;
    let (file, chunk) = (files[0].file, manifest_of(&bytes).entries()[0].id);
    let (friend, stranger) = (NodeId([1; 32]), NodeId([2; 32]));
    fixture.reader.grants().allow([file], friend);
    let mut buf = Vec::new();
    for (peer, expected) in [(friend, true), (stranger, false)] {
        let reader = fixture.reader.on_behalf_of(peer);
        assert_eq!(reader.read(&chunk, &mut buf).unwrap(), expected);
        assert_eq!(reader.has(&[chunk]).unwrap().count() == 1, expected);
        assert_eq!(reader.may_see(&file).unwrap(), expected);
    }
    // The same bytes in the shared folder are for everyone.
    fixture.index_shared("public", &bytes);
    let reader = fixture.reader.on_behalf_of(stranger);
    assert!(reader.read(&chunk, &mut buf).unwrap());
    assert!(reader.may_see(&file).unwrap());
    sent.release(&files);
    assert!(fixture.index.files(Kind::Sent).unwrap().is_empty());
}

#[test]
fn a_folder_is_sent_as_a_tree_without_the_nodes_own_state() {
    let fixture = Fixture::new();
    let top = fixture.folder.path().join("tree");
    fs::create_dir_all(top.join("sub")).unwrap();
    fs::create_dir_all(top.join(".sprat")).unwrap();
    fs::write(top.join("sub/b"), "b").unwrap();
    fs::write(top.join("a"), "").unwrap();
    fs::write(top.join(".sprat/identity.key"), "secret").unwrap();
    let sent = sent(&fixture);
    let files = sent
        .add(std::slice::from_ref(&top), 2, |_| true)
        .unwrap()
        .files;
    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["tree/a", "tree/sub/b"]);
    assert!(matches!(
        sent.add(&[top], 1, |_| true),
        Err(SendError::TooMany(1))
    ));
    let missing = fixture.folder.path().join("nothing");
    let missing = sent.add(&[missing], 1, |_| true);
    assert!(matches!(missing, Err(SendError::Missing(_))));
}

#[test]
fn what_the_rules_leave_out_of_a_folder_is_not_sent() {
    let fixture = Fixture::new();
    let top = fixture.folder.path().join("tree");
    fs::create_dir_all(top.join("cache")).unwrap();
    fs::write(top.join(".spratignore"), "cache/\n*.tmp\n").unwrap();
    for name in ["a", "b.tmp", "Thumbs.db", "cache/c"] {
        fs::write(top.join(name), name).unwrap();
    }
    let files = sent(&fixture).add(&[top.clone(), top.join("b.tmp")], 9, |_| true);
    let files = files.unwrap().files;
    let names: Vec<_> = files.iter().map(|one| one.name.clone()).collect();
    // What is named itself is wanted.
    let names: Vec<&str> = names.iter().map(RelPath::as_str).collect();
    assert_eq!(names, ["tree/a", "b.tmp"]);
}

#[test]
fn two_sends_of_a_file_share_its_record_and_the_last_one_removes_it() {
    let fixture = Fixture::new();
    let path = fixture.folder.path().join("a");
    fs::write(&path, noise(1, 1000)).unwrap();
    let sent = sent(&fixture);
    let one = sent
        .add(std::slice::from_ref(&path), 10, |_| true)
        .unwrap()
        .files;
    let two = sent.add(&[path], 10, |_| true).unwrap().files;
    sent.release(&one);
    assert_eq!(fixture.index.files(Kind::Sent).unwrap().len(), 1);
    assert!(fixture.reader.grants().is_hidden(&two[0].file));
    sent.release(&two);
    assert!(fixture.index.files(Kind::Sent).unwrap().is_empty());
    assert!(!fixture.reader.grants().is_hidden(&two[0].file));
    assert!(fixture.index.manifest(&two[0].file).unwrap().is_none());
}

#[cfg(unix)]
#[test]
fn what_cannot_be_sent_of_a_folder_is_listed_and_the_rest_is_sent() {
    use std::os::unix::{ffi::OsStrExt, fs::symlink};
    let fixture = Fixture::new();
    let top = fixture.folder.path().join("tree");
    fs::create_dir_all(top.join("hollow/deep")).unwrap();
    fs::create_dir_all(top.join(".sprat")).unwrap();
    fs::write(top.join(".sprat/identity.key"), "secret").unwrap();
    fs::write(top.join("a"), "a").unwrap();
    symlink("a", top.join("inside")).unwrap();
    symlink(fixture.home.shared(), top.join("outside")).unwrap();
    symlink(".sprat/identity.key", top.join("key")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(top.join("socket")).unwrap();
    fs::write(top.join("back\\slash"), "x").unwrap();
    if cfg!(target_os = "linux") {
        fs::write(top.join(std::ffi::OsStr::from_bytes(b"\xff")), "x").unwrap();
    }
    for at in 0..LISTED {
        symlink("nothing", top.join(format!("broken {at}"))).unwrap();
    }
    let sending = sent(&fixture).add(&[top], 10, |_| true).unwrap();
    let names: Vec<&str> = sending
        .files
        .iter()
        .map(|file| file.name.as_str())
        .collect();
    assert_eq!(names, ["tree/a", "tree/inside"]);
    assert_eq!(sending.files[0].file, sending.files[1].file);
    let folders: Vec<&str> = sending.folders.iter().map(RelPath::as_str).collect();
    assert_eq!(folders, ["tree/hollow/deep"]);
    assert_eq!(sending.left.listed.len(), LISTED);
    assert_eq!(sending.left.more, 4 + u64::from(cfg!(target_os = "linux")));
    let LeftOutFile { path, why } = &sending.left.listed[0];
    assert!(path.ends_with("back\\slash"), "{path}");
    assert!(why.contains("backslash"), "{why}");
}

#[test]
fn how_much_of_a_file_are_holes_is_known_from_any_reading() {
    let fixture = Fixture::new();
    let path = fixture.folder.path().join("sparse");
    let file = fs::File::create_new(&path).unwrap();
    file.set_len(5 << 20).unwrap();
    crate::store::positioned::write_all_at(&file, b"data", 3 << 20).unwrap();
    let sent = sent(&fixture);
    for _ in 0..2 {
        let added = sent.add(std::slice::from_ref(&path), 1, |_| true).unwrap();
        assert_eq!(added.files[0].holes, 4 << 20);
    }
}
