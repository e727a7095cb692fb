//! Pairing by a code, from the first announcement to a connection on which both have proven the
//! key.
//!
//! Owns one task's worth of glue for each side: datagrams and time go into `core::pairing`'s
//! machines, and what these say is done. Never shows a code, and never sends a file: that begins
//! with a [`Paired`].
//!
//! Invariants: announcing ends when [`offer`] returns or is dropped; a [`Paired`] exists only when
//! both sides proved the key over a connection whose other end is that node.

mod proof;
mod talk;
#[cfg(test)]
mod tests;

pub use proof::Pairings;

use crate::{
    core::{
        code::{Code, CodeError},
        id::NodeId,
        pairing::{
            Endpoint, Failure, Id, Message, Mode, Receiver, ReceiverAction, ReceiverEvent, Sender,
            SenderAction, SenderEvent,
        },
        passphrase,
    },
    net::{BeaconError, Net, PairingConfig, PairingSockets},
};
use std::{
    collections::VecDeque,
    net::SocketAddr,
    time::{Duration, Instant},
};
use talk::{Far, IncomingMessage};
use tokio::{sync::mpsc, task::JoinSet, time::sleep_until};

/// Receivers that have connected and were not told of yet: they come one by one.
const LINKED: usize = 64;
/// News of a group that wait for a slow reader; a full queue only delays the next receivers.
const NEWS: usize = 64;
/// Senders at servers that are spoken to at once.
const MAX_TALKS: usize = 8;
/// After a wrong guess, those who lost the answer get it again.
const LINGER: Duration = Duration::from_secs(3);
/// How often the looking side looks for new interfaces.
const REFRESH: Duration = Duration::from_secs(2);

/// What both sides need to know.
#[derive(Clone)]
pub struct PairConfig {
    /// Where to speak and to listen.
    pub sockets: PairingConfig,
    /// The display name that the other side is told, over the connection.
    pub name: String,
    /// How long [`find`] looks for the sender.
    pub wait: Duration,
}

/// Who is at the other end, proven.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Paired {
    /// The node; it is connected.
    pub peer: NodeId,
    /// What it calls itself: foreign text.
    pub name: String,
}

/// What happens to a group's code.
#[derive(Debug)]
pub enum GroupNews {
    /// Somebody more has the code and is connected.
    Paired(Paired),
    /// Somebody guessed wrong.
    Guessed {
        /// How many more wrong guesses the code bears.
        left: u32,
    },
    /// The last one of these was made. Nothing comes after it.
    Burnt,
}

/// Why there is no pair.
#[derive(Debug, thiserror::Error)]
pub enum PairError {
    /// At the sender.
    #[error(
        "somebody gave a wrong code, so this one is no longer valid: send again with a new one"
    )]
    Burnt,
    /// At the receiver.
    #[error(
        "that is not the sender's code, and one wrong guess burns it: ask the sender for a new one"
    )]
    WrongCode,
    /// At the receiver, by another receiver's doing.
    #[error(
        "somebody else gave a wrong code, so this one is no longer valid: ask the sender for a new one"
    )]
    Spent,
    /// No sender announced itself.
    #[error(
        "no sender with that code is near: is it still waiting, on the same network and discovery port?"
    )]
    NobodyThere,
    /// Someone else was served all the time.
    #[error("the sender is serving somebody else: try again in a moment")]
    Busy,
    /// The sender went away, or was somebody else who does not know the code.
    #[error("the other end does not know the code: ask the sender for a new one")]
    Unconfirmed,
    /// The sender's port does not answer.
    #[error("the sender was found, but cannot be connected to at {0}: is a firewall in the way?")]
    Unreachable(SocketAddr),
    /// The sender was found at a server, and the connection to it broke.
    #[error("the sender was found, but the connection to it broke: try again")]
    Lost,
    /// The code cannot be used so.
    #[error(transparent)]
    Code(#[from] CodeError),
    /// The sockets cannot be opened.
    #[error(transparent)]
    Sockets(#[from] BeaconError),
    /// The system has no randomness to give.
    #[error("the system gives no random numbers: {0}")]
    Random(getrandom::Error),
}

impl From<Failure> for PairError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Nobody => Self::NobodyThere,
            Failure::Busy => Self::Busy,
            Failure::Wrong => Self::WrongCode,
            Failure::Spent => Self::Spent,
            Failure::Unconfirmed => Self::Unconfirmed,
        }
    }
}

