//! Many small files made ready at once: their manifests asked for by the dozen, one look at the
//! disk for all of them.
//!
//! It handles what goes well. A file that turns out to have several chunks, whose manifest nobody
//! gives at once, or that may not fit, is [`BatchFile::Other`]: it goes the way of a single file
//! (`prepare`), which has patience and tells what is wrong.

use super::{
    JobFile, Services,
    per_file::FileIndex,
    prepare::{PATIENCE, blocking},
};
use crate::{
    core::{
        id::{FileId, NodeId},
        manifest::{Entry, Manifest},
    },
    net::RequestError,
    node::manifest::NoManifest,
    store::{Finder, Taken, has_room},
    wire::{
        MAX_MANIFESTS,
        control::{Held, ManifestHead, Request, Response},
        manifest::{Encoded, Root},
    },
};
use std::{
    collections::{BTreeSet, HashMap},
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::{task::JoinSet, time::timeout};

/// How many holders may be tried for a manifest before it is left to `prepare`.
const ROUNDS: usize = 2;

/// What is known of a small file now.
pub enum BatchFile {
    /// It lies in its place already.
    Already(PathBuf),
    /// Its bytes are on this node, or it has none.
    Here(Arc<[u8]>, Option<Entry>),
    /// Its one chunk has to be fetched.
    Wanted(Entry),
    /// It is for `prepare`.
    Other,
}

/// Finds out about `files`, each with its number in the job.
pub async fn prepare(
    services: Services,
    files: Vec<(FileIndex, JobFile)>,
    (into, taken): (PathBuf, Taken),
) -> Vec<(FileIndex, BatchFile)> {
    let ids: BTreeSet<FileId> = files.iter().map(|(_, file)| file.id).collect();
    let (index, wanted) = (services.index.clone(), ids.clone());
    let known = blocking(move || {
        let known = wanted.iter().filter_map(|id| index.manifest(id).ok()?);
        known.map(|manifest| (manifest.file(), manifest)).collect()
    });
    let mut known: HashMap<FileId, Manifest> = known.await.unwrap_or_default();
    let missing = ids.into_iter().filter(|id| !known.contains_key(id));
    let missing: Vec<FileId> = missing.collect();
    learn(&services, missing, &mut known).await;
    let numbers: Vec<FileIndex> = files.iter().map(|(at, _)| *at).collect();
    let examined = blocking(move || examine(&services, files, &known, (&into, taken))).await;
    examined.unwrap_or_else(|_| {
        let other = numbers.into_iter().map(|at| (at, BatchFile::Other));
        other.collect()
    })
}

fn examine(
    services: &Services,
    files: Vec<(FileIndex, JobFile)>,
    known: &HashMap<FileId, Manifest>,
    (into, taken): (&Path, Taken),
) -> Vec<(FileIndex, BatchFile)> {
    let mut finder = Finder::new(&services.reader, into, taken);
    // What lies in its place needs no room.
    let existing: Vec<_> = files
        .iter()
        .map(|(_, file)| finder.existing(&file.name, known.get(&file.id)?).ok())
        .collect();
    let missing = files.iter().zip(&existing);
    let missing = missing.filter(|(_, here)| !matches!(here, Some(Some(_))));
    let needed = missing.map(|((_, file), _)| file.size).sum();
    let room = has_room(&services.home, into, needed);
    let mut buffer = Vec::new();
    let mut ready = |file: &JobFile, existing: Option<Option<PathBuf>>| {
        let manifest = known.get(&file.id)?;
        if let Some(path) = existing? {
            return Some(BatchFile::Already(path));
        }
        // The offered size is what room was made for.
        if manifest.len() > 1 || manifest.size() != file.size || !room {
            return None;
        }
        Some(match manifest.entries().first() {
            None => BatchFile::Here(Arc::default(), None),
            Some(&entry) => match services.reader.read(&entry.id, &mut buffer) {
                // Somebody's manifest may state a false length for a chunk that is here.
                Ok(true) if buffer.len() == entry.len as usize => {
                    BatchFile::Here(buffer.as_slice().into(), Some(entry))
                }
                _ => BatchFile::Wanted(entry),
            },
        })
    };
    let files = files.into_iter().zip(existing);
    files
        .map(|((at, file), existing)| (at, ready(&file, existing).unwrap_or(BatchFile::Other)))
        .collect()
}

/// Asks for manifests, many in one request, of one holder and then of another.
async fn learn(
    services: &Services,
    mut missing: Vec<FileId>,
    known: &mut HashMap<FileId, Manifest>,
) {
    for round in 0..ROUNDS {
        if missing.is_empty() {
            return;
        }
        let sources = services.sources(&missing);
        let mut of: HashMap<NodeId, Vec<FileId>> = HashMap::new();
        for (at, (id, sources)) in missing.iter().zip(sources).enumerate() {
            let whole = sources
                .iter()
                .filter(|source| source.held != Held::Partial)
                .collect::<Vec<_>>();
            if !whole.is_empty() {
                let holder = whole[(at / MAX_MANIFESTS + round) % whole.len()];
                of.entry(holder.node).or_default().push(*id);
            }
        }
        let mut asked = JoinSet::new();
        for (node, ids) in of {
            for ids in ids.chunks(MAX_MANIFESTS) {
                let (services, ids) = (services.clone(), ids.to_vec());
                asked.spawn(async move { (node, heads(&services, node, ids).await) });
            }
        }
        let mut several = Vec::new();
        let answers = async {
            while let Some(Ok((node, answer))) = asked.join_next().await {
                match answer {
                    Ok(found) => {
                        for (encoded, manifest) in found {
                            if manifest.len() > 1 {
                                several.push(encoded);
                            }
                            known.insert(manifest.file(), manifest);
                        }
                    }
                    Err(NoManifest::Lied(why)) => {
                        let why = format!("its manifest is false: {why}");
                        services.drop_peer(node, why).await;
                    }
                    Err(NoManifest::Missing | NoManifest::Disk(_)) => {}
                }
            }
        };
        let _ = timeout(PATIENCE, answers).await; // A slow peer is not waited for alone.
        let index = services.index.clone();
        // `prepare` will find it; without, it asks again.
        let _ = blocking(move || several.iter().try_for_each(|one| index.add_manifest(one))).await;
        missing.retain(|id| !known.contains_key(id));
    }
}

async fn heads(
    services: &Services,
    node: NodeId,
    files: Vec<FileId>,
) -> Result<Vec<(Encoded, Manifest)>, NoManifest> {
    let wanted: BTreeSet<FileId> = files.iter().copied().collect();
    let heads = match services
        .net
        .request(node, Request::Manifests { files })
        .await
    {
        Ok(Response::Manifests(heads)) => heads,
        Err(RequestError::Malformed(why)) => return Err(NoManifest::Lied(why)),
        _ => return Err(NoManifest::Missing),
    };
    let mut found = Vec::new();
    for head in heads {
        if wanted.contains(&head.file) && !head.root.is_empty() {
            found.extend(of_one_page(head)?);
        }
    }
    Ok(found)
}

/// The manifest, if the head has all of it.
fn of_one_page(head: ManifestHead) -> Result<Option<(Encoded, Manifest)>, NoManifest> {
    let file = head.file;
    let root = Root::decode(file, &head.root)?;
    let (entries, pages) = match (root.pages.len(), head.page) {
        (0, _) => (Vec::new(), Vec::new()),
        (1, Some(page)) => (root.decode_page(0, &page)?, vec![page.into_vec()]),
        _ => return Ok(None),
    };
    let manifest = root.assemble(file, entries)?;
    let root = head.root.into_vec();
    Ok(Some((Encoded { file, root, pages }, manifest)))
}
