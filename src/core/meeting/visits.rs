//! What becomes of the dials to servers, and of their answers.

use super::{
    Meeting, MeetingAction, MeetingInput, News,
    server::{HELD, ServerEntry, Stage},
};
use crate::core::id::NodeId;
use ::core::net::SocketAddr;

/// An answer that names so many has most likely more behind it.
const PAGE: usize = 64;

impl Meeting {
    pub(super) fn resolved(
        &mut self,
        place: usize,
        addresses: Vec<SocketAddr>,
        out: &mut Vec<MeetingAction>,
    ) {
        let now = self.now;
        let Some(entry) = self.servers.get_mut(place) else {
            return;
        };
        if !matches!(entry.stage, Stage::Resolving { .. }) {
            return;
        }
        if addresses.is_empty() {
            entry.failed(now, &mut self.chance);
        } else {
            out.push(entry.dial(addresses, now));
        }
    }

    pub(super) fn connected(
        &mut self,
        server: NodeId,
        address: SocketAddr,
        out: &mut Vec<MeetingAction>,
    ) {
        let now = self.now;
        let dialing = |entry: &ServerEntry| matches!(entry.stage, Stage::Dialing { .. });
        let at = |entry: &ServerEntry| dialing(entry) && entry.addresses.contains(&address);
        let expected = |entry: &ServerEntry| dialing(entry) && entry.known.key == Some(server);
        let servers = &self.servers;
        let number = servers.iter().position(at);
        let Some(number) = number.or_else(|| servers.iter().position(expected)) else {
            // It was not asked for, or it came too late.
            if !self.servers.iter().any(|entry| entry.is(&server)) {
                out.push(MeetingAction::Leave(server));
            }
            return;
        };
        let twin = self.servers.iter().any(|entry| entry.is(&server));
        let entry = &mut self.servers[number];
        if let Some(known) = entry.known.key.filter(|known| *known != server) {
            entry.failed(now, &mut self.chance);
            if entry.wrong.replace(server) != Some(server) {
                let (place, now) = (number, server);
                out.push(MeetingAction::Tell(News::NewKey { place, known, now }));
            }
            if !twin {
                out.push(MeetingAction::Leave(server));
            }
            return;
        }
        if twin {
            (entry.known.key, entry.tried) = (Some(server), true);
            entry.stage = Stage::Double;
            return;
        }
        // A visit is told once, and again after it failed; one to a server that nobody named never.
        let named = entry.found.is_none();
        let tell = entry.home || named && (entry.visits == 0 || entry.told);
        entry.connected(server, self.config.found, now);
        let place = number;
        if tell {
            out.push(MeetingAction::Tell(News::Joined { place, server }));
        }
        for other in &mut self.servers {
            if !matches!(other.stage, Stage::Joined(_)) && other.known.key == Some(server) {
                (other.stage, other.tried) = (Stage::Double, true);
            }
        }
    }

    pub(super) fn failed(&mut self, server: Option<NodeId>, addresses: &[SocketAddr]) {
        let now = self.now;
        for entry in &mut self.servers {
            let here = addresses.iter().any(|at| entry.addresses.contains(at));
            let expected = server.is_some() && entry.known.key == server;
            if matches!(entry.stage, Stage::Dialing { .. }) && (here || expected) {
                entry.failed(now, &mut self.chance);
            }
        }
    }

    pub(super) fn lost(&mut self, server: &NodeId, out: &mut Vec<MeetingAction>) {
        let now = self.now;
        let Some(number) = self.servers.iter().position(|entry| entry.is(server)) else {
            // It was left, and dialled again too early to be noticed.
            for entry in &mut self.servers {
                if entry.known.key == Some(*server) && matches!(entry.stage, Stage::Dialing { .. })
                {
                    entry.stage = Stage::Idle { retry: now };
                }
            }
            return;
        };
        let entry = &mut self.servers[number];
        let visited = !entry.home;
        let held = entry
            .joined()
            .is_some_and(|joined| now.saturating_sub(joined.since) >= HELD);
        if held {
            entry.failures = 0;
        }
        entry.failed(now, &mut self.chance);
        if !visited {
            // What follows is news of the same absence.
            entry.told = true;
            out.push(MeetingAction::Tell(News::Lost { place: number }));
        }
        for other in &mut self.servers {
            if matches!(other.stage, Stage::Double) && other.known.key == Some(*server) {
                other.stage = Stage::Idle { retry: now };
            }
        }
        // No server is left: rather this node's network changed than all servers failed.
        if held && self.joined().is_empty() {
            for entry in &mut self.servers {
                entry.failures = 0;
                entry.hurry(now, &mut self.chance);
            }
        }
    }

    /// A joined server answered something.
    pub(super) fn answered(&mut self, server: &NodeId, event: MeetingInput) {
        let (now, me) = (self.now, self.config.me);
        let mut joined = self.servers.iter_mut().filter_map(ServerEntry::joined_mut);
        let Some(joined) = joined.find(|joined| joined.server == *server) else {
            return;
        };
        let chance = &mut self.chance;
        match event {
            MeetingInput::Entered { yes: true, .. } => joined.enter.done(None),
            MeetingInput::Entered { .. } => joined.enter.failed(now, chance),
            MeetingInput::Reserved { yes, .. } => joined.reserved(yes, now, chance),
            MeetingInput::Registered { ttl, .. } => joined.registered(ttl, now, chance),
            MeetingInput::Discovered { nodes: None, .. } => {
                joined.discovered.get_or_insert(now);
                joined.discover.failed(now, chance);
            }
            MeetingInput::Discovered {
                nodes: Some(nodes), ..
            } => {
                let first = joined.discovered.is_none();
                let more = nodes.len() >= PAGE;
                let mut news = false;
                for node in nodes.into_iter().filter(|node| *node != me) {
                    // A node that is there already was there first, and we are the newcomer.
                    let wait = !first && self.config.found && node < me;
                    let here = self.here.contains_key(&node);
                    let told = (node, *server);
                    news |= self.nodes.found(told, wait, here, now, chance);
                }
                joined.discovered(news, more, now, chance);
            }
            _ => {}
        }
    }
}
