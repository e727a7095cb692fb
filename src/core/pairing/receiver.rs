//! The side that was told a code: finds the sender of its channel and proves that it knows the
//! words.
//!
//! Invariants: one proof is given, to the first sender that answers; after it there is an end, good
//! or bad. Nothing that other senders say, and no junk, ends it earlier than its deadline, but for
//! the answers to its own session.

use super::{
    Failure, Id, MAX_ASKED, MAX_ASKED_PER_SOURCE, Message, PROVING, PairingRefusal, RESEND,
    ReceiverAction, ReceiverEvent,
    event::Endpoint,
    exchange::{Half, Keys, Parties, Transcript},
};
use crate::core::{
    Now,
    chance::Chance,
    code::Code,
    draw::Draw,
    id::NodeId,
    rate::{Bucket, Rate},
};
use std::{collections::BTreeMap, time::Duration};

/// Senders that are asked: each costs about 0.1 ms.
const ASKED: Rate = Rate {
    per_second: 50.0,
    burst: 100.0,
};
/// Times that a sender is asked before it is given up, until it is heard again.
const TRIES: u32 = 8;
/// After "busy".
const BUSY: Duration = Duration::from_secs(1);

struct Asked {
    half: Half,
    session: Id,
    x: [u8; 32],
    tries: u32,
    again: Now,
}

struct Proving {
    keys: Keys,
    proof: Message,
    to: Endpoint,
    session: Id,
    attempt: Id,
    again: Now,
    ends: Now,
}

enum State {
    Looking,
    Proving(Box<Proving>),
    Done,
}

/// The machine.
pub struct Receiver {
    me: NodeId,
    code: Code,
    draw: Draw,
    chance: Chance,
    now: Now,
    deadline: Now,
    asked: BTreeMap<(NodeId, Endpoint), Asked>,
    rate: Bucket,
    busy: bool,
    state: State,
}

impl std::fmt::Debug for Receiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Receiver({:?}, {} asked)", self.code, self.asked.len())
    }
}

impl Receiver {
    /// Listens for senders until `wait` is over. `random` are 32 bytes that cannot be foretold and
    /// that are used for nothing else.
    #[must_use]
    pub fn new(me: NodeId, code: Code, random: &[u8; 32], wait: Duration, now: Now) -> Self {
        let mut draw = Draw::new("sprat 2026-11 pairing receiver v1", random);
        let chance = Chance::new(u64::from_le_bytes(draw.bytes()));
        Self {
            me,
            code,
            draw,
            chance,
            now,
            deadline: now + wait,
            asked: BTreeMap::new(),
            rate: Bucket::new(ASKED, now),
            busy: false,
            state: State::Looking,
        }
    }

    /// Takes in one event.
    pub fn handle(&mut self, event: ReceiverEvent, now: Now) -> Vec<ReceiverAction> {
        self.now = self.now.max(now);
        let mut out = Vec::new();
        match event {
            ReceiverEvent::Heard { message, from } => match message {
                Message::Wait { channel, sender } => self.wait(channel, sender, from, &mut out),
                Message::Reply {
                    session,
                    attempt,
                    y,
                } => {
                    self.reply(session, attempt, y, from, &mut out);
                }
                Message::Port {
                    session,
                    attempt,
                    sealed,
                } => {
                    if let State::Proving(proving) = &self.state
                        && (proving.session, proving.attempt) == (session, attempt)
                        && let Some(port) = proving.keys.open(&sealed)
                    {
                        // The port is replaced, not the address built anew: a link-local one keeps
                        // its scope.
                        let mut at = proving.to;
                        if let Endpoint::Near(address) = &mut at {
                            address.set_port(port);
                        }
                        let link = proving.keys.link();
                        self.state = State::Done;
                        out.push(ReceiverAction::Found { link, at });
                    }
                }
                Message::No { session, why } => self.refused(session, why, &mut out),
                Message::Hello { .. } | Message::Proof { .. } => {}
            },
            ReceiverEvent::Tick => self.tick(&mut out),
        }
        out
    }

    /// When [`ReceiverEvent::Tick`] should come at the latest; `None` at the end.
    #[must_use]
    pub fn next_tick(&self) -> Option<Now> {
        match &self.state {
            State::Looking => {
                let again = self.asked.values().map(|asked| asked.again);
                Some(again.fold(self.deadline, Now::min))
            }
            State::Proving(proving) => Some(proving.again.min(proving.ends)),
            State::Done => None,
        }
    }

