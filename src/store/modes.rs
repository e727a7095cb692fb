//! What only Unix has: permissions, inode numbers, folders that can be synced. Elsewhere each is a
//! harmless nothing.

#[cfg(not(unix))]
pub use elsewhere::*;
#[cfg(unix)]
pub use unix::*;

/// Which file it is, whatever it is called: with size and mtime this tells whether a file is still
/// the same one. All zero where there is no such thing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct FileIdentity {
    pub device: u64,
    pub inode: u64,
}

impl FileIdentity {
    /// Whether it tells anything.
    pub fn is_known(self) -> bool {
        self.inode != 0
    }
}

#[cfg(unix)]
mod unix {
    use super::FileIdentity;
    use crate::core::rights::Rights;
    use std::{
        ffi::OsString,
        fs::{self, File, Metadata, OpenOptions, Permissions},
        io,
        os::unix::{
            ffi::{OsStrExt, OsStringExt},
            fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
        },
        path::{Path, PathBuf},
        sync::OnceLock,
    };

    /// Creates a folder that only its owner may enter.
    pub fn create_private_dir(path: &Path) -> io::Result<()> {
        fs::DirBuilder::new().mode(0o700).create(path)
    }

    /// Takes all rights of group and others away.
    pub fn make_private(path: &Path) -> io::Result<()> {
        let mode = fs::metadata(path)?.permissions().mode();
        let private = mode & !0o077;
        if mode == private {
            return Ok(());
        }
        fs::set_permissions(path, Permissions::from_mode(private))
    }

    /// Lets only the owner read and write the files that `options` creates.
    pub fn private(options: &mut OpenOptions) -> &mut OpenOptions {
        options.mode(0o600)
    }

    /// Creates files with these permissions, as far as the umask lets them.
    pub fn arriving(options: &mut OpenOptions, rights: Rights) -> &mut OpenOptions {
        options.mode(rights.arriving())
    }

    /// Makes the bytes of many files last, all of which lie in `folder`.
    #[cfg(target_os = "linux")]
    pub fn sync_files<'a>(folder: &Path, _: impl Iterator<Item = &'a Path>) -> io::Result<()> {
        rustix::fs::syncfs(File::open(folder)?).map_err(Into::into)
    }

    #[cfg(not(target_os = "linux"))]
    pub fn sync_files<'a>(_: &Path, mut files: impl Iterator<Item = &'a Path>) -> io::Result<()> {
        files.try_for_each(|path| File::open(path)?.sync_all())
    }

    /// Opens a file to read it. To open a pipe that took its place must not wait for its writer.
    pub fn open_file(path: &Path) -> io::Result<File> {
        let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(flags.bits().cast_signed());
        options.open(path)
    }

    pub fn identity(meta: &Metadata) -> FileIdentity {
        let (device, inode) = (meta.dev(), meta.ino());
        FileIdentity { device, inode }
    }

    /// The permissions of a file.
    pub fn rights(meta: &Metadata) -> Rights {
        Rights::of(meta.mode())
    }

    /// Those that these mode bits say.
    pub fn rights_of(mode: u32) -> Rights {
        Rights::of(mode)
    }

    /// What this process takes from the permissions of what it creates. It can only be read by
    /// setting it, so that is done once; what another thread creates in that moment is private.
    // Its type differs between systems.
    #[allow(clippy::useless_conversion)]
    fn umask() -> u32 {
        static UMASK: OnceLock<u32> = OnceLock::new();
        *UMASK.get_or_init(|| {
            let before = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
            rustix::process::umask(before);
            before.bits().into()
        })
    }

    /// Gives a file these permissions, less the umask, as if it were created with them.
    pub fn set_rights(file: &File, rights: Rights) -> io::Result<()> {
        let mode = rights.arriving() & !umask();
        file.set_permissions(Permissions::from_mode(mode))
    }

    /// Bytes that the file takes on the disk: holes do not count.
    pub fn allocated(meta: &Metadata) -> u64 {
        meta.blocks() * 512
    }

    /// How many names the file has.
    pub fn links(meta: &Metadata) -> u64 {
        meta.nlink()
    }

    /// Makes the names in a folder last.
    pub fn sync_folder(path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    /// The path in the disk's own bytes, which need not be text.
    pub fn path_bytes(path: &Path) -> Vec<u8> {
        path.as_os_str().as_bytes().to_vec()
    }

    /// The path with these bytes.
    pub fn path_of(bytes: Vec<u8>) -> PathBuf {
        PathBuf::from(OsString::from_vec(bytes))
    }

    /// `EMFILE` or `ENFILE`.
    pub fn out_of_descriptors(error: &io::Error) -> bool {
        matches!(error.raw_os_error(), Some(23 | 24))
    }
}

#[cfg(not(unix))]
mod elsewhere {
    use super::FileIdentity;
    use crate::core::rights::Rights;
    use std::{
        fs::{self, File, Metadata, OpenOptions},
        io,
        path::{Path, PathBuf},
    };

    pub fn create_private_dir(path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }

    pub fn make_private(_: &Path) -> io::Result<()> {
        Ok(())
    }

    pub fn private(options: &mut OpenOptions) -> &mut OpenOptions {
        options
    }

    pub fn arriving(options: &mut OpenOptions, _: Rights) -> &mut OpenOptions {
        options
    }

    pub fn sync_files<'a>(_: &Path, mut files: impl Iterator<Item = &'a Path>) -> io::Result<()> {
        files.try_for_each(|path| OpenOptions::new().write(true).open(path)?.sync_all())
    }

    pub fn open_file(path: &Path) -> io::Result<File> {
        File::open(path)
    }

    pub fn identity(_: &Metadata) -> FileIdentity {
        FileIdentity::default()
    }

    pub fn rights(_: &Metadata) -> Rights {
        Rights::default()
    }

    pub fn rights_of(_: u32) -> Rights {
        Rights::default()
    }

    pub fn set_rights(_: &File, _: Rights) -> io::Result<()> {
        Ok(())
    }

    pub fn allocated(_: &Metadata) -> u64 {
        0
    }

    pub fn links(_: &Metadata) -> u64 {
        1
    }

    pub fn sync_folder(_: &Path) -> io::Result<()> {
        Ok(())
    }

    pub fn path_bytes(path: &Path) -> Vec<u8> {
        path.to_string_lossy().into_owned().into_bytes()
    }

    pub fn path_of(bytes: Vec<u8>) -> PathBuf {
        String::from_utf8_lossy(&bytes).into_owned().into()
    }

    pub fn out_of_descriptors(error: &io::Error) -> bool {
        // ERROR_TOO_MANY_OPEN_FILES
        error.raw_os_error() == Some(4)
    }
}
