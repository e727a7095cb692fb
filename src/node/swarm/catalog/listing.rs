//! What is asked for by name or id, and the rows that all catalogs together make.

use super::{OwnCatalog, PeerCatalog, Told};
use crate::{
    core::id::{FileId, NodeId},
    node::api::{Listing, Owner},
    wire::control::Held,
};
use globset::GlobBuilder;
use std::iter::Peekable;

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

pub(super) fn composed(text: &str) -> String {
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
pub(super) fn contains(name: &str, part: &str) -> bool {
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

/// What one node says of a name with its contents. There may be very many.
struct Said<'a> {
    name: &'a str,
    file: FileId,
    /// Who says it: 0 is this node, 1 the first of the peers.
    who: u32,
}

/// The rows that all catalogs together make, one for each name with its contents, sorted by name.
/// Each is made when it is asked for. `copies` counts whole ones only, and none is marked as older.
pub struct Rows<'a> {
    own: &'a OwnCatalog,
    peers: &'a [Offering<'a>],
    said: Peekable<std::vec::IntoIter<Said<'a>>>,
}

/// Puts the catalogs together.
pub fn rows<'a>(
    own: &'a OwnCatalog,
    peers: &'a [Offering<'a>],
    wanted: impl Fn(&str, FileId) -> bool,
) -> Rows<'a> {
    let mut said = Vec::new();
    let mut add = |who, name, file, offer: Told<'a>| {
        if offer.held != Held::Partial && wanted(name, file) {
            said.push(Said { name, file, who });
        }
    };
    for (name, file, offer) in own.offers() {
        add(0, name, file, offer);
    }
    for (who, peer) in (1..).zip(peers) {
        for (name, file, offer) in peer.catalog.offers() {
            add(who, name, file, offer);
        }
    }
    said.shrink_to_fit();
    said.sort_unstable_by(|a, b| (a.name, a.file, a.who).cmp(&(b.name, b.file, b.who)));
    Rows {
        own,
        peers,
        said: said.into_iter().peekable(),
    }
}

impl<'a> Rows<'a> {
    /// What is said.
    fn told(&self, said: &Said<'_>) -> Option<Told<'a>> {
        match said.who.checked_sub(1) {
            None => self.own.get(said.name, said.file),
            Some(peer) => self.peers[peer as usize].catalog.get(said.name, said.file),
        }
    }

    /// Whether there is none left.
    pub fn is_empty(&mut self) -> bool {
        self.said.peek().is_none()
    }

    /// There are not more.
    pub fn most(&self) -> usize {
        self.said.len()
    }
}

impl Iterator for Rows<'_> {
    type Item = Listing;

    fn next(&mut self) -> Option<Listing> {
        let first = self.said.next()?;
        let (name, id) = (first.name, first.file);
        let mut offer = self.told(&first)?;
        let (mut owners, mut fetched) = (Vec::new(), Vec::new());
        let (mut mine, mut shared) = (false, false);
        let mut take = |who: u32, told: Told<'_>| {
            let Some(peer) = who.checked_sub(1) else {
                mine = told.held != Held::Replica;
                shared = told.held == Held::Shared;
                return false;
            };
            let first = told.held == Held::Shared && owners.is_empty();
            let whose = match told.held {
                Held::Shared => &mut owners,
                Held::Fetched => &mut fetched,
                Held::Partial | Held::Replica => return false,
            };
            if whose.len() < MAX_OWNERS {
                whose.push(&self.peers[peer as usize]);
            }
            first
        };
        take(first.who, offer);
        while let Some(more) = self
            .said
            .next_if(|more| (more.name, more.file) == (name, id))
        {
            // What its owner says of a file counts more than what others do.
            let told = self.told(&more)?;
            if take(more.who, told) {
                offer = told;
            }
        }
        // Contents are counted over all names: a node that has a file under two names has it once.
        let (mut others, mut keepers, mut offered) = (0, 0, self.own.is_own(id));
        for peer in self.peers {
            offered |= peer.catalog.offers_own(id);
            match peer.catalog.held(id) {
                Some(Held::Shared | Held::Fetched) => others += 1,
                Some(Held::Replica) => keepers += 1,
                _ => {}
            }
        }
        let holders = others + u32::from(self.own.has_whole(id));
        Some(Listing {
            name: name.to_owned(),
            id,
            size: offer.size,
            media: offer.media.to_owned(),
            mtime: offer.mtime,
            owners: people(&owners),
            at: people(&fetched),
            shared,
            others,
            holders,
            copies: holders,
            keepers,
            replica: !offered,
            mine,
            older: false,
        })
    }
}

/// All rows, those that are older versions marked.
pub fn listings<'a>(
    own: &'a OwnCatalog,
    peers: &'a [Offering<'a>],
    wanted: impl Fn(&str, FileId) -> bool,
) -> Vec<Listing> {
    let mut rows: Vec<Listing> = rows(own, peers, wanted).collect();
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
