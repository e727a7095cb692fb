//! Peers that lie, stall, hang up, flood or deceive, among honest ones, against the shipped binary.
//!
//! Where the other rules about strangers are tested:
//!
//! | rule | test |
//! | --- | --- |
//! | names that leave the folder, or cannot be | `core::path`: `names_that_leave_the_folder_or_cannot_be_are_refused`; `hostile_names` |
//! | `CON`, `f:ads`, trailing dots | `core::path`: `names_that_windows_cannot_hold_are_mapped` |
//! | Unicode forms, case | `core::path`: `both_unicode_forms_of_a_name_are_one_name`; `hostile_names` |
//! | no existing file is replaced | `store::place`: `nothing_that_is_there_is_replaced`, `files_finished_at_once_under_one_name_all_get_a_place` |
//! | wrong sums, overlaps, absurd sizes | `wire::manifest`, `store::partial`: `another_chunk_is_refused` |
//! | a declared length is not allocated | `wire::cbor`, `wire::chunk`: `impossible_lengths_are_refused`, `net::control` |
//! | the same chunk with a false length | `core::download`: `a_false_length_is_not_asked_of_who_holds_the_true_chunk` |
//! | 0-byte, 1-byte, exact sizes | `swarm`: `sizes_at_the_edges_come_across` |
//! | nonsense on the control protocol | `net::tests::hostile`: `nonsense_costs_its_sender_the_stream_and_nobody_else_anything` |
//! | connections per address and in all | `net::per_address`, `net::tests::hostile` |
//! | answers that nobody reads | `net::unread`; chunks: `hostile_serving` |
//! | all peers' catalogs together, and endless ones | `node::swarm::catalog` |
//! | bulk: replays, changed, cut and moved records, another swarm's | `net::bulk::tests`, `net::tests::bulk` |
//! | bulk: half-open floods, a byte now and then | `net::bulk::tests::beginning` |
//! | bulk: lies, limits | here, `bulk` |
//! | bulk: those who never read | `net::bulk::tests` |
//! | floods of mDNS | `net::mdns` |
//! | floods of beacons, replays | `net::beacon::filter`, `core::membership`; `hostile_discovery` |
//! | an answer is never longer than its question | `wire::beacon`, `net::beacon`; `hostile_discovery` |

use crate::common::{
    Swarm, downloaded,
    faulty::{Fault, Faulty, File},
    noise,
};
use std::{sync::atomic::Ordering, time::Duration};

/// How long a download may take beside a peer that stalls: 10 s until its requests have moved on,
/// and a slow machine's margin.
const MOVED_ON: Duration = Duration::from_secs(20);

