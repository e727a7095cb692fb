//! A machine in a simulation of servers.

use super::*;

/// A machine whose time runs from one tick to the next, and what it did.
pub(super) struct Simulation {
    pub(super) meeting: Meeting,
    pub(super) now: Now,
    pub(super) done: Vec<(Now, MeetingAction)>,
    /// While time passes, servers that are dialled answer.
    pub(super) answering: bool,
}

impl Simulation {
    pub(super) fn new(config: Config) -> Self {
        Self {
            meeting: Meeting::new(config, Now::ZERO),
            now: Now::ZERO,
            done: Vec::new(),
            answering: false,
        }
    }

    /// A simulation in which so many servers are joined and have said who is there.
    pub(super) fn joined(config: Config, nodes: &[NodeId]) -> Self {
        let count = config.servers.len();
        let mut sim = Self::new(config);
        sim.event(MeetingInput::Tick);
        for place in 0..count {
            sim.resolve(place);
            sim.connect(place);
        }
        for place in 0..count {
            sim.discover(place, nodes);
            let server = server(place as u8);
            sim.event(MeetingInput::Entered { server, yes: true });
            sim.event(MeetingInput::Reserved { server, yes: true });
            let ttl = Some(seconds(7200));
            sim.event(MeetingInput::Registered { server, ttl });
        }
        sim
    }

    pub(super) fn event(&mut self, event: MeetingInput) -> Vec<MeetingAction> {
        let actions = self.meeting.handle(event, self.now);
        let at = actions.iter().map(|action| (self.now, action.clone()));
        self.done.extend(at);
        actions
    }

    pub(super) fn resolve(&mut self, place: usize) {
        let addresses = vec![address(place)];
        self.event(MeetingInput::Resolved { place, addresses });
    }

    pub(super) fn connect(&mut self, place: usize) {
        let (server, address) = (server(place as u8), address(place));
        self.event(MeetingInput::Connected { server, address });
    }

    pub(super) fn discover(&mut self, place: usize, nodes: &[NodeId]) {
        let (server, nodes) = (server(place as u8), Some(nodes.to_vec()));
        self.event(MeetingInput::Discovered { server, nodes });
    }

    pub(super) fn here(&mut self, n: NodeId, via: Via) {
        self.event(MeetingInput::Here { node: n, via });
    }

    /// Lets time pass; servers answer each question for newcomers with "none".
    pub(super) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(at) = self.meeting.next_tick().filter(|at| *at <= until) {
            assert!(at > self.now || at == Now::ZERO, "it would spin at {at:?}");
            self.now = at;
            let mut actions = self.event(MeetingInput::Tick);
            while let Some(action) = actions.pop() {
                actions.extend(match action {
                    MeetingAction::Discover(server) => {
                        let nodes = Some(Vec::new());
                        self.event(MeetingInput::Discovered { server, nodes })
                    }
                    MeetingAction::Resolve { place } if self.answering => {
                        let addresses = vec![address(place)];
                        self.event(MeetingInput::Resolved { place, addresses })
                    }
                    MeetingAction::Dial { addresses, .. } if self.answering => {
                        let place = (0..32).find(|n| address(*n) == addresses[0]).unwrap();
                        let (server, address) = (server(place as u8), addresses[0]);
                        self.event(MeetingInput::Connected { server, address })
                    }
                    MeetingAction::Enter(server) if self.answering => {
                        self.event(MeetingInput::Entered { server, yes: true })
                    }
                    _ => Vec::new(),
                });
            }
        }
        self.now = until;
        self.event(MeetingInput::Tick);
    }

    pub(super) fn times(&self, wanted: impl Fn(&MeetingAction) -> bool) -> Vec<Now> {
        let fits = self.done.iter().filter(|(_, action)| wanted(action));
        fits.map(|(at, _)| *at).collect()
    }

    pub(super) fn met(&self) -> Vec<NodeId> {
        let of = |(_, action): &(Now, MeetingAction)| match action {
            MeetingAction::Meet { node, .. } => Some(*node),
            _ => None,
        };
        self.done.iter().filter_map(of).collect()
    }

    pub(super) fn told(&self, news: &News) -> bool {
        self.done
            .iter()
            .any(|(_, action)| *action == MeetingAction::Tell(news.clone()))
    }
}
