//! Both machines on a network that loses, repeats and delays, and with strangers on it. Time is
//! made up.

mod hostile;

use super::*;
use crate::core::{Now, chance::Chance, code::Code, id::NodeId};
use ::core::net::SocketAddr;
use std::collections::BTreeSet;

const PORT: u16 = 4001;
const GOOD: &str = "7-amber-falcon";
const BAD: &str = "7-amber-dragon";
const LONG: &str = "7-amber-falcon-river-piano";
const LONG_BAD: &str = "7-amber-falcon-river-panda";
const STEP: Duration = Duration::from_millis(10);

fn node(n: u8) -> NodeId {
    NodeId([n; 32])
}

fn at(host: u8) -> Endpoint {
    SocketAddr::from(([10, 0, 0, host], 5000)).into()
}

fn sender(code: &str, mode: Mode) -> Sender {
    sender_of(1, code, mode)
}

fn sender_of(n: u8, code: &str, mode: Mode) -> Sender {
    Sender::new(
        node(n),
        PORT,
        code.parse().unwrap(),
        mode,
        &[n; 32],
        Now::ZERO,
    )
}

fn receiver(n: u8, code: &str) -> Receiver {
    let code: Code = code.parse().unwrap();
    Receiver::new(node(n), code, &[n; 32], Duration::from_secs(30), Now::ZERO)
}

/// How bad the network is: percent lost, percent doubled, the longest delay in steps.
#[derive(Clone, Copy)]
struct Weather {
    lost: usize,
    doubled: usize,
    delay: usize,
}

const FINE: Weather = Weather {
    lost: 0,
    doubled: 0,
    delay: 0,
};

/// One sender at host 1, receivers at hosts of their own, and everything that was ever sent.
struct Simulation {
    now: Now,
    weather: Weather,
    chance: Chance,
    sender: Sender,
    receivers: Vec<(u8, Receiver)>,
    /// When, from, to (`None`: all), what.
    flying: Vec<(Now, Endpoint, Option<Endpoint>, Message)>,
    sent: Vec<Message>,
    /// Whether those who have proven the code connect.
    connects: bool,
    expected: Vec<LinkKey>,
    told: Vec<SenderAction>,
    ends: Vec<(u8, ReceiverAction)>,
}

impl Simulation {
    fn new(sender: Sender, receivers: Vec<(u8, Receiver)>) -> Self {
        Self {
            now: Now::ZERO,
            weather: FINE,
            chance: Chance::new(1),
            sender,
            receivers,
            flying: Vec::new(),
            sent: Vec::new(),
            connects: true,
            expected: Vec::new(),
            told: Vec::new(),
            ends: Vec::new(),
        }
    }

    fn send(&mut self, from: Endpoint, to: Option<Endpoint>, message: &Message) {
        self.sent.push(message.clone());
        let Weather {
            lost,
            doubled,
            delay,
        } = self.weather;
        let copies = 1 + usize::from(self.chance.below(100) < doubled);
        for _ in 0..copies {
            if self.chance.below(100) >= lost {
                let late = STEP * (self.chance.below(delay + 1) as u32 + 1);
                self.flying
                    .push((self.now + late, from, to, message.clone()));
            }
        }
    }

    fn sender_does(&mut self, actions: Vec<SenderAction>) {
        for action in actions {
            match action {
                SenderAction::Announce(message) => self.send(at(1), None, &message),
                SenderAction::Send { message, to } => self.send(at(1), Some(to), &message),
                SenderAction::Expect(link) => self.expected.push(link),
                other => self.told.push(other),
            }
        }
    }

