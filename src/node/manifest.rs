//! A manifest from one holder: a page at a time, each checked against the root, the root against the file id.
//!
//! Invariant: what is returned hashes to the id that was asked for.

use crate::{
    core::{
        id::{FileId, NodeId},
        manifest::Manifest,
    },
    net::{Net, RequestError},
    wire::{
        cbor::Malformed,
        control::{Request, Response},
        manifest::{Encoded, Root},
    },
};

/// Why a holder's manifest was no use.
pub enum Refusal {
    /// It does not have it, or does not answer.
    Missing,
    /// It sent something else.
    Lied(String),
}

impl From<Malformed> for Refusal {
    fn from(error: Malformed) -> Self {
        Self::Lied(error.0)
    }
}

/// Asks `node` for the manifest of `file`.
pub async fn ask(net: &Net, node: NodeId, file: FileId) -> Result<(Encoded, Manifest), Refusal> {
    let request = |request| async {
        match net.request(node, request).await {
            Ok(response) => Ok(response),
            Err(RequestError::Malformed(why)) => Err(Refusal::Lied(why)),
            Err(_) => Err(Refusal::Missing),
        }
    };
    let Response::Manifests(heads) = request(Request::Manifests { files: vec![file] }).await?
    else {
        return Err(Refusal::Missing);
    };
    let head = heads
        .into_iter()
        .find(|head| head.file == file)
        .ok_or(Refusal::Missing)?;
    if head.root.is_empty() {
        return Err(Refusal::Missing);
    }
    let root = Root::decode(file, &head.root)?;
    let mut entries = Vec::new();
    let mut pages = Vec::new();
    let mut first = head.page;
    for index in 0..root.pages.len() {
        let page = match first.take() {
            Some(page) => page,
            None => match request(Request::Page {
                file,
                index: index as u32,
            })
            .await?
            {
                Response::Page(page) => page,
                _ => return Err(Refusal::Missing),
            },
        };
        entries.extend(root.decode_page(index, &page)?);
        pages.push(page.into_vec());
    }
    let manifest = root.assemble(file, entries)?;
    Ok((
        Encoded {
            file,
            root: head.root.into_vec(),
            pages,
        },
        manifest,
    ))
}
