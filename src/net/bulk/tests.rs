//! What a network between may do to a bulk connection.

mod beginning;

use super::{sealed::*, *};
use crate::wire::bulk::{PREFIX, TAG};
use tokio_util::sync::CancellationToken;

const DEADLINE: Duration = Duration::from_secs(20);

fn keys(cipher: Cipher) -> Keys {
    let agreement = Agreement {
        requester: NodeId([1; 32]),
        holder: NodeId([2; 32]),
        requester_bytes: [3; FRESH],
        holder_bytes: [4; FRESH],
        swarm_key: None,
        cipher,
    };
    agreement.keys()
}

async fn sockets() -> (TcpStream, TcpStream) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).await;
    let (theirs, _) = listener.accept().await.unwrap();
    (ours.unwrap(), theirs)
}

fn sealed(socket: TcpStream, end: End, cipher: Cipher) -> Sealed {
    let never = CancellationToken::new().cancelled_owned();
    Sealed::new(socket, &keys(cipher), end, never).unwrap()
}

/// What the records of `said` look like on the line.
async fn line(said: &[&[u8]]) -> Vec<Vec<u8>> {
    let (ours, mut theirs) = sockets().await;
    let mut ours = sealed(ours, End::Requester, Cipher::Aes);
    let mut records = Vec::new();
    for words in said {
        ours.write_all(words).await.unwrap();
        ours.flush().await.unwrap();
        let mut record = vec![0; PREFIX + words.len() + TAG];
        tokio::io::AsyncReadExt::read_exact(&mut theirs, &mut record)
            .await
            .unwrap();
        records.push(record);
    }
    records
}

/// What a holder reads of that, before an error if one comes: the same, however much it has room
/// for. After an error nothing is read.
async fn read(records: &[Vec<u8>]) -> (Vec<u8>, io::Result<()>) {
    let mut all = Vec::new();
    for room in [3, 100] {
        let (mut ours, theirs) = sockets().await;
        let mut holder = sealed(theirs, End::Holder, Cipher::Aes);
        ours.write_all(&records.concat()).await.unwrap();
        drop(ours);
        let (mut got, mut part) = (Vec::new(), vec![0; room]);
        let reading = async {
            loop {
                match holder.read(&mut part).await {
                    Ok(0) => return Ok(()),
                    Ok(count) => got.extend_from_slice(&part[..count]),
                    Err(error) => return Err(error),
                }
            }
        };
        let end = timeout(DEADLINE, reading).await.unwrap();
        if end.is_err() {
            for _ in 0..3 {
                let again = timeout(DEADLINE, holder.read(&mut part)).await.unwrap();
                assert!(again.is_err());
            }
        }
        all.push((got, end));
    }
    let (first, second) = (all.remove(0), all.remove(0));
    assert_eq!(first.0, second.0);
    assert_eq!(first.1.is_ok(), second.1.is_ok());
    second
}

#[tokio::test]
async fn both_ciphers_carry_all_sizes_both_ways() {
    for cipher in [Cipher::Aes, Cipher::ChaCha] {
        let (ours, theirs) = sockets().await;
        let mut ours = sealed(ours, End::Requester, cipher);
        let mut theirs = sealed(theirs, End::Holder, cipher);
        for size in [1, 9, 4096, 65_535, 65_536, 65_537, 131_072, 700_001] {
            let bytes: Vec<u8> = (0..size).map(|n: u32| (n >> 2) as u8).collect();
            let mut got = vec![0; bytes.len()];
            let (wrote, got_it) = tokio::join!(
                async {
                    ours.write_all(&bytes).await?;
                    ours.flush().await
                },
                theirs.read_exact(&mut got),
            );
            wrote.unwrap();
            got_it.unwrap();
            assert!(got == bytes, "{size}");
            std::mem::swap(&mut ours, &mut theirs);
        }
    }
}

#[tokio::test]
async fn large_and_small_writes_come_in_their_order_however_they_are_read() {
    let bytes: Vec<u8> = (0..1_500_000u32).map(|n| (n / 5) as u8).collect();
    let writes = [
        9, 65_536, 65_536, 40_000, 9, 3, 15_000, 9, 16_384, 1, 131_072, 300_000, 70_000,
    ];
    let flushes = [false, true];
    for (reads, flush) in [[9, 131_072, 70_000], [1, 50_000, 1 << 20]]
        .into_iter()
        .zip(flushes)
    {
        let (ours, theirs) = sockets().await;
        let mut ours = sealed(ours, End::Requester, Cipher::Aes);
        let mut theirs = sealed(theirs, End::Holder, Cipher::Aes);
        let write = async {
            let mut rest = &bytes[..];
            for size in writes.into_iter().cycle() {
                let (now, later) = rest.split_at(size.min(rest.len()));
                ours.write_all(now).await.unwrap();
                if flush {
                    ours.flush().await.unwrap();
                }
                rest = later;
                if rest.is_empty() {
                    return ours.close().await.unwrap();
                }
            }
        };
        let read = async {
            let mut got = Vec::new();
            for size in reads.into_iter().cycle() {
                let mut part = vec![0; size];
                match theirs.read(&mut part).await.unwrap() {
                    0 => return got,
                    count => got.extend_from_slice(&part[..count]),
                }
            }
            got
        };
        let ((), got) = timeout(DEADLINE, async { tokio::join!(write, read) })
            .await
            .unwrap();
        assert!(got == bytes);
    }
}

