//! Links for people with only a browser, by the shipped binary: made beside a node and without one,
//! opened over plain TCP, ended.

use crate::common::{
    Swarm, downloaded,
    http::{self, ask, connect, get, get_range},
    noise, share, until,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    io::Read as _,
    net::Ipv4Addr,
    path::PathBuf,
    time::{Duration, Instant},
};

const JSON: &str = "Content-Type: application/json\r\n";
pub const BYTES: &str = "Content-Type: application/octet-stream\r\n";
const MIB: usize = 1 << 20;

/// A folder outside of what a node shares.
fn trip(swarm: &Swarm) -> PathBuf {
    let folder = swarm.home("outside").join("trip");
    fs::create_dir_all(folder.join("day 1")).unwrap();
    fs::write(folder.join("film.bin"), noise(1, 3 * MIB)).unwrap();
    fs::write(folder.join("day 1/ä.txt"), "by boat").unwrap();
    fs::write(folder.join("empty"), "").unwrap();
    folder
}

/// `link` beside a node that runs; gives the line.
#[track_caller]
pub fn link(swarm: &Swarm, name: &str, words: &[&str]) -> Value {
    let ran = swarm.run(name, &[&["link", "--json"], words].concat());
    let made = ran.succeeds().json().remove(0);
    assert_eq!(made["event"], "link", "{made}");
    made
}

pub fn address(link: &Value) -> String {
    link["address"].as_str().unwrap().to_owned()
}

fn links(swarm: &Swarm, name: &str) -> Vec<Value> {
    swarm.run(name, &["links", "--json"]).succeeds().json()
}

/// The path of the file of this name, as the page leads to it.
#[track_caller]
fn file(link: &str, page: &str, name: &str) -> String {
    let mut paths = page.split('"').filter(|part| part.starts_with("f/"));
    let path = paths.find(|path| path.ends_with(name));
    format!("{link}{}", path.unwrap_or_else(|| panic!("{page}")))
}

/// The files of an archive that stores them as they are (APPNOTE.TXT 6.3.10, below 4 GiB).
fn unzip(bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let short = |at: usize| usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
    let long = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let end = bytes.len() - 22;
    assert_eq!(&bytes[end..end + 4], b"PK\x05\x06");
    let mut at = long(end + 16);
    let row = |_| {
        assert_eq!(&bytes[at..at + 4], b"PK\x01\x02");
        let (size, name, head) = (long(at + 20), short(at + 28), long(at + 42));
        assert_eq!(&bytes[head..head + 4], b"PK\x03\x04");
        let start = head + 30 + short(head + 26) + short(head + 28);
        let text = String::from_utf8(bytes[at + 46..at + 46 + name].to_vec());
        let contents = &bytes[start..start + size];
        assert_eq!(long(at + 16), crc32fast::hash(contents) as usize);
        at += 46 + name + short(at + 30) + short(at + 32);
        (text.unwrap(), contents.to_vec())
    };
    (0..short(end + 10)).map(row).collect()
}

