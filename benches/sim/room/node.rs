//! One node: its machines, and what `node/actor` and `net/driver` do around them.

use super::{
    Answer, Out, Part, Place, Question, Work,
    known::{Others, Version},
};
use sprat::core::{
    Now,
    cards::{CardAction, Cards, NAMED, Walk},
    id::NodeId,
    membership::{Beacon, Kind, Membership, MembershipAction, MembershipEvent},
    patience::{STEP, Sight},
    reconcile::{Reconcile, Step, compared},
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::SocketAddr,
    rc::Rc,
    time::Duration,
};

/// As in `core::cards` and `node/actor/cards`.
const MAX_CARDS: usize = 256;
/// As in `core::exchange`.
const TRIED: usize = 16;
const SPREAD: Duration = Duration::from_millis(10);
/// Changes of the own catalog are collected for so long.
const COLLECT: Duration = Duration::from_millis(50);
/// A quiet time after which no further newcomer is expected, as in `node/swarm/peers`.
const QUIET: Duration = Duration::from_millis(300);
/// As in `node/swarm/state`.
const MISSING: Duration = Duration::from_secs(15);
/// A connection that nobody uses is closed after so long, and after less when there are many.
const UNUSED: Duration = Duration::from_secs(20);
const UNUSED_OF_MANY: Duration = Duration::from_secs(3);
const MANY: usize = 32;

/// What stands for the nodes of a question that is about no certain ones.
const COMPARED: usize = usize::MAX - 1;
const INTRODUCED: usize = usize::MAX - 2;

#[derive(Clone, Copy, Debug)]
pub struct Connection {
    pub(super) dialled: bool,
    used: Now,
}

/// See the module.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Node {
    pub id: NodeId,
    pub address: SocketAddr,
    pub alive: bool,
    pub begun: bool,
    /// Nothing comes back from where it was.
    pub(super) unplugged: bool,
    pub version: Version,
    pub known: Others,
    pub connections: BTreeMap<usize, Connection>,
    /// What its processor did so far.
    pub spent: Duration,
    pub(super) inbox: VecDeque<Work>,
    pub(super) queued: bool,
    pub(super) datagrams: usize,
    pub(super) debt: Duration,
    /// Whom it dials, and since when.
    pub(super) dialing: BTreeMap<usize, Now>,
    pub(super) accepted: Vec<usize>,
    pub(super) lost: Vec<usize>,
    pub(super) asked: BTreeMap<u64, (usize, Vec<usize>)>,
    seed: u64,
    membership: Membership,
    cards: Cards,
    reconcile: Reconcile,
    number: u64,
    sequence: u64,
    told_of: BTreeMap<NodeId, Now>,
    waiting: Vec<(usize, u64, Question)>,
    pub(super) due: Option<Now>,
    publishing: bool,
    last_news: Now,
    told: u64,
    walk: Option<Walk>,
}

impl Node {
    pub(super) fn new(n: usize, address: SocketAddr, seed: u64) -> Self {
        Self {
            id: id(n),
            address,
            alive: false,
            begun: false,
            unplugged: false,
            version: (1, 1),
            known: Others::default(),
            connections: BTreeMap::new(),
            spent: Duration::ZERO,
            inbox: VecDeque::new(),
            queued: false,
            datagrams: 0,
            debt: Duration::ZERO,
            dialing: BTreeMap::new(),
            accepted: Vec::new(),
            lost: Vec::new(),
            asked: BTreeMap::new(),
            seed,
            membership: Membership::new(id(n), seed, Now::ZERO),
            cards: Cards::new(seed ^ 3),
            reconcile: Reconcile::new(seed ^ 5),
            number: 0,
            sequence: 0,
            told_of: BTreeMap::new(),
            waiting: Vec::new(),
            due: None,
            publishing: false,
            last_news: Now::ZERO,
            told: 0,
            walk: None,
        }
    }

