//! The side that has something to send: announces, lets receivers prove the code, and tells the one
//! who did the port.
//!
//! Invariants: nothing is sealed for a receiver before its proof was right; a proof is looked at
//! once; in [`Mode::One`] the first wrong one burns the code, in [`Mode::Group`] the tenth; junk
//! costs a half-open place at most.

use super::{
    ANNOUNCE, CONNECTING, HALF_OPEN, Id, MAX_CONNECTING, MAX_HALF_OPEN, MAX_HALF_OPEN_PER_SOURCE,
    MAX_WRONG, Message, Mode, PENALTY, PairingRefusal, SEALED_PORT, SenderAction, SenderEvent,
    event::{Endpoint, Source},
    exchange::{Half, Parties, Transcript},
};
use crate::core::{
    Now,
    chance::Chance,
    code::Code,
    draw::Draw,
    id::NodeId,
    rate::{Bucket, Buckets, Rate},
};
use std::{collections::BTreeMap, time::Duration};

/// A receiver says something three times a second; a class behind one address starts together.
const PER_SOURCE: Rate = Rate {
    per_second: 20.0,
    burst: 40.0,
};
/// An answer to a `Hello` costs about 0.1 ms.
const IN_ALL: Rate = Rate {
    per_second: 200.0,
    burst: 400.0,
};
/// Addresses whose rate is remembered.
const SOURCES: usize = 256;

enum Stage {
    /// No proof came yet.
    Half(Half),
    /// It was right: this is what the receiver is told, and told again.
    Proven {
        mac: [u8; 32],
        sealed: [u8; SEALED_PORT],
    },
    /// It was wrong.
    Wrong,
}

struct Attempt {
    receiver: NodeId,
    session: Id,
    from: Endpoint,
    x: [u8; 32],
    y: [u8; 32],
    stage: Stage,
    ends: Now,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Burnt,
    Done,
}

/// The machine.
pub struct Sender {
    me: NodeId,
    port: u16,
    code: Code,
    mode: Mode,
    draw: Draw,
    chance: Chance,
    now: Now,
    state: State,
    next_announce: Now,
    attempts: BTreeMap<Id, Attempt>,
    wrong: u32,
    /// Until when proofs from these addresses are not looked at; at most one for each wrong proof.
    penalties: Vec<(Source, Now)>,
    rate: Bucket,
    rates: Buckets<Source>,
}

impl std::fmt::Debug for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Sender({:?}, {} attempts)",
            self.code,
            self.attempts.len()
        )
    }
}

impl Sender {
    /// No receiver has asked yet; the first [`SenderEvent::Tick`] announces. `random` are 32 bytes
    /// that cannot be foretold and that are used for nothing else; `port` is where `me` accepts
    /// connections.
    #[must_use]
    pub fn new(me: NodeId, port: u16, code: Code, mode: Mode, random: &[u8; 32], now: Now) -> Self {
        let mut draw = Draw::new("sprat 2026-11 pairing sender v1", random);
        let chance = Chance::new(u64::from_le_bytes(draw.bytes()));
        Self {
            me,
            port,
            code,
            mode,
            draw,
            chance,
            now,
            state: State::Open,
            next_announce: now,
            attempts: BTreeMap::new(),
            wrong: 0,
            penalties: Vec::new(),
            rate: Bucket::new(IN_ALL, now),
            rates: Buckets::new(PER_SOURCE, SOURCES),
        }
    }

    /// Takes in one event.
    pub fn handle(&mut self, event: SenderEvent, now: Now) -> Vec<SenderAction> {
        self.now = self.now.max(now);
        let mut out = Vec::new();
        self.expire(&mut out);
        match event {
            SenderEvent::Heard { message, from } => self.heard(&message, from, &mut out),
            SenderEvent::Linked { attempt } => self.linked(attempt),
            SenderEvent::Tick => self.announce_if_due(&mut out),
        }
        out
    }

    /// When [`SenderEvent::Tick`] should come at the latest; `None` when nothing is left to be
    /// done.
    #[must_use]
    pub fn next_tick(&self) -> Option<Now> {
        let announce = (self.state == State::Open).then_some(self.next_announce);
        let ends = self.attempts.values().map(|attempt| attempt.ends);
        ends.chain(announce).min()
    }

    /// Receivers that asked and are neither connected nor forgotten.
    #[must_use]
    pub fn attempts(&self) -> usize {
        self.attempts.len()
    }