#[test]
fn a_link_beside_a_node_gives_its_files_until_it_is_taken_back() {
    let swarm = Swarm::new();
    let folder = trip(&swarm);
    let anna = swarm.serve("anna", &[]);
    let film = noise(1, 3 * MIB);
    let path = folder.to_str().unwrap();
    let made = link(&swarm, "anna", &[path, "--web-seed"]);
    assert_eq!(
        (&made["files"], &made["name"]),
        (&json!(3), &json!("trip/"))
    );
    let at = address(&made);
    let page = get(&at);
    let kind = page.header("content-type").unwrap();
    assert!(page.status == 200 && kind.starts_with("text/html"));
    let page = page.text();

    // A file whole, and as players seek in it; all of it as one archive.
    let whole = file(&at, &page, "film.bin");
    assert!(get(&whole).bytes() == film);
    for (range, wanted) in [
        ("0-0", 0..1),
        ("1500000-1500099", 1_500_000..1_500_100),
        ("3145700-", 3_145_700..3_145_728),
        ("-7", 3_145_721..3_145_728),
    ] {
        let part = get_range(&whole, range);
        let told = format!("bytes {}-{}/3145728", wanted.start, wanted.end - 1);
        assert_eq!(part.header("content-range"), Some(&*told));
        assert!(
            part.status == 206 && part.bytes() == film[wanted],
            "{range}"
        );
    }
    assert_eq!(get_range(&whole, "3145728-").status, 416);
    let archive = unzip(&get(&format!("{at}zip/trip.zip")).bytes());
    let names: Vec<&str> = archive.keys().map(|name| &**name).collect();
    assert_eq!(names, ["trip/day 1/ä.txt", "trip/empty", "trip/film.bin"]);
    assert!(archive["trip/film.bin"] == film && archive["trip/day 1/ä.txt"] == b"by boat");

    // For programs: a list of paths, and each of them.
    let seed = made["web_seed"].as_str().unwrap();
    let list = get(seed).text();
    let sizes = list
        .lines()
        .map(|name| get(&format!("{seed}{name}")).bytes().len());
    assert_eq!(sizes.sum::<usize>(), film.len() + 7, "{list}");

    // A guess gives nothing.
    let (start, token) = at.trim_end_matches('/').rsplit_once('/').unwrap();
    assert_eq!(token.len(), 32);
    for wrong in [format!("{:032x}", 7), token.to_uppercase(), String::new()] {
        let nothing = get(&format!("{start}/{wrong}/f/0/x"));
        assert_eq!(nothing.status, 404, "{wrong}");
        assert!(!nothing.text().contains("film"));
    }

    // It is in the list, the use counted, until it is taken back; a transfer by it ends with it.
    let listed = links(&swarm, "anna");
    assert_eq!(
        (listed.len(), &listed[0]["address"], &listed[0]["used"]),
        (1, &made["address"], &json!(1))
    );
    let shown = swarm.run("anna", &["links"]).succeeds().out();
    assert!(shown.starts_with(&format!("1: {at}")), "{shown}");
    let big = swarm.home("outside").join("big.bin");
    let sparse = fs::File::create(&big).unwrap();
    sparse.set_len(1 << 30).unwrap();
    let second = address(&link(&swarm, "anna", &[big.to_str().unwrap()]));
    let mut coming = get(&format!("{second}f/0/big.bin"));
    coming.read_exact(&mut vec![0; MIB]).unwrap();
    swarm.run("anna", &["unlink", "2"]).succeeds();
    let mut rest = Vec::new();
    assert!(coming.read_to_end(&mut rest).is_err(), "{}", rest.len());
    assert_eq!(get(&second).status, 404);
    assert_eq!(get(&at).status, 200, "the other one stays");
    swarm.run("anna", &["unlink", "1"]).succeeds();
    until("nothing listens", || connect(http::HERE, &at).is_err());
    assert_eq!(swarm.run("anna", &["unlink", "1"]).code(), 5);
    assert!(links(&swarm, "anna").is_empty());
    let missing = swarm.run("anna", &["link", "nothing", "--wait", "0.2"]);
    assert_eq!(missing.code(), 5, "{}", missing.err());
    #[cfg(unix)]
    anna.leave();
    #[cfg(not(unix))]
    drop(anna);
}

#[cfg(unix)]
#[test]
fn without_a_node_a_link_is_good_until_it_is_interrupted() {
    let swarm = Swarm::new();
    let folder = trip(&swarm);
    let path = folder.join("film.bin");
    let mut alone = swarm.start_all("bob", &["link", path.to_str().unwrap()]);
    let at = alone.wait("an address", |line| line.starts_with("http://"));
    assert!(get(&format!("{at}f/0/film.bin")).bytes() == noise(1, 3 * MIB));
    let listed = links(&swarm, "bob");
    assert_eq!(listed[0]["address"], *at, "a node runs there meanwhile");
    alone.signal("INT");
    assert_eq!(alone.end(), 0, "{:?}", alone.seen);
    let stays = alone.seen.iter().any(|line| line.contains("Ctrl-C"));
    assert!(stays, "{:?}", alone.seen);
    assert!(connect(http::HERE, &at).is_err());
    // Or until it ends: taken back from another terminal, or by its time.
    for (words, unlink) in [(&[][..], true), (&["--expires", "1"], false)] {
        let words = [&["link", path.to_str().unwrap()], words].concat();
        let mut alone = swarm.start_all("bob", &words);
        alone.wait("an address", |line| line.starts_with("http://"));
        if unlink {
            swarm.run("bob", &["unlink", "1"]).succeeds();
        }
        alone.wait("its end", |line| line == "the link has ended");
        assert_eq!(alone.end(), 0, "{:?}", alone.seen);
    }
    // A link that cannot be made ends at once.
    let none = swarm.run("bob", &["link", "nothing", "--wait", "0.2"]);
    assert_eq!(none.code(), 5, "{}", none.err());
}

