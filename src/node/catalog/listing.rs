//! What is asked for by name or id, and the rows that all catalogs together make.

use super::{OwnCatalog, PeerCatalog};
use crate::{
    core::id::{FileId, NodeId},
    node::api::Listing,
    wire::control::{Held, Offer},
};
use globset::GlobBuilder;
use std::collections::BTreeMap;

/// What is asked for, by name or id.
#[derive(Debug)]
pub enum Pattern {
    /// Any name.
    All,
    /// A glob.
    Glob(Box<globset::GlobMatcher>),
    /// A part of the name, in lower case.
    Part(String),
    /// Exactly this name.
    Name(String),
    /// Everything below this folder (with its final `/`).
    Folder(String),
}

fn glob(text: &str) -> Option<Pattern> {
    let special = text.contains(['*', '?', '[', '{']);
    let glob = special
        .then(|| GlobBuilder::new(text).literal_separator(true).build().ok())
        .flatten()?;
    Some(Pattern::Glob(Box::new(glob.compile_matcher())))
}

impl Pattern {
    /// What `list PATTERN` means: a glob, or a part of the name in any case.
    #[must_use]
    pub fn for_list(text: Option<&str>) -> Self {
        match text {
            None | Some("") => Self::All,
            Some(text) => glob(text).unwrap_or_else(|| Self::Part(text.to_lowercase())),
        }
    }

    /// What `download WHAT` means: a glob, a folder with its `/`, or a whole name. (Ids are tried before.)
    #[must_use]
    pub fn for_download(text: &str) -> Self {
        let text: String = unicode_normalization::UnicodeNormalization::nfc(text).collect();
        if text.ends_with('/') {
            Self::Folder(text)
        } else {
            glob(&text).unwrap_or(Self::Name(text))
        }
    }

    /// Whether it can mean several files, so that it is worth waiting for every peer's catalog.
    #[must_use]
    pub fn is_plural(&self) -> bool {
        !matches!(self, Self::Name(_))
    }

    /// Whether `name` is meant.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Glob(glob) => {
                glob.is_match(name)
                    || name
                        .rsplit('/')
                        .next()
                        .is_some_and(|last| glob.is_match(last))
            }
            Self::Part(part) => name.to_lowercase().contains(part.as_str()),
            Self::Name(whole) => name == whole,
            Self::Folder(folder) => folder == "/" || name.starts_with(folder.as_str()),
        }
    }
}

/// Whether `text` looks like (the beginning of) a file id.
#[must_use]
pub fn is_id(text: &str) -> bool {
    (6..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Puts the catalogs together: one row for each name with its contents, sorted by name. `copies` counts whole ones only.
pub fn listings<'a>(
    own: &'a OwnCatalog,
    peers: impl Iterator<Item = (NodeId, &'a PeerCatalog)>,
    wanted: impl Fn(&str, FileId) -> bool,
) -> Vec<Listing> {
    let peers: Vec<&PeerCatalog> = peers.map(|(_, catalog)| catalog).collect();
    let mut rows: BTreeMap<(&str, FileId), (&Offer, bool)> = BTreeMap::new();
    let listed = |(.., offer): &(&str, FileId, &Offer)| offer.held != Held::Partial;
    for (name, file, offer) in own.offers().filter(listed) {
        if wanted(name, file) {
            rows.insert((name, file), (offer, offer.held != Held::Replica));
        }
    }
    for catalog in &peers {
        for (name, file, offer) in catalog.offers().filter(listed) {
            if wanted(name, file) {
                rows.entry((name, file)).or_insert((offer, false));
            }
        }
    }
    let row = |((name, id), (offer, mine)): ((&str, FileId), (&Offer, bool))| {
        // Contents are counted over all names: a node that has a file under two names has it once.
        let (mut holders, mut keepers, mut offered) = (0, 0, own.is_own(id));
        for peer in &peers {
            offered |= peer.offers_own(id);
            match peer.held(id) {
                Some(Held::Shared | Held::Fetched) => holders += 1,
                Some(Held::Replica) => keepers += 1,
                _ => {}
            }
        }
        Listing {
            name: name.to_owned(),
            id,
            size: offer.size,
            media: offer.media.clone(),
            mtime: offer.mtime,
            holders,
            copies: holders + u32::from(own.has_whole(id)),
            keepers,
            replica: !offered,
            mine,
        }
    };
    rows.into_iter().map(row).collect()
}
