//! That this process has as many files and sockets open as it may: then no node can be reached, and
//! it looks as if none were there.
//!
//! Owns the count of how often the system said so to a socket here. It is one for the process, as
//! the limit is.

use std::{
    fmt::Display,
    sync::atomic::{AtomicU64, Ordering},
};

static REFUSED: AtomicU64 = AtomicU64::new(0);

/// Notes an error of a socket, if it is this one. Libraries wrap it so that only its text is left.
pub(super) fn note(error: &dyn Display) {
    if is_shortage(&error.to_string()) {
        REFUSED.fetch_add(1, Ordering::Relaxed);
    }
}

/// How often a socket was refused for want of a descriptor since the start.
#[must_use]
pub fn refused() -> u64 {
    REFUSED.load(Ordering::Relaxed)
}

/// `EMFILE` or `ENFILE`; on Windows `WSAEMFILE`.
pub(super) fn is_shortage(text: &str) -> bool {
    let codes: &[u32] = if cfg!(windows) { &[10024] } else { &[23, 24] };
    let says = |code: &u32| text.contains(&format!("(os error {code})"));
    codes.iter().any(says)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[cfg(unix)]
    #[test]
    fn a_shortage_is_told_from_other_errors_however_it_is_wrapped() {
        let plain = io::Error::from_raw_os_error(24);
        assert!(is_shortage(&plain.to_string()));
        let wrapped = io::Error::other(io::Error::other(plain));
        assert!(is_shortage(&format!("failed to dial: {wrapped}")));
        for other in [111, 2, 240] {
            let other = io::Error::from_raw_os_error(other);
            assert!(!is_shortage(&other.to_string()), "{other}");
        }
        let before = refused();
        note(&io::Error::from_raw_os_error(23));
        assert!(refused() > before);
    }
}
