//! Sealing and opening of records, in place.

use crate::wire::bulk::{Cipher, PREFIX, TAG, nonce};
use aws_lc_rs::aead::{AES_128_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use std::io;

/// Which ciphers this machine does well, as bits.
pub(super) fn here() -> u8 {
    let aes = if has_aes() { Cipher::Aes as u8 } else { 0 };
    aes | Cipher::ChaCha as u8
}

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
fn has_aes() -> bool {
    std::arch::is_x86_feature_detected!("aes") && std::arch::is_x86_feature_detected!("pclmulqdq")
}

#[cfg(target_arch = "aarch64")]
fn has_aes() -> bool {
    std::arch::is_aarch64_feature_detected!("aes")
}

#[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
fn has_aes() -> bool {
    false
}

/// One direction of a connection: its key, and how many records it has sealed or opened.
pub(super) struct Direction {
    key: LessSafeKey,
    records: u64,
}

impl Direction {
    pub(super) fn new(cipher: Cipher, key: &[u8; 32]) -> io::Result<Self> {
        let algorithm = match cipher {
            Cipher::Aes => &AES_128_GCM,
            Cipher::ChaCha => &CHACHA20_POLY1305,
        };
        let key = UnboundKey::new(algorithm, &key[..cipher.key_len()]);
        let key = key.map_err(|_| io::Error::other("no key"))?;
        Ok(Self {
            key: LessSafeKey::new(key),
            records: 0,
        })
    }

    fn next(&mut self) -> io::Result<Nonce> {
        let nonce = nonce(self.records)
            .ok_or_else(|| io::Error::other("this key has sealed as much as it may"))?;
        self.records += 1;
        Ok(Nonce::assume_unique_for_key(nonce))
    }

    /// Seals what stands behind the prefix in `record`, writes the prefix, and appends the tag.
    pub(super) fn seal(&mut self, record: &mut Vec<u8>) -> io::Result<()> {
        let nonce = self.next()?;
        let (prefix, plain) = record.split_at_mut(PREFIX);
        let len = u32::try_from(plain.len() + TAG).map_err(io::Error::other)?;
        prefix.copy_from_slice(&len.to_be_bytes());
        let tag = self
            .key
            .seal_in_place_separate_tag(nonce, Aad::from(&*prefix), plain)
            .map_err(|_| io::Error::other("a record could not be sealed"))?;
        record.extend_from_slice(tag.as_ref());
        Ok(())
    }

    /// Opens what stands behind the prefix in `record`, in place. The plain bytes are those behind
    /// the prefix, without the last [`TAG`].
    pub(super) fn open(&mut self, record: &mut [u8]) -> io::Result<()> {
        let nonce = self.next()?;
        let (prefix, sealed) = record.split_at_mut(PREFIX);
        self.key
            .open_in_place(nonce, Aad::from(&*prefix), sealed)
            .map(drop)
            .map_err(|_| {
                io::Error::new(
                    io::ErrorKind::InvalidData,
                    "a record was not sealed by the other end",
                )
            })
    }
}
