//! The messages of libp2p's rendezvous protocol (`/rendezvous/1.0.0`), as a server needs them, and the pieces of
//! protobuf that a client needs, too.
//!
//! Owns their protobuf, of which there is little enough to write it out: the library's own server keeps every renewed
//! registration, of up to a megabyte, until its time is up, and remembers for ten thousand askers what each was told.
//! Invariants: nothing is allocated that did not come; a field that is not known is passed over.

use super::cbor::Malformed;

/// The protocol's name.
pub const PROTOCOL: &str = "/rendezvous/1.0.0";
/// The longest request, in bytes.
pub const MAX_REQUEST: usize = 4 << 10;
/// The longest answer, in bytes; libp2p's clients take a megabyte.
pub const MAX_RESPONSE: usize = 256 << 10;
/// The longest namespace, in bytes.
pub const MAX_NAMESPACE: usize = 255;
/// The longest signed record, in bytes: 16 long addresses fit.
pub const MAX_RECORD: usize = 2 << 10;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// "I can be met under this namespace."
    Register {
        /// Which.
        namespace: String,
        /// A signed peer record, unchecked.
        record: Vec<u8>,
        /// For how many seconds.
        ttl: Option<u64>,
    },
    /// "No longer." It has no answer.
    Unregister {
        /// Which.
        namespace: String,
    },
    /// "Who can be met there?"
    Discover {
        /// Which; none or empty: all of them, which is not told.
        namespace: Option<String>,
        /// How many at most.
        limit: Option<u64>,
        /// What the last answer ended with.
        cookie: Option<Vec<u8>>,
    },
}

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Refusal {
    /// No namespace, or too long.
    Namespace = 100,
    /// The record is not signed as it should be.
    Record = 101,
    /// Too short or too long.
    Ttl = 102,
    /// The cookie is of another namespace.
    Cookie = 103,
    /// The record is somebody else's.
    NotAuthorized = 200,
    /// Too much was asked.
    Unavailable = 400,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// To `Register`: for how many seconds, or why not.
    Registered(Result<u64, Refusal>),
    /// To `Unregister`: nothing at all.
    Nothing,
    /// To `Discover`.
    Discovered(Result<Found, Refusal>),
}

/// Who can be met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where.
    pub namespace: String,
    /// The signed records, and for how many seconds they count.
    pub records: Vec<(std::sync::Arc<[u8]>, u64)>,
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
}

/// A field's value.
#[derive(Debug)]
pub enum Value<'a> {
    /// A number.
    Number(u64),
    /// Anything else.
    Bytes(&'a [u8]),
}

fn malformed(what: &str) -> Malformed {
    Malformed(format!("rendezvous: {what}"))
}

fn number(bytes: &mut &[u8]) -> Result<u64, Malformed> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first().ok_or_else(|| malformed("cut short"))?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(malformed("a number without end"))
}

fn take<'a>(bytes: &mut &'a [u8], len: usize) -> Result<&'a [u8], Malformed> {
    let (taken, rest) = bytes
        .split_at_checked(len)
        .ok_or_else(|| malformed("cut short"))?;
    *bytes = rest;
    Ok(taken)
}

/// Calls `each` for the fields of a message.
///
/// # Errors
/// [`Malformed`] where it is no message, or what `each` says.
pub fn fields<'a>(
    mut bytes: &'a [u8],
    mut each: impl FnMut(u64, Value<'a>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    while !bytes.is_empty() {
        let key = number(&mut bytes)?;
        let value = match key & 7 {
            0 => Value::Number(number(&mut bytes)?),
            1 => Value::Bytes(take(&mut bytes, 8)?),
            2 => {
                let len = number(&mut bytes)?;
                let len = usize::try_from(len).map_err(|_| malformed("cut short"))?;
                Value::Bytes(take(&mut bytes, len)?)
            }
            5 => Value::Bytes(take(&mut bytes, 4)?),
            _ => return Err(malformed("a field of no kind")),
        };
        each(key >> 3, value)?;
    }
    Ok(())
}

fn text(bytes: &[u8]) -> Result<String, Malformed> {
    String::from_utf8(bytes.to_vec()).map_err(|_| malformed("a namespace that is no text"))
}

/// The three fields that `Register`, `Unregister` and `Discover` have, whose meanings differ.
#[derive(Default)]
struct Body {
    namespace: Option<String>,
    second: Option<Vec<u8>>,
    second_number: Option<u64>,
    third: Option<Vec<u8>>,
    third_number: Option<u64>,
}

