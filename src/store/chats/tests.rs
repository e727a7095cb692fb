use super::*;
use crate::store::Home;

fn chats() -> (tempfile::TempDir, Chats) {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(folder.path()).unwrap();
    let chats = Chats::of(home.root());
    (folder, chats)
}

fn said(mine: bool, text: &str) -> ChatLine {
    ChatLine {
        time: 1,
        mine,
        text: text.into(),
    }
}

fn peer(n: u16) -> NodeId {
    let mut bytes = [1; 32];
    bytes[..2].copy_from_slice(&n.to_be_bytes());
    NodeId(bytes)
}

#[test]
fn what_was_said_comes_back_whatever_it_was() {
    let (_folder, chats) = chats();
    assert_eq!(chats.read(&peer(1), 10).unwrap(), []);
    let lines = [
        said(false, "a\nb\u{1b}[2J\"\u{202e}"),
        said(true, "yes"),
        said(false, "no"),
    ];
    for line in &lines {
        chats.append(&peer(1), line).unwrap();
    }
    assert_eq!(chats.read(&peer(1), 10).unwrap(), lines);
    assert_eq!(chats.read(&peer(1), 2).unwrap(), lines[1..]);
    assert_eq!(chats.read(&peer(2), 2).unwrap(), []);
    assert_eq!(chats.peers().unwrap(), [peer(1)]);
}

#[test]
fn a_log_is_bounded_in_bytes_and_in_lines_and_keeps_the_newest() {
    let (_folder, chats) = chats();
    let long = "x".repeat(4096);
    for n in 0..600 {
        let text = format!("{n} {long}");
        chats.append(&peer(1), &said(true, &text)).unwrap();
    }
    let size = fs::metadata(chats.log(&peer(1))).unwrap().len();
    assert!(size <= BYTES && size > BYTES / 2, "{size}");
    let kept = chats.read(&peer(1), usize::MAX).unwrap();
    assert!(kept.last().unwrap().text.starts_with("599 "));
    assert_eq!(kept[0].text.len(), kept[1].text.len(), "whole lines only");
    // Lines as short as can be.
    let line = serde_json::to_string(&said(true, "")).unwrap() + "\n";
    fs::write(chats.log(&peer(2)), line.repeat(LINES)).unwrap();
    chats.append(&peer(2), &said(true, "last")).unwrap();
    let kept = chats.read(&peer(2), usize::MAX).unwrap();
    assert!(kept.len() <= LINES && kept.len() > LINES / 2);
    assert_eq!(kept.last().unwrap().text, "last");
}

#[test]
fn strangers_fill_no_disk_and_drive_nobody_out() {
    let (_folder, chats) = chats();
    chats.append(&peer(0), &said(false, "hello")).unwrap();
    chats
        .append(&peer(0), &said(true, "hello yourself"))
        .unwrap();
    for n in 1..=STRANGERS as u16 + 20 {
        chats.append(&peer(n), &said(false, "buy")).unwrap();
    }
    let long = "x".repeat(4096);
    for _ in 0..40 {
        chats.append(&peer(276), &said(false, &long)).unwrap();
    }
    assert_eq!(chats.peers().unwrap().len(), STRANGERS + 1);
    assert_eq!(chats.read(&peer(0), 9).unwrap().len(), 2);
    let size = fs::metadata(chats.strangers_log(&peer(276))).unwrap().len();
    assert!(size <= STRANGER_BYTES, "{size}");
}

#[cfg(unix)]
#[test]
fn others_may_not_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, chats) = chats();
    chats.append(&peer(1), &said(true, "secret")).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&chats.folder), 0o700);
    assert_eq!(mode(&chats.log(&peer(1))), 0o600);
}
