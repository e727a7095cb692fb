//! Strangers: replays, floods, guesses, false senders.

use super::*;

#[test]
fn what_was_recorded_does_nothing_in_another_run() {
    let mut sim = Simulation::new(sender(GOOD, Mode::One), vec![(2, receiver(2, GOOD))]);
    sim.run(3);
    assert!(sim.found(2));
    let recorded = std::mem::take(&mut sim.sent);
    // The same code again, the same two nodes, other randomness, as it is in life.
    let code: Code = GOOD.parse().unwrap();
    let fresh = Sender::new(node(1), PORT, code.clone(), Mode::One, &[50; 32], Now::ZERO);
    let again = Receiver::new(node(2), code, &[51; 32], Duration::from_secs(30), Now::ZERO);
    let mut sim = Simulation::new(fresh, vec![(2, again)]);
    for _ in 0..3 {
        for message in &recorded {
            sim.send(at(9), Some(at(1)), message);
            sim.send(at(9), Some(at(2)), message);
        }
        sim.step();
    }
    assert!(sim.expected.is_empty() && sim.ends.is_empty() && !sim.burnt());
    sim.run(10);
    assert!(sim.found(2));
    assert_eq!(sim.expected.len(), 1);
}

#[test]
fn what_is_repeated_within_a_run_is_answered_alike() {
    let mut sim = Simulation::new(sender(GOOD, Mode::One), vec![(2, receiver(2, GOOD))]);
    sim.connects = false;
    sim.run(3);
    let said = sim.sent.clone();
    for message in &said {
        sim.deliver(at(2), Some(at(1)), message);
    }
    let answers = &sim.sent[said.len()..];
    assert!(!answers.is_empty());
    assert!(answers.iter().all(|answer| said.contains(answer)));
    assert_eq!((sim.expected.len(), sim.sender.attempts()), (1, 1));
}

#[test]
fn a_flood_of_junk_neither_stops_the_receiver_nor_burns_the_code() {
    for seed in 0..5 {
        let mut sim = Simulation::new(sender(GOOD, Mode::One), vec![(2, receiver(2, GOOD))]);
        sim.chance = Chance::new(seed);
        sim.weather.delay = 1;
        let mut n = 0;
        while !sim.found(2) {
            // 3,000 hellos and 1,000 proofs a second, from 200 addresses.
            for _ in 0..40 {
                n += 1;
                let from = at(20 + (n % 200) as u8);
                let mut message = junk(n, (n % 250) as u8);
                if let (0, Message::Hello { session, x, .. }) = (n % 4, &message) {
                    let (attempt, mac) = (*session, *x);
                    message = Message::Proof {
                        session: *session,
                        attempt,
                        mac,
                    };
                }
                sim.flying.push((sim.now, from, Some(at(1)), message));
            }
            sim.step();
            sim.flying
                .retain(|(_, _, to, _)| to.is_none_or(|to| to == at(1) || to == at(2)));
            assert!(sim.sender.attempts() <= MAX_HALF_OPEN);
            assert!(sim.ends.is_empty() || sim.found(2), "{:?}", sim.ends);
        }
        assert!(!sim.burnt());
    }
}

#[test]
fn a_flood_of_false_senders_does_not_hide_the_real_one() {
    let mut sim = Simulation::new(sender(GOOD, Mode::One), vec![(2, receiver(2, GOOD))]);
    let mut n = 0;
    while !sim.found(2) {
        for _ in 0..5 {
            n += 1;
            let sender = NodeId(*blake3::hash(&[n as u8, (n >> 8) as u8]).as_bytes());
            let wait = Message::Wait { channel: 7, sender };
            sim.deliver(at(20 + (n % 200) as u8), Some(at(2)), &wait);
        }
        sim.step();
        assert!(sim.receivers[0].1.asked() <= MAX_ASKED);
        assert!(sim.ends.is_empty() || sim.found(2), "{:?}", sim.ends);
    }
}

#[test]
fn what_is_no_point_of_the_curve_burns_nothing() {
    let mut sim = Simulation::new(sender(GOOD, Mode::One), vec![(2, receiver(2, GOOD))]);
    let bad = (0..100).find(|n| {
        // Half of all bytes are none: one that the sender gives no answer to, when it is to finish.
        let mut trial = sender(GOOD, Mode::One);
        let answers = give(&mut trial, junk(*n, 9));
        let Some(proof) = guess(&answers) else {
            return false;
        };
        give(&mut trial, proof).is_empty()
    });
    let answers = give(&mut sim.sender, junk(bad.unwrap(), 9));
    let proof = guess(&answers).unwrap();
    assert!(give(&mut sim.sender, proof).is_empty());
    sim.run(3);
    assert!(sim.found(2) && !sim.burnt());
}

