//! A manifest from one holder: a page at a time, each checked against the root, the root against
//! the file id.
//!
//! Invariants: what is returned hashes to the id that was asked for; no page is asked for before
//! the caller has said, from the root alone, that there is room for all of it; on its way into the
//! index, one page is in memory at a time.

use crate::{
    core::{
        id::{FileId, NodeId},
        manifest::{Entry, Manifest},
    },
    net::{Net, RequestError},
    store::{Index, StoreError},
    wire::{
        MAX_MANIFESTS,
        cbor::Malformed,
        control::{ManifestHead, Request, Response},
        manifest::{Encoded, Root},
    },
};
use serde_bytes::ByteBuf;
use std::collections::HashMap;

/// Why a holder's manifest was no use.
pub enum NoManifest {
    /// It does not have it, or does not answer.
    Missing,
    /// It sent something else.
    Lied(String),
    /// It cannot be kept here.
    Disk(StoreError),
}

impl From<Malformed> for NoManifest {
    fn from(error: Malformed) -> Self {
        Self::Lied(error.0)
    }
}

/// The head of a manifest, checked, and who gave it.
pub struct Head {
    node: NodeId,
    file: FileId,
    bytes: Vec<u8>,
    pub root: Root,
    /// The only page, if it came along.
    first: Option<ByteBuf>,
}

async fn request(net: &Net, node: NodeId, request: Request) -> Result<Response, NoManifest> {
    match net.request(node, request).await {
        Ok(response) => Ok(response),
        Err(RequestError::Malformed(why)) => Err(NoManifest::Lied(why)),
        Err(_) => Err(NoManifest::Missing),
    }
}

/// Asks `node` for the head of the manifest of `file`: it tells how large the file is and how many
/// chunks it has.
pub async fn head(net: &Net, node: NodeId, file: FileId) -> Result<Head, NoManifest> {
    let head = heads(net, node, &[file]).await?.pop();
    head.flatten().ok_or(NoManifest::Missing)
}

/// The same of several files, in their order: nothing of one that it does not have.
pub async fn heads(
    net: &Net,
    node: NodeId,
    files: &[FileId],
) -> Result<Vec<Option<Head>>, NoManifest> {
    let mut found = Vec::with_capacity(files.len());
    for files in files.chunks(MAX_MANIFESTS) {
        let asked = Request::Manifests {
            files: files.to_vec(),
        };
        let Response::Manifests(heads) = request(net, node, asked).await? else {
            return Err(NoManifest::Missing);
        };
        let mut heads: HashMap<FileId, ManifestHead> =
            heads.into_iter().map(|head| (head.file, head)).collect();
        for &file in files {
            let head = heads.remove(&file).filter(|head| !head.root.is_empty());
            let head = head.map(|head| {
                Ok::<_, NoManifest>(Head {
                    node,
                    file,
                    root: Root::decode(file, &head.root)?,
                    bytes: head.root.into_vec(),
                    first: head.page,
                })
            });
            found.push(head.transpose()?);
        }
    }
    Ok(found)
}

impl Head {
    /// Whose it is.
    #[must_use]
    pub fn file(&self) -> FileId {
        self.file
    }

    async fn page(&mut self, net: &Net, index: usize) -> Result<(Vec<u8>, Vec<Entry>), NoManifest> {
        let page = match self.first.take() {
            Some(page) if index == 0 => page,
            _ => {
                let page = Request::Page {
                    file: self.file,
                    index: index as u32,
                };
                match request(net, self.node, page).await? {
                    Response::Page(page) => page,
                    _ => return Err(NoManifest::Missing),
                }
            }
        };
        let entries = self.root.decode_page(index, &page)?;
        Ok((page.into_vec(), entries))
    }

    /// Fetches the rest into memory, about 40 bytes for each chunk.
    pub async fn fetch(mut self, net: &Net) -> Result<Manifest, NoManifest> {
        let mut entries = Vec::new();
        for index in 0..self.root.pages.len() {
            entries.extend(self.page(net, index).await?.1);
        }
        Ok(self.root.assemble(self.file, entries)?)
    }

    /// Fetches the rest into the index, where all who fetch the same manifest put their pages: each
    /// comes once. `came` is told the bytes of each.
    pub async fn fetch_into(
        mut self,
        net: &Net,
        index: &Index,
        came: impl Fn(u64),
    ) -> Result<(), NoManifest> {
        if self.root.pages.len() < 2 {
            let mut pages = Vec::new();
            for at in 0..self.root.pages.len() {
                pages.push(self.page(net, at).await?.0);
            }
            let (index, file, root) = (index.clone(), self.file, self.bytes);
            let known = self.root;
            return disk(move || {
                index.add_manifest(&Encoded { file, root, pages })?;
                checked(&index, &file, &known)
            })
            .await?;
        }
        for at in 0..self.root.pages.len() {
            let (known, file) = (index.clone(), self.file);
            if disk(move || known.has_page(&file, at as u32)).await? {
                continue;
            }
            let (page, _) = self.page(net, at).await?;
            came(page.len() as u64);
            let index = index.clone();
            disk(move || index.add_page(&file, at as u32, &page)).await?;
        }
        let (index, file, root) = (index.clone(), self.file, self.bytes);
        disk(move || {
            let checked = checked(&index, &file, &self.root)?;
            if checked.is_ok() {
                index.add_root(&file, &root)?;
            }
            Ok(checked)
        })
        .await?
    }
}

/// Whether the pages that came make a manifest; if not, they go.
fn checked(
    index: &Index,
    file: &FileId,
    root: &Root,
) -> Result<Result<(), NoManifest>, StoreError> {
    if index.adds_up(file, root)? {
        return Ok(Ok(()));
    }
    index.remove_manifest(file)?;
    let why = "its chunks do not add up to the file".into();
    Ok(Err(NoManifest::Lied(why)))
}

async fn disk<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, NoManifest> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(NoManifest::Disk),
        Err(_) => Err(NoManifest::Missing),
    }
}
