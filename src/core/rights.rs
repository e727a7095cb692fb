//! Who may do what with a file, as it travels: the nine permission bits, or less where a system
//! knows less.
//!
//! Invariant: nothing but these nine crosses. Set-user-id, set-group-id and sticky would give a
//! file powers that the receiver never gave it.

/// The bits that travel.
const NINE: u32 = 0o777;
/// What the owner always may: a node that could not read what came could not serve it.
const READ: u32 = 0o400;

/// A file's permissions, as far as they are known.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Rights {
    executable: bool,
    mode: Option<u16>,
}

impl Rights {
    /// Those of a file here, with these mode bits.
    #[must_use]
    pub fn of(mode: u32) -> Self {
        Self {
            executable: mode & 0o100 != 0,
            mode: Some((mode & NINE) as u16),
        }
    }

    /// What another node says; an older one says only whether it may be executed.
    #[must_use]
    pub fn told(executable: bool, mode: Option<u16>) -> Self {
        match mode {
            Some(mode) => Self::of(u32::from(mode)),
            None => executable.into(),
        }
    }

    /// Whether its owner may execute it.
    #[must_use]
    pub fn executable(self) -> bool {
        self.executable
    }

    /// The nine bits.
    #[must_use]
    pub fn mode(self) -> Option<u16> {
        self.mode
    }

    /// The mode that a file gets which arrives with them, before the receiver's umask is taken from
    /// it.
    #[must_use]
    pub fn arriving(self) -> u32 {
        match self.mode {
            Some(mode) => u32::from(mode) | READ,
            None if self.executable => 0o755,
            None => 0o644,
        }
    }

    /// Whether both may be those of one file: less may be known of one of them.
    #[must_use]
    pub fn agrees(self, other: Self) -> bool {
        match (self.mode, other.mode) {
            (Some(mine), Some(theirs)) => mine == theirs,
            _ => self.executable == other.executable,
        }
    }
}

impl From<bool> for Rights {
    /// Of whether it may be executed, and no more.
    fn from(executable: bool) -> Self {
        Self {
            executable,
            mode: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_nine_bits_cross() {
        assert_eq!(Rights::of(0o107_755), Rights::of(0o755));
        assert_eq!(Rights::told(false, Some(0o7777)), Rights::of(0o777));
        for (mode, arrives) in [(0o600, 0o600), (0o4750, 0o750), (0o444, 0o444), (0, 0o400)] {
            assert_eq!(Rights::of(mode).arriving(), arrives, "{mode:o}");
        }
    }

    #[test]
    fn of_older_nodes_it_is_known_whether_a_file_may_be_executed() {
        assert_eq!(Rights::told(true, None).arriving(), 0o755);
        assert_eq!(Rights::told(false, None).arriving(), 0o644);
        // The mode counts where both are said.
        assert!(!Rights::told(true, Some(0o600)).executable());
        assert!(Rights::of(0o755).agrees(true.into()));
        assert!(!Rights::of(0o644).agrees(true.into()));
        assert!(!Rights::of(0o644).agrees(Rights::of(0o600)));
    }
}
