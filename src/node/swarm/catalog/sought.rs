//! What somebody asks for who only looks: the names that `list PATTERN` may show.
//!
//! Foreign text: how much is looked at for one question is counted in steps, whatever glob it is.
//! Invariant: what `Peers::list` shows for the same words is sought.

use super::{Pattern, is_id};
use crate::core::id::FileId;

/// Steps of matching for one page, each some nanoseconds: a byte of a name in one of the states that
/// a glob may be in, or a few in which a part is looked for.
pub(super) const STEPS: usize = 512 << 10;
/// Steps of looking at a name at all.
const LOOK: usize = 12;
/// Bytes of a name for a step of looking for a part of it.
const BYTES: usize = 4;

/// See the module.
#[derive(Debug)]
pub struct Sought {
    matcher: Pattern,
    /// What a glob means where it matches nothing…
    part: Pattern,
    /// …or where something goes by that very name.
    literal: Option<Pattern>,
    id: Option<String>,
    /// Of a glob: in how many states it may be at a byte of a name.
    states: Option<usize>,
}

impl Sought {
    /// What these words may mean, of which there are at most `wire::MAX_PATTERN` bytes.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let matcher = Pattern::for_list(Some(text));
        let special = |byte: &u8| b"*?[]{},".contains(byte);
        let states = match matcher {
            Pattern::Glob(_) => Some(1 + text.bytes().filter(special).count()),
            _ => None,
        };
        Self {
            literal: matcher.literal(text),
            matcher,
            part: Pattern::Part(text.to_lowercase()),
            id: is_id(text).then(|| text.to_owned()),
            states,
        }
    }

    /// What it costs to look at that name.
    pub(super) fn steps(&self, name: &str) -> usize {
        let bytes = name.len();
        LOOK + bytes / BYTES + self.states.map_or(0, |states| bytes * states)
    }

    /// Whether it is to be told.
    #[must_use]
    pub fn matches(&self, name: &str, file: FileId) -> bool {
        let by_name = |pattern: &Pattern| pattern.matches(name);
        // Of what is no glob, the matcher is the part.
        self.states.is_some() && by_name(&self.matcher)
            || by_name(&self.part)
            || self.literal.as_ref().is_some_and(by_name)
            || self.id.as_deref().is_some_and(|id| file.starts_with(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        core::id::NodeId,
        node::swarm::{
            OwnCatalog,
            catalog::{
                MAX_CATALOGS, Next, Offering, PeerCatalog, Position, listings,
                tests::{name, offer},
            },
        },
    };
    use proptest::prelude::*;

    fn id(at: usize) -> FileId {
        FileId(*blake3::hash(&at.to_le_bytes()).as_bytes())
    }

    /// Asks until there is no more; gives the pages that it took.
    fn follow(peer: &mut PeerCatalog, own: &OwnCatalog, words: &str) -> usize {
        let sought = Sought::new(words);
        let mut pages = 1;
        loop {
            let page = own.page_of(&peer.position(), Some(&sought));
            let looked = page.through.unwrap();
            assert!(looked <= page.revision);
            if peer.apply(page, MAX_CATALOGS).next != Next::Now {
                return pages;
            }
            pages += 1;
        }
    }

    fn known(peer: &PeerCatalog) -> Vec<&str> {
        let mut names: Vec<&str> = peer.offers().map(|(name, ..)| name).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn of_many_names_those_come_that_are_sought_and_what_becomes_of_them() {
        let mut own = OwnCatalog::new("me".into(), 5, true);
        for at in 0..20_000 {
            own.set(&name(&format!("dir/{at}.bin")), id(at), Some(offer(1)));
        }
        own.set(&name("last.txt"), id(20_000), Some(offer(1)));
        let mut peer = PeerCatalog::default();
        let pages = follow(&mut peer, &own, "TXT");
        assert_eq!(pages, 1, "some ten thousands are looked at for a page");
        assert!(peer.is_complete() && !peer.is_cut());
        assert_eq!(known(&peer), ["last.txt"]);
        assert_eq!(peer.of(), Some(20_001));
        own.set(&name("last.txt"), id(20_000), None);
        own.set(&name("new.bin"), id(20_001), Some(offer(1)));
        own.set(&name("new.txt"), id(20_002), Some(offer(1)));
        assert_eq!(follow(&mut peer, &own, "TXT"), 1);
        assert_eq!(known(&peer), ["new.txt"]);
        assert!(!peer.is_behind(5, own.version().1));
    }

    #[test]
    fn of_a_million_names_a_usual_question_takes_some_dozens_of_pages() {
        let text = "d00/folder0000/note-0000000.txt";
        for (words, most) in [("note-12", 45), ("*-0012345.txt", 290)] {
            let steps = Sought::new(words).steps(text);
            let pages = 1_000_000 / (STEPS / steps);
            assert!(pages <= most, "{pages} pages for {words}");
        }
    }

    #[test]
    fn the_slowest_glob_is_looked_for_in_few_names_at_a_time_and_gets_on() {
        let mut own = OwnCatalog::new("me".into(), 5, true);
        for at in 0..200 {
            let long = format!("{}{at}", "a/".repeat(480));
            own.set(&name(&long), id(at), Some(offer(1)));
        }
        let words = "*a".repeat(crate::wire::MAX_PATTERN / 2);
        let page = own.page_of(&Position::default(), Some(&Sought::new(&words)));
        let looked = page.through.unwrap() as usize;
        assert!(page.more && page.entries.is_empty());
        assert!((1..10).contains(&looked), "{looked}");
        let mut peer = PeerCatalog::default();
        follow(&mut peer, &own, &words);
        assert!(peer.is_complete() && known(&peer).is_empty());
    }

    proptest! {
        #[test]
        fn whatever_is_listed_was_sought(
            names in proptest::collection::btree_set("[abAB.*\\[{]{1,3}(/[ab.]{1,2})?", 1..12),
            words in "[abAB.*?{,}\\[\\]/]{1,6}|[0-9a-f]{6}",
            by_id in proptest::option::of(0usize..12),
        ) {
            let words = by_id.map_or(words, |at| id(at).to_string()[..8].to_owned());
            let mut own = OwnCatalog::new("me".into(), 5, true);
            for (at, text) in names.iter().enumerate() {
                if let Ok(path) = crate::core::path::RelPath::parse(text) {
                    own.set(&path, id(at), Some(offer(1)));
                }
            }
            let (mut all, mut some) = (PeerCatalog::default(), PeerCatalog::default());
            while all.apply(own.page(&all.position()), MAX_CATALOGS).next == Next::Now {}
            follow(&mut some, &own, &words);
            let none = OwnCatalog::new("us".into(), 1, true);
            let rows = |catalog: &PeerCatalog, shown: &dyn Fn(&str, FileId) -> bool| {
                let here = [Offering { node: NodeId([1; 32]), name: "me", catalog }];
                let rows = listings(&none, &here, shown);
                rows.into_iter().map(|row| row.name).collect::<Vec<_>>()
            };
            let matcher = Pattern::for_list(Some(&words));
            let exact = matcher.literal(&words);
            let part = Pattern::Part(words.to_lowercase());
            for pattern in [Some(matcher), exact, Some(part)].into_iter().flatten() {
                let shown = |name: &str, file: FileId| {
                    pattern.matches(name) || (is_id(&words) && file.starts_with(&words))
                };
                prop_assert_eq!(rows(&all, &shown), rows(&some, &shown));
            }
        }
    }
}