    fn announce_if_due(&mut self, out: &mut Vec<SenderAction>) {
        if self.state != State::Open || self.now < self.next_announce {
            return;
        }
        // Between 0.5 s and 1 s, so that two senders do not speak at once each time.
        let part = 2.0 / 3.0 * (1.0 + self.chance.fraction());
        self.next_announce = self.now + ANNOUNCE.mul_f64(part);
        out.push(SenderAction::Announce(Message::Wait {
            channel: self.code.channel(),
            sender: self.me,
        }));
    }

    fn expire(&mut self, out: &mut Vec<SenderAction>) {
        let now = self.now;
        self.forget(|attempt| attempt.ends <= now, out);
        self.penalties.retain(|(_, until)| *until > now);
    }

    fn linked(&mut self, attempt: Id) {
        if self.mode == Mode::One && self.attempts.contains_key(&attempt) {
            self.state = State::Done;
            self.attempts.clear();
        }
        self.attempts.remove(&attempt);
    }

    fn heard(&mut self, message: &Message, from: Endpoint, out: &mut Vec<SenderAction>) {
        let answer = match message {
            Message::Hello {
                channel, sender, ..
            } if (*channel, *sender) != (self.code.channel(), self.me) => {
                return;
            }
            Message::Hello {
                receiver,
                session,
                x,
                ..
            } if from.may_be(*receiver) && self.has_time_for(from.source()) => {
                self.hello(*receiver, *session, x, from)
            }
            Message::Proof {
                session,
                attempt,
                mac,
            } => {
                // One that names a live attempt was let in already: the name cannot be guessed.
                let live = self.attempts.contains_key(attempt);
                if !live && !self.has_time_for(from.source()) {
                    return;
                }
                self.proof(*session, *attempt, mac, from, out)
            }
            // Other senders' words, and what is too much.
            _ => return,
        };
        if let Some(message) = answer {
            out.push(SenderAction::Send { message, to: from });
        }
    }

    fn has_time_for(&mut self, source: Source) -> bool {
        let Self {
            rates, chance, now, ..
        } = self;
        rates.of(source, *now, chance).take_by_chance(*now, chance)
            && self.rate.take_by_chance(self.now, &mut self.chance)
    }

    fn hello(
        &mut self,
        receiver: NodeId,
        session: Id,
        x: &[u8; 32],
        from: Endpoint,
    ) -> Option<Message> {
        let no = |why| Some(Message::No { session, why });
        match self.state {
            State::Open => {}
            State::Burnt => return no(PairingRefusal::Spent),
            State::Done => return None,
        }
        let known = self
            .attempts
            .iter()
            .find(|(_, attempt)| attempt.session == session);
        if let Some((id, known)) = known {
            let same = known.receiver == receiver && known.x == *x;
            // The reply was lost.
            return same.then_some(Message::Reply {
                session,
                attempt: *id,
                y: known.y,
            });
        }
        if receiver == self.me {
            return None;
        }
        if self.is_busy(receiver) {
            return no(PairingRefusal::Busy);
        }
        self.make_room(from.source());
        let parties = self.parties(receiver);
        let (half, y) = Half::sender(&self.code, &parties, &mut self.draw);
        let attempt = Id(self.draw.bytes());
        self.attempts.insert(
            attempt,
            Attempt {
                receiver,
                session,
                from,
                x: *x,
                y,
                stage: Stage::Half(half),
                ends: self.now + HALF_OPEN,
            },
        );
        Some(Message::Reply {
            session,
            attempt,
            y,
        })
    }

    fn parties(&self, receiver: NodeId) -> Parties {
        Parties {
            channel: self.code.channel(),
            sender: self.me,
            receiver,
        }
    }

    /// Whether those who have proven the code leave no room. A receiver that starts again may
    /// replace itself.
    fn is_busy(&self, receiver: NodeId) -> bool {
        let proven = |attempt: &&Attempt| matches!(attempt.stage, Stage::Proven { .. });
        let mut others = self.attempts.values().filter(proven);
        match self.mode {
            Mode::One => others.any(|other| other.receiver != receiver),
            Mode::Group => others.count() >= MAX_CONNECTING,
        }
    }

