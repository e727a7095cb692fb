//! Bencode, as datagrams of the DHT have it (BEP 3): a reader that borrows, and a writer.
//!
//! Owns the reading of what strangers write. Invariants: a message is in memory already, so nothing
//! is allocated by a length that it declares; values are counted, and nested to a bound.

/// Values in one message: an answer names some dozen things.
const MAX_VALUES: usize = 512;
/// How deep they lie in one another.
const MAX_DEPTH: usize = 6;

/// A value of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A string of bytes.
    Bytes(&'a [u8]),
    /// A number.
    Number(i64),
    /// Values in a row.
    List(Vec<Value<'a>>),
    /// Values by name.
    Dictionary(Vec<(&'a [u8], Value<'a>)>),
}

impl<'a> Value<'a> {
    /// Reads a whole message; `None` when it is none, or has something behind it.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader { bytes, values: 0 };
        let value = reader.value(0)?;
        reader.bytes.is_empty().then_some(value)
    }

    /// What a dictionary has by this name; of two the first.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Self::Dictionary(entries) = self else {
            return None;
        };
        let mut entries = entries.iter();
        let entry = entries.find(|(key, _)| *key == name.as_bytes());
        entry.map(|(_, value)| value)
    }

    /// The bytes, if that is what it is.
    #[must_use]
    pub fn bytes(&self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The number, if that is what it is.
    #[must_use]
    pub fn number(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    values: usize,
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize) -> Option<Value<'a>> {
        self.values += 1;
        if self.values > MAX_VALUES || depth > MAX_DEPTH {
            return None;
        }
        match *self.bytes.first()? {
            b'i' => {
                self.bytes = &self.bytes[1..];
                self.until(b'e').map(Value::Number)
            }
            b'l' => {
                self.bytes = &self.bytes[1..];
                let mut values = Vec::new();
                while !self.ends()? {
                    values.push(self.value(depth + 1)?);
                }
                Some(Value::List(values))
            }
            b'd' => {
                self.bytes = &self.bytes[1..];
                let mut entries = Vec::new();
                while !self.ends()? {
                    let key = self.string()?;
                    entries.push((key, self.value(depth + 1)?));
                }
                Some(Value::Dictionary(entries))
            }
            _ => self.string().map(Value::Bytes),
        }
    }

    /// Takes the end of a list or a dictionary, if it is here.
    fn ends(&mut self) -> Option<bool> {
        let end = *self.bytes.first()? == b'e';
        if end {
            self.bytes = &self.bytes[1..];
        }
        Some(end)
    }

    fn string(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.until(b':')?).ok()?;
        let string = self.bytes.get(..length)?;
        self.bytes = &self.bytes[length..];
        Some(string)
    }

    fn until(&mut self, end: u8) -> Option<i64> {
        // No number is longer.
        let at = self.bytes.iter().take(21).position(|byte| *byte == end)?;
        let text = std::str::from_utf8(&self.bytes[..at]).ok()?;
        let number = text.parse().ok()?;
        self.bytes = &self.bytes[at + 1..];
        Some(number)
    }
}

/// Writes a string of bytes.
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(bytes.len().to_string().as_bytes());
    out.push(b':');
    out.extend_from_slice(bytes);
}

/// Writes a number.
pub fn put_number(out: &mut Vec<u8>, number: i64) {
    out.push(b'i');
    out.extend_from_slice(number.to_string().as_bytes());
    out.push(b'e');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_message_is_read_by_its_names() {
        let message = b"d1:ad2:id3:abc3:seqi-7ee1:lli1ei2ee1:y1:qe";
        let value = Value::parse(message).unwrap();
        let inner = value.get("a").unwrap();
        assert_eq!(inner.get("id").unwrap().bytes(), Some(&b"abc"[..]));
        assert_eq!(inner.get("seq").unwrap().number(), Some(-7));
        let list = vec![Value::Number(1), Value::Number(2)];
        assert_eq!(value.get("l"), Some(&Value::List(list)));
        assert_eq!(value.get("nothing"), None);
    }

    #[test]
    fn what_is_none_is_refused() {
        let deep = "l".repeat(100) + &"e".repeat(100);
        let many = format!("l{}e", "i1e".repeat(MAX_VALUES));
        for wrong in [
            "",
            "5:abc",
            "99999999999999999999:a",
            "4294967295:a",
            "-1:a",
            "d1:a",
            "di1e1:ae",
            "i1",
            "iae",
            "le1:a",
            &deep,
            &many,
        ] {
            assert_eq!(Value::parse(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let mut out = b"d1:a".to_vec();
        put_bytes(&mut out, b"x:e");
        out.extend_from_slice(b"1:b");
        put_number(&mut out, i64::MIN);
        out.push(b'e');
        let value = Value::parse(&out).unwrap();
        assert_eq!(value.get("a").unwrap().bytes(), Some(&b"x:e"[..]));
        assert_eq!(value.get("b").unwrap().number(), Some(i64::MIN));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Value::parse(&bytes);
        }

        #[test]
        fn nor_do_those_that_look_like_it(text in "[ilde0-9:]{0,60}") {
            let _ = Value::parse(text.as_bytes());
        }
    }
}