    fn receiver_does(&mut self, host: u8, actions: Vec<ReceiverAction>) {
        for action in actions {
            match action {
                ReceiverAction::Send { message, to } => self.send(at(host), Some(to), &message),
                end => {
                    if let ReceiverAction::Found { link, at } = &end {
                        assert_eq!(*at, SocketAddr::from(([10, 0, 0, 1], PORT)).into());
                        assert!(self.expected.contains(link), "not expected");
                        if self.connects {
                            let linked = SenderEvent::Linked {
                                attempt: link.attempt,
                            };
                            let actions = self.sender.handle(linked, self.now);
                            self.sender_does(actions);
                        }
                    }
                    self.ends.push((host, end));
                }
            }
        }
    }

    fn deliver(&mut self, from: Endpoint, to: Option<Endpoint>, message: &Message) {
        if to.is_none_or(|to| to == at(1)) {
            let heard = SenderEvent::Heard {
                message: message.clone(),
                from,
            };
            let actions = self.sender.handle(heard, self.now);
            self.sender_does(actions);
        }
        for n in 0..self.receivers.len() {
            let (host, receiver) = &mut self.receivers[n];
            let host = *host;
            if to.is_none_or(|to| to == at(host)) {
                let heard = ReceiverEvent::Heard {
                    message: message.clone(),
                    from,
                };
                let actions = receiver.handle(heard, self.now);
                self.receiver_does(host, actions);
            }
        }
    }

    fn step(&mut self) {
        self.now += STEP;
        let now = self.now;
        let due: Vec<_> = self
            .flying
            .extract_if(.., |(when, ..)| *when <= now)
            .collect();
        for (_, from, to, message) in due {
            self.deliver(from, to, &message);
        }
        if self.sender.next_tick().is_some_and(|at| at <= now) {
            let actions = self.sender.handle(SenderEvent::Tick, now);
            self.sender_does(actions);
        }
        for n in 0..self.receivers.len() {
            let (host, receiver) = &mut self.receivers[n];
            let host = *host;
            if receiver.next_tick().is_some_and(|at| at <= now) {
                let actions = receiver.handle(ReceiverEvent::Tick, now);
                self.receiver_does(host, actions);
            }
        }
    }

    fn run(&mut self, seconds: u64) {
        let end = self.now + Duration::from_secs(seconds);
        while self.now < end {
            self.step();
        }
    }

    fn found(&self, host: u8) -> bool {
        let found = |end: &ReceiverAction| matches!(end, ReceiverAction::Found { .. });
        self.ends.iter().any(|(at, end)| *at == host && found(end))
    }

    fn failed(&self, host: u8) -> Option<Failure> {
        self.ends.iter().find_map(|(at, end)| match end {
            ReceiverAction::Failed(failure) if *at == host => Some(*failure),
            _ => None,
        })
    }

    fn announced(&self) -> usize {
        let wait = |message: &&Message| matches!(message, Message::Wait { .. });
        self.sent.iter().filter(wait).count()
    }

    fn burnt(&self) -> bool {
        self.told.contains(&SenderAction::Burnt)
    }
}

/// A `Hello` with a random point-like message, as junk has it.
fn junk(n: u32, receiver: u8) -> Message {
    let mut bytes = *blake3::hash(&n.to_be_bytes()).as_bytes();
    bytes[31] &= 0x7f;
    let mut session = [0; 16];
    session.copy_from_slice(&bytes[..16]);
    Message::Hello {
        channel: 7,
        sender: node(1),
        receiver: node(receiver),
        session: Id(session),
        x: bytes,
    }
}

#[test]
fn the_right_code_finds_the_sender_and_the_announcing_stops() {
    let mut sim = Simulation::new(sender(GOOD, Mode::One), vec![(2, receiver(2, GOOD))]);
    sim.run(2);
    assert!(sim.found(2));
    assert_eq!(sim.expected.len(), 1);
    let before = sim.announced();
    sim.run(10);
    assert_eq!(sim.announced(), before);
    assert_eq!((sim.sender.next_tick(), sim.sender.attempts()), (None, 0));
    assert_eq!(sim.receivers[0].1.next_tick(), None);
}

