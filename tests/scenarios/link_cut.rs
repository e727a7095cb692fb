//! An upload by a link that breaks off long before its end.
#![cfg(target_os = "linux")]

use crate::{
    common::{
        Swarm,
        http::{self, begin, connect, get},
        noise, peak, until,
    },
    link::{BYTES, accepted, address, link},
};
use serde_json::json;
use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

const MIB: usize = 1 << 20;

/// What lies in the folders through which an upload comes.
fn stored(home: &Path) -> Vec<PathBuf> {
    let folders = [home.join("downloads"), home.join(".sprat/spool")];
    let all = folders
        .iter()
        .flat_map(|folder| fs::read_dir(folder).into_iter().flatten());
    all.map(|entry| entry.unwrap().path()).collect()
}

/// Sends so many bytes of an upload that is said to have `size`, and breaks off; an error when that
/// is not wanted.
fn cut(path: &str, size: u64, sent: usize) -> io::Result<()> {
    let url = format!("{path}/0");
    let mut stream = connect(http::HERE, &url)?;
    begin(&mut stream, "PUT", &url, BYTES, size)?;
    let piece = noise(4, MIB);
    (0..sent / MIB).try_for_each(|_| stream.write_all(&piece))
}

#[test]
fn a_long_upload_that_breaks_off_leaves_nothing_and_takes_no_memory() {
    let swarm = Swarm::new();
    let anna = swarm.serve("anna", &["--accept", "all"]);
    let process = anna.child.id();
    let at = address(&link(&swarm, "anna", &["--upload"]));
    let home = swarm.home("anna");
    let size = 20_u64 << 30;
    if fs4::available_space(&home).unwrap() < size + (2 << 30) {
        eprintln!("left out: 20 GiB of room are needed to say yes to so much");
        return;
    }
    let path = accepted(&at, &json!([{ "name": "film.mp4", "size": size }]));
    // Much more than the buffers of the system hold, so that most of it was stored. The file that
    // broke off before may still be on its way out.
    let breaks_off = |mebibytes: usize| {
        until("it is taken", || cut(&path, size, mebibytes * MIB).is_ok());
        until("nothing is left", || stored(&home).is_empty());
    };
    // What every upload needs is there before the measurement.
    breaks_off(64);
    let before = peak(process);
    breaks_off(300);
    let grown = peak(process).saturating_sub(before);
    println!("{grown} KiB more for 300 MiB of an upload, {before} KiB before");
    assert!(grown < 16 << 10, "{grown} KiB");
    // It may come again, until the owner has enough of it.
    assert_eq!(get(&path).json()["state"], "accepted");
    let job = swarm.run("anna", &["jobs", "--json"]).succeeds().json();
    let number = job[0]["job"].to_string();
    swarm.run("anna", &["cancel", &number]).succeeds();
    until("its end", || get(&path).json()["state"] == "failed");
    assert!(cut(&path, size, 64 * MIB).is_err() && stored(&home).is_empty());
}