/// Asks for files to be handed in; gives the path of the ask, once it is accepted.
#[track_caller]
pub fn accepted(link: &str, files: &Value) -> String {
    let wanted = json!({ "name": "carl", "files": files }).to_string();
    let asked = ask("POST", &format!("{link}asks"), JSON, wanted.as_bytes());
    assert_eq!(asked.status, 201);
    let path = format!("{link}asks/{}", asked.json()["ask"].as_str().unwrap());
    until("a yes", || {
        let state = get(&path).json();
        assert_ne!(state["state"], "refused", "{state}");
        state["state"] == "accepted"
    });
    path
}

#[test]
fn what_is_handed_in_is_stored_where_everything_is_accepted() {
    let swarm = Swarm::new();
    let mut anna = swarm.serve("anna", &["--accept", "all"]);
    let at = address(&link(&swarm, "anna", &["--upload"]));
    let gift = noise(3, 2 * MIB);
    let files =
        json!([{ "name": "gift.bin", "size": gift.len() }, { "name": "a/b.txt", "size": 2 }]);
    let path = accepted(&at, &files);
    assert_eq!(ask("PUT", &format!("{path}/0"), BYTES, &gift).status, 204);
    assert_eq!(ask("PUT", &format!("{path}/1"), BYTES, b"hi").status, 204);
    until("the end", || get(&path).json()["state"] == "done");
    let home = swarm.home("anna");
    assert!(downloaded(&home, "gift.bin") == gift);
    assert_eq!(downloaded(&home, "a/b.txt"), b"hi");
    let received = anna.event("received");
    assert_eq!(
        (&received["from"], &received["complete"]),
        (&json!("carl (guest at 127.0.0.1)"), &json!(true)),
        "{received}"
    );
    // A link for uploads shows no files.
    assert_eq!(get(&format!("{at}f/0/gift.bin")).status, 404);
    assert_eq!(get(&format!("{at}zip/x.zip")).status, 404);
    drop(anna);

    // Where nobody answers, there is no such link.
    let _quiet = swarm.serve("quiet", &[]);
    let refused = swarm.run("quiet", &["link", "--upload"]);
    assert_eq!(refused.code(), 4, "{}", refused.err());
    assert!(links(&swarm, "quiet").is_empty());
}

#[test]
fn a_link_ends_by_its_uses_and_by_its_time() {
    let swarm = Swarm::new();
    let folder = trip(&swarm);
    let path = folder.join("film.bin");
    let path = path.to_str().unwrap();
    let _anna = swarm.serve("anna", &[]);
    let once = link(&swarm, "anna", &[path, "--uses", "1"]);
    let once = address(&once);
    let film = format!("{once}f/0/film.bin");
    // Looking is no use; one place may take it more than once.
    assert_eq!(get(&once).status, 200);
    for _ in 0..2 {
        assert_eq!(get(&film).bytes().len(), 3 * MIB);
    }
    // All of 127.0.0.0/8 is this machine.
    #[cfg(target_os = "linux")]
    for gone in [&once, &film] {
        let elsewhere = Ipv4Addr::new(127, 0, 0, 2).into();
        let answer = http::ask_from(elsewhere, "GET", gone, "", b"");
        assert_eq!(answer.unwrap().status, 410, "{gone}");
    }
    assert_eq!(get(&film).status, 200, "for the first one it goes on");

    let begun = Instant::now();
    let soon = link(&swarm, "anna", &[path, "--expires", "4s"]);
    let ends = soon["expires"].as_u64().unwrap();
    let soon = address(&soon);
    let first = get(&format!("{soon}f/0/film.bin")).status;
    assert!(first == 200 || begun.elapsed() > Duration::from_secs(4));
    until("its end", || matches!(get(&soon).status, 404 | 410));
    assert!(begun.elapsed() >= Duration::from_secs(3), "{ends}");
    until("it is forgotten", || links(&swarm, "anna").len() == 1);
    assert_eq!(get(&film).status, 200, "the other one stays");
}