/// Makes a code of so many words (2 to 8).
///
/// # Errors
/// [`PairError::Code`] for other numbers, [`PairError::Random`] when the system fails.
pub fn new_code(words: usize) -> Result<Code, PairError> {
    Ok(Code::generate(&random()?, words)?)
}

/// Words for a private swarm, at least ten.
///
/// # Errors
/// [`PairError::Random`] when the system fails.
pub fn new_passphrase(words: usize) -> Result<String, PairError> {
    Ok(passphrase::generate(&random()?, words))
}

/// Announces until one receiver with the code is connected and proven; then, or when dropped, it is
/// silent. `pairings` must get the streams of this node (see [`Pairings::accept`]).
///
/// # Errors
/// [`PairError::Burnt`] after a wrong guess: the one who guessed is told, too.
/// [`PairError::Random`] at once.
pub async fn offer(
    net: &Net,
    pairings: &Pairings,
    config: PairConfig,
    code: Code,
) -> Result<Paired, PairError> {
    let mut offering = Offering::open(net, pairings, config, code, Mode::One)?;
    loop {
        match offering.next().await {
            GroupNews::Paired(paired) => return Ok(paired),
            GroupNews::Guessed { .. } => {}
            GroupNews::Burnt => {
                tokio::spawn(offering.linger());
                return Err(PairError::Burnt);
            }
        }
    }
}

/// Announces until the news are dropped or the code is burnt; every receiver with the code is
/// connected and proven by itself. `pairings` must get the streams of this node (see
/// [`Pairings::accept`]); `found` is kept as long.
///
/// # Errors
/// [`PairError::Code`] for a code of fewer than four words; [`PairError::Random`].
pub fn offer_group(
    net: &Net,
    pairings: &Pairings,
    config: PairConfig,
    code: Code,
    found: impl Send + 'static,
) -> Result<mpsc::Receiver<GroupNews>, PairError> {
    code.for_group()?;
    let mut offering = Offering::open(net, pairings, config, code, Mode::Group)?;
    let (news, receiver) = mpsc::channel(NEWS);
    tokio::spawn(async move {
        let _found = found;
        loop {
            let came = tokio::select! {
                came = offering.next() => came,
                () = news.closed() => return,
            };
            let burnt = matches!(came, GroupNews::Burnt);
            if news.send(came).await.is_err() {
                return;
            }
            if burnt {
                drop(news);
                return offering.linger().await;
            }
        }
    });
    Ok(receiver)
}

/// Looks for the sender with this code nearby, and among those that come by `far` (nodes that are
/// said to wait on its channel, and that somebody else connects to), and proves the key to it as it
/// does to us. `met` hears who that will be before they can have heard it: what it gives comes with
/// the pair.
///
/// # Errors
/// [`PairError`], which says what to do.
pub async fn find<T>(
    net: &Net,
    config: PairConfig,
    code: Code,
    mut far: mpsc::Receiver<NodeId>,
    met: impl Fn(NodeId) -> T,
) -> Result<(Paired, T), PairError> {
    let (sockets, mut heard) = PairingSockets::looking(config.sockets.clone())?;
    let (said, mut said_far) = mpsc::channel(talk::HEARD);
    let (mut talks, mut backs) = (JoinSet::new(), Far::default());
    let channel = code.channel();
    let started = Instant::now();
    let mut machine = Receiver::new(net.node(), code, &random()?, config.wait, started.elapsed());
    let mut refresh = tokio::time::interval(REFRESH);
    loop {
        let tick = machine.next_tick().unwrap_or_default();
        let event = tokio::select! {
            Some((message, from)) = heard.recv() => ReceiverEvent::Heard {
                message,
                from: from.into(),
            },
            Some(said) = said_far.recv() => {
                if !backs.note(&said) {
                    continue;
                }
                ReceiverEvent::Heard {
                    message: said.message,
                    from: Endpoint::Far(said.from),
                }
            }
            Some(node) = far.recv() => {
                if talks.len() < MAX_TALKS {
                    talks.spawn(talk::speak(net.clone(), node, channel, said.clone()));
                }
                continue;
            }
            // Room for another one.
            Some(_) = talks.join_next() => continue,
            () = sleep_until((started + tick).into()) => ReceiverEvent::Tick,
            _ = refresh.tick() => {
                sockets.refresh();
                continue;
            }
        };
        for action in machine.handle(event, started.elapsed()) {
            match action {
                ReceiverAction::Send { message, to } => match to {
                    Endpoint::Near(to) => sockets.send(&message, to).await,
                    Endpoint::Far(to) => backs.send(message, to),
                },
                ReceiverAction::Found { link, at } => {
                    let met = met(link.sender);
                    let paired = proof::connect(net, &link, at, &config.name).await?;
                    return Ok((paired, met));
                }
                ReceiverAction::Failed(failure) => return Err(failure.into()),
            }
        }
    }
}