    pub(super) fn beacon(&mut self, kind: Kind) -> Beacon {
        self.sequence += 1;
        Beacon {
            kind,
            node: self.id,
            name: String::new(),
            tcp: self.address.port(),
            udp: 0,
            epoch: self.version.0,
            revision: self.version.1,
            seq: self.sequence,
            suspects: Vec::new(),
        }
    }

    /// When it has to do something next, if it was not planned yet.
    pub(super) fn next_due(&mut self, now: Now) -> Option<Now> {
        let mut at = self.membership.next_tick();
        if let Some(cards) = self.cards.next_tick() {
            at = at.min(cards);
        }
        if let Some(reconcile) = self.reconcile.next_tick() {
            at = at.min(reconcile);
        }
        at = at.max(now + Duration::from_millis(1));
        let new = self.due != Some(at);
        self.due = Some(at);
        new.then_some(at)
    }

    /// As `node/swarm/state` tells it.
    pub(super) fn sight(&self, now: Now) -> Sight {
        let telling = self.known.iter();
        let telling = telling.filter(|(_, it)| it.catalog() == (0, 0));
        Sight {
            here: self.known.len() as u32,
            telling: telling.count() as u32,
            expected: (self.membership.expected().count() + self.missing(now).count()) as u32,
            hoping: self.membership.expects_somebody() || self.cards.expects_everybody(),
            quiet: now >= self.last_news + QUIET,
            answered: self.membership.has_heard_answers(now),
            listened: self.membership.has_listened(now),
            told: self.told,
            ..Sight::default()
        }
    }

    /// Of whom others told, and nothing else is known.
    fn missing(&self, now: Now) -> impl Iterator<Item = &NodeId> {
        let recent = self.told_of.iter();
        let recent = recent.filter(move |(_, since)| now < **since + MISSING);
        let nodes = recent.map(|(node, _)| node);
        nodes.filter(|node| **node != self.id && !self.membership.accounts_for(node))
    }

    /// Of how many it knows that it does not know them.
    pub(super) fn gaps(&self, now: Now) -> usize {
        let unknown = self.known.iter();
        let unknown = unknown.filter(|(_, it)| it.catalog() == (0, 0));
        let expected = self.membership.expected();
        let heard = expected.chain(self.membership.unreached());
        unknown.count() + heard.count() + self.missing(now).count()
    }

    /// Closes what it dialled and nobody uses.
    pub(super) fn look_over(&mut self, now: Now) -> Vec<Out> {
        let idle: Vec<usize> = self
            .connections
            .iter()
            .filter(|(other, it)| it.dialled && self.known.rests(**other))
            .map(|(other, _)| *other)
            .collect();
        let pause = if idle.len() > MANY {
            UNUSED_OF_MANY
        } else {
            UNUSED
        };
        idle.into_iter()
            .filter(|other| now >= self.connections[other].used + pause)
            .map(Out::Hang)
            .collect()
    }

    /// Takes in what came.
    pub(super) fn take(
        &mut self,
        work: Work,
        index: &BTreeMap<NodeId, usize>,
        now: Now,
    ) -> Vec<Out> {
        let mut turn = Turn {
            node: self,
            index,
            now,
            out: Vec::new(),
        };
        turn.take(work);
        turn.wake();
        turn.out
    }
}

/// Whose id is which: a hash of the number.
fn id(n: usize) -> NodeId {
    NodeId(*blake3::hash(&(n as u64).to_be_bytes()).as_bytes())
}

struct Turn<'a> {
    node: &'a mut Node,
    index: &'a BTreeMap<NodeId, usize>,
    now: Now,
    out: Vec<Out>,
}

