//! Lists from strangers, counted while they are decoded.
//!
//! A frame has a bound, but what it decodes to may take many times its bytes: an empty text is one
//! byte in CBOR and 24 in memory. So a list ends with an error at the first item beyond its bound,
//! before that item is kept. Owns nothing else.

use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor},
};
use std::{fmt, marker::PhantomData};

/// Items for which memory is taken before they came.
const AHEAD: usize = 64;

struct Bounded<T, const MOST: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MOST: usize> Visitor<'de> for Bounded<T, MOST> {
    type Value = Vec<T>;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "at most {MOST} items")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
        // What is declared is not believed.
        let ahead = items.size_hint().unwrap_or(0).min(AHEAD).min(MOST);
        let mut list = Vec::with_capacity(ahead);
        while let Some(item) = items.next_element()? {
            if list.len() == MOST {
                return Err(A::Error::custom(format_args!("more than {MOST} items")));
            }
            list.push(item);
        }
        Ok(list)
    }
}

/// Decodes a list of at most `MOST` items; for `#[serde(deserialize_with)]`.
///
/// # Errors
/// At the first item too many.
pub fn list<'de, D, T, const MOST: usize>(from: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    from.deserialize_seq(Bounded::<T, MOST>(PhantomData))
}

#[cfg(test)]
mod tests {
    use crate::wire::cbor;
    use serde::{Deserialize, Serialize};

    #[derive(Debug, Serialize, Deserialize)]
    struct Three(#[serde(deserialize_with = "super::list::<_, _, 3>")] Vec<String>);

    #[test]
    fn the_item_beyond_the_bound_ends_it_before_what_follows_is_looked_at() {
        let texts = |count| vec![String::new(); count];
        assert_eq!(
            cbor::decode::<Three>(&cbor::encode(&Three(texts(3))))
                .unwrap()
                .0,
            texts(3)
        );
        // Four empty texts of a declared million, and then nonsense that is never reached.
        let bytes = [0x9a, 0, 0x0f, 0x42, 0x40, 0x60, 0x60, 0x60, 0x60, 0xff];
        let error = cbor::decode::<Three>(&bytes).unwrap_err().to_string();
        assert!(error.contains("more than 3 items"), "{error}");
    }
}
