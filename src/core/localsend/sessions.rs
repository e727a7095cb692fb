//! What may come: an ask that got its yes is a session, and each of its files has a token.
//!
//! Owns who may hand in which file how often. Never knows what becomes of it (`T` does).
//! Invariants: at most [`MAX_SESSIONS`]; a file comes from where the ask came from, with the token
//! that was given for it, and a damaged one [`TRIES`] times.

use crate::core::link::{Place, Token};
use std::collections::BTreeMap;

/// Sessions at a time: of each, the names and sums of its files are kept.
pub const MAX_SESSIONS: usize = 64;
/// How often a file may come damaged.
pub const TRIES: u8 = 3;

/// Why a file may not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoEntry {
    /// No such session, file or token, or it comes from elsewhere: all the same answer.
    Unknown,
    /// It came damaged too often.
    Damaged,
}

struct File {
    token: Token,
    number: usize,
    damaged: u8,
}

struct Session<T> {
    place: Place,
    files: BTreeMap<String, File>,
    what: T,
}

/// See the module.
pub struct Sessions<T> {
    open: BTreeMap<[u8; 16], Session<T>>,
}

impl<T> Default for Sessions<T> {
    fn default() -> Self {
        let open = BTreeMap::new();
        Self { open }
    }
}

impl<T> Sessions<T> {
    /// Opens one for somebody at `place`, whose files have these ids and tokens, in their order.
    /// False when there are too many.
    pub fn open(
        &mut self,
        id: Token,
        place: Place,
        files: impl Iterator<Item = (String, Token)>,
        what: T,
    ) -> bool {
        if self.open.len() >= MAX_SESSIONS {
            return false;
        }
        let file = |(number, (id, token))| {
            let damaged = 0;
            (
                id,
                File {
                    token,
                    number,
                    damaged,
                },
            )
        };
        let files = files.enumerate().map(file).collect();
        self.open.insert(id.0, Session { place, files, what });
        true
    }

    /// Whether there is room for one more, once those have gone of which `has_ended` says so.
    pub fn has_room(&mut self, has_ended: impl Fn(&T) -> bool) -> bool {
        if self.open.len() >= MAX_SESSIONS {
            self.open.retain(|_, session| !has_ended(&session.what));
        }
        self.open.len() < MAX_SESSIONS
    }

    /// Which file of what may come.
    ///
    /// # Errors
    /// [`NoEntry`], when none may.
    pub fn enter(
        &self,
        id: &str,
        file: &str,
        token: &str,
        place: Place,
    ) -> Result<(&T, usize), NoEntry> {
        let session = self.find(id, place).ok_or(NoEntry::Unknown)?;
        let file = session.files.get(file).ok_or(NoEntry::Unknown)?;
        // Hashes are compared in constant time.
        let right = blake3::hash(file.token.to_string().as_bytes());
        if blake3::hash(token.as_bytes()) != right {
            return Err(NoEntry::Unknown);
        }
        if file.damaged >= TRIES {
            return Err(NoEntry::Damaged);
        }
        Ok((&session.what, file.number))
    }

    /// A file came damaged: whether it may come once more.
    pub fn damaged(&mut self, id: &str, file: &str) -> bool {
        let session = Token::parse(id).and_then(|id| self.open.get_mut(&id.0));
        let Some(file) = session.and_then(|session| session.files.get_mut(file)) else {
            return false;
        };
        file.damaged = file.damaged.saturating_add(1);
        file.damaged < TRIES
    }

    /// Somebody at `place` wants no more of it: what it was.
    pub fn cancel(&mut self, id: &str, place: Place) -> Option<T> {
        self.find(id, place)?;
        let id = Token::parse(id)?;
        self.open.remove(&id.0).map(|session| session.what)
    }

    fn find(&self, id: &str, place: Place) -> Option<&Session<T>> {
        let session = self.open.get(&Token::parse(id)?.0)?;
        (session.place == place).then_some(session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Place = Place(1);
    const THERE: Place = Place(2);

    fn token(n: u8) -> Token {
        Token([n; 16])
    }

    fn sessions() -> Sessions<&'static str> {
        let mut sessions = Sessions::default();
        let files = [("a".to_owned(), token(2)), ("b".to_owned(), token(3))];
        assert!(sessions.open(token(1), HERE, files.into_iter(), "trip"));
        sessions
    }

    #[test]
    fn a_file_comes_with_its_own_token_from_where_it_was_asked_for() {
        let sessions = sessions();
        let id = token(1).to_string();
        let (a, b) = (token(2).to_string(), token(3).to_string());
        assert_eq!(sessions.enter(&id, "a", &a, HERE), Ok((&"trip", 0)));
        assert_eq!(sessions.enter(&id, "b", &b, HERE), Ok((&"trip", 1)));
        for (session, file, token, place) in [
            (&*id, "a", &*b, HERE),
            (&id, "a", "", HERE),
            (&id, "c", &a, HERE),
            (&id, "../a", &a, HERE),
            (&id, "a", &a, THERE),
            (&a, "a", &a, HERE),
            ("", "a", &a, HERE),
        ] {
            let refused = sessions.enter(session, file, token, place);
            assert_eq!(refused, Err(NoEntry::Unknown), "{session} {file}");
        }
    }

    #[test]
    fn a_file_may_come_damaged_three_times() {
        let mut sessions = sessions();
        let (id, a, b) = (
            token(1).to_string(),
            token(2).to_string(),
            token(3).to_string(),
        );
        assert!(sessions.damaged(&id, "a") && sessions.damaged(&id, "a"));
        assert!(sessions.enter(&id, "a", &a, HERE).is_ok());
        assert!(!sessions.damaged(&id, "a"));
        assert_eq!(sessions.enter(&id, "a", &a, HERE), Err(NoEntry::Damaged));
        assert!(sessions.enter(&id, "b", &b, HERE).is_ok());
        assert!(!sessions.damaged("x", "a") && !sessions.damaged(&id, "x"));
    }

    #[test]
    fn only_where_it_came_from_can_end_it() {
        let mut sessions = sessions();
        let id = token(1).to_string();
        assert_eq!(sessions.cancel(&id, THERE), None);
        assert_eq!(sessions.cancel(&id, HERE), Some("trip"));
        assert_eq!(sessions.cancel(&id, HERE), None);
    }

    #[test]
    fn there_are_no_more_than_so_many_and_those_that_ended_make_room() {
        let mut sessions = Sessions::default();
        let none = || std::iter::empty::<(String, Token)>();
        let full = (0..100).take_while(|n| sessions.open(token(*n), HERE, none(), *n));
        assert_eq!(full.count(), MAX_SESSIONS);
        assert!(!sessions.has_room(|_| false));
        assert!(sessions.has_room(|n| *n < 3));
        assert_eq!(sessions.open.len(), MAX_SESSIONS - 3);
    }
}
