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
    // And to one that begins its own nonce, and anything else it said.
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
