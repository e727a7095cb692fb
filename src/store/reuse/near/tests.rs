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
}

#[test]
fn of_what_was_changed_in_place_only_the_chunks_that_it_touches_are_lacking() {
    let old = noise(1, 20 * MIB);
    for (from, to) in [(0, 100), (5 * MIB, 6 * MIB), (20 * MIB - 100, 20 * MIB)] {
        for shift in [0, 1, 77_777] {
            let mut new = noise(8, shift);
            new.extend(&old);
            new.splice(shift + from..shift + to, noise(9, to - from));
            let manifest = manifest_of(&new);
            let touched = (0..).zip(manifest.entries()).filter(|(at, entry)| {
                let begin = manifest.offset(*at) as usize;
                let end = begin + entry.len as usize;
                begin < shift || begin < shift + to && shift + from < end
            });
            let touched: u64 = touched.map(|(_, entry)| u64::from(entry.len)).sum();
            let fixture = Fixture::new();
            fs::write(fixture.home.shared().join("a.bin"), &old).unwrap();
            let (_, lacks) = found(&fixture, &new, &[]);
            assert!(lacks <= touched, "{lacks} of {touched}, {from} + {shift}");
            // By the index, too: what ids do not find lies between what they find.
            fs::remove_file(fixture.home.shared().join("a.bin")).unwrap();
            fixture.index_shared("a.bin", &old);
            let (partial, _) = fixture.partial(&manifest);
            partial.copy_local(|_| true).unwrap();
            let nearby = Nearby::new(&fixture.home, &fixture.home.downloads(), &[]);
            let names = (&name(), &name());
            partial.copy_near(&nearby, names, || true).unwrap();
            let here = (0..)
                .zip(manifest.entries())
                .filter(|&(at, _)| partial.has(at));
            let here: u64 = here.map(|(_, entry)| u64::from(entry.len)).sum();
            assert!(
                manifest.size() - here <= touched,
                "{from} + {shift}, by the index"
            );
            partial.discard().unwrap();
        }
    }
}

#[test]
fn a_file_that_grew_beyond_a_grain_shares_its_chunks_though_the_index_knows_it() {
    let fixture = Fixture::new();
    let old = noise(1, 4 * MIB - 100);
    fixture.index_shared("a.bin", &old);
    let new = [old, noise(2, 1000)].concat();
    let (reused, _) = found(&fixture, &new, &[]);
    assert!(reused > 3 * MIB as u64, "{reused}");
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
