//! Which task takes the streams of which protocol, and the requests about files.
//!
//! Owns the table, made at the start. Invariants: a stream goes to the task that registered its
//! protocol, and to no other; while that task's queue is full it is reset, and a request is
//! answered with `Busy`, so no task can hold up another, nor the driver.

use super::{NetEvent, Reply, Stream};
use crate::{
    core::id::NodeId,
    wire::{
        control::{Request, Response},
        protocol::Protocol,
    },
};
use libp2p::StreamProtocol;
use tokio::sync::mpsc;

/// Streams that wait for the task of their protocol, which takes each at once.
const QUEUE: usize = 256;
/// Requests about files that wait for their task, which takes each at once.
const REQUESTS: usize = 1024;

/// A stream that a peer opened.
#[derive(Debug)]
pub struct Inbound {
    /// By whom.
    pub node: NodeId,
    /// Whether it goes through a server.
    pub relayed: bool,
    /// The stream.
    pub stream: Stream,
}

/// A request about files, which needs nothing of the actor.
#[derive(Debug)]
pub struct Asked {
    /// By whom.
    pub node: NodeId,
    /// What.
    pub request: Request,
    /// Where the answer goes, within 10 s.
    pub reply: Reply,
}

/// The protocols that a node speaks on streams, and their tasks' queues; and the queue of requests
/// about files.
#[derive(Default)]
pub struct Router {
    streams: Vec<(Protocol, mpsc::Sender<Inbound>)>,
    files: Option<mpsc::Sender<Asked>>,
    without_bulk: bool,
}

impl Router {
    /// From the start of the network on, requests about files come out of the queue, and are no
    /// events any more.
    pub fn requests(&mut self) -> mpsc::Receiver<Asked> {
        let (queue, asked) = mpsc::channel(REQUESTS);
        self.files = Some(queue);
        asked
    }

    /// From the start of the network on, streams of `protocol` come out of the queue. When its end
    /// is dropped, they are reset.
    pub fn register(&mut self, protocol: Protocol) -> mpsc::Receiver<Inbound> {
        let (queue, inbound) = mpsc::channel(QUEUE);
        self.streams.push((protocol, queue));
        inbound
    }

    /// Chunks are to go over ordinary streams alone, as with a node that knows nothing of bulk
    /// connections.
    pub fn without_bulk(&mut self) {
        self.without_bulk = true;
    }

    /// Where streams of a protocol go that may be bulk connections, if they may.
    pub(super) fn bulk(&self, protocol: Protocol) -> Option<mpsc::Sender<Inbound>> {
        let queue = self.queue(protocol);
        queue.filter(|_| !self.without_bulk)
    }

    /// Where streams of a protocol go, if any task takes them.
    fn queue(&self, protocol: Protocol) -> Option<mpsc::Sender<Inbound>> {
        let mut known = self.streams.iter();
        let found = known.find(|(known, _)| *known == protocol);
        found.map(|(_, queue)| queue.clone())
    }

    /// What is spoken.
    pub(super) fn protocols(&self) -> impl Iterator<Item = StreamProtocol> {
        let names = self.streams.iter().map(|(protocol, _)| protocol.name);
        names.map(StreamProtocol::new)
    }

    /// Takes a request about files out of what is told to the node.
    pub(super) fn pass(&self, event: NetEvent) -> Option<NetEvent> {
        match (event, &self.files) {
            (
                NetEvent::Request {
                    node,
                    request,
                    reply,
                },
                Some(queue),
            ) if request.is_about_files() => {
                let asked = Asked {
                    node,
                    request,
                    reply,
                };
                if let Err(full) = queue.try_send(asked) {
                    full.into_inner().reply.send(Response::Busy);
                }
                None
            }
            (event, _) => Some(event),
        }
    }

    /// Hands a stream over, or drops it.
    pub(super) fn route(&self, protocol: &StreamProtocol, inbound: Inbound) {
        let task = self
            .streams
            .iter()
            .find(|(known, _)| known.name == protocol.as_ref());
        if let Some((known, queue)) = task
            && queue.try_send(inbound).is_err()
        {
            tracing::debug!(
                protocol = known.name,
                "a stream found no task that takes it"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::id::FileId;
    use tokio::sync::oneshot;

    fn asked(request: Request) -> (NetEvent, oneshot::Receiver<Response>) {
        let (reply, answer) = oneshot::channel();
        let event = NetEvent::Request {
            node: NodeId([1; 32]),
            request,
            reply: Reply(reply),
        };
        (event, answer)
    }

    fn have() -> (NetEvent, oneshot::Receiver<Response>) {
        asked(Request::Have {
            file: FileId([2; 32]),
            follow: false,
            stream: false,
        })
    }

    #[test]
    fn a_request_about_files_goes_to_its_task_and_others_to_the_node() {
        let mut router = Router::default();
        assert!(router.pass(have().0).is_some(), "there is no task");
        let mut inbox = router.requests();
        assert!(router.pass(asked(Request::Goodbye).0).is_some());
        assert!(router.pass(have().0).is_none());
        let taken = inbox.try_recv().expect("it waits");
        assert!(matches!(taken.request, Request::Have { .. }));
        assert!(inbox.try_recv().is_err());
    }

    #[test]
    fn a_task_that_is_behind_holds_up_nobody() {
        let mut router = Router::default();
        let _inbox = router.requests();
        let mut answers: Vec<_> = (0..=REQUESTS)
            .map(|_| {
                let (event, answer) = have();
                assert!(router.pass(event).is_none());
                answer
            })
            .collect();
        let mut last = answers.pop().expect("one too many");
        assert!(matches!(last.try_recv(), Ok(Response::Busy)));
        let waits = |answer: &mut oneshot::Receiver<Response>| answer.try_recv().is_err();
        assert!(answers.iter_mut().all(waits));
    }
}
