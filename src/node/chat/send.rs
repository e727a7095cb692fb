//! One text to one peer: a stream, the message, its answer.
//!
//! Invariant: it ends within a bounded time, and says for sure whether the message is there, or
//! that nobody can.

use super::{ChatLine, MessageError};
use crate::{
    core::id::NodeId,
    net::StreamError,
    node::{command::Command, services::Services},
    store::clock::unix_now,
    wire::chat::{self, Answer, ChatRefusal, MAX_TEXT, Message},
};
use futures::AsyncWriteExt;
use std::{
    io,
    time::{Duration, Instant},
};
use tokio::time::timeout;

/// In all, when it was too fast or the connection went.
const TRIES: u32 = 4;
/// After which one that was too fast may pass.
const PAUSE: Duration = Duration::from_secs(1);
/// For each step: the other side has to write a line to its disk.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) async fn send(services: &Services, to: NodeId, text: &str) -> Result<u64, MessageError> {
    if text.trim().is_empty() {
        return Err(MessageError::Empty);
    }
    if text.len() > MAX_TEXT {
        return Err(MessageError::TooLong(text.len()));
    }
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|error| MessageError::Lost(error.to_string()))?;
    let message = Message {
        id: u64::from_le_bytes(random),
        text: text.to_owned(),
        time: unix_now(),
    };
    insist(services, to, &message).await?;
    // From now on this is somebody one knows.
    services.ask(|done| Command::Met(to, done)).await;
    let said = ChatLine {
        time: message.time,
        mine: true,
        text: message.text,
    };
    let chats = services.chats.clone();
    let kept = tokio::task::spawn_blocking(move || chats.append(&to, &said)).await;
    if let Ok(Err(error)) = kept {
        tracing::warn!(%error, "what was said is not in the history");
    }
    Ok(message.time)
}

/// Tries again where that can help: the id tells the other side what it has already.
async fn insist(services: &Services, to: NodeId, message: &Message) -> Result<(), MessageError> {
    let started = Instant::now();
    let (mut tries, mut uncertain) = (1, false);
    loop {
        let error = match deliver(services, to, message).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        uncertain |= error == MessageError::Unknown;
        match error {
            MessageError::TooFast if tries < TRIES => tokio::time::sleep(PAUSE).await,
            // A connection went, and there may be another; silence is not asked twice.
            MessageError::Unknown if tries < TRIES && started.elapsed() < PATIENCE => {}
            _ if uncertain => return Err(MessageError::Unknown),
            error => return Err(error),
        }
        tries += 1;
    }
}

async fn deliver(services: &Services, to: NodeId, message: &Message) -> Result<(), MessageError> {
    let stream = services.net.stream(to, crate::wire::chat::PROTOCOL).await;
    let mut stream = stream.map_err(|error| match error {
        StreamError::NotConnected | StreamError::Closed => MessageError::Away,
        other => MessageError::Lost(other.to_string()),
    })?;
    let written = timeout(PATIENCE, async {
        chat::write(&mut stream, message).await?;
        stream.flush().await
    });
    let lost = |error: io::Error| MessageError::Lost(error.to_string());
    let late = |_| MessageError::Unknown;
    written.await.map_err(late)?.map_err(lost)?;
    let answer = timeout(PATIENCE, chat::read(&mut stream)).await;
    let answer = match answer.map_err(late)? {
        Ok(answer) => answer,
        // It may have got it before the connection went.
        Err(error) if error.kind() != io::ErrorKind::InvalidData => {
            return Err(MessageError::Unknown);
        }
        Err(error) => return Err(lost(error)),
    };
    let result = match answer {
        Some(Answer::Ack { id }) if id == message.id => Ok(()),
        Some(Answer::Refuse { id, why }) if id == message.id => Err(match why {
            ChatRefusal::TooFast => MessageError::TooFast,
            ChatRefusal::Off => MessageError::Off,
        }),
        Some(_) => Err(MessageError::Lost("it answered something else".into())),
        None => Err(MessageError::Unknown),
    };
    let _ = timeout(PATIENCE, stream.close()).await; // What matters is done.
    result
}
