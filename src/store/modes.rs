//! What only Unix has: permissions, inode numbers, folders that can be synced. Elsewhere each is a harmless nothing.

#[cfg(not(unix))]
pub use elsewhere::*;
#[cfg(unix)]
pub use unix::*;

#[cfg(unix)]
mod unix {
    use std::{
        ffi::OsString,
        fs::{self, File, Metadata, OpenOptions, Permissions},
        io,
        os::unix::{
            ffi::{OsStrExt, OsStringExt},
            fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
        },
        path::{Path, PathBuf},
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

    /// Creates files that everybody may read, as far as the umask lets them.
    pub fn public(options: &mut OpenOptions, executable: bool) -> &mut OpenOptions {
        options.mode(if executable { 0o755 } else { 0o644 })
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

    /// Device and inode: with size and mtime they tell whether a file is still the same one.
    pub fn identity(meta: &Metadata) -> (u64, u64) {
        (meta.dev(), meta.ino())
    }

    /// Whether the file may be executed by its owner.
    pub fn executable(meta: &Metadata) -> bool {
        is_executable(meta.mode())
    }

    /// Whether these permission bits let its owner execute a file.
    pub fn is_executable(mode: u32) -> bool {
        mode & 0o100 != 0
    }

    /// Gives a file 0644, or 0755 when `executable`, less what the process's umask took away when it was created.
    pub fn set_executable(file: &File, executable: bool) -> io::Result<()> {
        let readable = file.metadata()?.mode() & 0o644 | 0o600;
        let mode = if executable {
            readable | (readable & 0o444) >> 2
        } else {
            readable
        };
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

    pub fn public(options: &mut OpenOptions, _: bool) -> &mut OpenOptions {
        options
    }

    pub fn sync_files<'a>(_: &Path, mut files: impl Iterator<Item = &'a Path>) -> io::Result<()> {
        files.try_for_each(|path| OpenOptions::new().write(true).open(path)?.sync_all())
    }

    pub fn open_file(path: &Path) -> io::Result<File> {
        File::open(path)
    }

    pub fn identity(_: &Metadata) -> (u64, u64) {
        (0, 0)
    }

    pub fn executable(_: &Metadata) -> bool {
        false
    }

    pub fn is_executable(_: u32) -> bool {
        false
    }

    pub fn set_executable(_: &File, _: bool) -> io::Result<()> {
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
