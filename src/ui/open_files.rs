//! How many files this process may have open, sockets included.
//!
//! A node that serves many needs more than the usual 1024 (256 on macOS), and may allow itself as
//! many as the system's owner set as the most. Never exceeds that.

/// No table of the system needs to be larger.
const MOST: u64 = 1 << 20;

/// Allows this process as many as it may have; how many that are, where the system says so.
pub fn raise() -> Option<u64> {
    let raised = rlimit::increase_nofile_limit(MOST);
    if let Err(error) = &raised {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
    raised.ok()
}