fn body(bytes: &[u8]) -> Result<Body, Malformed> {
    let mut body = Body::default();
    fields(bytes, |field, value| {
        match (field, value) {
            (1, Value::Bytes(bytes)) => body.namespace = Some(text(bytes)?),
            (2, Value::Bytes(bytes)) => body.second = Some(bytes.to_vec()),
            (2, Value::Number(number)) => body.second_number = Some(number),
            (3, Value::Bytes(bytes)) => body.third = Some(bytes.to_vec()),
            (3, Value::Number(number)) => body.third_number = Some(number),
            _ => {}
        }
        Ok(())
    })?;
    Ok(body)
}

impl Request {
    /// Reads one, without the length before it.
    ///
    /// # Errors
    /// [`Malformed`] for what is no request.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let (mut kind, mut inner) = (None, [None; 7]);
        fields(bytes, |field, value| {
            match (field, value) {
                (1, Value::Number(number)) => kind = Some(number),
                (2..=6, Value::Bytes(bytes)) => inner[field as usize] = Some(bytes),
                _ => {}
            }
            Ok(())
        })?;
        let of = |field: usize| body(inner[field].ok_or_else(|| malformed("an empty request"))?);
        match kind {
            Some(0) => {
                let body = of(2)?;
                Ok(Self::Register {
                    namespace: body.namespace.unwrap_or_default(),
                    record: body.second.unwrap_or_default(),
                    ttl: body.third_number,
                })
            }
            Some(2) => Ok(Self::Unregister {
                namespace: of(4)?.namespace.unwrap_or_default(),
            }),
            Some(3) => {
                let body = of(5)?;
                Ok(Self::Discover {
                    namespace: body.namespace.filter(|name| !name.is_empty()),
                    limit: body.second_number,
                    cookie: body.third.filter(|cookie| !cookie.is_empty()),
                })
            }
            _ => Err(malformed("no request")),
        }
    }
}

/// Writes a number.
pub fn put_number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Writes a field that is a number.
pub fn put(out: &mut Vec<u8>, field: u64, value: u64) {
    put_number(out, field << 3);
    put_number(out, value);
}

/// Writes a field of bytes.
pub fn put_bytes(out: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    put_number(out, field << 3 | 2);
    put_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

impl Response {
    /// Writes it, without the length before it.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let (mut out, mut inner) = (Vec::new(), Vec::new());
        let (kind, field) = match self {
            Self::Nothing => return out,
            Self::Registered(result) => {
                put(&mut inner, 1, result.map_or_else(|why| why as u64, |_| 0));
                if let Ok(ttl) = result {
                    put(&mut inner, 3, *ttl);
                }
                (1, 3)
            }
            Self::Discovered(Ok(found)) => {
                for (record, ttl) in &found.records {
                    let mut one = Vec::new();
                    put_bytes(&mut one, 1, found.namespace.as_bytes());
                    put_bytes(&mut one, 2, record);
                    put(&mut one, 3, *ttl);
                    put_bytes(&mut inner, 1, &one);
                }
                put_bytes(&mut inner, 2, &found.cookie);
                put(&mut inner, 3, 0);
                (4, 6)
            }
            Self::Discovered(Err(why)) => {
                put(&mut inner, 3, *why as u64);
                (4, 6)
            }
        };
        put(&mut out, 1, kind);
        put_bytes(&mut out, field, &inner);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn asked(kind: u64, field: u64, inner: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        put(&mut out, 1, kind);
        put_bytes(&mut out, field, inner);
        out
    }

    #[test]
    fn requests_are_read_and_unknown_fields_passed_over() {
        let mut inner = Vec::new();
        put_bytes(&mut inner, 1, b"sprat");
        put_bytes(&mut inner, 2, b"record");
        put(&mut inner, 3, 300);
        put_bytes(&mut inner, 99, b"later");
        let request = Request::decode(&asked(0, 2, &inner)).unwrap();
        let (namespace, record, ttl) = ("sprat".into(), b"record".to_vec(), Some(300));
        let expected = Request::Register {
            namespace,
            record,
            ttl,
        };
        assert_eq!(request, expected);
        let request = Request::decode(&asked(3, 5, b"\x0a\x00")).unwrap();
        let (namespace, limit, cookie) = (None, None, None);
        assert_eq!(
            request,
            Request::Discover {
                namespace,
                limit,
                cookie
            }
        );
    }

    #[test]
    fn what_is_cut_or_absurd_is_refused() {
        let whole = asked(2, 4, b"\x0a\x05sprat");
        for cut in 0..whole.len() {
            assert!(Request::decode(&whole[..cut]).is_err(), "{cut}");
        }
        assert!(Request::decode(&asked(2, 4, b"\x0a\xff\xff\xff\xff\xff\x01x")).is_err());
        assert!(Request::decode(&[0xff; 20]).is_err());
        assert!(Request::decode(&asked(0, 5, b"")).is_err());
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Request::decode(&bytes);
        }
    }
}
