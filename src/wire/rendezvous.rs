//! The messages of libp2p's rendezvous protocol (`/rendezvous/1.0.0`), as a client and a server
//! need them.
//!
//! Owns their protobuf. The library's own server is not used: it keeps every renewed registration,
//! of up to a megabyte, until its time is up, and remembers for ten thousand askers what each was
//! told. Invariants: a frame costs a small multiple of its length, which its reader bounds; what is
//! repeated is cut to [`MAX_RECORDS`]; unknown fields are ignored.

use super::cbor::Malformed;
use prost::Message as _;
use std::sync::Arc;

/// The protocol's name.
pub const PROTOCOL: &str = "/rendezvous/1.0.0";
/// The longest request, in bytes.
pub const MAX_REQUEST: usize = 4 << 10;
/// The longest answer that a server of ours gives, in bytes.
pub const MAX_RESPONSE: usize = 256 << 10;
/// The longest answer that a client takes, in bytes: libp2p's own bound.
pub const MAX_ANSWER: usize = 1 << 20;
/// The longest namespace, in bytes.
pub const MAX_NAMESPACE: usize = 255;
/// The longest signed record, in bytes: 16 long addresses fit.
pub const MAX_RECORD: usize = 2 << 10;
/// The longest cookie that is kept, in bytes: a number and a name.
const MAX_COOKIE: usize = 512;
/// Records that are taken from one answer.
pub const MAX_RECORDS: usize = 300;

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// "I can be met under this namespace."
    Register(Registration),
    /// "No longer." It has a namespace only, and no answer.
    Unregister(Registration),
    /// "Who can be met there?"
    Discover(Discover),
}

/// That a node can be met; also a part of an answer.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Registration {
    /// Where.
    #[prost(string, tag = "1")]
    pub namespace: String,
    /// A signed peer record, unchecked.
    #[prost(bytes = "vec", tag = "2")]
    pub record: Vec<u8>,
    /// For how many seconds.
    #[prost(uint64, optional, tag = "3")]
    pub ttl: Option<u64>,
}

/// A question for registrations.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Discover {
    /// Where; empty: everywhere, which is not told.
    #[prost(string, tag = "1")]
    pub namespace: String,
    /// How many at most.
    #[prost(uint64, optional, tag = "2")]
    pub limit: Option<u64>,
    /// What the last answer ended with.
    #[prost(bytes = "vec", optional, tag = "3")]
    pub cookie: Option<Vec<u8>>,
}

/// Why a server refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum ErrorCode {
    /// No namespace, or too long.
    InvalidNamespace = 100,
    /// The record is not signed as it should be.
    InvalidRecord = 101,
    /// Too short or too long.
    InvalidTtl = 102,
    /// The cookie is of another namespace.
    InvalidCookie = 103,
    /// The record belongs to another node.
    NotAuthorized = 200,
    /// The server failed.
    Internal = 300,
    /// Too much was asked; also what a code that is not known counts as.
    Unavailable = 400,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// To `Register`: for how many seconds, or why not.
    Registered(Result<u64, ErrorCode>),
    /// To `Unregister`: nothing at all.
    Nothing,
    /// To `Discover`.
    Discovered(Result<Found, ErrorCode>),
}

/// Who can be met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Where. It is written with each record, and not read.
    pub namespace: String,
    /// The signed records, and for how many seconds they count.
    pub records: Vec<(Arc<[u8]>, u64)>,
    /// By which the next request goes on.
    pub cookie: Vec<u8>,
}

/// Bytes of a registration in an answer, at most, besides the namespace and the record.
const HEAD: usize = 32;

impl Found {
    /// What one more record would add.
    #[must_use]
    pub fn weight(namespace: &str, record: &[u8]) -> usize {
        namespace.len() + record.len() + HEAD
    }

    /// The encoded registrations, and the cookie.
    fn into_wire(self) -> (Vec<Vec<u8>>, Vec<u8>) {
        let write = |(record, ttl): &(Arc<[u8]>, u64)| {
            let (namespace, record) = (self.namespace.clone(), record.to_vec());
            let ttl = Some(*ttl);
            Registration {
                namespace,
                record,
                ttl,
            }
            .encode_to_vec()
        };
        (self.records.iter().map(write).collect(), self.cookie)
    }
}

const REGISTER: u64 = 0;
const REGISTERED: u64 = 1;
const UNREGISTER: u64 = 2;
const DISCOVER: u64 = 3;
const DISCOVERED: u64 = 4;

#[derive(prost::Message)]
struct Frame {
    #[prost(uint64, optional, tag = "1")]
    kind: Option<u64>,
    #[prost(message, optional, tag = "2")]
    register: Option<Registration>,
    #[prost(message, optional, tag = "3")]
    registered: Option<Registered>,
    #[prost(message, optional, tag = "4")]
    unregister: Option<Registration>,
    #[prost(message, optional, tag = "5")]
    discover: Option<Discover>,
    #[prost(message, optional, tag = "6")]
    discovered: Option<Discovered>,
}