fn sources(events: &[serde_json::Value]) -> Vec<String> {
    let done = events
        .iter()
        .find(|event| event["event"] == "done")
        .unwrap();
    let sources = done["sources"].as_array().unwrap().iter();
    sources
        .map(|source| source["name"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_one_peer_does_the_file_comes_from_the_honest_one() {
    let faults = [
        Fault::Lies,
        Fault::Stalls,
        Fault::HangsUp,
        Fault::Floods,
        Fault::Misses,
        Fault::Pretends,
        Fault::Trickles,
        Fault::DeclaresTooMuch,
        Fault::Withdraws,
        Fault::FalseManifest,
        Fault::Silent,
        Fault::EndlessCatalog,
        Fault::OversizeCatalog,
    ];
    let file = File::new("f.bin", noise(7, 6 << 20));
    let runtime = tokio::runtime::Handle::current();
    std::thread::scope(|scope| {
        for fault in faults {
            let (file, runtime) = (file.clone(), runtime.clone());
            scope.spawn(move || {
                let _inside = runtime.enter();
                let swarm = Swarm::new();
                let bad = Faulty::join(swarm.port, "bad", file.clone(), fault);
                let _good = Faulty::join(swarm.port, "good", file.clone(), Fault::Slow);
                let ran = swarm
                    .run("carol", &["download", "f.bin", "--json"])
                    .succeeds();
                assert!(ran.elapsed < MOVED_ON, "{fault:?}: {:?}", ran.elapsed);
                assert_eq!(
                    downloaded(&swarm.home("carol"), "f.bin"),
                    *file.bytes,
                    "{fault:?}"
                );
                // What is wrong with the others is elsewhere.
                if !fault.serves() {
                    assert_eq!(sources(&ran.json()), ["good"], "{fault:?}");
                    assert!(
                        bad.asked.load(Ordering::Relaxed) > 0,
                        "{fault:?} was not asked"
                    );
                    // By the way that bytes take between two nodes nearby.
                    let bulk = bad.bulk.load(Ordering::Relaxed);
                    assert!(bulk > 0, "{fault:?} was not asked by bulk");
                }
            });
        }
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn when_all_lie_nothing_is_stored_and_the_exit_code_says_why() {
    for fault in [Fault::Lies, Fault::FalseManifest] {
        let swarm = Swarm::new();
        let file = File::new("f.bin", noise(8, 2 << 20));
        let _liars: Vec<Faulty> = ["one", "two"]
            .into_iter()
            .map(|name| Faulty::join(swarm.port, name, file.clone(), fault))
            .collect();
        let ran = swarm.run("carol", &["download", "f.bin"]);
        assert_eq!(ran.code(), 6, "{fault:?}: {}", ran.err());
        let left = std::fs::read_dir(swarm.home("carol").join("downloads"));
        assert_eq!(left.map_or(0, Iterator::count), 0, "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_false_page_of_a_manifest_costs_its_sender_only() {
    let swarm = Swarm::new();
    // Two pages: 4,096 entries and some, of the shortest chunks that there may be.
    let file = File::chopped("f.bin", noise(9, 16 << 16).repeat(257), 1 << 16);
    let _bad = Faulty::join(swarm.port, "bad", file.clone(), Fault::FalsePage);
    let _good = Faulty::join(swarm.port, "good", file.clone(), Fault::None);
    swarm
        .run("carol", &["download", "f.bin", "--json"])
        .succeeds();
    assert!(downloaded(&swarm.home("carol"), "f.bin") == *file.bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_missing_for_a_moment_is_asked_for_again() {
    let swarm = Swarm::new();
    let file = File::new("f.bin", noise(10, 3 << 20));
    let _only = Faulty::join(swarm.port, "only", file.clone(), Fault::MissesOnce);
    let ran = swarm
        .run("carol", &["download", "f.bin", "--json"])
        .succeeds();
    assert!(ran.elapsed < MOVED_ON, "{:?}", ran.elapsed);
    assert_eq!(downloaded(&swarm.home("carol"), "f.bin"), *file.bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_holders_do_not_delay_the_manifest_one_after_another() {
    let swarm = Swarm::new();
    let file = File::new("f.bin", noise(11, 1 << 20));
    let _silent: Vec<Faulty> = (0..6)
        .map(|at| {
            Faulty::join(
                swarm.port,
                &format!("silent{at}"),
                file.clone(),
                Fault::Silent,
            )
        })
        .collect();
    let _good = Faulty::join(swarm.port, "good", file.clone(), Fault::None);
    let ran = swarm
        .run("carol", &["download", "f.bin", "--json"])
        .succeeds();
    assert!(ran.elapsed < MOVED_ON, "{:?}", ran.elapsed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_without_sources_ends_when_its_time_is_up() {
    // Claims alone are no sources, neither of chunks nor of a manifest; nor is a byte a second, or
    // an answer that never comes.
    let faults = [Fault::Misses, Fault::Silent, Fault::Trickles, Fault::Stalls];
    for fault in faults {
        let swarm = Swarm::new();
        let file = File::new("f.bin", noise(12, 1 << 20));
        let _bad = Faulty::join(swarm.port, "bad", file, fault);
        let ran = swarm.run("carol", &["download", "f.bin", "--timeout", "5"]);
        assert_eq!(ran.code(), 5, "{fault:?}: {}", ran.err());
        assert!(ran.elapsed < MOVED_ON, "{fault:?}: {:?}", ran.elapsed);
    }
}
