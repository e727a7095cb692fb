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
async fn the_client_that_is_to_take_a_circuit_answers_in_time() {
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
