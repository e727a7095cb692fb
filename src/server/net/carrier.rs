//! A substream of a server, which knows whether it is one end of a circuit.
//!
//! The library copies bytes between two substreams and does not tell how many, nor can it be told
//! to stop. So each substream watches its own beginning: what the server writes there names the
//! protocol, and no client can write it. On the one where a circuit was asked for (hop) all its
//! bytes pass, and it can be ended; on the other one (stop) the client that is to take the circuit
//! has to answer in time, since until then it counts. Never alters a byte.

use super::circuits::{Circuit, Circuits};
use futures::{AsyncRead, AsyncWrite};
use libp2p::relay::{HOP_PROTOCOL_NAME, STOP_PROTOCOL_NAME};
use std::{
    future::Future,
    io,
    net::IpAddr,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::time::Sleep;

/// How long a client may take to say whether it takes a circuit.
const ANSWER: Duration = Duration::from_secs(5);
/// The longest name of a protocol that matters here.
const NAME: usize = 48;
/// What is said before a name is agreed on.
const PREAMBLE: [&[u8]; 2] = [b"/multistream/1.0.0\n", b"na\n"];
/// What is said in answer to a circuit: the preamble, the name, and yes or no.
const ANSWERED: usize = 3;

/// A number that comes seven bits at a time.
#[derive(Default)]
struct Varint {
    value: u64,
    bits: u32,
}

/// How far a message came with some bytes.
struct Progress {
    /// Those of them that belong to it.
    taken: usize,
    /// That was the end of it.
    ended: bool,
}

/// Messages with their lengths before them (unsigned varints), of which only the beginning is kept.
struct Messages {
    /// The length so far.
    length: Varint,
    /// What is left of the present one.
    rest: Option<u64>,
    kept: [u8; NAME],
    filled: usize,
    complete: usize,
}

impl Messages {
    fn new() -> Self {
        Self {
            length: Varint::default(),
            rest: None,
            kept: [0; NAME],
            filled: 0,
            complete: 0,
        }
    }

    /// Takes in bytes up to the end of a message.
    fn take(&mut self, bytes: &[u8]) -> Progress {
        for (at, byte) in bytes.iter().enumerate() {
            match &mut self.rest {
                None => {
                    let part = u64::from(byte & 0x7f).checked_shl(self.length.bits);
                    self.length.value |= part.unwrap_or_default();
                    self.length.bits += 7;
                    if byte & 0x80 == 0 {
                        self.rest = Some(std::mem::take(&mut self.length).value);
                        self.filled = 0;
                    }
                }
                Some(rest) => {
                    if let Some(kept) = self.kept.get_mut(self.filled) {
                        *kept = *byte;
                    }
                    self.filled = (self.filled + 1).min(NAME + 1);
                    *rest = rest.saturating_sub(1);
                }
            }
            if self.rest == Some(0) {
                self.rest = None;
                self.complete += 1;
                return Progress {
                    taken: at + 1,
                    ended: true,
                };
            }
        }
        Progress {
            taken: bytes.len(),
            ended: false,
        }
    }

    /// The last message; of a longer one nothing.
    fn last(&self) -> &[u8] {
        self.kept.get(..self.filled).unwrap_or_default()
    }

    fn is(&self, name: &str) -> bool {
        self.last().strip_suffix(b"\n") == Some(name.as_bytes())
    }
}

enum Role {
    /// The protocol is not agreed on yet.
    Unknown(Messages),
    Hop(Circuit),
    /// What was heard, and until when.
    Stop(Messages, Pin<Box<Sleep>>),
    Other,
}

/// See the module.
pub(super) struct Carrier<S> {
    inner: S,
    role: Role,
    circuits: Circuits,
    /// Whose connection it is on.
    origin: Option<IpAddr>,
}

impl<S> Carrier<S> {
    pub(super) fn new(inner: S, circuits: Circuits, origin: Option<IpAddr>) -> Self {
        Self {
            inner,
            role: Role::Unknown(Messages::new()),
            circuits,
            origin,
        }
    }

    /// Whether it may go on.
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match &mut self.role {
            Role::Hop(circuit) if circuit.has_ended(cx) => {
                let why = "another address has fewer circuits and needs one";
                Err(io::Error::new(io::ErrorKind::ConnectionAborted, why))
            }
            Role::Stop(_, due) => match due.as_mut().poll(cx) {
                Poll::Ready(()) => Err(io::ErrorKind::TimedOut.into()),
                Poll::Pending => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn wrote(&mut self, mut bytes: &[u8]) {
        while let (Role::Unknown(messages), false) = (&mut self.role, bytes.is_empty()) {
            let Progress { taken, ended } = messages.take(bytes);
            bytes = &bytes[taken..];
            if !ended || PREAMBLE.contains(&messages.last()) {
                continue;
            }
            self.role = match self.origin {
                Some(origin) if messages.is(HOP_PROTOCOL_NAME.as_ref()) => {
                    Role::Hop(self.circuits.ask(origin))
                }
                _ if messages.is(STOP_PROTOCOL_NAME.as_ref()) => {
                    let due = Box::pin(tokio::time::sleep(ANSWER));
                    Role::Stop(Messages::new(), due)
                }
                _ => Role::Other,
            };
        }
        if let (Role::Hop(circuit), false) = (&self.role, bytes.is_empty()) {
            if circuit.carries() {
                circuit.moved(bytes.len());
            } else {
                circuit.answered();
            }
        }
    }

    fn heard(&mut self, mut bytes: &[u8]) {
        match &mut self.role {
            Role::Hop(circuit) if circuit.carries() => circuit.moved(bytes.len()),
            Role::Stop(messages, _) => {
                while !bytes.is_empty() && messages.complete < ANSWERED {
                    bytes = &bytes[messages.take(bytes).taken..];
                }
                if messages.complete >= ANSWERED {
                    self.role = Role::Other;
                }
            }
            _ => {}
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Carrier<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        let read = ready!(Pin::new(&mut self.inner).poll_read(cx, out))?;
        self.heard(&out[..read]);
        Poll::Ready(Ok(read))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Carrier<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        let wrote = ready!(Pin::new(&mut self.inner).poll_write(cx, bytes))?;
        self.wrote(&bytes[..wrote]);
        Poll::Ready(Ok(wrote))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A circuit whose other end does not read is asked nothing else.
        self.check(cx)?;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }
}

#[cfg(test)]
mod tests;