#[tokio::test]
async fn what_was_changed_repeated_left_out_or_moved_is_not_read() {
    let said: [&[u8]; 3] = [b"first", b"second", b"third"];
    let records = line(&said).await;
    let (got, end) = read(&records).await;
    assert_eq!(got, b"firstsecondthird");
    end.unwrap();

    for at in 0..records[1].len() {
        let mut changed = records.clone();
        changed[1][at] ^= 1;
        let (got, end) = read(&changed).await;
        assert_eq!(got, b"first", "byte {at}");
        assert!(end.is_err(), "byte {at}");
    }
    let repeated = [records[0].clone(), records[0].clone()];
    let left_out = [records[0].clone(), records[2].clone()];
    let mut cut = records[..2].to_vec();
    cut[1].pop();
    for bad in [&repeated[..], &left_out, &cut] {
        let (got, end) = read(bad).await;
        assert_eq!(got, b"first");
        assert!(end.is_err());
    }
    let moved = [records[1].clone(), records[0].clone()];
    let (got, end) = read(&moved).await;
    assert!(got.is_empty() && end.is_err());
}

#[tokio::test]
async fn a_length_that_no_record_has_costs_no_memory() {
    let mut huge = vec![0xff; PREFIX];
    huge.extend([7; 1000]);
    let (got, end) = read(&[huge]).await;
    assert!(got.is_empty() && end.is_err());
}

#[tokio::test]
async fn one_end_cannot_be_answered_with_its_own_words() {
    let records = line(&[b"hello"]).await;
    let (ours, mut theirs) = sockets().await;
    let mut ours = sealed(ours, End::Requester, Cipher::Aes);
    theirs.write_all(&records[0]).await.unwrap();
    assert!(ours.read(&mut [0; 10]).await.is_err());
}

#[tokio::test]
async fn a_peer_that_never_reads_holds_one_record_and_what_the_system_takes() {
    let (ours, _theirs) = sockets().await;
    let mut ours = sealed(ours, End::Requester, Cipher::Aes);
    let bytes = vec![0; 64 << 20];
    let wrote = timeout(Duration::from_millis(300), ours.write_all(&bytes)).await;
    assert!(wrote.is_err(), "64 MiB were taken");
    assert!(ours.kept() <= 2 * (128 << 10) + 64);
}

#[tokio::test]
async fn a_path_on_which_nothing_comes_back_is_noticed_and_an_idle_one_is_not() {
    let told = Arc::new(std::sync::atomic::AtomicU32::new(0));
    for (asks, answered, late) in [
        (true, false, true),
        (true, true, true),
        (false, false, true),
        (true, false, false),
    ] {
        let (ours, theirs) = sockets().await;
        let count = told.clone();
        let mut ours = sealed(ours, End::Requester, Cipher::Aes).or_else(move || {
            count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        });
        let mut theirs = sealed(theirs, End::Holder, Cipher::Aes);
        if asks {
            ours.write_all(b"?").await.unwrap();
            ours.flush().await.unwrap();
        }
        if answered {
            theirs.write_all(b"!").await.unwrap();
            theirs.flush().await.unwrap();
            ours.read_exact(&mut [0]).await.unwrap();
        }
        if late {
            ours.age();
        }
    }
    assert_eq!(told.load(std::sync::atomic::Ordering::Relaxed), 1);
}

#[tokio::test]
async fn one_that_fails_before_anything_came_is_noticed_and_one_that_fails_later_is_not() {
    let told = Arc::new(std::sync::atomic::AtomicU32::new(0));
    for (answer, counts) in [
        (None, true),
        (Some(&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..]), true),
        (Some(b"!"), false),
    ] {
        let (ours, mut theirs) = sockets().await;
        let count = told.clone();
        let mut ours = sealed(ours, End::Requester, Cipher::Aes).or_else(move || {
            count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        });
        if counts {
            theirs.write_all(answer.unwrap_or_default()).await.unwrap();
            drop(theirs);
        } else {
            let mut theirs = sealed(theirs, End::Holder, Cipher::Aes);
            theirs.write_all(b"!").await.unwrap();
            theirs.flush().await.unwrap();
        }
        let mut got = Vec::new();
        let _ = timeout(DEADLINE, ours.read_to_end(&mut got)).await.unwrap();
        assert_eq!(got.is_empty(), counts);
        let before = told.swap(0, std::sync::atomic::Ordering::Relaxed);
        drop(ours);
        let after = told.swap(0, std::sync::atomic::Ordering::Relaxed);
        assert_eq!((before, after), (0, u32::from(counts)), "{answer:?}");
    }
}
