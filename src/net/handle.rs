//! [`Net`]: how the rest of the program uses the network. Commands go to the driver, answers come
//! back by `oneshot`.

use super::{
    NetConfig, NetError, NetEvent, PathId, RequestError, Router, Stream, StreamError, address,
    command::{Answer, Command, LocalNode},
    driver, meeting,
};
use crate::{
    core::id::NodeId,
    wire::{
        MAX_REQUEST, bulk, cbor, chunk,
        control::{Request, Response},
        directory,
        protocol::Protocol,
    },
};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::sync::{mpsc, oneshot};

/// Commands that wait for the driver: it takes them in at once, so this only smooths bursts.
const COMMANDS: usize = 256;
/// Events that wait for the node. Beyond it the driver stops reading from the network until the
/// node catches up.
const EVENTS: usize = 256;
/// A last resort above the driver's own deadlines (10 s each), for a driver that is held up by a
/// slow node.
const DEADLINE: Duration = Duration::from_secs(15);
/// Addresses of one dial.
const MAX_DIAL: usize = 16;

/// A running network. Cheap to clone; when the last clone goes, or the queue of events, the network
/// shuts down.
#[derive(Clone)]
pub struct Net {
    commands: mpsc::Sender<Command>,
    here: Arc<LocalNode>,
}

