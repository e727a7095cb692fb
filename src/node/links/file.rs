//! A file of a link: on this machine's disk, or of the swarm.

use crate::{
    core::path::RelPath,
    node::reading::Reader,
    store::{Linked, OpenLinked, media_of},
};
use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
use std::{io, ops::Range, pin::Pin, sync::Arc};
use tokio::task::spawn_blocking;

/// Bytes that are read at a time, and how many such pieces before they are asked for.
const PIECE: usize = 256 << 10;
const AHEAD: usize = 2;

/// The bytes of a file, in order.
pub type Bytewise = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// See the module.
#[derive(Clone, Debug)]
pub struct LinkFile {
    /// What it is called, `/` between the parts.
    pub name: RelPath,
    /// Bytes, when the link was made.
    pub size: u64,
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    Disk(Linked),
    Swarm(Reader),
}

/// One that is open.
#[derive(Clone, Debug)]
pub struct OpenFile {
    /// Bytes.
    pub size: u64,
    /// When it was changed last: seconds since 1970.
    pub mtime: i64,
    /// The same for the same contents, another one for others: 32 hex digits.
    pub tag: String,
    bytes: Opened,
}

#[derive(Clone, Debug)]
enum Opened {
    Disk(Arc<OpenLinked>),
    Swarm(Reader),
}

impl LinkFile {
    pub(super) fn of_disk(file: Linked) -> Self {
        Self {
            name: file.name.clone(),
            size: file.size,
            source: Source::Disk(file),
        }
    }

    /// None for a name that cannot be one.
    pub(super) fn of_swarm(reader: Reader) -> Option<Self> {
        Some(Self {
            name: RelPath::parse(reader.name()).ok()?,
            size: reader.size(),
            source: Source::Swarm(reader),
        })
    }

    /// Its media type, by its name.
    #[must_use]
    pub fn media(&self) -> String {
        media_of(self.name.as_str())
    }

    /// When it was changed last, when the link was made: seconds since 1970.
    #[must_use]
    pub fn mtime(&self) -> i64 {
        match &self.source {
            Source::Disk(file) => file.mtime,
            Source::Swarm(reader) => reader.mtime().unwrap_or_default(),
        }
    }

    /// Opens it as it is now.
    ///
    /// # Errors
    /// When it is not there any more.
    pub async fn open(&self) -> io::Result<OpenFile> {
        match &self.source {
            Source::Swarm(reader) => Ok(OpenFile {
                size: reader.size(),
                mtime: reader.mtime().unwrap_or_default(),
                tag: reader.file().to_string()[..32].to_owned(),
                bytes: Opened::Swarm(reader.clone()),
            }),
            Source::Disk(file) => {
                let file = file.clone();
                let open = spawn_blocking(move || file.open()).await;
                let open = open.map_err(io::Error::other)??;
                let stamp = open.stamp();
                // Others need not know inodes.
                let tag = blake3::hash(format!("{stamp:?}").as_bytes());
                Ok(OpenFile {
                    size: stamp.size,
                    mtime: stamp.mtime,
                    tag: tag.to_hex()[..32].to_owned(),
                    bytes: Opened::Disk(Arc::new(open)),
                })
            }
        }
    }
}

impl OpenFile {
    /// The bytes in `range`, in order. The first error is the last item.
    #[must_use]
    pub fn stream(&self, range: Range<u64>) -> Bytewise {
        match &self.bytes {
            Opened::Swarm(reader) => {
                let bytes = reader.stream(range);
                Box::pin(bytes.map(|piece| piece.map_err(io::Error::other)))
            }
            Opened::Disk(file) => {
                let (file, end) = (file.clone(), range.end);
                let pieces = range.step_by(PIECE).map(move |at| {
                    let (file, len) = (file.clone(), (end - at).min(PIECE as u64) as usize);
                    async move {
                        let read = spawn_blocking(move || file.read(at, len)).await;
                        read.map_err(io::Error::other)?.map(Bytes::from)
                    }
                });
                Box::pin(stream::iter(pieces).buffered(AHEAD))
            }
        }
    }
}