impl Turn<'_> {
    fn take(&mut self, work: Work) {
        match work {
            Work::Start => {
                // Its clock begins now.
                self.node.membership = Membership::new(self.node.id, self.node.seed, self.now);
                self.later(Duration::from_millis(300), Work::Changes);
                self.member(MembershipEvent::Tick);
            }
            Work::Tick => self.node.due = None,
            Work::Datagram(beacon, from, _) => {
                let node = beacon.node;
                let (beacon, room) = (Beacon::clone(&beacon), 512);
                self.member(MembershipEvent::Heard { beacon, from, room });
                self.card_news(node);
            }
            Work::Dialled(by) => {
                self.node.accepted.push(by);
                self.connected(by, false);
            }
            Work::Connected(to) => {
                self.node.dialing.remove(&to);
                self.connected(to, true);
            }
            Work::DialFailed(to, full) => {
                self.node.dialing.remove(&to);
                self.let_go(to);
                if !self.node.connections.contains_key(&to) {
                    let node = id(to);
                    self.member(MembershipEvent::dial_failed(node, full));
                    self.card_news(node);
                }
            }
            Work::Disconnected(from) => {
                self.node.connections.remove(&from);
                let node = id(from);
                self.member(MembershipEvent::Disconnected { node });
            }
            Work::Asked(by, number, question) => self.asked(by, number, question),
            Work::Answered(number, answer) => self.answered(number, answer),
            Work::Changes => {
                self.node.version.1 += 1;
                if !std::mem::replace(&mut self.node.publishing, true) {
                    self.later(COLLECT, Work::Publish);
                }
            }
            Work::Publish => {
                self.node.publishing = false;
                let connected: Vec<usize> = self.node.connections.keys().copied().collect();
                for other in connected {
                    let hint = Question::Hint(self.node.version);
                    self.ask(other, Vec::new(), hint);
                }
                self.member(MembershipEvent::Changed);
            }
        }
    }

    fn wake(&mut self) {
        if self.now >= self.node.membership.next_tick() {
            self.member(MembershipEvent::Tick);
        }
        if self.node.cards.next_tick().is_some_and(|at| at <= self.now) {
            let membership = &self.node.membership;
            self.node
                .cards
                .retain(|node| membership.knows(node), self.now);
            let connected: Vec<NodeId> = membership.connected().collect();
            for action in self.node.cards.due(&connected, self.now) {
                self.card_action(action);
            }
        }
        self.compare();
    }

    fn compare(&mut self) {
        let far = self.node.membership.is_far();
        if far
            && self
                .node
                .reconcile
                .next_tick()
                .is_none_or(|at| at <= self.now)
        {
            let membership = &self.node.membership;
            let connected: Vec<NodeId> = membership.connected().collect();
            let mine = membership.held(None);
            let step = self.node.reconcile.due(far, &connected, &mine, self.now);
            self.step(step);
        }
    }

    fn step(&mut self, step: Option<Step>) {
        match step {
            Some(Step::Compare { teller, salt, of }) => {
                let question = Question::Compare(salt, Rc::new(of));
                self.ask(self.index[&teller], vec![COMPARED], question);
            }
            Some(Step::Introduce { teller, of }) => {
                let of = of.iter().map(|node| self.index[node]).collect();
                self.ask(
                    self.index[&teller],
                    vec![INTRODUCED],
                    Question::Introduce(of),
                );
            }
            None => {}
        }
    }

    fn later(&mut self, after: Duration, work: Work) {
        self.out.push(Out::Later(after, work));
    }

    fn connected(&mut self, other: usize, dialled: bool) {
        let (node, now) = (id(other), self.now);
        if self.node.connections.contains_key(&other) {
            return;
        }
        let connection = Connection { dialled, used: now };
        self.node.connections.insert(other, connection);
        self.here(other);
        let version = self.node.membership.catalog_of(&node);
        let known = self.node.known.get(other).map_or((0, 0), |it| it.catalog());
        if known == (0, 0) || version.is_none_or(|version| known < version) {
            self.ask_catalog(other);
        }
        let address = SocketAddr::from(([10, 0, 0, 1], 9));
        self.member(MembershipEvent::Connected { node, address });
        self.card_news(node);
        self.node.cards.connected(&node, now);
        for (_, number, question) in self.waiting_for(other) {
            self.out.push(Out::Ask(other, number, question));
        }
    }

    fn here(&mut self, other: usize) {
        if self.node.known.come(other) {
            self.node.last_news = self.now;
            self.node.told += STEP;
        }
    }

    /// Asks somebody; who rests is dialled first.
    fn ask(&mut self, whom: usize, of: Vec<usize>, question: Question) {
        self.node.number += 1;
        let number = self.node.number;
        self.node.asked.insert(number, (whom, of));
        if let Some(connection) = self.node.connections.get_mut(&whom) {
            connection.used = self.now;
            self.out.push(Out::Ask(whom, number, question));
        } else if self.node.known.rests(whom) {
            self.node.waiting.push((whom, number, question));
            self.dial(whom);
        } else {
            self.later(Duration::ZERO, Work::Answered(number, None));
        }
    }

    fn dial(&mut self, whom: usize) {
        let node = &mut *self.node;
        if !node.connections.contains_key(&whom) && !node.dialing.contains_key(&whom) {
            node.dialing.insert(whom, self.now);
            self.out.push(Out::Dial(whom));
        }
    }

    fn let_go(&mut self, whom: usize) {
        for (_, number, _) in self.waiting_for(whom) {
            self.later(Duration::ZERO, Work::Answered(number, None));
        }
    }

    /// What waits for a connection with that one.
    fn waiting_for(&mut self, whom: usize) -> Vec<(usize, u64, Question)> {
        let waiting = &mut self.node.waiting;
        waiting
            .extract_if(.., |(other, ..)| *other == whom)
            .collect()
    }

    fn asked(&mut self, by: usize, number: u64, question: Question) {
        if let Some(connection) = self.node.connections.get_mut(&by) {
            connection.used = self.now;
        }
        let answer = match question {
            Question::Catalog => Answer::Catalog(self.node.version),
            Question::Hint(version) => {
                let node = id(by);
                self.catalog_news(node, version);
                Answer::Done
            }
            Question::Cards(of) => {
                let newer = of.iter().filter(|(n, known)| self.card(*n) > *known);
                Answer::Cards(newer.map(|(n, _)| (*n, self.card(*n))).collect())
            }
            Question::Everybody(named, walk) => self.everybody(by, &named, &walk),
            Question::Compare(salt, of) => {
                let membership = &self.node.membership;
                let mine = membership.held(Some(id(by)));
                let parts = of.iter().enumerate().filter_map(|(at, (range, print))| {
                    let difference = compared(salt, *range, *print, &mine)?;
                    let listed = difference.prints.is_empty();
                    let gone = membership
                        .gone_within(*range)
                        .take(if listed { 16 } else { 0 });
                    Some(Part {
                        at,
                        difference,
                        gone: gone.collect(),
                    })
                });
                Answer::Compared(parts.collect())
            }
            Question::Introduce(of) => self.introduced_to(&of),
        };
        self.out.push(Out::Reply(by, number, answer));
    }

    /// The card of a node that is here, or of this one.
    fn card(&self, n: usize) -> Version {
        if n == self.index[&self.node.id] {
            self.node.version
        } else {
            self.node.known.get(n).map_or((0, 0), |it| it.card())
        }
    }

    fn everybody(&self, by: usize, named: &BTreeSet<usize>, walk: &Walk) -> Answer {
        let announced = self.node.membership.announced_after(Some(walk.after));
        let announced =
            announced.take_while(|(node, _)| walk.until.is_none_or(|last| *node <= last));
        let announced = announced.map(|(node, at)| (self.index[&node], at));
        let (mut cards, mut others, mut through) = (Vec::new(), Vec::new(), None);
        for (n, at) in announced.filter(|(n, _)| *n != by && !named.contains(n)) {
            let card = self.card(n);
            if others.len() >= NAMED || card > (0, 0) && cards.len() >= MAX_CARDS {
                through = others.last().map(|(n, _)| id(*n));
                break;
            }
            if card > (0, 0) {
                cards.push((n, card));
            }
            let age = self.node.membership.age_of(&id(n));
            others.push((n, (at, age.unwrap_or_default())));
        }
        Answer::Everybody(cards, others, through)
    }

    fn introduced_to(&self, of: &[usize]) -> Answer {
        let (mut cards, mut others) = (Vec::new(), Vec::new());
        for &n in of {
            let (membership, node) = (&self.node.membership, id(n));
            if let Some(at) = membership.address_of(&node) {
                let card = self.card(n);
                if card > (0, 0) {
                    cards.push((n, card));
                }
                let age = membership.age_of(&node).unwrap_or_default();
                others.push((n, (at, age)));
            }
        }
        Answer::Everybody(cards, others, None)
    }

    fn ask_for_everybody(&mut self, teller: usize, mut walk: Walk) {
        let named = walk.named(self.node.membership.nodes_after(walk.after));
        let named = named.iter().map(|node| self.index[node]).collect();
        self.node.walk = Some(walk);
        let question = Question::Everybody(Rc::new(named), walk);
        self.ask(teller, vec![usize::MAX], question);
    }

    fn answered(&mut self, number: u64, answer: Option<Answer>) {
        let Some((whom, of)) = self.node.asked.remove(&number) else {
            return;
        };
        let node = id(whom);
        match answer {
            Some(Answer::Catalog(version)) => {
                if let Some(known) = self.node.known.get_mut(whom) {
                    known.asking = false;
                    known.take_catalog(version);
                }
            }
            Some(Answer::Everybody(cards, others, through)) => {
                let others: BTreeMap<usize, Place> = others.into_iter().collect();
                for (n, version) in cards {
                    let node = id(n);
                    let at = others.get(&n);
                    let membership = &self.node.membership;
                    let at = at.filter(|at| membership.may_introduce(&node, **at, version.0));
                    if let Some(&(address, age)) = at {
                        self.here(n);
                        let (epoch, revision) = version;
                        self.member(MembershipEvent::Introduced {
                            node,
                            address,
                            epoch,
                            revision,
                            age,
                        });
                    }
                    self.card_came(n, version);
                }
                for (&n, &(address, _)) in others.iter().take(TRIED) {
                    let node = id(n);
                    if !self.node.membership.knows(&node) {
                        self.member(MembershipEvent::Told { node, address });
                    }
                }
                if of == [INTRODUCED] {
                    return;
                }
                self.node.cards.lacked(others.len());
                let (now, told_of) = (self.now, &mut self.node.told_of);
                told_of.retain(|_, since| now < *since + MISSING);
                told_of.extend(others.into_keys().map(|n| (id(n), now)));
                let walk = self.node.walk.take();
                if let Some(walk) = walk.and_then(|walk| walk.next(through)) {
                    return self.ask_for_everybody(whom, walk);
                }
                let membership = &self.node.membership;
                let crowd = membership.is_crowd().then(|| membership.known());
                let room = (crowd, membership.is_far());
                self.node.cards.introduced(room, self.now);
            }
            Some(Answer::Cards(cards)) => {
                for (n, version) in cards {
                    self.card_came(n, version);
                }
                let of: Vec<NodeId> = of.into_iter().map(id).collect();
                if let Some(action) = self.node.cards.told(node, &of, self.now) {
                    self.card_action(action);
                }
            }
            Some(Answer::Done) => {}
            Some(Answer::Compared(parts)) => {
                for (node, epoch) in parts.iter().flat_map(|part| part.gone.clone()) {
                    self.member(MembershipEvent::SaidGone { node, epoch });
                }
                let parts = parts.into_iter().map(|part| (part.at, part.difference));
                let mine = self.node.membership.held(None);
                let step = self.node.reconcile.answered(&node, parts.collect(), &mine);
                self.step(step);
            }
            None if of == [COMPARED] => self.node.reconcile.failed(node, false),
            None if of == [INTRODUCED] => {}
            None if of == [usize::MAX] => self.node.cards.alone(node, false, self.now),
            None if of.is_empty() => {
                if let Some(known) = self.node.known.get_mut(whom) {
                    known.asking = false;
                }
            }
            None => {
                let of: Vec<NodeId> = of.into_iter().map(id).collect();
                if let Some(action) = self.node.cards.untold(node, &of, false, self.now) {
                    self.card_action(action);
                }
            }
        }
    }

    fn ask_catalog(&mut self, whom: usize) {
        let Some(known) = self.node.known.get_mut(whom) else {
            return;
        };
        if !std::mem::replace(&mut known.asking, true) {
            self.ask(whom, Vec::new(), Question::Catalog);
        }
    }

    fn catalog_news(&mut self, node: NodeId, version: Version) {
        let n = self.index[&node];
        let behind = self
            .node
            .known
            .get(n)
            .is_some_and(|it| it.catalog() < version);
        if !behind {
            return;
        }
        if self.node.membership.is_crowd() {
            self.want_card(node, version);
        } else {
            self.ask_catalog(n);
        }
    }

    fn card_news(&mut self, node: NodeId) {
        let Some(version) = self.node.membership.catalog_of(&node) else {
            return;
        };
        let connected = self.node.membership.is_connected(&node);
        let known = self.node.known.get(self.index[&node]);
        let told = known.is_some_and(|it| it.catalog() == version);
        if (connected || !told) && self.node.membership.is_crowd() {
            self.want_card(node, version);
        }
    }

    fn want_card(&mut self, node: NodeId, version: Version) {
        let membership = &self.node.membership;
        let spread = SPREAD * membership.known() as u32;
        let connected = membership.is_connected(&node);
        let card = self.card(self.index[&node]);
        let news = (version, card);
        self.node
            .cards
            .news(node, news, (connected, spread), self.now);
    }

    fn card_action(&mut self, action: CardAction) {
        let (teller, of) = match action {
            CardAction::Ask { teller, of } => (teller, of),
            CardAction::Everybody { teller } => {
                return self.ask_for_everybody(self.index[&teller], Walk::new());
            }
            CardAction::Catalog { node } => return self.ask_catalog(self.index[&node]),
        };
        let asked: Vec<usize> = of.iter().map(|(node, _)| self.index[node]).collect();
        let of = of
            .into_iter()
            .map(|(node, known)| (self.index[&node], known));
        let question = Question::Cards(Rc::new(of.collect()));
        self.ask(self.index[&teller], asked, question);
    }

    fn card_came(&mut self, n: usize, version: Version) {
        let node = id(n);
        let (epoch, revision) = version;
        self.member(MembershipEvent::Signed {
            node,
            epoch,
            revision,
        });
        let stranger = self.node.known.get(n).is_none();
        if stranger {
            if self.node.membership.may_vouch(&node).is_none() {
                return;
            }
            self.here(n);
        }
        self.node.cards.came(node, version);
        if let Some(known) = self.node.known.get_mut(n) {
            known.take_card(version);
        }
        if stranger {
            self.member(MembershipEvent::Vouched { node });
        }
    }

    fn member(&mut self, event: MembershipEvent) {
        let actions = self.node.membership.handle(event, self.now);
        for action in actions {
            match action {
                MembershipAction::Announce(kind) => {
                    let beacon = self.node.beacon(kind);
                    self.out.push(Out::Say(beacon));
                }
                MembershipAction::Suspect { of } => {
                    let mut beacon = self.node.beacon(Kind::Suspect);
                    beacon.suspects = of;
                    self.out.push(Out::Say(beacon));
                }
                MembershipAction::Answer { to, .. } => {
                    let beacon = self.node.beacon(Kind::Ping);
                    self.out.push(Out::Answer(beacon, to));
                }
                MembershipAction::Dial { node, .. } => self.dial(self.index[&node]),
                MembershipAction::Rest { node, .. } => {
                    self.node.known.rest(self.index[&node], true);
                }
                MembershipAction::Stay { node } => {
                    self.node.known.rest(self.index[&node], false);
                }
                MembershipAction::Left { node, announced } => {
                    let n = self.index[&node];
                    self.node.cards.gone(&node);
                    self.node.known.go(n);
                    if !announced {
                        self.node.lost.push(n);
                    }
                }
                MembershipAction::CatalogHint {
                    node,
                    epoch,
                    revision,
                } => {
                    self.catalog_news(node, (epoch, revision));
                }
                MembershipAction::Joined { .. } | MembershipAction::Elsewhere { .. } => {}
            }
        }
    }
}