#[derive(prost::Message)]
struct Registered {
    #[prost(uint64, optional, tag = "1")]
    status: Option<u64>,
    #[prost(uint64, optional, tag = "3")]
    ttl: Option<u64>,
}

#[derive(prost::Message)]
struct Discovered {
    /// Each a [`Registration`], read one by one: a bad one does not spoil the others.
    #[prost(bytes = "vec", repeated, tag = "1")]
    registrations: Vec<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "2")]
    cookie: Option<Vec<u8>>,
    #[prost(uint64, optional, tag = "3")]
    status: Option<u64>,
}

fn malformed(what: impl std::fmt::Display) -> Malformed {
    Malformed(format!("rendezvous: {what}"))
}

fn checked(status: Option<u64>) -> Result<Result<(), ErrorCode>, Malformed> {
    let status = status.ok_or_else(|| malformed("no status"))?;
    let code = i32::try_from(status).map(ErrorCode::try_from);
    Ok(match code {
        _ if status == 0 => Ok(()),
        Ok(Ok(code)) => Err(code),
        _ => Err(ErrorCode::Unavailable),
    })
}

impl Request {
    /// Reads one, without the length before it.
    ///
    /// # Errors
    /// [`Malformed`] for what is no request.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let frame = Frame::decode(bytes).map_err(malformed)?;
        let request = match frame.kind {
            Some(REGISTER) => frame.register.map(Self::Register),
            Some(UNREGISTER) => frame.unregister.map(Self::Unregister),
            Some(DISCOVER) => frame.discover.map(Self::Discover),
            _ => None,
        };
        request.ok_or_else(|| malformed("no request"))
    }

    /// Writes it, with the length before it.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        let mut frame = Frame::default();
        frame.kind = Some(match self {
            Self::Register(body) => {
                frame.register = Some(body);
                REGISTER
            }
            Self::Unregister(body) => {
                frame.unregister = Some(body);
                UNREGISTER
            }
            Self::Discover(body) => {
                frame.discover = Some(body);
                DISCOVER
            }
        });
        frame.encode_length_delimited_to_vec()
    }
}

