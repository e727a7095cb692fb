//! What somebody waits for comes first, and changes nothing else.

use super::*;
use proptest::prelude::*;

const CHUNKS: u32 = 120;

/// Something that happens to a picker.
#[derive(Clone, Debug)]
enum Act {
    Claim(usize, u32),
    ClaimAll(usize),
    Deny(usize, u32),
    Forget(usize),
    Take(u32),
    Release(u32),
    Settle(u32),
    Rivals(u8),
    Urge(Vec<u32>),
}

fn act() -> impl Strategy<Value = Act> {
    let chunk = || 0..CHUNKS;
    let peer = || 0usize..3;
    prop_oneof![
        4 => (peer(), chunk()).prop_map(|(peer, chunk)| Act::Claim(peer, chunk)),
        1 => peer().prop_map(Act::ClaimAll),
        1 => (peer(), chunk()).prop_map(|(peer, chunk)| Act::Deny(peer, chunk)),
        1 => peer().prop_map(Act::Forget),
        4 => chunk().prop_map(Act::Take),
        2 => chunk().prop_map(Act::Release),
        2 => chunk().prop_map(Act::Settle),
        1 => (0u8..4).prop_map(Act::Rivals),
        1 => prop::collection::vec(chunk(), 0..20).prop_map(Act::Urge),
    ]
}

fn perform(act: &Act, picker: &mut Picker, claims: &mut [Claims; 3]) {
    match act {
        Act::Claim(peer, chunk) => {
            picker.claim(&mut claims[*peer], UniqueChunk(*chunk));
        }
        Act::ClaimAll(peer) => {
            picker.claim_all(&mut claims[*peer], span(0, CHUNKS));
        }
        Act::Deny(peer, chunk) => picker.deny(&mut claims[*peer], UniqueChunk(*chunk)),
        Act::Forget(peer) => picker.forget(&mut claims[*peer]),
        Act::Take(chunk) => picker.take(UniqueChunk(*chunk)),
        Act::Release(chunk) => picker.release(UniqueChunk(*chunk)),
        Act::Settle(chunk) => picker.settle(UniqueChunk(*chunk)),
        Act::Rivals(count) => {
            picker.set_rivals((0..*count).map(|at| NodeId([100 + at; 32])), None);
        }
        Act::Urge(_) => {}
    }
}

proptest! {
    #[test]
    fn the_first_urgent_chunk_that_a_peer_has_is_picked_and_without_one_the_order_is_as_ever(
        acts in prop::collection::vec(act(), 1..80),
    ) {
        let (mut plain, mut urged) = (picker(ME, CHUNKS), picker(ME, CHUNKS));
        let mut of_plain: [Claims; 3] = Default::default();
        let mut of_urged: [Claims; 3] = Default::default();
        let mut urgent = Vec::new();
        for act in acts {
            perform(&act, &mut plain, &mut of_plain);
            perform(&act, &mut urged, &mut of_urged);
            if let Act::Urge(chunks) = act {
                urged.urge(chunks.iter().copied().map(UniqueChunk));
                urgent = chunks;
            }
            urged.check(of_urged.iter());
            for (plainly, claims) in of_plain.iter().zip(&of_urged) {
                let mut open = urgent.iter().map(|&at| UniqueChunk(at));
                let first = open.find(|&at| urged.open().has(at.0) && urged.has(claims, at));
                prop_assert_eq!(urged.pick(claims), first.or_else(|| plain.pick(plainly)));
                let in_turn = first.or_else(|| plain.pick_in_turn(plainly));
                prop_assert_eq!(urged.pick_in_turn(claims), in_turn);
            }
        }
    }
}