fn random() -> Result<[u8; 32], PairError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(PairError::Random)?;
    Ok(bytes)
}

/// The sender's side, while it runs.
struct Offering {
    machine: Sender,
    started: Instant,
    sockets: PairingSockets,
    heard: mpsc::Receiver<(Message, SocketAddr)>,
    said: mpsc::Receiver<IncomingMessage>,
    backs: Far,
    doors: proof::Doors,
    linked: mpsc::Receiver<(Id, Paired)>,
    news: VecDeque<GroupNews>,
}

impl Offering {
    fn open(
        net: &Net,
        pairings: &Pairings,
        config: PairConfig,
        code: Code,
        mode: Mode,
    ) -> Result<Self, PairError> {
        let (sockets, heard) = PairingSockets::announcing(config.sockets);
        let started = Instant::now();
        let now = started.elapsed();
        let machine = Sender::new(net.node(), net.port(), code, mode, &random()?, now);
        let (told, linked) = mpsc::channel(LINKED);
        Ok(Self {
            machine,
            started,
            sockets,
            heard,
            said: pairings.hear(),
            backs: Far::default(),
            doors: pairings.doors(config.name, told),
            linked,
            news: VecDeque::new(),
        })
    }

    /// Runs until there is something to tell.
    async fn next(&mut self) -> GroupNews {
        loop {
            if let Some(news) = self.news.pop_front() {
                return news;
            }
            let tick = self.machine.next_tick();
            let tick = tick.map(|tick| self.started + tick);
            let event = tokio::select! {
                Some((message, from)) = self.heard.recv() => SenderEvent::Heard {
                    message,
                    from: from.into(),
                },
                Some(said) = self.said.recv() => {
                    if !self.backs.note(&said) {
                        continue;
                    }
                    SenderEvent::Heard {
                        message: said.message,
                        from: Endpoint::Far(said.from),
                    }
                }
                Some((attempt, paired)) = self.linked.recv() => {
                    self.news.push_back(GroupNews::Paired(paired));
                    SenderEvent::Linked { attempt }
                }
                () = until(tick) => SenderEvent::Tick,
            };
            for action in self.machine.handle(event, self.started.elapsed()) {
                self.act(action).await;
            }
        }
    }

    async fn act(&mut self, action: SenderAction) {
        match action {
            SenderAction::Announce(message) => self.sockets.announce(&message).await,
            SenderAction::Send { message, to } => match to {
                Endpoint::Near(to) => self.sockets.send(&message, to).await,
                Endpoint::Far(to) => self.backs.send(message, to),
            },
            SenderAction::Expect(link) => self.doors.open(link),
            SenderAction::Forget { attempt } => self.doors.close(attempt),
            SenderAction::Guessed { left } => self.news.push_back(GroupNews::Guessed { left }),
            SenderAction::Burnt => self.news.push_back(GroupNews::Burnt),
        }
    }

    /// Goes on answering for a while, silent otherwise.
    async fn linger(mut self) {
        let _ = tokio::time::timeout(LINGER, async {
            loop {
                self.next().await;
            }
        })
        .await;
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
