//! Sealing and opening of records, in place or from one buffer to another.

use crate::wire::bulk::{Cipher, MAX_RECORDS, PREFIX, TAG, nonce};
use aws_lc_rs::aead::{AES_128_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use std::{io, sync::LazyLock};

/// Which ciphers this machine does well, as bits. `SPRAT_NO_AES` makes it like one whose processor
/// has no AES, so that a benchmark can have both rows; both ciphers are safe, and only who starts
/// the program sets it.
pub(super) fn here() -> u8 {
    static HERE: LazyLock<u8> = LazyLock::new(|| {
        let aes = has_aes() && std::env::var_os("SPRAT_NO_AES").is_none();
        if aes {
            Cipher::Aes as u8 | Cipher::ChaCha as u8
        } else {
            Cipher::ChaCha as u8
        }
    });
    *HERE
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
pub struct Direction {
    key: LessSafeKey,
    records: u64,
}

impl Direction {
    /// Before its first record.
    ///
    /// # Errors
    /// None that a caller can do anything about.
    pub fn new(cipher: Cipher, key: &[u8; 32]) -> io::Result<Self> {
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

    /// Seals what stands in `record` between room for the prefix and room for the tag, in place.
    ///
    /// # Errors
    /// When the key has sealed as much as it may.
    pub fn seal(&mut self, record: &mut [u8]) -> io::Result<()> {
        let nonce = self.next()?;
        let (prefix, sealed) = record.split_at_mut(PREFIX);
        prefix.copy_from_slice(&prefix_of(sealed.len())?);
        let (plain, tag) = sealed.split_at_mut(sealed.len() - TAG);
        let sealed = self
            .key
            .seal_in_place_separate_tag(nonce, Aad::from(&*prefix), plain);
        tag.copy_from_slice(sealed.map_err(|_| unsealed())?.as_ref());
        Ok(())
    }

    /// Seals `plain` into `record`, which is as long as that takes.
    ///
    /// # Errors
    /// When the key has sealed as much as it may.
    pub fn seal_into(&mut self, record: &mut [u8], plain: &[u8]) -> io::Result<()> {
        let nonce = self.next()?;
        let (prefix, sealed) = record.split_at_mut(PREFIX);
        prefix.copy_from_slice(&prefix_of(sealed.len())?);
        let (sealed, tag) = sealed.split_at_mut(plain.len());
        self.key
            .seal_out_of_place_scatter(nonce, Aad::from(&*prefix), plain, sealed, &[], tag)
            .map_err(|_| unsealed())
    }

    /// Opens what stands behind the prefix in `record`, in place. The plain bytes are those behind
    /// the prefix, without the last [`TAG`].
    ///
    /// # Errors
    /// When it is not the record that the other end sealed next.
    pub fn open(&mut self, record: &mut [u8]) -> io::Result<()> {
        let nonce = self.next()?;
        let (prefix, sealed) = record.split_at_mut(PREFIX);
        let opened = self.key.open_in_place(nonce, Aad::from(&*prefix), sealed);
        let opened = opened.is_ok();
        self.genuine(opened)
    }

    /// Opens `record` into `plain`, which is as long as its bytes are without prefix and tag. What
    /// is not genuine leaves only zeroes there.
    ///
    /// # Errors
    /// When it is not the record that the other end sealed next.
    pub fn open_into(&mut self, record: &[u8], plain: &mut [u8]) -> io::Result<()> {
        let nonce = self.next()?;
        let (prefix, sealed) = record.split_at(PREFIX);
        let (sealed, tag) = sealed.split_at(plain.len());
        let opened = self
            .key
            .open_separate_gather(nonce, Aad::from(prefix), sealed, tag, plain);
        self.genuine(opened.is_ok()).inspect_err(|_| plain.fill(0))
    }

    /// After one that is not genuine none is.
    fn genuine(&mut self, opened: bool) -> io::Result<()> {
        if opened {
            return Ok(());
        }
        self.records = MAX_RECORDS;
        Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "a record was not sealed by the other end",
        ))
    }
}

/// What stands before so many sealed bytes.
fn prefix_of(sealed: usize) -> io::Result<[u8; PREFIX]> {
    let len = u32::try_from(sealed).map_err(io::Error::other)?;
    Ok(len.to_be_bytes())
}

fn unsealed() -> io::Error {
    io::Error::other("a record could not be sealed")
}
