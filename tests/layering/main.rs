//! The house keeps its shape: imports point one way only, `{ ui, web } → { node, server } → { net,
//! store } → wire → core`, and what belongs to one room stays in it.

mod imports;

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The decisions of the server, as pure as those in `core`.
const PURE: &[&str] = &[
    "server/directory.rs",
    "server/register.rs",
    "server/visitors.rs",
];

/// Each room, the rooms it may import, and the crates it must not.
const ROOMS: &[(&str, &[&str], &[&str])] = &[
    (
        "core",
        &[],
        &[
            "tokio",
            "libp2p",
            "sled",
            "serde_cbor",
            "std::fs",
            "std::net",
            "std::io",
            "std::thread",
            "getrandom",
        ],
    ),
    (
        "wire",
        &["core"],
        &["tokio", "sled", "std::fs", "std::net", "spake2"],
    ),
    (
        "store",
        &["core", "wire"],
        &["libp2p", "serde_cbor", "spake2"],
    ),
    (
        "net",
        &["core", "wire"],
        &["sled", "serde_cbor", "std::fs", "spake2"],
    ),
    (
        "node",
        &["core", "wire", "net", "store"],
        &["libp2p", "sled", "serde_cbor", "spake2"],
    ),
    (
        "server",
        &["core", "wire", "net", "store"],
        &["sled", "serde_cbor", "spake2"],
    ),
    (
        "web",
        &["core", "node", "server"],
        &["libp2p", "sled", "serde_cbor", "spake2"],
    ),
    (
        "ui",
        &["core", "node", "server"],
        &["libp2p", "sled", "serde_cbor", "spake2"],
    ),
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
    {
        if entry.is_dir() && entry.file_name() != Some("tests".as_ref()) {
            found.extend(sources(&entry));
        } else if entry.extension().is_some_and(|ending| ending == "rs")
            && entry.file_name() != Some("tests.rs".as_ref())
        {
            found.push(entry);
        }
    }
    found
}

/// The code of a file: without comments, and without the tests at its end.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let tests = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    text[..tests]
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n")
}

/// Every room named in a `crate::…` path, also in `use crate::{a::…, b::…}`.
fn rooms_named(code: &str) -> Vec<String> {
    let mut named = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let Some(inside) = rest.strip_prefix('{') else {
            named.push(
                rest.split(|c: char| !c.is_alphanumeric() && c != '_')
                    .next()
                    .unwrap()
                    .to_owned(),
            );
            continue;
        };
        let (mut depth, mut fresh) = (1, true);
        let mut word = String::new();
        for c in inside.chars() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 1 => fresh = true,
                c if depth == 1 && fresh && (c.is_alphanumeric() || c == '_') => word.push(c),
                _ if !word.is_empty() => {
                    named.push(std::mem::take(&mut word));
                    fresh = false;
                }
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
    }
    named
}

#[test]
fn imports_point_one_way_only() {
    let all: Vec<&str> = ROOMS.iter().map(|(room, ..)| *room).collect();
    let mut broken = Vec::new();
    for (room, allowed, _) in ROOMS {
        for path in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(room)) {
            for named in rooms_named(&code(&path)) {
                if named != *room
                    && all.contains(&named.as_str())
                    && !allowed.contains(&named.as_str())
                {
                    broken.push(format!("{}: {room} may not import {named}", path.display()));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn what_belongs_to_one_room_stays_in_it() {
    let mut broken = Vec::new();
    for (room, _, forbidden) in ROOMS {
        for path in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(room)) {
            let code = code(&path);
            for name in *forbidden {
                if code.contains(&format!("{name}::")) || code.contains(&format!("use {name}")) {
                    broken.push(format!(
                        "{}: {name} does not belong in {room}",
                        path.display()
                    ));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn decisions_are_pure_where_the_server_makes_them() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (_, _, forbidden) = ROOMS[0];
    for file in PURE {
        let code = code(&source.join(file));
        for name in forbidden {
            assert!(!code.contains(&format!("{name}::")), "{file}: {name}");
        }
        assert!(
            rooms_named(&code).iter().all(|room| room == "core"),
            "{file}"
        );
    }
}

#[test]
fn the_reader_of_this_test_sees_grouped_imports() {
    assert_eq!(
        rooms_named("use crate::{core::{id::X, have}, wire::cbor};"),
        ["core", "wire"]
    );
    assert_eq!(
        rooms_named("use crate::net::Net; crate::store::x()"),
        ["net", "store"]
    );
}

#[test]
fn files_stay_small_enough_to_hold_one_idea() {
    let long: Vec<String> = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
        .into_iter()
        .filter_map(|path| {
            let lines = fs::read_to_string(&path).unwrap().lines().count();
            (lines > 500).then(|| format!("{}: {lines} lines", path.display()))
        })
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn no_files_import_one_another_in_a_circle() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = sources(&source);
    let codes = files
        .iter()
        .map(|path| (path.strip_prefix(&source).unwrap(), code(path)));
    let house = imports::House::read(codes);
    let circles: Vec<String> = house
        .circles()
        .into_iter()
        .map(|circle| format!("{circle:?}\n{}", house.among(&circle).join("\n")))
        .collect();
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

/// The protocols that have streams of their own, and the files that speak them.
const PROTOCOLS: &[(&str, &[&str])] = &[
    ("chat", &["node/chat"]),
    // What every download opens has a call of its own.
    ("chunk", &["node/pump", "net/handle", "net/driver.rs"]),
    ("consent", &["node/consent"]),
    ("distribute", &["node/distribute"]),
    ("pairing", &["node/pair"]),
];
/// The one table in which each is registered with the task that takes its streams.
const REGISTERED: &str = "node/streams.rs";

#[test]
fn a_protocol_is_known_to_its_own_files_and_to_one_table() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let table = code(&source.join(REGISTERED));
    let mut broken = Vec::new();
    for (name, own) in PROTOCOLS {
        let constants = [
            format!("{name}::PROTOCOL"),
            format!("{name}::TALK_PROTOCOL"),
        ];
        assert!(table.contains(&constants[0]), "{name} is not registered");
        for path in sources(&source) {
            let file = path.strip_prefix(&source).unwrap().to_str().unwrap();
            let may = file == REGISTERED || own.iter().any(|own| file.starts_with(own));
            let code = code(&path);
            if !may && constants.iter().any(|constant| code.contains(constant)) {
                broken.push(format!("{file} knows the protocol of {name}"));
            }
        }
    }
    // Neither the actor nor the driver knows what a stream is for, nor what is asked about files.
    let about_files = ["Have", "Manifests", "Page", "Chunks"].map(|one| format!("Request::{one}"));
    for path in sources(&source.join("node/actor")) {
        let code = code(&path);
        if code.contains("Stream") {
            broken.push(format!("{} takes streams", path.display()));
        }
        if about_files.iter().any(|one| code.contains(one)) {
            broken.push(format!("{} takes requests about files", path.display()));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
