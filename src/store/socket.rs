//! Where the socket of a running node's API lies. A socket there proves nothing: the home's lock
//! does.

use std::path::{Path, PathBuf};

/// Bytes of a path that every system takes for a socket: `sun_path` has 104 on some, with a zero at
/// the end.
const LONGEST: usize = 100;

/// `HOME/.sprat/api.sock`, or where that is too long a place of its own in the folder for what
/// runs.
#[must_use]
pub fn socket_path(home: &Path) -> PathBuf {
    let home = home.canonicalize().unwrap_or_else(|_| home.to_owned());
    let usual = home.join(".sprat").join("api.sock");
    if usual.as_os_str().len() <= LONGEST {
        return usual;
    }
    let name = blake3::hash(home.as_os_str().as_encoded_bytes()).to_hex();
    runtime_folder().join(format!("{}.sock", &name[..32]))
}

/// A folder of the user's own for what runs: `XDG_RUNTIME_DIR/sprat`, or one in the folder for
/// temporary files.
#[must_use]
pub fn runtime_folder() -> PathBuf {
    match std::env::var_os("XDG_RUNTIME_DIR").filter(|set| Path::new(set).is_absolute()) {
        Some(folder) => Path::new(&folder).join("sprat"),
        None => std::env::temp_dir().join(format!("sprat-{}", user())),
    }
}

#[cfg(unix)]
fn user() -> u32 {
    rustix::process::getuid().as_raw()
}

#[cfg(not(unix))]
fn user() -> u32 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_home_has_its_socket_elsewhere_and_always_the_same() {
        let short = tempfile::tempdir_in("/tmp").unwrap();
        assert!(socket_path(short.path()).ends_with(".sprat/api.sock"));
        let long = short.path().join("x".repeat(100));
        std::fs::create_dir(&long).unwrap();
        let socket = socket_path(&long);
        assert!(socket.as_os_str().len() <= LONGEST, "{}", socket.display());
        assert_eq!(socket, socket_path(&long));
        let other = short.path().join("y".repeat(100));
        assert_ne!(socket, socket_path(&other));
    }
}
