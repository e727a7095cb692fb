use super::*;
use futures::executor::block_on;
use proptest::prelude::*;

fn ask(files: usize) -> Ask {
    let file = |at| AskedFile {
        name: format!("holidays in the mountains/picture {at:06}.jpeg"),
        size: 5_000_000,
        media: "image/jpeg".into(),
        executable: false,
        mode: None,
        mtime: 1_700_000_000,
        file: FileId([7; 32]),
        holes: 0,
    };
    Ask {
        id: AskId([1; 16]),
        from: "alice@desk".into(),
        to: vec!["bob".into()],
        files: (0..files).map(file).collect(),
        folders: Vec::new(),
        time: 1_700_000_000,
    }
}

#[test]
fn the_largest_ask_comes_back_as_it_was() {
    let asked = ask(MAX_FILES);
    assert!(asked.check().is_ok());
    let mut bytes = Vec::new();
    block_on(write(&mut bytes, &FromSender::Ask(asked.clone()))).unwrap();
    assert!(bytes.len() <= MAX_ASK, "{}", bytes.len());
    let mut from = &bytes[..];
    let read_back = block_on(read(&mut from, MAX_ASK)).unwrap();
    assert_eq!(read_back, Some(FromSender::Ask(asked)));
    let end = block_on(read::<FromSender, _>(&mut from, MAX_ASK)).unwrap();
    assert_eq!(end, None);
    let peers = FromSender::Peers(vec![NodeId([255; 32]); MAX_PEOPLE]);
    assert!(cbor::encode(&peers).len() <= MAX_FRAME);
    let failed = FromReceiver::Failed(cut(&"ü".repeat(10_000)));
    assert!(cbor::encode(&failed).len() <= MAX_FRAME);
}

#[test]
fn asks_out_of_bounds_are_refused() {
    assert!(ask(0).check().is_err());
    assert!(ask(MAX_FILES + 1).check().is_err());
    let with = |change: fn(&mut Ask)| {
        let mut ask = ask(2);
        change(&mut ask);
        ask.check()
    };
    assert!(with(|_| {}).is_ok());
    assert!(with(|ask| ask.from = "x".repeat(MAX_NAME + 1)).is_err());
    assert!(with(|ask| ask.to = vec![String::new(); MAX_PEOPLE + 1]).is_err());
    assert!(with(|ask| ask.files[0].name = "x".repeat(MAX_PATH + 1)).is_err());
    assert!(with(|ask| ask.folders = vec!["x".into(); MAX_FILES - 1]).is_err());
    assert!(with(|ask| ask.folders = vec!["x".repeat(MAX_PATH + 1)]).is_err());
    assert!(with(|ask| ask.folders = vec!["x".into()]).is_ok());
    assert!(with(|ask| ask.files[0].media = "x".repeat(MAX_MEDIA + 1)).is_err());
    assert!(with(|ask| ask.files[0].size = u64::MAX).is_err());
    assert!(with(|ask| ask.files[1].name = ask.files[0].name.clone()).is_err());
}

#[test]
fn the_digest_is_of_the_files() {
    let (one, mut two) = (ask(3), ask(3));
    two.time += 1;
    assert_eq!(one.digest(), two.digest());
    two.files[2].size += 1;
    assert_ne!(one.digest(), two.digest());
}

#[test]
fn a_frame_that_says_to_be_long_is_not_waited_for() {
    let mut from = &[0xff, 0xff, 0xff, 0xff, 0][..];
    assert!(block_on(read::<FromSender, _>(&mut from, MAX_ASK)).is_err());
    // Within the limit it ends with the bytes that came.
    let mut from = &[0, 0x1f, 0, 0, 0][..];
    assert!(block_on(read::<FromSender, _>(&mut from, MAX_ASK)).is_err());
}

#[test]
fn holes_need_no_room_and_older_nodes_say_nothing_of_them() {
    let mut file = ask(1).files.remove(0);
    let size = file.size;
    assert_eq!(file.data(), size);
    let older = cbor::encode(&file);
    file.holes = 1000;
    assert_eq!(file.data(), size - 1000);
    assert!(cbor::encode(&file).len() > older.len());
    let read: AskedFile = cbor::decode(&older).unwrap();
    assert_eq!(read.holes, 0);
    file.holes = u64::MAX;
    assert_eq!(file.data(), 0);
}

proptest! {
    #[test]
    fn foreign_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
        if let Ok(Some(FromSender::Ask(ask))) = block_on(read(&mut &bytes[..], MAX_ASK)) {
            let _ = ask.check();
        }
        let _ = block_on(read::<FromReceiver, _>(&mut &bytes[..], MAX_FRAME));
    }

    #[test]
    fn every_answer_comes_back_as_it_was(bytes: u64, why: String) {
        for message in [FromReceiver::Progress(bytes), FromReceiver::Failed(cut(&why)), FromReceiver::Refuse(AskRefusal::NoRoom)] {
            let mut frame = Vec::new();
            block_on(write(&mut frame, &message)).unwrap();
            prop_assert_eq!(block_on(read(&mut &frame[..], MAX_FRAME)).unwrap(), Some(message));
        }
    }
}
