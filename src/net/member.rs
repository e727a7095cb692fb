//! The steps by which both ends of a QUIC connection prove that they know the swarm's key (`wire::member`).
//!
//! Owns what goes over the stream. Never decides what a proof is good for: each step ends where the driver has to take note
//! before a word may go out that makes the other end go on. So whatever that one sends next finds the note made.

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
mod tests {
    use super::*;
    use tokio_util::compat::{Compat, TokioAsyncReadCompatExt};

    type Pipe = Compat<tokio::io::DuplexStream>;

    fn pipe() -> (Pipe, Pipe) {
        let (a, b) = tokio::io::duplex(256);
        (a.compat(), b.compat())
    }

    fn ends(here: u8, there: u8, key: u8) -> Ends {
        Ends {
            swarm_key: [key; 32],
            here: NodeId([here; 32]),
            there: NodeId([there; 32]),
        }
    }

    fn refused(step: io::Result<Step>) -> bool {
        step.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
    }

    #[tokio::test]
    async fn two_members_believe_each_other() {
        let (a, b) = pipe();
        let dialling = async {
            let Step::Theirs(rest) = begin_on(ends(1, 2, 9), a).await? else {
                panic!("the other end cannot know yet");
            };
            rest.await
        };
        let accepting = async {
            let Step::Both(Some(rest)) = answer(ends(2, 1, 9), b).await? else {
                panic!("there is a word left to say");
            };
            rest.await
        };
        let (dialled, accepted) = tokio::join!(dialling, accepting);
        assert!(matches!(dialled, Ok(Step::Both(None))));
        assert!(matches!(accepted, Ok(Step::Both(None))));
    }

    #[tokio::test]
    async fn another_key_is_refused() {
        let (a, b) = pipe();
        let (dialled, accepted) = tokio::join!(
            begin_on(ends(1, 2, 9), a),
            tokio::time::timeout(std::time::Duration::from_secs(5), answer(ends(2, 1, 8), b)),
        );
        assert!(refused(dialled));
        // Who began hangs up without a proof of its own.
        assert!(accepted.unwrap().is_err());
    }

    #[tokio::test]
    async fn a_reflected_code_is_refused() {
        let (mut a, b) = pipe();
        let reflecting = async {
            a.write_all(&[7; NONCE]).await.unwrap();
            let mut answer = [0; NONCE + CODE];
            a.read_exact(&mut answer).await.unwrap();
            a.write_all(&answer[NONCE..]).await.unwrap();
        };
        let (accepted, ()) = tokio::join!(answer(ends(2, 1, 9), b), reflecting);
        assert!(refused(accepted));
        // And to who begins its own nonce and whatever else it said.
        let (a, mut b) = pipe();
        let reflecting = async {
            let mut nonce = [0; NONCE];
            b.read_exact(&mut nonce).await.unwrap();
            b.write_all(&nonce).await.unwrap();
            b.write_all(&nonce).await.unwrap();
        };
        let (dialled, ()) = tokio::join!(begin_on(ends(1, 2, 9), a), reflecting);
        assert!(refused(dialled));
    }

    #[tokio::test]
    async fn a_code_of_another_time_or_of_someone_else_is_refused() {
        // What a member (1) once sent to another (2).
        let (mut a, b) = pipe();
        let honest = async {
            a.write_all(&[7; NONCE]).await.unwrap();
            let mut answer = [0; NONCE + CODE];
            a.read_exact(&mut answer).await.unwrap();
            let exchange = Exchange {
                first: NodeId([1; 32]),
                second: NodeId([2; 32]),
                first_nonce: [7; NONCE],
                second_nonce: answer[..NONCE].try_into().unwrap(),
            };
            let code = exchange.first_code(&[9; 32]);
            a.write_all(code.as_bytes()).await.unwrap();
            *code.as_bytes()
        };
        let (accepted, code) = tokio::join!(answer(ends(2, 1, 9), b), honest);
        assert!(accepted.is_ok());
        // The same again, by the same key and by another's.
        for from in [1, 3] {
            let (mut a, b) = pipe();
            let replaying = async {
                a.write_all(&[7; NONCE]).await.unwrap();
                a.read_exact(&mut [0; NONCE + CODE]).await.unwrap();
                a.write_all(&code).await.unwrap();
            };
            let (accepted, ()) = tokio::join!(answer(ends(2, from, 9), b), replaying);
            assert!(refused(accepted));
        }
    }
}
