//! What goes out of the driver, in the order in which it came about: events to the node, streams to
//! their tasks.

use crate::net::{Inbound, NetEvent};
use libp2p::StreamProtocol;
use std::collections::VecDeque;

pub(super) enum Out {
    Event(NetEvent),
    /// Stands in the same line: its task finds what was told of its node before.
    Stream(StreamProtocol, Inbound),
}

#[derive(Default)]
pub(super) struct Outbox(VecDeque<Out>);

impl Outbox {
    pub(super) fn push_back(&mut self, event: NetEvent) {
        self.0.push_back(Out::Event(event));
    }

    pub(super) fn push_stream(&mut self, protocol: StreamProtocol, inbound: Inbound) {
        self.0.push_back(Out::Stream(protocol, inbound));
    }

    pub(super) fn extend(&mut self, events: impl IntoIterator<Item = NetEvent>) {
        self.0.extend(events.into_iter().map(Out::Event));
    }

    pub(super) fn pop_front(&mut self) -> Option<Out> {
        self.0.pop_front()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
