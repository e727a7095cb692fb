//! Certificates and announcements, between two ends in this process.

use super::*;
use std::net::Ipv4Addr;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    time::timeout,
};

const DEADLINE: Duration = Duration::from_secs(30);

/// Answers one connection with these bytes, and gives the certificate that was shown.
async fn answer(own: &Identity, listener: &TcpListener, bytes: &[u8]) -> io::Result<[u8; 32]> {
    let answered = answer_at_last(own, listener, bytes);
    timeout(DEADLINE, answered).await?
}

async fn answer_at_last(
    own: &Identity,
    listener: &TcpListener,
    bytes: &[u8],
) -> io::Result<[u8; 32]> {
    let (stream, _) = listener.accept().await?;
    let mut stream = own.acceptor().unwrap().accept(stream).await?;
    let certificates = stream.get_ref().1.peer_certificates();
    let theirs = shown(&certificates.expect("a certificate")[0]);
    let mut head = [0; 1024];
    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
        if stream.read(&mut head).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    stream.write_all(bytes).await?;
    stream.shutdown().await?;
    Ok(theirs)
}

#[tokio::test]
async fn both_show_their_certificates_and_a_wrong_one_carries_nothing() {
    let (anna, ben, eve) = (
        Identity::new().unwrap(),
        Identity::new().unwrap(),
        Identity::new().unwrap(),
    );
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let at = listener.local_addr().unwrap();
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
    let asking = async {
        let mut peer = Peer::connect(&anna, at, ben.fingerprint()).await?;
        let bound = (DEADLINE, 10);
        peer.post("/x", b"{}".to_vec(), bound).await
    };
    let (asked, theirs) = tokio::join!(asking, answer(&ben, &listener, head));
    let answered = Answered {
        status: 200,
        body: b"{}".to_vec(),
    };
    assert_eq!(asked.unwrap(), answered);
    assert_eq!(theirs.unwrap(), anna.fingerprint());
    // Somebody else answers at that address.
    let asking = async {
        let asked = Peer::connect(&anna, at, ben.fingerprint()).await;
        asked.map(drop)
    };
    let (asked, theirs) = tokio::join!(asking, answer(&eve, &listener, head));
    assert!(asked.is_err() && theirs.is_err());
    // An answer longer than it may be.
    let asking = async {
        let mut peer = Peer::connect(&anna, at, ben.fingerprint()).await?;
        peer.post("/x", b"{}".to_vec(), (DEADLINE, 1)).await
    };
    let (asked, _) = tokio::join!(asking, answer(&ben, &listener, head));
    assert!(asked.is_err());
}

#[test]
fn what_is_kept_of_an_identity_is_the_same_one() {
    let one = Identity::new().unwrap();
    let (certificate, key) = one.kept();
    let again = Identity::of(certificate.to_vec(), key.to_vec()).unwrap();
    assert_eq!(again.fingerprint(), one.fingerprint());
    assert!(Identity::of(certificate.to_vec(), vec![1; 40]).is_err());
    assert!(Identity::of(vec![1; 40], key.to_vec()).is_err());
    let other = Identity::new().unwrap();
    let (_, other) = other.kept();
    let mixed = Identity::of(certificate.to_vec(), other.to_vec());
    assert!(mixed.is_err(), "a key of another certificate");
}

fn announcer() -> (Announcer, mpsc::Receiver<(Info, SocketAddr)>) {
    let config = AnnouncerConfig {
        port: 0,
        listen: vec![Ipv4Addr::LOCALHOST.into()],
        interfaces: Vec::new(),
    };
    Announcer::open(config).unwrap()
}

#[tokio::test]
async fn an_announcement_is_heard_and_of_a_flood_only_some() {
    let (announcer, mut heard) = announcer();
    let port = announcer.datagrams.port();
    let friend = Info::own("friend", &[1; 32], 1).announced();
    announcer.announce(&friend).await;
    let (info, from) = timeout(DEADLINE, heard.recv()).await.unwrap().unwrap();
    assert_eq!(info, friend);
    assert!(from.ip().is_loopback());
    // Somebody floods, from another address; what does not look like it is not parsed at all.
    let inbox = announcer.datagrams.inbox();
    let flood = serde_json::to_vec(&friend).unwrap();
    let mut taken = 0;
    for n in 0..10_000_u16 {
        let from = SocketAddr::from(([127, 0, 0, 2], n));
        datagrams::Inbox::take(inbox, &flood, from, true);
        while heard.try_recv().is_ok() {
            taken += 1;
        }
    }
    assert!((1..=40).contains(&taken), "{taken}");
    let long = vec![b'{'; MAX_ANNOUNCEMENT + 1];
    assert!(!datagrams::Inbox::is_worth_a_look(inbox, &long));
    assert!(!datagrams::Inbox::is_worth_a_look(inbox, b"SPRT"));
    announcer.announce(&friend).await;
    let again = timeout(DEADLINE, heard.recv()).await.unwrap().unwrap();
    assert_eq!(again.0.alias, "friend", "on port {port}");
}
