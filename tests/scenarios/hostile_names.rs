//! Names from strangers, as they come over the wire: nothing is written where it should not be,
//! nothing is replaced, and no terminal hears an escape sequence.

use crate::common::{
    Swarm, downloaded,
    faulty::{Fault, Faulty, File},
    noise,
};
use std::path::{Path, PathBuf};

/// Every path below `folder` that is no folder itself.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn no_name_leads_out_of_the_downloads_folder() {
    let swarm = Swarm::new();
    let mut file = File::new("fine.bin", noise(20, 100_000));
    let long = "x".repeat(300);
    let evil = [
        "../out.bin",
        "a/../../out.bin",
        "/tmp/sprat-out.bin",
        "//out.bin",
        "",
        "a//b",
        "./out.bin",
        "nul\0out",
        "..",
        "a/..",
        &long,
        "../shared/out.bin",
        "../.sprat/out.bin",
    ];
    file.also = evil.map(str::to_owned).into();
    // What other systems could take for a path, a device or a stream is kept under a harmless name.
    file.also
        .extend(["C:\\out.bin", "..\\out.bin", "CON", "f:ads", "dot."].map(str::to_owned));
    let _bad = Faulty::join(swarm.port, "bad", file.clone(), Fault::None);
    swarm.run("carol", &["download", "/"]).succeeds();
    let home = swarm.home("carol");
    assert_eq!(downloaded(&home, "fine.bin"), *file.bytes);
    for found in files(home.parent().unwrap()) {
        let inside =
            found.starts_with(home.join("downloads")) || found.starts_with(home.join(".sprat"));
        assert!(inside, "{}", found.display());
        assert!(!found.starts_with(home.join(".sprat")) || !found.ends_with("out.bin"));
    }
    assert!(!Path::new("/tmp/sprat-out.bin").exists());
    // No argument can have a NUL in it, or be empty and mean anything.
    let mut asked = vec!["download", "--wait", "1"];
    asked.extend(
        evil.iter()
            .filter(|name| !name.is_empty() && !name.contains('\0')),
    );
    assert_ne!(swarm.run("dave", &asked).code(), 0);
    assert!(files(&swarm.home("dave").join("downloads")).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_differ_in_case_or_form_only_are_both_kept() {
    let swarm = Swarm::new();
    let upper = File::new("Readme.TXT", noise(21, 50_000));
    let lower = File::new("readme.txt", noise(22, 50_000));
    let _one = Faulty::join(swarm.port, "one", upper.clone(), Fault::None);
    let _two = Faulty::join(swarm.port, "two", lower.clone(), Fault::None);
    let ran = swarm
        .run("carol", &["download", "Readme.TXT", "readme.txt", "--json"])
        .succeeds();
    let mut got: Vec<Vec<u8>> = files(&swarm.home("carol").join("downloads"))
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect();
    let mut wanted = vec![upper.bytes.to_vec(), lower.bytes.to_vec()];
    got.sort();
    wanted.sort();
    assert_eq!(got, wanted, "{}", ran.out());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_name_with_two_contents_is_asked_about() {
    let swarm = Swarm::new();
    let _one = Faulty::join(
        swarm.port,
        "one",
        File::new("a.bin", noise(23, 9_000)),
        Fault::None,
    );
    let _two = Faulty::join(
        swarm.port,
        "two",
        File::new("a.bin", noise(24, 9_000)),
        Fault::None,
    );
    let ran = swarm.run("carol", &["download", "a.bin"]);
    assert_eq!(ran.code(), 2, "{}", ran.err());
    assert!(files(&swarm.home("carol").join("downloads")).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn escape_sequences_reach_no_terminal() {
    let swarm = Swarm::new();
    let mut file = File::new("fine\u{1b}[31mred.bin", noise(25, 9_000));
    file.also = vec![
        "bell\u{7}".into(),
        "back\rward".into(),
        "line\nfeed".into(),
        "right\u{202e}gnp.exe".into(),
        "c1\u{9b}2J".into(),
    ];
    let _bad = Faulty::join(swarm.port, "bad\u{1b}]0;owned\u{7}", file, Fault::None);
    let deceives = |text: &str| {
        let mut shown = text.chars().filter(|&c| c != '\n');
        shown.any(|c| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c))
    };
    for arguments in [
        &["list"][..],
        &["list", "--json"],
        &["peers"],
        &["peers", "--json"],
        &["download", "/"],
        &["download", "fine*", "-v"],
        &["download", "/", "--json"],
    ] {
        let ran = swarm.run("carol", arguments);
        assert!(!deceives(&ran.out()), "{arguments:?}: {:?}", ran.out());
        assert!(!deceives(&ran.err()), "{arguments:?}: {:?}", ran.err());
    }
    let ran = swarm.run("carol", &["list"]).succeeds();
    assert!(ran.out().contains("right\\u{202e}gnp.exe"), "{}", ran.out());
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_through_a_link() {
    let swarm = Swarm::new();
    let home = swarm.home("carol");
    let outside = swarm.home("outside");
    std::fs::create_dir_all(home.join("downloads")).unwrap();
    std::os::unix::fs::symlink(&outside, home.join("downloads/folder")).unwrap();
    std::os::unix::fs::symlink(outside.join("target"), home.join("downloads/file.bin")).unwrap();
    let mut file = File::new("folder/inner.bin", noise(26, 9_000));
    file.also = vec!["file.bin".into()];
    let _peer = Faulty::join(swarm.port, "peer", file, Fault::None);
    for name in ["folder/inner.bin", "file.bin"] {
        let _ = swarm.run("carol", &["download", name]);
    }
    assert_eq!(files(&outside), Vec::<PathBuf>::new());
    assert!(
        home.join("downloads/file.bin").is_symlink(),
        "what was there is left alone"
    );
}