impl Response {
    /// Reads one, without the length before it.
    ///
    /// # Errors
    /// [`Malformed`] for what is no answer.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let frame = Frame::decode(bytes).map_err(malformed)?;
        if let Some(body) = frame.registered {
            let ttl = || body.ttl.ok_or_else(|| malformed("no time"));
            return Ok(Self::Registered(match checked(body.status)? {
                Ok(()) => Ok(ttl()?),
                Err(code) => Err(code),
            }));
        }
        let body = frame.discovered.ok_or_else(|| malformed("no answer"))?;
        if let Err(code) = checked(body.status)? {
            return Ok(Self::Discovered(Err(code)));
        }
        let read = |one: &Vec<u8>| {
            let one = Registration::decode(&one[..]).ok()?;
            Some((one.record.into(), one.ttl.unwrap_or_default()))
        };
        let records = body.registrations.iter().filter_map(read);
        let cookie = body.cookie.filter(|cookie| cookie.len() <= MAX_COOKIE);
        Ok(Self::Discovered(Ok(Found {
            namespace: String::new(),
            records: records.take(MAX_RECORDS).collect(),
            cookie: cookie.ok_or_else(|| malformed("no cookie"))?,
        })))
    }

    /// Writes it, with the length before it; nothing for [`Self::Nothing`].
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        let mut frame = Frame::default();
        let status = |code: Option<ErrorCode>| Some(code.map_or(0, |code| code as u64));
        match self {
            Self::Nothing => return Vec::new(),
            Self::Registered(result) => {
                let (status, ttl) = (status(result.err()), result.ok());
                frame.kind = Some(REGISTERED);
                frame.registered = Some(Registered { status, ttl });
            }
            Self::Discovered(result) => {
                let status = status(result.as_ref().err().copied());
                let (registrations, cookie) = result.ok().map(Found::into_wire).unzip();
                frame.kind = Some(DISCOVERED);
                frame.discovered = Some(Discovered {
                    registrations: registrations.unwrap_or_default(),
                    cookie,
                    status,
                });
            }
        }
        frame.encode_length_delimited_to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn registration(record: &[u8], ttl: Option<u64>) -> Registration {
        let (namespace, record) = ("sprat".into(), record.to_vec());
        Registration {
            namespace,
            record,
            ttl,
        }
    }

    /// What rust-libp2p and js-libp2p write and read, byte by byte.
    #[test]
    fn messages_are_the_bytes_of_the_protocol() {
        let requests: [(_, &[u8]); 3] = [
            (
                Request::Register(registration(b"record", Some(300))),
                b"\x16\x08\x00\x12\x12\x0a\x05sprat\x12\x06record\x18\xac\x02",
            ),
            (
                Request::Unregister(registration(b"", None)),
                b"\x0b\x08\x02\x22\x07\x0a\x05sprat",
            ),
            (
                Request::Discover(Discover {
                    namespace: "sprat".into(),
                    limit: Some(300),
                    cookie: Some(b"ck".to_vec()),
                }),
                b"\x12\x08\x03\x2a\x0e\x0a\x05sprat\x10\xac\x02\x1a\x02ck",
            ),
        ];
        for (request, bytes) in requests {
            assert_eq!(request.clone().encode(), bytes);
            assert_eq!(Request::decode(&bytes[1..]).unwrap(), request);
        }
        let (namespace, cookie) = ("s".to_owned(), b"ck".to_vec());
        let records = vec![(Arc::from(&b"r"[..]), 60)];
        let found = Found {
            namespace,
            records,
            cookie,
        };
        let responses: [(_, &[u8]); 5] = [
            (
                Response::Registered(Ok(300)),
                b"\x09\x08\x01\x1a\x05\x08\x00\x18\xac\x02",
            ),
            (
                Response::Registered(Err(ErrorCode::NotAuthorized)),
                b"\x07\x08\x01\x1a\x03\x08\xc8\x01",
            ),
            (Response::Nothing, b""),
            (
                Response::Discovered(Ok(found)),
                b"\x14\x08\x04\x32\x10\x0a\x08\x0a\x01s\x12\x01r\x18\x3c\x12\x02ck\x18\x00",
            ),
            (
                Response::Discovered(Err(ErrorCode::InvalidCookie)),
                b"\x06\x08\x04\x32\x02\x18\x67",
            ),
        ];
        for (response, bytes) in responses {
            assert_eq!(response.clone().encode(), bytes);
            if let Some(bytes) = bytes.get(1..) {
                let mut read = Response::decode(bytes).unwrap();
                if let Response::Discovered(Ok(found)) = &mut read {
                    found.namespace = "s".into();
                }
                assert_eq!(read, response);
            }
        }
    }

    #[test]
    fn unknown_fields_codes_and_empty_names_are_passed_over() {
        let later = b"\x08\x00\x12\x07\x0a\x01s\x9a\x06\x01xfuture";
        assert!(Request::decode(&later[..11]).is_ok());
        let all = Request::Discover(Discover::default());
        assert_eq!(Request::decode(b"\x08\x03\x2a\x02\x0a\x00"), Ok(all));
        let unavailable = Ok(Response::Registered(Err(ErrorCode::Unavailable)));
        for code in [&b"\xe7\x07"[..], b"\x80\x80\x80\x80\x10"] {
            let len = code.len() as u8 + 1;
            let bytes = [&[8, 1, 0x1a, len, 8], code].concat();
            assert_eq!(Response::decode(&bytes), unavailable);
        }
    }

    #[test]
    fn what_is_cut_or_absurd_is_refused() {
        let whole = b"\x08\x02\x22\x07\x0a\x05sprat";
        for cut in 0..whole.len() {
            assert!(Request::decode(&whole[..cut]).is_err(), "{cut}");
        }
        assert!(Request::decode(b"\x08\x02\x22\x08\x0a\xff\xff\xff\xff\xff\x01x").is_err());
        assert!(Request::decode(&[0xff; 20]).is_err());
        assert!(Request::decode(b"\x08\x00\x2a\x00").is_err());
        assert!(Response::decode(b"\x08\x00\x12\x03\x0a\x01s").is_err());
    }

    /// The dearest frame is full of registrations of two bytes.
    #[test]
    fn a_hostile_answer_costs_a_small_multiple_of_its_length() {
        let inner = [0x0a, 0].repeat(MAX_ANSWER / 2);
        let discovered = Discovered::decode(&inner[..]).unwrap();
        let slots = discovered.registrations.capacity();
        assert!(slots * size_of::<Vec<u8>>() <= 24 * MAX_ANSWER);
        let one = registration(&[1], Some(1));
        let registrations = vec![one.encode_to_vec(); 2 * MAX_RECORDS];
        let discovered = Discovered {
            registrations,
            cookie: Some(vec![]),
            status: Some(0),
        };
        let frame = Frame {
            discovered: Some(discovered),
            ..Frame::default()
        };
        let Ok(Response::Discovered(Ok(found))) = Response::decode(&frame.encode_to_vec()) else {
            panic!();
        };
        assert_eq!(found.records.len(), MAX_RECORDS);
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (Request::decode(&bytes), Response::decode(&bytes));
        }
    }
}
