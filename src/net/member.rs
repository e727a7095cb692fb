//! The steps by which both ends of a QUIC connection prove that they know the swarm's key
//! (`wire::member`).
//!
//! Owns what goes over the stream. Never decides what a proof is good for: each step ends where the
//! driver has to take note before a word may go out that makes the other end go on. So whatever
//! that one sends next finds the note made.

use super::{Stream, StreamError};
use crate::{
    core::id::NodeId,
    wire::member::{CODE, Exchange, NONCE, WELCOME},
};
use blake3::Hash;
use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, FutureExt, future::BoxFuture};
use std::io;
use tokio::sync::oneshot;

/// What remains to be done.
pub(super) type Rest = BoxFuture<'static, io::Result<Step>>;

/// How far an exchange came.
pub(super) enum Step {
    /// The other end is one of us. It may not know yet that this one is, until it says something.
    Theirs(Rest),
    /// Both are. There may be something left to say.
    Both(Option<Rest>),
}

/// Who proves what to whom.
#[derive(Clone, Copy)]
pub(super) struct Ends {
    pub swarm_key: [u8; 32],
    pub here: NodeId,
    pub there: NodeId,
}

impl Ends {
    /// Whether this end begins.
    pub(super) fn begins(&self) -> bool {
        self.here < self.there
    }
}

fn nonce() -> io::Result<[u8; NONCE]> {
    let mut nonce = [0; NONCE];
    getrandom::fill(&mut nonce).map_err(io::Error::other)?;
    Ok(nonce)
}

fn check(got: [u8; CODE], due: Hash) -> io::Result<()> {
    if Hash::from_bytes(got) == due {
        Ok(())
    } else {
        Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "the other end has not got the key of this swarm",
        ))
    }
}

/// The part of who begins.
pub(super) async fn begin(
    ends: Ends,
    opening: oneshot::Receiver<Result<Stream, StreamError>>,
) -> io::Result<Step> {
    let stream = opening.await.map_err(io::Error::other)?;
    begin_on(ends, stream.map_err(io::Error::other)?).await
}

async fn begin_on<S>(ends: Ends, mut stream: S) -> io::Result<Step>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let first_nonce = nonce()?;
    stream.write_all(&first_nonce).await?;
    stream.flush().await?;
    let (mut second_nonce, mut code) = ([0; NONCE], [0; CODE]);
    stream.read_exact(&mut second_nonce).await?;
    stream.read_exact(&mut code).await?;
    let exchange = Exchange {
        first: ends.here,
        second: ends.there,
        first_nonce,
        second_nonce,
    };
    check(code, exchange.second_code(&ends.swarm_key))?;
    let rest = async move {
        let code = exchange.first_code(&ends.swarm_key);
        stream.write_all(code.as_bytes()).await?;
        stream.flush().await?;
        let mut word = [0];
        stream.read_exact(&mut word).await?;
        if word == [WELCOME] {
            Ok(Step::Both(None))
        } else {
            Err(io::ErrorKind::InvalidData.into())
        }
    };
    Ok(Step::Theirs(rest.boxed()))
}

/// The part of who answers.
pub(super) async fn answer<S>(ends: Ends, mut stream: S) -> io::Result<Step>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut first_nonce = [0; NONCE];
    stream.read_exact(&mut first_nonce).await?;
    let second_nonce = nonce()?;
    let exchange = Exchange {
        first: ends.there,
        second: ends.here,
        first_nonce,
        second_nonce,
    };
    let mut answer = second_nonce.to_vec();
    answer.extend_from_slice(exchange.second_code(&ends.swarm_key).as_bytes());
    stream.write_all(&answer).await?;
    stream.flush().await?;
    let mut code = [0; CODE];
    stream.read_exact(&mut code).await?;
    check(code, exchange.first_code(&ends.swarm_key))?;
    let rest = async move {
        stream.write_all(&[WELCOME]).await?;
        stream.close().await?;
        Ok(Step::Both(None))
    };
    Ok(Step::Both(Some(rest.boxed())))
}

#[cfg(test)]
mod tests;