#[test]
fn a_sender_announces_every_half_to_whole_second() {
    let mut sim = Simulation::new(sender(GOOD, Mode::One), vec![]);
    sim.run(60);
    assert!((60..=121).contains(&sim.announced()), "{}", sim.announced());
}

#[test]
fn loss_doubling_and_reordering_only_take_time() {
    for seed in 0..40 {
        let mut sim = Simulation::new(sender(GOOD, Mode::One), vec![(2, receiver(2, GOOD))]);
        sim.chance = Chance::new(seed);
        sim.weather = Weather {
            lost: 30,
            doubled: 30,
            delay: 40,
        };
        sim.run(25);
        assert!(sim.found(2), "seed {seed}: {:?}", sim.ends);
        assert!(!sim.burnt());
        assert_eq!(sim.ends.len(), 1);
    }
}

#[test]
fn a_wrong_code_burns_the_code_and_both_are_told() {
    let mut sim = Simulation::new(sender(GOOD, Mode::One), vec![(2, receiver(2, BAD))]);
    sim.run(3);
    assert_eq!(sim.failed(2), Some(Failure::Wrong));
    assert!(sim.burnt());
    assert!(sim.expected.is_empty());
    // The right code is worth nothing now, for one who asks and for one who comes later.
    let announced = sim.announced();
    sim.receivers.push((3, receiver(3, GOOD)));
    sim.run(31);
    assert_eq!(sim.announced(), announced);
    assert_eq!(sim.failed(3), Some(Failure::Nobody));
    assert_eq!(sim.told.len(), 1);
}

#[test]
fn that_the_code_was_wrong_is_said_again_when_it_was_lost() {
    for seed in 0..20 {
        let mut sim = Simulation::new(sender(GOOD, Mode::One), vec![(2, receiver(2, BAD))]);
        sim.chance = Chance::new(seed);
        sim.weather.lost = 40;
        sim.run(20);
        assert!(sim.burnt());
        // Hardly ever are all of the answers lost.
        let failure = sim.failed(2);
        assert!(matches!(
            failure,
            Some(Failure::Wrong | Failure::Spent | Failure::Unconfirmed)
        ));
    }
}

#[test]
fn one_guess_only_even_when_many_are_made_at_once() {
    let mut receivers: Vec<_> = (2..20).map(|n| (n, receiver(n, BAD))).collect();
    receivers.push((20, receiver(20, GOOD)));
    let mut sim = Simulation::new(sender(GOOD, Mode::One), receivers);
    sim.run(10);
    assert!(sim.burnt());
    let wrong = (2..20).filter(|n| sim.failed(*n) == Some(Failure::Wrong));
    assert_eq!(wrong.count(), 1);
    let spent = (2..=20).filter(|n| sim.failed(*n) == Some(Failure::Spent));
    assert_eq!(spent.count(), 18);
    assert!(sim.expected.is_empty());
}

#[test]
fn a_second_receiver_is_told_busy_and_served_if_the_first_does_not_come() {
    let both = vec![(2, receiver(2, GOOD)), (3, receiver(3, GOOD))];
    let mut sim = Simulation::new(sender(GOOD, Mode::One), both);
    sim.connects = false;
    sim.run(10);
    assert!(sim.found(2) && !sim.found(3));
    let busy = PairingRefusal::Busy;
    assert!(
        sim.sent
            .iter()
            .any(|m| matches!(m, Message::No { why, .. } if *why == busy))
    );
    assert_eq!(sim.failed(3), Some(Failure::Busy));
    // The first had its time; the next one is served.
    sim.connects = true;
    sim.run(15);
    assert!(matches!(sim.told[..], [SenderAction::Forget { .. }]));
    sim.receivers.push((4, receiver(4, GOOD)));
    sim.run(3);
    assert!(sim.found(4));
}

