//! Texts that come in: looked over, written down, told, acknowledged.
//!
//! Invariants: at most [`STREAMS`] streams are read at a time, [`OF_ONE`] of a peer, and one that
//! is silent is let go; what comes too fast ends its stream; a message that came before is
//! acknowledged and not told again.

use super::ChatLine;
use crate::{
    core::{
        admission::Admission,
        chat::{Inbox, Verdict, believed},
        id::NodeId,
    },
    net::Stream,
    node::{api::NodeEvent, services::Services},
    store::clock::unix_now,
    wire::chat::{self, Answer, ChatRefusal, Message},
};
use futures::AsyncWriteExt;
use parking_lot::Mutex;
use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{sync::broadcast, time::timeout};

/// Streams that are read at a time: each is a task and at most one frame.
const STREAMS: usize = 256;
/// Those of one peer.
const OF_ONE: usize = 4;
/// Without a message for so long, a stream is let go: another is opened as soon as there is
/// something to say.
const IDLE: Duration = Duration::from_secs(10);
/// Without taking an answer for so long, the other side is stuck.
const STUCK: Duration = Duration::from_secs(10);

/// Where messages come in. Clones share what they remember.
#[derive(Clone)]
pub struct Door {
    services: Services,
    events: broadcast::Sender<NodeEvent>,
    /// Whether somebody is here who can read them.
    open: bool,
    started: Instant,
    inbox: Arc<Mutex<Inbox>>,
    streams: Admission,
}

impl Door {
    /// One through which messages come, or, when it is not `open`, are refused.
    pub fn new(
        services: Services,
        events: broadcast::Sender<NodeEvent>,
        open: bool,
        seed: u64,
    ) -> Self {
        Self {
            services,
            events,
            open,
            started: Instant::now(),
            inbox: Arc::new(Mutex::new(Inbox::new(seed, Duration::ZERO))),
            streams: Admission::new(STREAMS, OF_ONE),
        }
    }

    /// Serves one stream until it ends.
    pub async fn accept(self, node: NodeId, mut stream: Stream) {
        let Some(_permit) = self.streams.admit(node) else {
            return;
        };
        if let Err(error) = self.talk(node, &mut stream).await {
            tracing::debug!(peer = %node.short(), %error, "a chat broke off");
        }
    }

    async fn talk(&self, node: NodeId, stream: &mut Stream) -> io::Result<()> {
        while let Ok(read) = timeout(IDLE, chat::read::<Message, _>(stream)).await {
            let Some(message) = read? else {
                break;
            };
            if message.check().is_err() {
                return Err(io::ErrorKind::InvalidData.into());
            }
            let id = message.id;
            let refuse = |why| Answer::Refuse { id, why };
            if !self.open {
                answer(stream, &refuse(ChatRefusal::Off)).await?;
                break;
            }
            match self.look_over(node, id) {
                Verdict::TooFast => {
                    answer(stream, &refuse(ChatRefusal::TooFast)).await?;
                    break;
                }
                Verdict::New => self.take(node, message).await,
                Verdict::Again => {}
            }
            answer(stream, &Answer::Ack { id }).await?;
        }
        let _ = timeout(STUCK, stream.close()).await; // It ends either way.
        Ok(())
    }

    fn look_over(&self, node: NodeId, id: u64) -> Verdict {
        let mut inbox = self.inbox.lock();
        inbox.take(node, id, self.started.elapsed())
    }

    /// Writes it down and tells of it.
    async fn take(&self, node: NodeId, message: Message) {
        let named = self.services.swarm.named(&node);
        let (name, key_changed) = named.unwrap_or_else(|| (node.short(), false));
        let said = ChatLine {
            time: believed(message.time, unix_now()),
            mine: false,
            text: message.text,
        };
        let chats = self.services.chats.clone();
        let line = said.clone();
        let kept = tokio::task::spawn_blocking(move || chats.append(&node, &line)).await;
        if let Ok(Err(error)) = kept {
            // It is shown all the same: the disk is this side's trouble.
            tracing::warn!(%error, "what was said is not in the history");
        }
        let _ = self.events.send(NodeEvent::Message {
            node,
            name,
            text: said.text,
            time: said.time,
            key_changed,
        });
    }
}

async fn answer(stream: &mut Stream, answer: &Answer) -> io::Result<()> {
    let sent = async {
        chat::write(stream, answer).await?;
        stream.flush().await
    };
    timeout(STUCK, sent)
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}
