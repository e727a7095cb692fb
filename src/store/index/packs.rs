//! Several file records in one value: for many small files one entry of the tree instead of a
//! dozen.
//!
//! A value is one record, or [`PACK`] and for each record its number (u64), its length (u32) and
//! its bytes. Invariant: the key is at most the lowest number in the value, and the next key is
//! above the highest.

use super::key;

/// Begins a value of several records: a record, which is CBOR, never begins so.
const PACK: u8 = 0xff;
/// Records of one value, and bytes after which it takes no further one. When one of them goes, the
/// others are written again.
const RECORDS: usize = 16;
const BYTES: usize = 16 << 10;

/// The records in a value, with their numbers.
pub struct Records<'a> {
    one: Option<(u64, &'a [u8])>,
    rest: &'a [u8],
}

/// The records in the value under `key`. What does not make sense is left out.
pub fn records(key: u64, value: &[u8]) -> Records<'_> {
    match value.split_first() {
        Some((&PACK, rest)) => Records { one: None, rest },
        _ => Records {
            one: Some((key, value)),
            rest: &[],
        },
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = (u64, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(one) = self.one.take() {
            return Some(one);
        }
        let (number, rest) = self.rest.split_first_chunk()?;
        let (len, rest) = rest.split_first_chunk()?;
        let (record, rest) = rest.split_at_checked(u32::from_be_bytes(*len) as usize)?;
        self.rest = rest;
        Some((u64::from_be_bytes(*number), record))
    }
}

/// Keys and values for records in ascending order of their numbers.
pub fn pack(records: &[(u64, Vec<u8>)]) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    let mut packs = Vec::new();
    let mut rest = records;
    while let Some((first, _)) = rest.first() {
        let mut bytes = 0;
        let fits = |(_, record): &&(u64, Vec<u8>)| {
            bytes += record.len();
            bytes <= BYTES
        };
        let count = rest.iter().take(RECORDS).take_while(fits).count().max(1);
        let (these, others) = rest.split_at(count);
        let these = these.iter().map(|(number, record)| (*number, &record[..]));
        packs.push((first.to_be_bytes().to_vec(), value_of(these)));
        rest = others;
    }
    packs
}

/// What is left of a value without one of its records; `None` when nothing is.
pub fn without(key: u64, value: &[u8], number: u64) -> Option<Vec<u8>> {
    let others: Vec<_> = records(key, value)
        .filter(|(other, _)| *other != number)
        .collect();
    // Packed even when it is one, whose number may not be the key.
    (!others.is_empty()).then(|| packed(others.into_iter()))
}

fn value_of<'a>(mut records: impl ExactSizeIterator<Item = (u64, &'a [u8])>) -> Option<Vec<u8>> {
    if records.len() == 1 {
        return records.next().map(|(_, record)| record.to_vec());
    }
    Some(packed(records))
}

fn packed<'a>(records: impl Iterator<Item = (u64, &'a [u8])>) -> Vec<u8> {
    let mut value = vec![PACK];
    for (number, record) in records {
        let len = (record.len() as u32).to_be_bytes();
        value.extend(key(&[&number.to_be_bytes(), &len, record]));
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_from_packs_of_a_bounded_size() {
        let long = |at: usize| if at % 20 == 7 { 20_000 } else { at % 50 };
        let all: Vec<(u64, Vec<u8>)> = (0..100)
            .map(|at| (at as u64 * 3, vec![0x87; 1 + long(at)]))
            .collect();
        let packs = pack(&all);
        assert!(packs.len() < 20, "{}", packs.len());
        let mut back = Vec::new();
        for (key, value) in &packs {
            let key = u64::from_be_bytes(key[..].try_into().unwrap());
            let value = value.as_deref().unwrap();
            let in_it: Vec<_> = records(key, value).collect();
            assert!(in_it.len() == 1 || value.len() <= BYTES + 13 * RECORDS);
            assert_eq!(in_it[0].0, key);
            back.extend(
                in_it
                    .iter()
                    .map(|(number, bytes)| (*number, bytes.to_vec())),
            );
        }
        assert_eq!(back, all);
    }

    #[test]
    fn a_record_goes_and_the_others_stay() {
        let all: Vec<(u64, Vec<u8>)> = (5..8).map(|at| (at, vec![0x87, at as u8])).collect();
        let packs = pack(&all);
        assert_eq!(packs.len(), 1);
        let mut value = packs[0].1.clone().unwrap();
        for gone in 5..8 {
            let left = without(5, &value, gone);
            let Some(left) = left else {
                assert_eq!(gone, 7);
                return;
            };
            let numbers: Vec<u64> = records(5, &left).map(|(number, _)| number).collect();
            assert_eq!(numbers, (gone + 1..8).collect::<Vec<u64>>());
            value = left;
        }
        panic!("nothing was left to go");
    }
}
