//! A file's bytes to standard output while they come, with a node that runs and without one.

use crate::common::{
    Swarm, downloaded,
    faulty::{Fault, Faulty, File},
    noise, share,
};
use std::{io::Read as _, process::Stdio};

/// What a command wrote, and how it ended.
fn got(swarm: &Swarm, name: &str, words: &[&str]) -> (i32, Vec<u8>, String) {
    let output = swarm.command(name, words).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().unwrap_or(-1), output.stdout, said)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_not_here_goes_to_standard_output_in_order() {
    let swarm = Swarm::new();
    let bytes = noise(1, 5 << 20);
    share(&swarm.home("alice"), "film.bin", &bytes);
    share(&swarm.home("alice"), "other.txt", b"text");
    let _alice = swarm.serve_scanned("alice", &[]);
    // Somebody who sends other bytes delays it, and no more.
    let file = File::new("film.bin", bytes.clone());
    let _mallory = Faulty::join(swarm.port, "mallory", file, Fault::Lies);
    tokio::task::spawn_blocking(move || {
        // Alone, and beside a node.
        for name in ["bob", "carol"] {
            let node = (name == "carol").then(|| swarm.serve_scanned(name, &[]));
            let (code, out, said) = got(&swarm, name, &["get", "film.bin"]);
            assert!(code == 0 && said.is_empty(), "{name} {code}: {said}");
            assert_eq!(blake3::hash(&out), blake3::hash(&bytes), "{name}");
            assert!(downloaded(&swarm.home(name), "film.bin") == bytes);
            let part = ["get", "film.bin", "--range", "1000000-3000000"];
            let (code, out, said) = got(&swarm, name, &part);
            assert!(
                code == 0 && out == bytes[1_000_000..=3_000_000],
                "{name}: {said}"
            );

            for (words, wanted) in [
                (&["get", "film.bin", "--json"][..], 2),
                (&["get", "film.bin", "--range", "5242880-"], 2),
                (&["get", "*.*"], 2),
                (&["get", "nothing", "--wait", "0.2"], 5),
                (&["get", "film.bin", "--from", "nobody", "--wait", "0.2"], 5),
            ] {
                let (code, out, said) = got(&swarm, name, words);
                assert_eq!((code, out.len()), (wanted, 0), "{name} {words:?}: {said}");
                assert!(said.starts_with("sprat: "), "{name} {words:?}: {said}");
            }

            // Nobody reads on: their choice.
            let mut command = swarm.command(name, &["get", "film.bin"]);
            let pipes = command.stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = pipes.spawn().unwrap();
            drop(child.stdout.take());
            let ended = child.wait_with_output().unwrap();
            assert!(
                ended.status.success() && ended.stderr.is_empty(),
                "{ended:?}"
            );
            if let Some(node) = node {
                node.leave();
            }
        }
    })
    .await
    .unwrap();
}

#[cfg(unix)]
#[test]
fn a_file_whose_sources_go_away_ends_with_what_a_download_ends_with() {
    let swarm = Swarm::new();
    let bytes = noise(2, 16 << 20);
    share(&swarm.home("alice"), "film.bin", &bytes);
    let alice = swarm.serve_scanned("alice", &["--upload-limit", "1M"]);
    let mut bob = swarm.serve_scanned("bob", &[]);
    bob.event("joined");
    let mut command = swarm.command("bob", &["get", "film.bin", "--timeout", "1"]);
    let pipes = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.spawn().unwrap();
    let mut first = vec![0; 64 << 10];
    let stdout = child.stdout.as_mut().unwrap();
    stdout.read_exact(&mut first).unwrap();
    assert!(
        bytes.starts_with(&first),
        "in order, and long before the whole is here"
    );
    alice.signal("KILL");
    let ended = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(5), "{said}");
    assert!(
        said.contains("film.bin") && said.contains("resumes it"),
        "{said}"
    );
    let came = [first, ended.stdout].concat();
    assert!(
        came.len() < bytes.len() && bytes.starts_with(&came),
        "{}",
        came.len()
    );
}
