//! Keys to the API over TCP: codes that open a session once, the sessions of browsers, and the
//! token of scripts.
//!
//! Invariants: every key has 128 bits or more from the system; a code is good once and for
//! [`CODE`]; at most [`CODES`] codes and [`SESSIONS`] sessions are remembered; keys are compared in
//! constant time.

use crate::core::id::NodeId;
use parking_lot::Mutex;
use std::{
    collections::VecDeque,
    fs, io,
    path::Path,
    time::{Duration, Instant},
};
use subtle::ConstantTimeEq as _;

/// How long a code is good.
const CODE: Duration = Duration::from_secs(600);
/// Codes that wait to be used.
const CODES: usize = 16;
/// Sessions at a time: the oldest makes way.
const SESSIONS: usize = 64;
/// Where the token lies in the home.
const TOKEN: &str = ".sprat/api.token";

/// See the module.
pub struct Sessions {
    /// The name of the cookie, the node's own: cookies are shared by all ports of a host.
    cookie: String,
    token: String,
    codes: Mutex<VecDeque<(String, Instant)>>,
    open: Mutex<VecDeque<String>>,
}

impl Sessions {
    pub fn new(node: &NodeId, token: String) -> Self {
        let id = node.to_string();
        Self {
            // Ids begin alike.
            cookie: format!("sprat-{}", &id[id.len().saturating_sub(12)..]),
            token,
            codes: Mutex::default(),
            open: Mutex::default(),
        }
    }

    /// Of a node whose API nobody can reach by TCP: no key is good.
    pub fn closed(node: &NodeId) -> Self {
        let token = random().unwrap_or_default();
        Self::new(node, token)
    }

    /// A code that opens a session.
    pub fn new_code(&self) -> io::Result<String> {
        let code = random()?;
        let mut codes = self.codes.lock();
        if codes.len() == CODES {
            codes.pop_front();
        }
        codes.push_back((code.clone(), Instant::now() + CODE));
        Ok(code)
    }

    /// Opens a session: what `Set-Cookie` says; `None` when the code is not good (any more).
    pub fn open(&self, code: &str) -> Option<String> {
        let mut codes = self.codes.lock();
        let now = Instant::now();
        codes.retain(|(_, until)| *until > now);
        let place = codes.iter().position(|(known, _)| same(known, code))?;
        let key = random().ok()?;
        codes.remove(place);
        let mut open = self.open.lock();
        if open.len() == SESSIONS {
            open.pop_front();
        }
        open.push_back(key.clone());
        let name = &self.cookie;
        Some(format!("{name}={key}; HttpOnly; SameSite=Strict; Path=/"))
    }

    /// Whether a cookie is that of an open session.
    pub fn is_open(&self, name: &str, key: &str) -> bool {
        name == self.cookie && self.open.lock().iter().any(|open| same(open, key))
    }

    /// Ends every session.
    pub fn close_all(&self) {
        self.open.lock().clear();
    }

    /// Whether this is the token of the home.
    pub fn is_token(&self, given: &str) -> bool {
        same(&self.token, given)
    }
}

fn same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

/// 128 bits from the system, as hexadecimal digits.
pub fn random() -> io::Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(u128::from_be_bytes(bytes)).map(|number| format!("{number:032x}"))
}

/// The token of the home, made when there is none. Blocks.
pub fn token(home: &Path) -> io::Result<String> {
    let path = home.join(TOKEN);
    match fs::read_to_string(&path) {
        Ok(token) if token.trim().len() >= 32 => return Ok(token.trim().to_owned()),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let token = random()?;
    let new = home.join(format!("{TOKEN}.new"));
    let _ = fs::remove_file(&new);
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    io::Write::write_all(&mut options.open(&new)?, format!("{token}\n").as_bytes())?;
    fs::rename(&new, &path)?;
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_opens_one_session_and_both_are_bounded() {
        let sessions = Sessions::new(&NodeId([7; 32]), "token".into());
        let code = sessions.new_code().unwrap();
        assert_eq!(code.len(), 32);
        assert!(sessions.open("0123").is_none());
        let cookie = sessions.open(&code).unwrap();
        assert!(
            cookie.ends_with("; HttpOnly; SameSite=Strict; Path=/"),
            "{cookie}"
        );
        assert!(sessions.open(&code).is_none(), "it is good once");
        let (name, key) = cookie.split(';').next().unwrap().split_once('=').unwrap();
        assert!(sessions.is_open(name, key) && !sessions.is_open("sprat-x", key));
        for _ in 0..1000 {
            let code = sessions.new_code().unwrap();
            sessions.open(&code).unwrap();
            sessions.new_code().unwrap();
        }
        assert!(!sessions.is_open(name, key), "the oldest made way");
        assert_eq!(sessions.open.lock().len(), SESSIONS);
        assert!(sessions.codes.lock().len() <= CODES);
        sessions.close_all();
        assert!(sessions.open.lock().is_empty());
    }

    #[test]
    fn the_token_stays_and_is_for_its_owner_alone() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join(".sprat")).unwrap();
        let first = token(home.path()).unwrap();
        assert_eq!(token(home.path()).unwrap(), first);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(home.path().join(TOKEN))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }
}