impl Net {
    /// Opens the sockets and starts the driver. Listening when it returns, within milliseconds.
    /// Streams go the way of `router`.
    ///
    /// # Errors
    /// [`NetError`] when the port or an address cannot be had.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(
        config: NetConfig,
        router: Router,
    ) -> Result<(Self, mpsc::Receiver<NetEvent>), NetError> {
        let (commands, inbox) = mpsc::channel(COMMANDS);
        let (outbox, events) = mpsc::channel(EVENTS);
        let here = Arc::new(driver::start(config, router, inbox, outbox)?);
        Ok((Self { commands, here }, events))
    }

    /// This node's public key.
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.here.node
    }

    /// The port, of TCP and QUIC.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.here.port
    }

    /// The TCP addresses under which this machine reaches this node now, loopback last.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        address::expand(&self.here.bound)
    }

    /// Tries to connect over TCP. Returns at once; [`NetEvent::Connected`] or
    /// [`NetEvent::DialFailed`] follows, or nothing when the node is connected or being dialled
    /// already. Without a node, each address is a dial of its own, unless a connection leads there.
    /// At most 16 addresses; with none nothing is done.
    pub async fn dial(&self, node: Option<NodeId>, mut addresses: Vec<SocketAddr>) {
        addresses.truncate(MAX_DIAL);
        self.tell(Command::Dial(node, addresses)).await;
    }

    #[cfg(test)]
    pub(super) async fn dial_quic(&self, node: NodeId, address: SocketAddr) {
        self.tell(Command::DialQuic(node, address)).await;
    }

    /// How many connections there are to a node.
    #[cfg(test)]
    pub(super) async fn connections_to(&self, node: NodeId) -> usize {
        let (reply, count) = oneshot::channel();
        self.tell(Command::Count(node, reply)).await;
        count.await.unwrap_or_default()
    }

    /// Asks a node something that is connected, or [rests](Self::rest).
    ///
    /// # Errors
    /// [`RequestError`], which says who is to blame.
    pub async fn request(&self, node: NodeId, request: Request) -> Result<Response, RequestError> {
        if request.check().is_err() || cbor::encode(&request).len() > MAX_REQUEST {
            return Err(RequestError::Busy);
        }
        self.asked(|answer| Command::Request(node, request, answer))
            .await
    }

    async fn asked<R>(
        &self,
        command: impl FnOnce(Answer<R>) -> Command,
    ) -> Result<R, RequestError> {
        let (answer, answered) = oneshot::channel();
        self.tell(command(answer)).await;
        match tokio::time::timeout(DEADLINE, answered).await {
            Ok(answer) => answer.unwrap_or(Err(RequestError::Closed)),
            Err(_) => Err(RequestError::Timeout),
        }
    }

    /// Opens a stream for chunks on the best connection to a node: straight before relayed, TCP
    /// before QUIC, the newest of those. Write to it first: the other side hears of it with the
    /// first bytes.
    ///
    /// # Errors
    /// [`StreamError`] when there is no stream after at most 10 s.
    pub async fn chunk_stream(&self, node: NodeId) -> Result<Stream, StreamError> {
        self.stream(node, chunk::PROTOCOL).await
    }

    /// The same on one of [`Self::paths`], if it still stands: over a connection of its own where
    /// that can be had.
    ///
    /// # Errors
    /// [`StreamError`] when there is no stream after at most 10 s.
    pub async fn chunk_stream_on(
        &self,
        node: NodeId,
        path: Option<PathId>,
    ) -> Result<Stream, StreamError> {
        if let Some(path) = path
            && let Some(stream) = self.bulk_stream(node, path).await
        {
            return Ok(stream);
        }
        self.stream_on(node, chunk::PROTOCOL, path).await
    }

    async fn bulk_stream(&self, node: NodeId, path: PathId) -> Option<Stream> {
        let bulk = self.here.bulk.as_ref()?;
        if bulk.is_unfit(path) {
            return None;
        }
        let (reply, answer) = oneshot::channel();
        self.tell(Command::BulkAddress(node, path, reply)).await;
        let at = answer.await.ok()??;
        match self.stream_on(node, bulk::PROTOCOL, Some(path)).await {
            // The one that was meant may be gone.
            Ok(stream) if stream.path() == path => bulk.open(node, at, stream).await,
            Err(StreamError::Refused) => {
                bulk.unfit(path); // An older version.
                None
            }
            _ => None,
        }
    }

    /// The same for any protocol.
    ///
    /// # Errors
    /// [`StreamError`] when there is no stream after at most 10 s.
    pub async fn stream(&self, node: NodeId, protocol: Protocol) -> Result<Stream, StreamError> {
        self.stream_on(node, protocol, None).await
    }

    /// The same on one of [`Self::paths`], if it still stands.
    ///
    /// # Errors
    /// [`StreamError`] when there is no stream after at most 10 s.
    pub async fn stream_on(
        &self,
        node: NodeId,
        protocol: Protocol,
        path: Option<PathId>,
    ) -> Result<Stream, StreamError> {
        let (opened, opening) = oneshot::channel();
        self.tell(Command::Open(node, protocol, path, opened)).await;
        match tokio::time::timeout(DEADLINE, opening).await {
            Ok(stream) => stream.unwrap_or(Err(StreamError::Closed)),
            Err(_) => Err(StreamError::Timeout),
        }
    }

    /// The ways to a node that bulk may take: the straight ones over TCP, one for each address,
    /// else the best there is. A caller that asks has much to fetch, so the node is dialled where
    /// else it may be, too.
    pub async fn paths(&self, node: NodeId) -> Vec<PathId> {
        let (reply, answer) = oneshot::channel();
        self.tell(Command::Paths(node, reply)).await;
        answer.await.unwrap_or_default()
    }

    /// A connected node may be reached at these addresses, too. Nothing is done before a task asks
    /// for its paths.
    pub async fn elsewhere(&self, node: NodeId, addresses: Vec<SocketAddr>) {
        self.tell(Command::Elsewhere(node, addresses)).await;
    }

    /// No connection is kept with this node: one of ours that is not used is closed after a while,
    /// and who asks something of it, or opens a stream, has it dialled there. With no address a
    /// connection stays that stands, and none is made.
    pub fn rest(&self, node: NodeId, addresses: Vec<SocketAddr>) {
        self.here.resting.set(node, addresses);
    }

    /// Closes all connections to a node. It may come back.
    pub async fn disconnect(&self, node: NodeId) {
        self.tell(Command::Disconnect(node)).await;
    }

    /// Closes all connections to a node and refuses it for the life of this process.
    pub async fn ban(&self, node: NodeId) {
        self.tell(Command::Ban(node)).await;
    }

    /// Connects to a rendezvous server, over TCP from the listening port, whichever server answers
    /// there if no key is known. `MeetingEvent::Connected` or `Failed` follows, or nothing when it
    /// is connected or being dialled already.
    pub async fn join(&self, server: Option<NodeId>, mut addresses: Vec<SocketAddr>) {
        addresses.truncate(MAX_DIAL);
        self.meeting(meeting::Command::Join(server, addresses))
            .await;
    }

    /// Closes the connections to a server. `MeetingEvent::Lost` follows.
    pub async fn leave_server(&self, server: NodeId) {
        self.meeting(meeting::Command::Leave(server)).await;
    }

    /// The same, and when the server is joined again it is read on from where it was.
    pub async fn end_visit(&self, server: NodeId) {
        self.meeting(meeting::Command::EndVisit(server)).await;
    }

    /// Asks a connected server to forward connections to this node. It is renewed until the
    /// connection ends. `MeetingEvent::Reserved` or `Unreserved` follows.
    pub async fn reserve(&self, server: NodeId) {
        self.meeting(meeting::Command::Reserve(server)).await;
    }

    /// Lets this node be found at a server where it has a reservation (or is reachable without
    /// one).
    pub async fn register(&self, server: NodeId, namespace: String) {
        self.meeting(meeting::Command::Register(server, namespace))
            .await;
    }

    /// Takes a registration back.
    pub async fn unregister(&self, server: NodeId, namespace: String) {
        self.meeting(meeting::Command::Unregister(server, namespace))
            .await;
    }

    /// Asks a connected server who is there. `MeetingEvent::Discovered` or `NotDiscovered` follows.
    pub async fn discover(&self, server: NodeId, namespace: String) {
        self.meeting(meeting::Command::Discover(server, namespace))
            .await;
    }

    /// Asks a connected server something of its directory.
    ///
    /// # Errors
    /// [`RequestError`], which says who is to blame.
    pub async fn ask_server(
        &self,
        server: NodeId,
        request: directory::Request,
    ) -> Result<directory::Response, RequestError> {
        if request.check().is_err() {
            return Err(RequestError::Busy);
        }
        self.asked(|answer| Command::Meeting(meeting::Command::Ask(server, request, answer)))
            .await
    }

    /// Connects to a node through these servers, at the addresses that it registered there and by
    /// relay, then straight if the networks allow. [`NetEvent::Connected`] or
    /// [`NetEvent::DialFailed`] follows, or nothing when it is connected or being dialled already.
    /// Bulk streams wait a moment for the straight path (see [`Net::chunk_stream`]).
    pub async fn meet(&self, node: NodeId, servers: Vec<NodeId>) {
        self.meeting(meeting::Command::Meet(node, servers)).await;
    }

    async fn meeting(&self, command: meeting::Command) {
        self.tell(Command::Meeting(command)).await;
    }

    /// Closes everything; returns when the port is free again, or after a second.
    pub async fn shutdown(&self) {
        let (done, ended) = oneshot::channel();
        self.tell(Command::Shutdown(done)).await;
        let _ = ended.await;
    }

    /// A driver that has ended needs no telling: what waits for an answer sees its sender dropped.
    async fn tell(&self, command: Command) {
        let _ = self.commands.send(command).await;
    }
}