fn give(sender: &mut Sender, message: Message) -> Vec<SenderAction> {
    sender.handle(
        SenderEvent::Heard {
            message,
            from: at(9),
        },
        Now::ZERO,
    )
}

/// A proof made up for the reply among these.
fn guess(answers: &[SenderAction]) -> Option<Message> {
    answers.iter().find_map(|answer| match answer {
        SenderAction::Send {
            message: Message::Reply {
                session, attempt, ..
            },
            ..
        } => Some(Message::Proof {
            session: *session,
            attempt: *attempt,
            mac: [0; 32],
        }),
        _ => None,
    })
}

#[test]
fn a_sender_that_does_not_know_the_words_gets_one_proof_and_no_more() {
    // It takes part in everything and has other words; it never says that they were wrong.
    let mut sim = Simulation::new(sender(BAD, Mode::One), vec![(2, receiver(2, GOOD))]);
    while sim.ends.is_empty() {
        sim.flying
            .retain(|(.., message)| !matches!(message, Message::No { .. }));
        sim.step();
    }
    assert_eq!(sim.failed(2), Some(Failure::Unconfirmed));
    let proofs: BTreeSet<_> = sim
        .sent
        .iter()
        .filter_map(|message| match message {
            Message::Proof { mac, .. } => Some(*mac),
            _ => None,
        })
        .collect();
    assert_eq!(proofs.len(), 1);
    assert!(
        !sim.sent
            .iter()
            .any(|message| matches!(message, Message::Port { .. }))
    );
}

#[test]
fn a_group_bears_nine_wrong_guesses() {
    let wrong = (2..11).map(|n| (n, receiver(n, LONG_BAD)));
    let receivers = wrong.chain([(20, receiver(20, LONG))]).collect();
    let mut sim = Simulation::new(sender(LONG, Mode::Group), receivers);
    sim.run(5);
    assert!((2..11).all(|n| sim.failed(n) == Some(Failure::Wrong)));
    assert!(sim.found(20) && !sim.burnt());
    assert_eq!(sim.told.last(), Some(&SenderAction::Guessed { left: 1 }));
    sim.receivers.push((30, receiver(30, LONG_BAD)));
    sim.run(5);
    assert!(sim.burnt());
    assert_eq!(sim.failed(30), Some(Failure::Wrong));
}

#[test]
fn guesses_from_one_address_are_slow() {
    let mut sender = sender(LONG, Mode::Group);
    let mut counted = 0;
    for n in 0..400u64 {
        let now = Duration::from_millis(n * 10);
        let mut heard = |message| {
            sender.handle(
                SenderEvent::Heard {
                    message,
                    from: at(9),
                },
                now,
            )
        };
        let answers = heard(junk(n as u32, 9));
        let actions = guess(&answers).map(heard).unwrap_or_default();
        let guessed = |action: &&SenderAction| matches!(action, SenderAction::Guessed { .. });
        counted += actions.iter().filter(guessed).count();
    }
    // One at 0 s and one at 2 s, give or take what is no point.
    assert!((1..=2).contains(&counted), "{counted}");
}

#[test]
fn over_a_connection_nobody_speaks_for_another() {
    let mut sender = sender(GOOD, Mode::One);
    let code = GOOD.parse().unwrap();
    let mut receiver = Receiver::new(node(2), code, &[2; 32], Duration::from_secs(9), Now::ZERO);
    let wait = Message::Wait {
        channel: 7,
        sender: node(1),
    };
    let heard = |message: &Message, from| ReceiverEvent::Heard {
        message: message.clone(),
        from: Endpoint::Far(node(from)),
    };
    assert!(receiver.handle(heard(&wait, 3), Now::ZERO).is_empty());
    let said = receiver.handle(heard(&wait, 1), Now::ZERO);
    let [ReceiverAction::Send { message, to }] = &said[..] else {
        panic!("{said:?}");
    };
    assert_eq!(*to, Endpoint::Far(node(1)));
    for (from, answers) in [(3, 0), (2, 1)] {
        let heard = SenderEvent::Heard {
            message: message.clone(),
            from: Endpoint::Far(node(from)),
        };
        assert_eq!(sender.handle(heard, Now::ZERO).len(), answers);
    }
}
