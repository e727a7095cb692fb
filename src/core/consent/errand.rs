//! The sender's end: one ask to one person, from the first word to the last.

use super::{AskRefusal, RETURN};
use crate::core::Now;
use std::time::Duration;

/// How long a person who was just here may be out of reach before the ask is given up.
const REACH: Duration = Duration::from_secs(30);
/// How much later than the receiver the sender gives up waiting: its word may be on its way.
const LATER: Duration = Duration::from_secs(15);
/// Between two tries to reach the person.
const RETRY: Duration = Duration::from_secs(1);

/// What happens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Heard {
    /// The ask is on its way, on a stream of its own.
    Sent,
    /// The person sees it.
    Shown,
    /// They accept.
    Accepted,
    /// They do not.
    Refused(AskRefusal),
    /// Everything came.
    Done,
    /// It did not, and the receiver has given it up.
    Failed(String),
    /// There is no stream (any longer).
    Broke,
    /// This side gives it up.
    Stop,
    /// Time passed.
    Tick,
}

/// What is to be done about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Act {
    /// Open a stream and send the ask.
    Ask,
    /// Tell that the person is being asked.
    TellAsked,
    /// Grant the files, and let the transfer begin.
    Begin {
        /// The first time.
        first: bool,
    },
    /// Tell that the transfer waits for the person to come back.
    TellWaiting,
    /// Take it back.
    Cancel,
    /// It is over.
    End(Outcome),
}

/// How it ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Everything came.
    Done,
    /// They said no.
    Refused(AskRefusal),
    /// They said nothing.
    Expired,
    /// The receiver gave it up.
    Failed(String),
    /// They are no longer here.
    Gone,
    /// This side gave it up.
    Stopped,
}

/// See the module. After [`Act::End`] nothing follows.
pub struct Errand {
    expiry: Duration,
    /// Set once the ask was shown.
    asked: Option<Now>,
    stage: Stage,
    /// A stream is open, or being opened.
    connected: bool,
    /// Since when there is none.
    lost: Now,
    retry: Now,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Asking,
    Accepted,
    /// The same, and it was told that the transfer waits.
    Waiting,
    Over,
}

impl Errand {
    /// Begins at `now`; the first [`Heard::Tick`] asks.
    #[must_use]
    pub fn new(expiry: Duration, now: Now) -> Self {
        Self {
            expiry,
            asked: None,
            stage: Stage::Asking,
            connected: false,
            lost: now,
            retry: now,
        }
    }

    /// Whether the person said yes.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        matches!(self.stage, Stage::Accepted | Stage::Waiting)
    }

    /// When something is due.
    #[must_use]
    pub fn next_tick(&self) -> Option<Now> {
        match (self.stage, self.connected) {
            (Stage::Over, _) | (Stage::Accepted | Stage::Waiting, true) => None,
            (_, false) => Some(self.retry),
            (Stage::Asking, true) => Some(self.asked.unwrap_or(self.lost) + self.expiry + LATER),
        }
    }

    /// Does what follows from `event`.
    pub fn handle(&mut self, event: Heard, now: Now) -> Vec<Act> {
        if self.stage == Stage::Over {
            return Vec::new();
        }
        match event {
            Heard::Sent => {
                self.connected = true;
                Vec::new()
            }
            Heard::Shown => match self.asked {
                None => {
                    self.asked = Some(now);
                    vec![Act::TellAsked]
                }
                Some(_) => Vec::new(),
            },
            Heard::Accepted => {
                let first = !self.is_accepted();
                self.stage = Stage::Accepted;
                vec![Act::Begin { first }]
            }
            Heard::Refused(AskRefusal::Expired) => self.end(Outcome::Expired),
            Heard::Refused(why) => self.end(Outcome::Refused(why)),
            // A person who did not accept cannot have it.
            Heard::Done if self.is_accepted() => self.end(Outcome::Done),
            Heard::Done => Vec::new(),
            Heard::Failed(why) => self.end(Outcome::Failed(why)),
            Heard::Broke => {
                if std::mem::replace(&mut self.connected, false) {
                    self.lost = now;
                }
                self.retry = now + RETRY;
                if self.stage == Stage::Accepted {
                    self.stage = Stage::Waiting;
                    return vec![Act::TellWaiting];
                }
                Vec::new()
            }
            Heard::Stop => {
                let mut acts = vec![Act::Cancel];
                acts.extend(self.end(Outcome::Stopped));
                acts
            }
            Heard::Tick => self.tick(now),
        }
    }

    fn tick(&mut self, now: Now) -> Vec<Act> {
        if self.next_tick().is_none_or(|at| at > now) {
            return Vec::new();
        }
        if self.connected {
            let mut acts = vec![Act::Cancel];
            acts.extend(self.end(Outcome::Expired));
            return acts;
        }
        let patience = if self.is_accepted() { RETURN } else { REACH };
        if now >= self.lost + patience {
            return self.end(Outcome::Gone);
        }
        // Until it is known what became of this try.
        self.retry = now + patience;
        vec![Act::Ask]
    }

    fn end(&mut self, outcome: Outcome) -> Vec<Act> {
        self.stage = Stage::Over;
        vec![Act::End(outcome)]
    }
}
