//! What is asked for by name or id, and the rows that all catalogs together make.

use super::{OwnCatalog, PeerCatalog, Told};
use crate::{
    core::id::{FileId, NodeId},
    node::api::{Listing, Owner},
    wire::control::Held,
};
use globset::GlobBuilder;
use std::collections::BTreeMap;

/// Owners that a row names. More of them share the same contents by the same name.
const MAX_OWNERS: usize = 16;

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

fn composed(text: &str) -> String {
    unicode_normalization::UnicodeNormalization::nfc(text).collect()
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

    /// What `download WHAT` means: a glob, a folder with its `/`, or a whole name. (Ids are tried
    /// before.)
    #[must_use]
    pub fn for_download(text: &str) -> Self {
        let text = composed(text);
        if text.ends_with('/') {
            Self::Folder(text)
        } else {
            glob(&text).unwrap_or(Self::Name(text))
        }
    }

    /// What a glob means where something goes by that very name: `Song [Live].mp3` is a song. But
    /// with a star that matches it, it means all that match: somebody who calls a file `*` must not
    /// hide all others. `None` for what is no glob.
    #[must_use]
    pub fn literal(&self, text: &str) -> Option<Self> {
        let Self::Glob(glob) = self else {
            return None;
        };
        let text = composed(text);
        (!text.contains('*') || !glob.is_match(&text)).then_some(Self::Name(text))
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
            Self::Part(part) => contains(name, part),
            Self::Name(whole) => name == whole,
            Self::Folder(folder) => folder == "/" || name.starts_with(folder.as_str()),
        }
    }
}

/// Whether a name has a part, which is in lower case, in any case.
fn contains(name: &str, part: &str) -> bool {
    if !name.is_ascii() {
        return name.to_lowercase().contains(part);
    }
    let (name, part) = (name.as_bytes(), part.as_bytes());
    let Some((&first, rest)) = part.split_first() else {
        return true;
    };
    let begins = memchr::memchr2_iter(first, first.to_ascii_uppercase(), name);
    let mut after = begins.map(|at| &name[at + 1..]);
    after.any(|after| {
        let here = after.get(..rest.len());
        here.is_some_and(|here| here.eq_ignore_ascii_case(rest))
    })
}

/// Whether `text` looks like (the beginning of) a file id.
#[must_use]
pub fn is_id(text: &str) -> bool {
    (6..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A peer with its catalog.
#[derive(Clone, Copy)]
pub struct Offering<'a> {
    /// Who.
    pub node: NodeId,
    /// What they are called.
    pub name: &'a str,
    /// What they offer.
    pub catalog: &'a PeerCatalog,
}

/// What is gathered for a row.
struct Gathered<'a> {
    offer: Told<'a>,
    /// This node has all of it for its own user…
    mine: bool,
    /// …and it lies by this name in its shared folder.
    shared: bool,
    /// Peers that share it by this name…
    owners: Vec<&'a Offering<'a>>,
    /// …and those that fetched it.
    fetched: Vec<&'a Offering<'a>>,
}

/// Puts the catalogs together: one row for each name with its contents, sorted by name. `copies`
/// counts whole ones only.
pub fn listings<'a>(
    own: &'a OwnCatalog,
    peers: &'a [Offering<'a>],
    wanted: impl Fn(&str, FileId) -> bool,
) -> Vec<Listing> {
    let mut rows: BTreeMap<(&str, FileId), Gathered> = BTreeMap::new();
    let listed = |(.., offer): &(&str, FileId, Told)| offer.held != Held::Partial;
    for (name, file, offer) in own.offers().filter(listed) {
        if wanted(name, file) {
            let gathered = Gathered {
                offer,
                mine: offer.held != Held::Replica,
                shared: offer.held == Held::Shared,
                owners: Vec::new(),
                fetched: Vec::new(),
            };
            rows.insert((name, file), gathered);
        }
    }
    for peer in peers {
        for (name, file, offer) in peer.catalog.offers().filter(listed) {
            if wanted(name, file) {
                let row = rows.entry((name, file)).or_insert(Gathered {
                    offer,
                    mine: false,
                    shared: false,
                    owners: Vec::new(),
                    fetched: Vec::new(),
                });
                // What its owner says of a file counts more than what others do.
                if offer.held == Held::Shared && row.owners.is_empty() {
                    row.offer = offer;
                }
                let whose = match offer.held {
                    Held::Shared => &mut row.owners,
                    Held::Fetched => &mut row.fetched,
                    Held::Partial | Held::Replica => continue,
                };
                if whose.len() < MAX_OWNERS {
                    whose.push(peer);
                }
            }
        }
    }
    let row = |((name, id), gathered): ((&str, FileId), Gathered)| {
        // Contents are counted over all names: a node that has a file under two names has it once.
        let (mut others, mut keepers, mut offered) = (0, 0, own.is_own(id));
        for peer in peers {
            offered |= peer.catalog.offers_own(id);
            match peer.catalog.held(id) {
                Some(Held::Shared | Held::Fetched) => others += 1,
                Some(Held::Replica) => keepers += 1,
                _ => {}
            }
        }
        let holders = others + u32::from(own.has_whole(id));
        Listing {
            name: name.to_owned(),
            id,
            size: gathered.offer.size,
            media: gathered.offer.media.to_owned(),
            mtime: gathered.offer.mtime,
            owners: people(&gathered.owners),
            at: people(&gathered.fetched),
            shared: gathered.shared,
            others,
            holders,
            copies: holders,
            keepers,
            replica: !offered,
            mine: gathered.mine,
            older: false,
        }
    };
    let mut rows: Vec<Listing> = rows.into_iter().map(row).collect();
    super::mark_older(&mut rows);
    rows
}

fn people(peers: &[&Offering]) -> Vec<Owner> {
    let person = |peer: &&Offering| Owner {
        node: peer.node,
        name: peer.name.to_owned(),
    };
    let mut people: Vec<Owner> = peers.iter().map(person).collect();
    people.sort_by(|a, b| (&a.name, a.node).cmp(&(&b.name, b.node)));
    people
}
