//! What is done with foreign bytes, for each parser: the same for libFuzzer's targets and for the
//! loop in `tests/fuzz.rs`.
//!
//! Each says whether the bytes were a message to it, which is how the loop knows what is worth
//! changing further.

use futures::executor::block_on;
use sprat::{
    core::path::{RelPath, printable},
    wire::{
        beacon, cbor,
        chat::{self, Answer, Message},
        chunk::{Header, Question},
        consent::{FromReceiver, FromSender},
        control, dht, directory,
        distribute::{self, Kept, Offered},
        localsend::{Info, MAX_INFO, Offer, Prepare, Prepared},
        manifest::{Root, file_id, page_id},
        pairing, rendezvous,
    },
};

/// The key of the swarm in which sealed messages are read.
pub const KEY: [u8; 32] = [7; 32];

/// One parser, or those of one protocol.
pub type Entry = fn(&[u8]) -> bool;

/// All of them, by the names of their targets.
pub const ALL: &[(&str, Entry)] = &[
    ("beacon", beacon),
    ("chat", chat),
    ("chunk", chunk),
    ("consent", consent),
    ("control", control),
    ("dht", dht),
    ("directory", directory),
    ("distribute", distribute),
    ("localsend", localsend),
    ("manifest", manifest),
    ("name", name),
    ("pairing", pairing),
    ("rendezvous", rendezvous),
];

pub fn beacon(bytes: &[u8]) -> bool {
    let mut taken = false;
    for key in [None, Some(&KEY)] {
        if let Ok(unverified) = beacon::peek(bytes, key) {
            taken = true;
            let _ = unverified.verify();
        }
        let _ = beacon::foreign(bytes, key);
    }
    taken
}

pub fn chat(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    let mut taken = false;
    while let Ok(Some(message)) = block_on(chat::read::<Message, _>(&mut rest)) {
        taken |= message.check().is_ok();
    }
    taken
        | matches!(
            block_on(chat::read::<Answer, _>(&mut &bytes[..])),
            Ok(Some(_))
        )
}

pub fn chunk(bytes: &[u8]) -> bool {
    let mut taken = false;
    if let Some(first) = bytes.first_chunk()
        && let Ok(header) = Header::from_bytes(*first)
    {
        assert_eq!(&header.to_bytes(), first);
        taken = true;
    }
    let mut rest = bytes;
    while let Ok(Some(_)) = block_on(Question::read(&mut rest)) {
        taken = true;
    }
    taken
}

pub fn consent(bytes: &[u8]) -> bool {
    let sender = match cbor::decode(bytes) {
        Ok(FromSender::Ask(ask)) => {
            let _ = ask.digest();
            ask.check().is_ok()
        }
        other => other.is_ok(),
    };
    sender | cbor::decode::<FromReceiver>(bytes).is_ok()
}

pub fn control(bytes: &[u8]) -> bool {
    let request = cbor::decode::<control::Request>(bytes).and_then(|request| request.check());
    let response = cbor::decode::<control::Response>(bytes).and_then(|response| {
        let _ = response.weight();
        response.check()
    });
    request.is_ok() | response.is_ok()
}

pub fn dht(bytes: &[u8]) -> bool {
    let answer = dht::Answer::parse(bytes);
    if let Some(answer) = &answer
        && let (Some(key), Some(item)) = (answer.owner, &answer.item)
    {
        let slot = dht::Slot { key, salt: vec![] };
        let _ = (item.is_of(&slot), dht::open(item, &slot, Some(&KEY)));
    }
    answer.is_some()
}

pub fn directory(bytes: &[u8]) -> bool {
    let request = cbor::decode::<directory::Request>(bytes).and_then(|request| request.check());
    let response = cbor::decode::<directory::Response>(bytes).and_then(|response| response.check());
    request.is_ok() | response.is_ok()
}

pub fn distribute(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    let mut taken = false;
    while let Ok(Some(offered)) = block_on(distribute::read::<Offered, _>(&mut rest)) {
        taken |= offered.check().is_ok();
    }
    let answer = block_on(distribute::read::<distribute::Answer, _>(&mut &bytes[..]));
    let kept = block_on(distribute::read::<Kept, _>(&mut &bytes[..]));
    taken | matches!(answer, Ok(Some(_))) | matches!(kept, Ok(Some(_)))
}

pub fn localsend(bytes: &[u8]) -> bool {
    let info = Info::parse(bytes, MAX_INFO);
    if let Some(info) = &info {
        let _ = (info.name(), info.key(), info.port());
    }
    let ask = serde_json::from_slice::<Prepare>(bytes);
    if let Ok(ask) = &ask {
        for file in ask.files.values() {
            let _ = (RelPath::parse(&file.file_name), file.sum());
        }
    }
    let answer = serde_json::from_slice::<Prepared>(bytes);
    let offer = serde_json::from_slice::<Offer>(bytes);
    info.is_some() || ask.is_ok() || answer.is_ok() || offer.is_ok()
}

pub fn manifest(bytes: &[u8]) -> bool {
    let root = Root::decode(file_id(bytes), bytes);
    let (size, chunks) = (3 << 16, 3);
    let pages = vec![page_id(bytes)];
    let page = Root {
        size,
        pages,
        chunks,
    }
    .decode_page(0, bytes);
    root.is_ok() | page.is_ok()
}

pub fn name(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    assert!(!printable(text).chars().any(char::is_control));
    let Ok(name) = RelPath::parse(text) else {
        return false;
    };
    for name in [name.portable(), name.clone(), name.numbered(2)] {
        assert!(!name.as_str().starts_with('/'));
        let plain = |part: &str| !part.is_empty() && part != ".." && part != ".";
        assert!(name.components().all(plain));
    }
    true
}

pub fn pairing(bytes: &[u8]) -> bool {
    let keys = [None, Some(&KEY)];
    let message = keys.map(|key| pairing::decode(bytes, key).is_ok());
    let code = std::str::from_utf8(bytes).map(str::parse::<sprat::core::code::Code>);
    message.contains(&true) | matches!(code, Ok(Ok(_)))
}

pub fn rendezvous(bytes: &[u8]) -> bool {
    let answer = rendezvous::Response::decode(bytes).is_ok();
    rendezvous::Request::decode(bytes).is_ok() | answer
}
