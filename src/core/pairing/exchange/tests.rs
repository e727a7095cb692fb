use super::*;

fn code(text: &str) -> Code {
    text.parse().unwrap()
}

fn parties() -> Parties {
    Parties {
        channel: 7,
        sender: NodeId([1; 32]),
        receiver: NodeId([2; 32]),
    }
}

/// Both sides' keys, when each has these words and sees these parties.
fn run(words: [&str; 2], seen: [Parties; 2]) -> (Keys, Keys) {
    let mut draw = Draw::new("test", &[3; 32]);
    let (sender, y) = Half::sender(&code(words[0]), &seen[0], &mut draw);
    let (receiver, x) = Half::receiver(&code(words[1]), &seen[1], &mut draw);
    let said = |parties| Transcript {
        parties,
        session: Id([4; 16]),
        attempt: Id([5; 16]),
        x,
        y,
    };
    let ours = sender.finish_sender(&said(seen[0])).unwrap();
    (ours, receiver.finish_receiver(&said(seen[1])).unwrap())
}

#[test]
fn both_have_the_same_keys_and_each_is_its_own() {
    let (sender, receiver) = run(["7-amber-falcon"; 2], [parties(); 2]);
    assert!(sender.is_proof(&receiver.proof()));
    assert_eq!(receiver.open(&sender.seal(4001).unwrap()), Some(4001));
    assert_eq!(sender.link(), receiver.link());
    let keys = [sender.proof, sender.port, sender.link, sender.transcript];
    for (n, key) in keys.iter().enumerate() {
        assert!(!keys[..n].contains(key));
    }
    let link = sender.link();
    assert!(link.is_receiver(&receiver.link().receiver_proof("Bert"), "Bert"));
    assert!(link.is_sender(&receiver.link().sender_proof("Anna"), "Anna"));
    assert!(!link.is_sender(&link.receiver_proof("Bert"), "Bert"));
    assert!(!link.is_receiver(&link.receiver_proof("Bert"), "Berta"));
}

#[test]
fn other_words_or_other_parties_give_other_keys() {
    let (channel, sender, receiver) = (8, NodeId([9; 32]), NodeId([9; 32]));
    let same = ["7-amber-falcon"; 2];
    for (words, other) in [
        (["7-amber-falcon", "7-amber-dragon"], parties()),
        (
            same,
            Parties {
                channel,
                ..parties()
            },
        ),
        (
            same,
            Parties {
                sender,
                ..parties()
            },
        ),
        (
            same,
            Parties {
                receiver,
                ..parties()
            },
        ),
    ] {
        let (ours, theirs) = run(words, [parties(), other]);
        assert!(!ours.is_proof(&theirs.proof()));
        assert_eq!(theirs.open(&ours.seal(4001).unwrap()), None);
        assert_ne!(ours.link(), theirs.link());
    }
}

#[test]
fn a_changed_seal_does_not_open() {
    let (sender, receiver) = run(["7-amber-falcon"; 2], [parties(); 2]);
    let sealed = sender.seal(4001).unwrap();
    for at in 0..SEALED_PORT {
        let mut changed = sealed;
        changed[at] ^= 1;
        assert_eq!(receiver.open(&changed), None);
    }
    assert_eq!(receiver.open(&sender.seal(0).unwrap()), None);
}

#[test]
fn what_is_no_point_of_the_curve_is_refused() {
    let mut draw = Draw::new("test", &[3; 32]);
    let code = code("7-amber-falcon");
    let (mut good, mut bad) = (0, 0);
    for n in 0..64 {
        let (half, y) = Half::sender(&code, &parties(), &mut draw);
        let said = Transcript {
            parties: parties(),
            session: Id([4; 16]),
            attempt: Id([5; 16]),
            x: [n; 32],
            y,
        };
        match half.finish_sender(&said) {
            Some(_) => good += 1,
            None => bad += 1,
        }
    }
    // About half of all bytes name a point.
    assert!(good > 0 && bad > 0);
}