    /// Forgets a half-open attempt when there are too many, by chance one of the address that has
    /// the most: the honest one needs its place for a round trip only.
    fn make_room(&mut self, source: Source) {
        let mut half: BTreeMap<Source, Vec<Id>> = BTreeMap::new();
        for (id, attempt) in &self.attempts {
            if matches!(attempt.stage, Stage::Half(_)) {
                half.entry(attempt.from.source()).or_default().push(*id);
            }
        }
        let here = half.get(&source);
        let crowded = if here.is_some_and(|here| here.len() >= MAX_HALF_OPEN_PER_SOURCE) {
            here
        } else if half.values().map(Vec::len).sum::<usize>() >= MAX_HALF_OPEN {
            half.values().max_by_key(|ids| ids.len())
        } else {
            return;
        };
        let ids = crowded.map_or(&[][..], Vec::as_slice);
        let victim = ids.get(self.chance.below(ids.len()));
        victim.map(|victim| self.attempts.remove(victim));
    }

    fn proof(
        &mut self,
        session: Id,
        id: Id,
        mac: &[u8; 32],
        from: Endpoint,
        out: &mut Vec<SenderAction>,
    ) -> Option<Message> {
        let no = |why| Some(Message::No { session, why });
        let burnt = self.state == State::Burnt;
        if self.state == State::Done {
            return None;
        }
        let Some(attempt) = self.attempts.get(&id) else {
            return no(if burnt {
                PairingRefusal::Spent
            } else {
                PairingRefusal::Unknown
            });
        };
        if attempt.session != session {
            return None;
        }
        match &attempt.stage {
            Stage::Wrong => return no(PairingRefusal::Wrong),
            Stage::Proven { mac: right, sealed } => {
                // It was lost on its way. Any other proof is not this receiver's: it has been right
                // already.
                return (right == mac).then_some(Message::Port {
                    session,
                    attempt: id,
                    sealed: *sealed,
                });
            }
            Stage::Half(_) if burnt => return no(PairingRefusal::Spent),
            Stage::Half(_) => {}
        }
        let receiver = attempt.receiver;
        if self.is_busy(receiver) {
            return no(PairingRefusal::Busy);
        }
        // It is said again when the penalty is over.
        if self
            .penalties
            .iter()
            .any(|(source, _)| *source == from.source())
        {
            return None;
        }
        let mut attempt = self.attempts.remove(&id)?;
        let Stage::Half(half) = attempt.stage else {
            return None;
        };
        let said = Transcript {
            parties: self.parties(receiver),
            session,
            attempt: id,
            x: attempt.x,
            y: attempt.y,
        };
        // A message that is no point was no guess.
        let keys = half.finish_sender(&said)?;
        if !keys.is_proof(mac) {
            attempt.stage = Stage::Wrong;
            self.attempts.insert(id, attempt);
            self.wrong_proof(from.source(), id, out);
            return no(PairingRefusal::Wrong);
        }
        let sealed = keys.seal(self.port)?;
        self.replace(receiver, out);
        attempt.stage = Stage::Proven { mac: *mac, sealed };
        attempt.ends = self.now + CONNECTING;
        self.attempts.insert(id, attempt);
        out.push(SenderAction::Expect(keys.link()));
        Some(Message::Port {
            session,
            attempt: id,
            sealed,
        })
    }

    /// A receiver that has started again does not come by its earlier attempt.
    fn replace(&mut self, receiver: NodeId, out: &mut Vec<SenderAction>) {
        let proven = |attempt: &Attempt| matches!(attempt.stage, Stage::Proven { .. });
        self.forget(|one| one.receiver == receiver && proven(one), out);
    }

    fn forget(&mut self, goes: impl Fn(&Attempt) -> bool, out: &mut Vec<SenderAction>) {
        self.attempts.retain(|id, attempt| {
            let goes = goes(attempt);
            if goes && matches!(attempt.stage, Stage::Proven { .. }) {
                out.push(SenderAction::Forget { attempt: *id });
            }
            !goes
        });
    }

    fn wrong_proof(&mut self, source: Source, wrong: Id, out: &mut Vec<SenderAction>) {
        self.wrong += 1;
        let left = MAX_WRONG.saturating_sub(self.wrong);
        if self.mode == Mode::Group && left > 0 {
            self.penalties.push((source, self.now + PENALTY));
            out.push(SenderAction::Guessed { left });
            return;
        }
        self.state = State::Burnt;
        for (id, attempt) in &mut self.attempts {
            // Those who lost the answer ask again.
            attempt.ends = attempt.ends.min(self.now + Duration::from_secs(3));
            if *id != wrong && matches!(attempt.stage, Stage::Half(_)) {
                out.push(SenderAction::Send {
                    message: Message::No {
                        session: attempt.session,
                        why: PairingRefusal::Spent,
                    },
                    to: attempt.from,
                });
            }
        }
        out.push(SenderAction::Burnt);
    }
}
