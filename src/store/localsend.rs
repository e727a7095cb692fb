//! Where the certificate that LocalSend apps know this node by is kept: `.sprat/localsend`, a line
//! of JSON.
//!
//! Owns that file. Never knows what a certificate is. Invariants: private to its owner, replaced as
//! a whole; one that cannot be read is left as it is.

use super::{StoreError, failed, home::write_durably, modes};
use serde::{Deserialize, Serialize};
use std::{
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

/// A certificate and its key, both in DER.
pub type Kept = (Vec<u8>, Vec<u8>);

#[derive(Serialize, Deserialize)]
struct Line {
    certificate: String,
    key: String,
}

fn path(root: &Path) -> PathBuf {
    root.join(".sprat/localsend")
}

/// What the home at `root` keeps, if anything.
///
/// # Errors
/// [`StoreError::Corrupt`] when the file is there and is none of ours; others when the disk refuses.
pub fn kept_certificate(root: &Path) -> Result<Option<Kept>, StoreError> {
    let path = path(root);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("read", &path)(error)),
    };
    modes::make_private(&path).map_err(failed("restrict", &path))?;
    let line: Option<Line> = serde_json::from_slice(&bytes).ok();
    let read = line.and_then(|line| Some((unhex(&line.certificate)?, unhex(&line.key)?)));
    let damaged = || {
        let path = path.display();
        format!("{path} holds no certificate: put the right one back, or move it away")
    };
    read.map(Some).ok_or_else(|| StoreError::Corrupt(damaged()))
}

/// Keeps it.
///
/// # Errors
/// When the disk refuses.
pub fn keep_certificate(root: &Path, certificate: &[u8], key: &[u8]) -> Result<(), StoreError> {
    let path = path(root);
    let line = Line {
        certificate: hex(certificate),
        key: hex(key),
    };
    // Two texts: it cannot fail.
    let text = serde_json::to_string(&line).unwrap_or_default() + "\n";
    write_durably(&path, text.as_bytes()).map_err(failed("write", &path))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // Into a text: it cannot fail.
        text
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pair = |pair: &[u8]| {
        let digit = |at: usize| char::from(*pair.get(at)?).to_digit(16);
        Some((digit(0)? << 4 | digit(1)?) as u8)
    };
    text.as_bytes().chunks(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Home;

    #[test]
    fn what_is_kept_comes_back_and_what_is_damaged_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(folder.path()).unwrap();
        assert_eq!(kept_certificate(home.root()).unwrap(), None);
        keep_certificate(home.root(), &[0, 255, 7], b"key").unwrap();
        let kept = kept_certificate(home.root()).unwrap();
        assert_eq!(kept, Some((vec![0, 255, 7], b"key".to_vec())));
        let path = path(home.root());
        for damaged in ["", "{}", r#"{"certificate":"0","key":"00"}"#] {
            fs::write(&path, damaged).unwrap();
            let read = kept_certificate(home.root());
            assert!(matches!(read, Err(StoreError::Corrupt(_))), "{damaged}");
            assert_eq!(fs::read_to_string(&path).unwrap(), damaged);
        }
    }
}
