//! Pairing with a node that was found at a server: the messages that are datagrams nearby go over a
//! stream.
//!
//! Owns one task for each stream. Never looks into a message, and never says who may be spoken to.
//! Invariants: a stream carries a bounded number of messages for a bounded time; a reader that is
//! slow loses messages, as a network would.

use crate::{
    core::{id::NodeId, pairing::Message},
    net::{Net, Stream},
    wire::distribute::{read, write},
};
use futures::{AsyncReadExt, AsyncWriteExt};
use std::{collections::HashMap, io, time::Duration};
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};

/// Messages of one stream, and how long it may stay: several times what an honest one needs.
const MESSAGES: usize = 128;
const TALK: Duration = Duration::from_secs(60);
/// Messages that wait to be written, and messages of all streams that wait to be looked at.
const BACK: usize = 8;
pub(super) const HEARD: usize = 64;
/// Nodes that are answered.
const MAX_FAR: usize = 256;
/// Between two attempts to open the stream, at first and at most.
const SOON: Duration = Duration::from_millis(50);
const LATER: Duration = Duration::from_millis(500);
/// How often the machine is reminded of the sender, which it forgets after some silence.
const REMIND: Duration = Duration::from_secs(1);

/// A message that came over a stream.
pub(super) struct IncomingMessage {
    pub message: Message,
    pub from: NodeId,
    /// The way back.
    pub back: mpsc::Sender<Message>,
}

/// The ways back to those who spoke.
#[derive(Default)]
pub(super) struct Far(HashMap<NodeId, mpsc::Sender<Message>>);

impl Far {
    /// Remembers how to answer; false when there are too many.
    pub(super) fn note(&mut self, said: &IncomingMessage) -> bool {
        if self.0.len() >= MAX_FAR {
            self.0.retain(|_, back| !back.is_closed());
        }
        let fits = self.0.len() < MAX_FAR || self.0.contains_key(&said.from);
        if fits {
            self.0.insert(said.from, said.back.clone());
        }
        fits
    }

    /// Answers the peers that are still there.
    pub(super) fn send(&self, message: Message, to: NodeId) {
        if let Some(back) = self.0.get(&to) {
            let _ = back.try_send(message);
        }
    }
}

/// Takes a stream that a receiver opened, and hands what comes on it to everyone who offers
/// something here.
pub(super) async fn listen(
    node: NodeId,
    stream: Stream,
    offers: Vec<mpsc::Sender<IncomingMessage>>,
) {
    if offers.is_empty() {
        return;
    }
    let (back, out) = mpsc::channel(BACK);
    let deliver = |message: Message| {
        for offer in &offers {
            let _ = offer.try_send(IncomingMessage {
                message: message.clone(),
                from: node,
                back: back.clone(),
            });
        }
    };
    carry(stream, deliver, out).await;
}

/// Opens a stream to a node that is said to wait on `channel`, as soon as it is connected, and
/// brings what it says.
pub(super) async fn speak(
    net: Net,
    node: NodeId,
    channel: u16,
    heard: mpsc::Sender<IncomingMessage>,
) {
    let mut pause = SOON;
    let stream = loop {
        match net.stream(node, crate::wire::pairing::TALK_PROTOCOL).await {
            Ok(stream) => break stream,
            Err(error) => tracing::trace!(%error, "not connected to the sender yet"),
        }
        sleep(pause).await;
        pause = LATER.min(pause * 3 / 2);
    };
    let (back, out) = mpsc::channel(BACK);
    let deliver = |message: Message| {
        let _ = heard.try_send(IncomingMessage {
            message,
            from: node,
            back: back.clone(),
        });
    };
    let remind = async {
        loop {
            deliver(Message::Wait {
                channel,
                sender: node,
            });
            sleep(REMIND).await;
        }
    };
    tokio::select! {
        () = carry(stream, deliver, out) => {}
        () = remind => {}
    }
}

/// Reads and writes until either side has enough.
async fn carry(stream: Stream, deliver: impl Fn(Message), mut out: mpsc::Receiver<Message>) {
    let (mut reader, mut writer) = stream.split();
    let reading = async {
        for _ in 0..MESSAGES {
            match read(&mut reader).await? {
                Some(message) => deliver(message),
                None => break,
            }
        }
        io::Result::Ok(())
    };
    let writing = async {
        while let Some(message) = out.recv().await {
            write(&mut writer, &message).await?;
            writer.flush().await?;
        }
        io::Result::Ok(())
    };
    let both = async {
        tokio::select! {
            done = reading => done,
            done = writing => done,
        }
    };
    match timeout(TALK, both).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a stream of a pairing broke"),
        Err(_) => tracing::debug!("a stream of a pairing stayed too long"),
    }
}
