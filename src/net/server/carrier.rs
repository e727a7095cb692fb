//! A substream of a server, which knows whether it is one end of a circuit.
//!
//! The library copies bytes between two substreams and tells nobody how many, nor can it be told to stop. So each substream
//! watches its own beginning: what the server writes there names the protocol, and nobody else can write it. On the one
//! where a circuit was asked for (hop) all its bytes pass, and it can be ended; on the other one (stop) whoever is to take
//! the circuit has to answer in time, since until then it counts. Never alters a byte.

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

/// How long somebody may take to say whether it takes a circuit.
const ANSWER: Duration = Duration::from_secs(5);
/// The longest name of a protocol that matters here.
const NAME: usize = 48;
/// What is said before a name is agreed on.
const PREAMBLE: [&[u8]; 2] = [b"/multistream/1.0.0\n", b"na\n"];
/// What is said in answer to a circuit: the preamble, the name, and yes or no.
const ANSWERED: usize = 3;

/// Messages with their lengths before them (unsigned varints), of which only the beginning is kept.
struct Messages {
    /// The length so far, and its bits.
    length: (u64, u32),
    /// What is left of the present one.
    rest: Option<u64>,
    kept: [u8; NAME],
    filled: usize,
    complete: usize,
}

impl Messages {
    fn new() -> Self {
        Self {
            length: (0, 0),
            rest: None,
            kept: [0; NAME],
            filled: 0,
            complete: 0,
        }
    }

    /// Takes in bytes up to the end of a message: how many, and whether that was reached.
    fn take(&mut self, bytes: &[u8]) -> (usize, bool) {
        for (at, byte) in bytes.iter().enumerate() {
            match &mut self.rest {
                None => {
                    let (length, bits) = &mut self.length;
                    *length |= u64::from(byte & 0x7f)
                        .checked_shl(*bits)
                        .unwrap_or_default();
                    *bits += 7;
                    if byte & 0x80 == 0 {
                        self.rest = Some(*length);
                        (self.length, self.filled) = ((0, 0), 0);
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
                return (at + 1, true);
            }
        }
        (bytes.len(), false)
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
            let (taken, complete) = messages.take(bytes);
            bytes = &bytes[taken..];
            if !complete || PREAMBLE.contains(&messages.last()) {
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
                    bytes = &bytes[messages.take(bytes).0..];
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
mod tests {
    use super::*;
    use futures::{AsyncReadExt, AsyncWriteExt};
    use tokio_util::compat::{Compat, TokioAsyncReadCompatExt};

    type Pipe = Compat<tokio::io::DuplexStream>;

    fn pair(circuits: &Circuits) -> (Carrier<Pipe>, Pipe) {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let origin = Some("10.0.0.1".parse().unwrap());
        (
            Carrier::new(ours.compat(), circuits.clone(), origin),
            theirs.compat(),
        )
    }

    fn message(text: &str) -> Vec<u8> {
        let mut bytes = vec![text.len() as u8 + 1];
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(b'\n');
        bytes
    }

    /// What is said on it until the protocol is agreed on.
    fn agreed(name: &str) -> Vec<u8> {
        [message("/multistream/1.0.0"), message("na"), message(name)].concat()
    }

    #[tokio::test]
    async fn a_circuit_counts_from_its_asking_to_its_end_and_so_do_its_bytes() {
        let circuits = Circuits::new(1);
        let (mut ours, mut theirs) = pair(&circuits);
        for byte in agreed("/libp2p/circuit/relay/0.2.0/hop") {
            assert_eq!(circuits.open(), 0);
            ours.write_all(&[byte]).await.unwrap();
        }
        assert!(matches!(ours.role, Role::Hop(_)));
        ours.write_all(b"\x04yes!").await.unwrap();
        assert_eq!((circuits.open(), circuits.carried()), (1, 0));
        ours.write_all(&[0; 100]).await.unwrap();
        theirs.write_all(&[0; 50]).await.unwrap();
        ours.read_exact(&mut [0; 50]).await.unwrap();
        assert_eq!(circuits.carried(), 150);
        // Another address comes: both ways end, and the one who waits hears of it.
        let mut waiting = [0];
        let mut read = Box::pin(ours.read(&mut waiting));
        assert!(futures::poll!(&mut read).is_pending());
        let other = circuits.ask("10.0.0.2".parse().unwrap());
        assert!(!circuits.admit(&"/ip4/10.0.0.2/tcp/1".parse().unwrap()));
        drop(other);
        let circuits_two = circuits.ask("10.0.0.1".parse().unwrap());
        circuits_two.answered();
        let _other = circuits.ask("10.0.0.2".parse().unwrap());
        assert!(circuits.admit(&"/ip4/10.0.0.2/tcp/1".parse().unwrap()));
        assert!(read.await.is_err());
        assert!(ours.write_all(b"x").await.is_err() && ours.flush().await.is_err());
        drop((ours, circuits_two));
        assert_eq!(circuits.open(), 0);
    }

    #[tokio::test]
    async fn anything_else_is_left_alone() {
        let circuits = Circuits::new(1);
        for name in ["/ipfs/ping/1.0.0", &"x".repeat(120)] {
            let (mut ours, mut theirs) = pair(&circuits);
            let said = agreed(name);
            ours.write_all(&said).await.unwrap();
            theirs
                .write_all(&agreed("/libp2p/circuit/relay/0.2.0/hop"))
                .await
                .unwrap();
            ours.read_exact(&mut [0; 20]).await.unwrap();
            assert!(matches!(ours.role, Role::Other));
            let mut got = vec![0; said.len()];
            theirs.read_exact(&mut got).await.unwrap();
            assert_eq!(got, said);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_is_to_take_a_circuit_answers_in_time() {
        let circuits = Circuits::new(1);
        for (answer, intime) in [(&b"\x04yes!"[..], true), (b"\x7fy", false), (b"", false)] {
            let (mut ours, mut theirs) = pair(&circuits);
            let stop = "/libp2p/circuit/relay/0.2.0/stop";
            let asked = [message("/multistream/1.0.0"), message(stop)].concat();
            ours.write_all(&asked).await.unwrap();
            theirs.write_all(&asked).await.unwrap();
            theirs.write_all(answer).await.unwrap();
            let heard = asked.len() + answer.len();
            ours.read_exact(&mut vec![0; heard]).await.unwrap();
            tokio::spawn(async move {
                tokio::time::sleep(ANSWER * 2).await;
                theirs.write_all(b"x").await
            });
            assert_eq!(ours.read(&mut [0]).await.is_ok(), intime);
        }
    }
}
