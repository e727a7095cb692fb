//! What the system says of this process: its memory, and the files and sockets that it has open.
//!
//! Linux tells it under `/proc`; elsewhere nothing is told, and nothing is guessed.

/// What is known of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Process {
    /// Bytes of memory in use.
    pub memory: Option<u64>,
    /// Files and sockets that are open.
    pub open_files: Option<u64>,
    /// The most that may be.
    pub most_files: Option<u64>,
}

/// Looks. It reads a few lines of the system, and waits for no disk.
#[cfg(target_os = "linux")]
pub fn look() -> Process {
    use std::fs;
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    // Looking has one open itself.
    let open = fs::read_dir("/proc/self/fd").ok();
    Process {
        memory: after(&status, "VmRSS:").and_then(|kib| kib.checked_mul(1024)),
        open_files: open.map(|all| (all.count() as u64).saturating_sub(1)),
        most_files: after(&limits, "Max open files"),
    }
}

/// See above.
#[cfg(not(target_os = "linux"))]
pub fn look() -> Process {
    Process::default()
}

/// The first number of the line that begins with `word`.
#[cfg(any(target_os = "linux", test))]
fn after(text: &str, word: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(word))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_behind_their_words() {
        let status = "Name:\tVmRSS:\nVmRSS:\t   61234 kB\nThreads:\t9\n";
        assert_eq!(after(status, "VmRSS:"), Some(61234));
        let limits =
            "Max processes   unlimited  unlimited\nMax open files     1024    4096  files\n";
        assert_eq!(after(limits, "Max open files"), Some(1024));
        assert_eq!(after(limits, "Max processes"), None);
        assert_eq!(after("", "VmRSS:"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_memory_and_open_files() {
        let before = look();
        assert!(before.memory.unwrap() > 1 << 20);
        let open = before.open_files.unwrap();
        assert!(open > 0 && open <= before.most_files.unwrap());
    }
}
