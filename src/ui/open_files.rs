//! How many files this process may have open, sockets included.
//!
//! Whoever serves many needs more than what is usual (1024, or 256 on macOS), and may allow itself as many as the system's
//! owner set as the most. Never exceeds that.

/// No table of the system needs to be larger.
const MOST: u64 = 1 << 20;

/// Allows this process as many as it may have; how many that are, where the system says so.
#[cfg(unix)]
pub fn raise() -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(MOST).min(MOST);
    if limit.current.is_none_or(|current| current >= most) {
        return Some(limit.current.unwrap_or(MOST));
    }
    let raised = Rlimit {
        current: Some(most),
        maximum: limit.maximum,
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => Some(most),
        Err(error) => {
            tracing::warn!(%error, "the limit of open files stays as it is");
            limit.current
        }
    }
}

/// There is no such limit here.
#[cfg(not(unix))]
pub fn raise() -> Option<u64> {
    None
}