    /// Senders that are being asked.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.asked.len()
    }

    fn wait(
        &mut self,
        channel: u16,
        sender: NodeId,
        from: Endpoint,
        out: &mut Vec<ReceiverAction>,
    ) {
        let looking = matches!(self.state, State::Looking);
        let ours = channel == self.code.channel() && sender != self.me && from.may_be(sender);
        // The same sender may be heard from several addresses, and a stranger may repeat its words
        // from another one.
        if !looking || !ours || self.asked.contains_key(&(sender, from)) {
            return;
        }
        if !self.rate.take_by_chance(self.now, &mut self.chance) {
            return;
        }
        self.make_room(from);
        let parties = self.parties(sender);
        let (half, x) = Half::receiver(&self.code, &parties, &mut self.draw);
        let asked = Asked {
            half,
            session: Id(self.draw.bytes()),
            x,
            tries: 1,
            again: self.now + RESEND,
        };
        out.push(ReceiverAction::Send {
            message: hello(&parties, &asked),
            to: from,
        });
        self.asked.insert((sender, from), asked);
    }

    /// Forgets one by chance when there are too many: the honest one needs its place for a round
    /// trip only.
    fn make_room(&mut self, from: Endpoint) {
        let all = self.asked.keys();
        let here: Vec<_> = all
            .clone()
            .filter(|(_, at)| at.source() == from.source())
            .collect();
        let candidates = if here.len() >= MAX_ASKED_PER_SOURCE {
            here
        } else if self.asked.len() >= MAX_ASKED {
            all.collect()
        } else {
            return;
        };
        let victim = candidates.get(self.chance.below(candidates.len()));
        if let Some(victim) = victim.map(|victim| **victim) {
            self.asked.remove(&victim);
        }
    }

    fn parties(&self, sender: NodeId) -> Parties {
        Parties {
            channel: self.code.channel(),
            sender,
            receiver: self.me,
        }
    }

    fn reply(
        &mut self,
        session: Id,
        attempt: Id,
        y: [u8; 32],
        from: Endpoint,
        out: &mut Vec<ReceiverAction>,
    ) {
        if !matches!(self.state, State::Looking) {
            return;
        }
        let of = self
            .asked
            .iter()
            .find(|((_, at), asked)| asked.session == session && at.source() == from.source());
        let Some((&(sender, to), _)) = of else {
            return;
        };
        let Some(asked) = self.asked.remove(&(sender, to)) else {
            return;
        };
        let said = Transcript {
            parties: self.parties(sender),
            session,
            attempt,
            x: asked.x,
            y,
        };
        let Some(keys) = asked.half.finish_receiver(&said) else {
            return;
        };
        let proof = Message::Proof {
            session,
            attempt,
            mac: keys.proof(),
        };
        out.push(ReceiverAction::Send {
            message: proof.clone(),
            to,
        });
        self.asked.clear();
        self.state = State::Proving(Box::new(Proving {
            keys,
            proof,
            to,
            session,
            attempt,
            again: self.now + RESEND,
            ends: self.now + PROVING,
        }));
    }

    fn refused(&mut self, session: Id, why: PairingRefusal, out: &mut Vec<ReceiverAction>) {
        let failure = match &self.state {
            State::Done => return,
            State::Proving(proving) if proving.session != session => return,
            State::Proving(_) => match why {
                // Another receiver was a moment faster; it may yet fail to connect.
                PairingRefusal::Busy => {
                    self.busy = true;
                    return;
                }
                PairingRefusal::Wrong => Failure::Wrong,
                PairingRefusal::Spent => Failure::Spent,
                PairingRefusal::Unknown => Failure::Unconfirmed,
            },
            State::Looking => {
                let mut all = self.asked.values_mut();
                let Some(asked) = all.find(|asked| asked.session == session) else {
                    return;
                };
                match why {
                    PairingRefusal::Busy => {
                        self.busy = true;
                        (asked.tries, asked.again) = (0, self.now + BUSY);
                        return;
                    }
                    PairingRefusal::Spent => Failure::Spent,
                    // These answer a proof, and none was given.
                    PairingRefusal::Wrong | PairingRefusal::Unknown => return,
                }
            }
        };
        self.fail(failure, out);
    }

    fn fail(&mut self, failure: Failure, out: &mut Vec<ReceiverAction>) {
        self.state = State::Done;
        self.asked.clear();
        out.push(ReceiverAction::Failed(failure));
    }

    fn tick(&mut self, out: &mut Vec<ReceiverAction>) {
        let now = self.now;
        match &mut self.state {
            State::Done => {}
            State::Proving(proving) => {
                if proving.ends <= now {
                    let busy = self.busy;
                    self.fail(
                        if busy {
                            Failure::Busy
                        } else {
                            Failure::Unconfirmed
                        },
                        out,
                    );
                } else if proving.again <= now {
                    proving.again = now + RESEND;
                    out.push(ReceiverAction::Send {
                        message: proving.proof.clone(),
                        to: proving.to,
                    });
                }
            }
            State::Looking if self.deadline <= now => {
                let failure = if self.busy {
                    Failure::Busy
                } else {
                    Failure::Nobody
                };
                self.fail(failure, out);
            }
            State::Looking => {
                self.asked
                    .retain(|_, asked| asked.again > now || asked.tries < TRIES);
                let (channel, receiver) = (self.code.channel(), self.me);
                for ((sender, at), asked) in &mut self.asked {
                    if asked.again > now {
                        continue;
                    }
                    asked.tries += 1;
                    asked.again = now + RESEND;
                    let parties = Parties {
                        channel,
                        sender: *sender,
                        receiver,
                    };
                    out.push(ReceiverAction::Send {
                        message: hello(&parties, asked),
                        to: *at,
                    });
                }
            }
        }
    }
}

fn hello(parties: &Parties, asked: &Asked) -> Message {
    Message::Hello {
        channel: parties.channel,
        sender: parties.sender,
        receiver: parties.receiver,
        session: asked.session,
        x: asked.x,
    }
}
