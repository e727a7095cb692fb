//! A frame of a stream: a length (4 bytes, big-endian) and so much CBOR.

use super::{cbor, chunk::invalid};
use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use serde::{Serialize, de::DeserializeOwned};
use std::io;

/// Bytes read at a time: memory follows what came, not what was declared.
const STEP: usize = 64 << 10;

/// Writes one frame. The caller flushes.
///
/// # Errors
/// Of the stream.
pub async fn write<T: Serialize, W: AsyncWrite + Unpin>(to: &mut W, message: &T) -> io::Result<()> {
    let body = cbor::encode(message);
    let mut frame = Vec::with_capacity(4 + body.len());
    frame.extend_from_slice(&(body.len() as u32).to_be_bytes());
    frame.extend_from_slice(&body);
    to.write_all(&frame).await
}

/// Reads one frame of at most `most` bytes; `None` at the end of the stream.
///
/// # Errors
/// Of the stream, or `InvalidData` when the bytes are no such frame.
pub async fn read<T: DeserializeOwned, R: AsyncRead + Unpin>(
    from: &mut R,
    most: usize,
) -> io::Result<Option<T>> {
    let mut len = [0; 4];
    if from.read(&mut len[..1]).await? == 0 {
        return Ok(None);
    }
    from.read_exact(&mut len[1..]).await?;
    let len = u32::from_be_bytes(len) as usize;
    if len > most {
        return Err(invalid(format!("a frame of {len} bytes")));
    }
    let mut body = Vec::new();
    while body.len() < len {
        let before = body.len();
        body.resize(len.min(before + STEP), 0);
        from.read_exact(&mut body[before..]).await?;
    }
    let message = cbor::decode(&body).map_err(|error| invalid(error.to_string()))?;
    Ok(Some(message))
}