#[test]
fn a_receiver_that_starts_again_replaces_itself() {
    let mut sim = Simulation::new(sender(GOOD, Mode::One), vec![(2, receiver(2, GOOD))]);
    sim.connects = false;
    sim.run(3);
    assert!(sim.found(2));
    let code = GOOD.parse().unwrap();
    let again = Receiver::new(node(2), code, &[99; 32], Duration::from_secs(30), sim.now);
    sim.receivers = vec![(2, again)];
    sim.connects = true;
    sim.run(3);
    assert_eq!(sim.ends.len(), 2);
    assert_eq!(sim.sender.next_tick(), None);
}

#[test]
fn a_receiver_with_another_channel_is_not_heard() {
    let other = receiver(2, "8-amber-falcon");
    let mut sim = Simulation::new(sender(GOOD, Mode::One), vec![(2, other)]);
    sim.run(31);
    assert_eq!(sim.failed(2), Some(Failure::Nobody));
    assert!(
        sim.sent
            .iter()
            .all(|message| matches!(message, Message::Wait { .. }))
    );
    // Nor is one who names it all the same, or means another sender.
    let mut hello = junk(1, 2);
    if let Message::Hello { channel, .. } = &mut hello {
        *channel = 8;
    }
    sim.deliver(at(9), Some(at(1)), &hello);
    let mut hello = junk(1, 2);
    if let Message::Hello { sender, .. } = &mut hello {
        *sender = node(3);
    }
    sim.deliver(at(9), Some(at(1)), &hello);
    assert_eq!(sim.sender.attempts(), 0);
}

#[test]
fn a_group_is_served_one_and_all() {
    let class: Vec<_> = (2..42).map(|n| (n, receiver(n, LONG))).collect();
    let mut sim = Simulation::new(sender(LONG, Mode::Group), class);
    sim.run(5);
    assert!((2..42).all(|n| sim.found(n)));
    // Each has a key of its own, and the next one may come.
    let links: Vec<_> = sim
        .expected
        .iter()
        .map(|link| link.sender_proof(""))
        .collect();
    assert_eq!(links.iter().collect::<BTreeSet<_>>().len(), 40);
    sim.receivers.push((50, receiver(50, LONG)));
    sim.run(2);
    assert!(sim.found(50));
}

#[test]
fn two_runs_with_one_code_share_only_what_is_public() {
    let run = |seed: u8| {
        let code: Code = GOOD.parse().unwrap();
        let sender = Sender::new(
            node(1),
            PORT,
            code.clone(),
            Mode::One,
            &[seed; 32],
            Now::ZERO,
        );
        let wait = Duration::from_secs(30);
        let receiver = Receiver::new(node(2), code, &[seed + 1; 32], wait, Now::ZERO);
        let mut sim = Simulation::new(sender, vec![(2, receiver)]);
        sim.run(3);
        assert!(sim.found(2));
        sim.sent
    };
    // No field beyond the public ones is the same: so none is made from the code and the nodes
    // alone, and no one who recorded it can compute what a guess would have given.
    let secret = |messages: Vec<Message>| -> BTreeSet<Vec<u8>> {
        let mut fields = BTreeSet::new();
        for message in messages {
            match message {
                Message::Wait { .. } => {}
                Message::Hello { session, x, .. } => {
                    fields.extend([session.0.to_vec(), x.to_vec()]);
                }
                Message::Reply { attempt, y, .. } => {
                    fields.extend([attempt.0.to_vec(), y.to_vec()]);
                }
                Message::Proof { mac, .. } => {
                    fields.insert(mac.to_vec());
                }
                Message::Port { sealed, .. } => {
                    fields.insert(sealed.to_vec());
                }
                Message::No { .. } => panic!("nobody was refused"),
            }
        }
        fields
    };
    let (one, two) = (secret(run(60)), secret(run(70)));
    assert_eq!((one.len(), two.len()), (6, 6));
    assert!(one.is_disjoint(&two));
}
