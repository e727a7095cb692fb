use super::*;
use crate::store::testing::{Fixture, manifest_of, noise};
use std::{fs, path::PathBuf};

const MIB: usize = 1 << 20;

fn name() -> RelPath {
    RelPath::parse("a.bin").unwrap()
}

/// What a download of `new` finds in a home without an index, and what it lacks then.
fn found(fixture: &Fixture, new: &[u8], named: &[PathBuf]) -> (u64, u64) {
    let (partial, _) = fixture.partial(&manifest_of(new));
    let nearby = Nearby::new(&fixture.home, &fixture.home.downloads(), named);
    let reused = partial.copy_near(&nearby, (&name(), &name()), || true);
    let entries = (0..).zip(partial.manifest().entries());
    let lacks = entries.filter(|&(at, _)| !partial.has(at));
    let lacks = lacks.map(|(_, entry)| u64::from(entry.len)).sum();
    partial.discard().unwrap();
    (reused.unwrap().bytes, lacks)
}

fn edited(old: &[u8]) -> Vec<u8> {
    let mut new = old.to_vec();
    new.splice(5 * MIB..6 * MIB, noise(9, MIB / 2));
    new
}

#[test]
fn a_shared_folder_that_was_never_read_gives_what_both_versions_have() {
    let fixture = Fixture::new();
    let old = noise(1, 20 * MIB);
    let new = edited(&old);
    assert_eq!(found(&fixture, &new, &[]), (0, new.len() as u64));
    fs::write(fixture.home.shared().join("a.bin"), &old).unwrap();
    let (reused, lacks) = found(&fixture, &new, &[]);
    // The edit, and a chunk on either side of it.
    assert!(lacks < 3 * MIB as u64, "{lacks}");
    assert_eq!(reused + lacks, new.len() as u64);
    // What was moved and renamed there, too.
    let shared = fixture.home.shared();
    fs::create_dir(shared.join("old")).unwrap();
    fs::rename(shared.join("a.bin"), shared.join("old/b.bin")).unwrap();
    assert_eq!(found(&fixture, &new, &[]), (reused, lacks));
    // Elsewhere only if it is named: the file, or its folder.
    let away = fixture.folder.path().join("away");
    fs::rename(shared.join("old"), &away).unwrap();
    assert_eq!(found(&fixture, &new, &[]).0, 0);
    assert_eq!(found(&fixture, &new, &[away.join("b.bin")]).0, reused);
    assert_eq!(found(&fixture, &new, &[away]).0, reused);
}

#[test]
fn an_older_file_where_it_goes_gives_its_chunks() {
    let fixture = Fixture::new();
    let old = noise(1, 20 * MIB);
    fs::create_dir(fixture.home.downloads()).unwrap();
    fs::write(fixture.home.downloads().join("a.bin"), &old).unwrap();
    let (reused, lacks) = found(&fixture, &edited(&old), &[]);
    assert!(lacks < 3 * MIB as u64 && reused > 16 * MIB as u64);
    // What the index knows was looked at there.
    fs::remove_file(fixture.home.downloads().join("a.bin")).unwrap();
    fixture.index_shared("a.bin", &old);
    assert_eq!(found(&fixture, &edited(&old), &[]).0, 0);
}

#[test]
fn a_file_that_has_nothing_is_left_and_a_large_one_is_not_read_to_its_end() {
    let fixture = Fixture::new();
    let new = noise(2, 3 * MIB);
    let old = fixture.home.shared().join("a.bin");
    // Its chunks come behind more than may be read for a download of that size.
    fs::write(&old, [noise(3, 20 * MIB), new.clone()].concat()).unwrap();
    assert_eq!(found(&fixture, &new, &[]).0, 0);
    fs::write(&old, [noise(3, 6 * MIB), new.clone()].concat()).unwrap();
    assert!(found(&fixture, &new, &[]).0 > MIB as u64);
}

#[test]
fn it_stops_when_told() {
    let fixture = Fixture::new();
    let old = noise(1, 20 * MIB);
    fs::write(fixture.home.shared().join("a.bin"), &old).unwrap();
    let (partial, _) = fixture.partial(&manifest_of(&edited(&old)));
    let nearby = Nearby::new(&fixture.home, &fixture.home.downloads(), &[]);
    let mut asked = 0;
    let go_on = || {
        asked += 1;
        asked < 8
    };
    let reused = partial.copy_near(&nearby, (&name(), &name()), go_on);
    let bytes = reused.unwrap().bytes;
    assert!(bytes > 0 && bytes < 12 * MIB as u64, "{bytes}");
}
