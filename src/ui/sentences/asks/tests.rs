use super::*;
use crate::{
    core::id::{FileId, NodeId},
    node::{AskedFile, LeftOutFile},
};
use std::sync::Arc;

fn ask(from: &str, names: &[&str], to: &[&str]) -> AskInfo {
    let file = |name: &&str| AskedFile {
        name: (*name).to_owned(),
        size: 1 << 20,
        media: "image/jpeg".into(),
        executable: false,
        mode: None,
        mtime: 0,
        file: FileId([1; 32]),
        holes: 0,
    };
    AskInfo {
        number: 3,
        from: Person {
            name: from.into(),
            node: NodeId([1; 32]),
        },
        key_changed: false,
        to: to.iter().map(|name| (*name).to_owned()).collect(),
        files: names.iter().map(file).collect(),
        size: (names.len() as u64) << 20,
        time: 0,
        lacking: 0,
        folders: Arc::default(),
    }
}

#[test]
fn a_question_says_who_asks_for_what_and_how_to_answer() {
    let text = question(&ask("bob", &["a.jpg"], &["ann"]));
    for part in [
        "bob (",
        "a.jpg, 1.0 MiB (image/jpeg)",
        "id 0101010101, asked 1970-01-01 00:00 UTC",
        "accept 3",
        "refuse 3",
    ] {
        assert!(text.contains(part), "{text}");
    }
    let text = question(&ask("bob", &["p/a", "p/b"], &["ann", "eve"]));
    assert!(text.contains("p/, 2 files, 2.0 MiB"), "{text}");
    assert!(text.contains("it goes to ann, eve"), "{text}");
    let mut large = ask("bob", &["a"], &[]);
    large.lacking = 1 << 30;
    assert!(question(&large).contains("does not fit: 1.0 GiB"));
}

#[test]
fn the_folder_of_several_files_has_all_of_them() {
    let of = |files: &[&str]| folder_of(files.iter().map(Path::new)).to_owned();
    assert_eq!(of(&["/d/trip/a", "/d/trip/day/b"]), Path::new("/d/trip"));
    assert_eq!(of(&["/d/trip/day/b", "/d/trip/a"]), Path::new("/d/trip"));
    assert_eq!(of(&["/d/a", "/d/ab"]), Path::new("/d"));
    assert_eq!(of(&["/d/a/x", "/d/ab/y"]), Path::new("/d"));
}

#[test]
fn what_strangers_named_is_escaped_and_cut() {
    let evil = "a\u{1b}[2J\u{202e}gpj.exe";
    let long = "x".repeat(10_000);
    for name in [evil, &long] {
        for text in [
            question(&ask(name, &[name, name], &[name, name])),
            waiting(&ask(name, &[name], &[])),
            gone(1, &ask(name, &[name], &[]).from, Gone::Lost),
        ] {
            assert!(
                !text.contains('\u{1b}') && !text.contains('\u{202e}'),
                "{text}"
            );
            assert!(text.len() < 2000, "{}", text.len());
        }
    }
}

#[test]
fn what_is_left_out_is_a_line_each() {
    let left = LeftOut {
        listed: vec![LeftOutFile {
            path: "a\u{1b}[2J".into(),
            why: "it is a link to nothing".into(),
        }],
        more: 3,
    };
    let text = sending("x", &SendEvent::LeftOut(left)).unwrap();
    assert_eq!(
        text,
        "not sent: a\\u{1b}[2J: it is a link to nothing\nnot sent: 3 more"
    );
}