#[test]
fn a_wrong_pin_is_refused_and_after_three_of_them_the_right_one_too() {
    let swarm = Swarm::new();
    let folder = trip(&swarm);
    let path = folder.join("film.bin");
    let path = path.to_str().unwrap();
    let _anna = swarm.serve("anna", &[]);
    let made = link(&swarm, "anna", &[path, "--pin"]);
    let (at, pin) = (address(&made), made["pin"].as_str().unwrap());
    assert!(pin.len() == 6 && pin.bytes().all(|b| b.is_ascii_digit()));
    let film = format!("{at}f/0/film.bin");
    let typed = |pin: &str| {
        let form = format!("pin={pin}");
        let media = "Content-Type: application/x-www-form-urlencoded\r\n";
        ask("POST", &format!("{at}pin"), media, form.as_bytes())
    };
    assert_eq!(get(&film).status, 401);
    let page = get(&at);
    assert!(page.status == 401 && !page.text().contains("film"));
    let right = typed(pin);
    assert_eq!(right.status, 303);
    let pass = right.header("set-cookie").unwrap().split(';').next();
    let pass = format!("Cookie: {}\r\n", pass.unwrap());
    let let_in = || ask("GET", &film, &pass, b"");
    assert!(let_in().bytes() == noise(1, 3 * MIB));
    // The digits that were made may be these.
    let wrong = if pin == "123456" { "654321" } else { "123456" };
    let tries = [(); 3].map(|()| typed(wrong).status);
    assert_eq!(tries, [401, 401, 429]);
    assert_eq!(typed(pin).status, 429, "not even the right one");
    assert_eq!(get(&film).status, 401);
    assert_eq!(let_in().status, 200, "who is in stays in");

    // One that a person chose.
    let chosen = link(&swarm, "anna", &[path, "--pin=open sesame"]);
    let answer = ask(
        "POST",
        &format!("{}pin", address(&chosen)),
        "",
        b"pin=open+sesame",
    );
    assert_eq!(answer.status, 303);
}

#[test]
fn a_file_of_the_swarm_is_given_by_a_link_while_it_comes() {
    let swarm = Swarm::new();
    let (film, note) = (noise(5, 32 * MIB), noise(6, MIB));
    let home = swarm.home("alice");
    share(&home, "film.mp4", &film);
    share(&home, "notes/a.txt", &note);
    share(&home, "notes/b.txt", b"b");
    let _alice = swarm.serve_scanned("alice", &["--upload-limit", "2M"]);
    let mut bob = swarm.serve("bob", &[]);
    bob.event("joined");
    let notes = address(&link(&swarm, "bob", &["notes/"]));
    let archive = unzip(&get(&format!("{notes}zip/notes.zip")).bytes());
    assert!(archive["notes/a.txt"] == note && archive["notes/b.txt"] == b"b");
    assert_eq!(archive.len(), 2);

    // From wherever somebody looks into it, long before the whole is here.
    let made = link(&swarm, "bob", &["film.mp4"]);
    assert_eq!(made["size"], film.len());
    let at = format!("{}v/0/film.mp4", address(&made));
    for from in [0, 20 * MIB, 32 * MIB - 1000, 9 * MIB + 1] {
        let part = get_range(&at, &format!("{from}-"));
        assert!(part.status == 206 && part.header("content-type") == Some("video/mp4"));
        let mut bytes = vec![0; 1000];
        let mut part = part;
        part.read_exact(&mut bytes).unwrap();
        assert!(bytes == film[from..from + 1000], "{from}");
    }
    let jobs = swarm.run("bob", &["jobs", "--json"]).succeeds().json();
    let film = jobs.iter().find(|job| job["name"] == "film.mp4").unwrap();
    let done = film["done"].as_u64().unwrap();
    assert!(done < 32 << 20, "{film}");
    let head = ask("HEAD", &at, "", b"");
    assert_eq!(head.header("content-length"), Some("33554432"));
}
