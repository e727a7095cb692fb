//! What changes in the shared folder, as the system tells it.
//!
//! Reports paths that were touched, never what happened to them: the receiver of one looks for
//! itself. When more happens than the queue holds, it says "look at everything" instead.

use crate::store::SharedPath;
use notify::{
    Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher,
    event::{AccessKind, AccessMode, CreateKind, ModifyKind, RenameMode},
};
use parking_lot::Mutex;
use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::SyncSender,
    },
    time::Duration,
};

/// Between looks at everything, when the system does not tell what changes.
pub const POLL: Duration = Duration::from_secs(5);

/// What wakes the share thread.
pub enum Message {
    /// Something happened at these paths, which belong together: the two names of a file that was
    /// renamed.
    Touched(Vec<PathBuf>),
    /// A folder came, or may have come: what was put into it before the system watched it was not
    /// told.
    Came(Vec<PathBuf>),
    /// The file with this number in the index no longer looks as it did; or it does, and has other
    /// bytes.
    Stale {
        /// Its number.
        number: u64,
        /// Its looks cannot be trusted: it has to be read again.
        damaged: bool,
    },
    /// These are shared where they lie from now on.
    Paths(Vec<SharedPath>),
    /// The index was opened again, and may have lost what it was told last.
    Reopened,
    /// Look at the flags: stop, or everything.
    Wake,
}

/// Whatever tells the share thread about changes.
#[derive(Clone)]
pub struct Teller {
    pub queue: SyncSender<Message>,
    /// Set when messages were lost: the whole folder has to be looked at.
    pub lost: Arc<AtomicBool>,
    /// Why a part of the folder is not watched (any more).
    failure: Arc<Mutex<Option<notify::Error>>>,
}

impl Teller {
    /// Reports to `queue`.
    pub fn new(queue: SyncSender<Message>) -> Self {
        Self {
            queue,
            lost: Arc::default(),
            failure: Arc::default(),
        }
    }

    /// Why changes may not be told from now on, if so; gives it once.
    pub fn take_failure(&self) -> Option<notify::Error> {
        let mut failure = self.failure.lock();
        failure.take()
    }

    /// Reports something; never waits.
    pub fn tell(&self, message: Message) {
        if self.queue.try_send(message).is_err() {
            self.lost.store(true, Ordering::Release);
        }
    }

    fn all(&self) {
        self.lost.store(true, Ordering::Release);
        // A full queue wakes the thread as well.
        let _ = self.queue.try_send(Message::Wake);
    }

    fn event(&self, event: notify::Result<Event>) {
        match event {
            Ok(event) if event.need_rescan() => self.all(),
            Ok(event) => match event.kind {
                EventKind::Access(AccessKind::Close(AccessMode::Write)) => {
                    self.tell(Message::Touched(event.paths));
                }
                // Reading the files must not make the node look at them again.
                EventKind::Access(_) => {}
                EventKind::Create(CreateKind::Folder | CreateKind::Any | CreateKind::Other)
                | EventKind::Modify(ModifyKind::Name(RenameMode::To)) => {
                    self.tell(Message::Came(event.paths));
                }
                _ => self.tell(Message::Touched(event.paths)),
            },
            Err(error) => {
                if is_limit(&error) {
                    let mut failure = self.failure.lock();
                    *failure = Some(error);
                }
                self.all();
            }
        }
    }
}

/// What the system has a limit for that can be raised.
fn limit(error: &notify::Error) -> Option<&'static str> {
    match &error.kind {
        notify::ErrorKind::MaxFilesWatch => Some("max_user_watches"),
        notify::ErrorKind::Io(error) => match error.raw_os_error() {
            Some(28) if cfg!(target_os = "linux") => Some("max_user_watches"),
            Some(24) if cfg!(target_os = "linux") => Some("max_user_instances"),
            _ => None,
        },
        _ => None,
    }
}

fn is_limit(error: &notify::Error) -> bool {
    limit(error).is_some()
}

/// For people: why changes are not told, what is done instead, and what helps.
pub fn why_unwatched(error: &notify::Error) -> String {
    let instead = format!("looking at it every {} seconds instead", POLL.as_secs());
    match limit(error) {
        Some(name) if cfg!(target_os = "linux") => format!(
            "its changes cannot be watched, since this system's limit for that is used up; {instead} (raise it with `sudo sysctl fs.inotify.{name}=524288` and start again)"
        ),
        _ => format!("its changes cannot be watched ({error}); {instead}"),
    }
}

/// Watches `root` and `paths`, and everything below them, for as long as the result lives. A path
/// that is not there is left out.
pub fn watch(
    root: &Path,
    paths: &[SharedPath],
    teller: Teller,
) -> notify::Result<RecommendedWatcher> {
    let mut ours: HashSet<PathBuf> = paths.iter().map(|one| one.path.clone()).collect();
    ours.insert(root.to_owned());
    // The folder of a file that is shared by itself has others, too.
    let is_ours = move |event: &Event| {
        let mut paths = event.paths.iter();
        event.paths.is_empty() || paths.any(|path| path.ancestors().any(|part| ours.contains(part)))
    };
    let tell = move |event: notify::Result<Event>| {
        if event.as_ref().map_or(true, &is_ours) {
            teller.event(event);
        }
    };
    // Nothing is offered behind a link to a folder; it may lead to half of the disk, and each file
    // would be looked at once more, for what it leads to.
    let config = notify::Config::default().with_follow_symlinks(false);
    let mut watcher = RecommendedWatcher::new(tell, config)?;
    watcher.watch(root, RecursiveMode::Recursive)?;
    for SharedPath { path, .. } in paths {
        // Who saves a file often puts another one in its place.
        let (at, mode) = match path.parent() {
            Some(folder) if path.is_file() => (folder, RecursiveMode::NonRecursive),
            _ => (path.as_path(), RecursiveMode::Recursive),
        };
        if at.exists() {
            watcher.watch(at, mode)?;
        }
    }
    Ok(watcher)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn an_exhausted_limit_is_named() {
        let of = |kind| why_unwatched(&notify::Error::new(kind));
        let watches = of(notify::ErrorKind::MaxFilesWatch);
        assert!(watches.contains("fs.inotify.max_user_watches"), "{watches}");
        assert!(watches.contains("every 5 seconds"), "{watches}");
        let instances = of(notify::ErrorKind::Io(std::io::Error::from_raw_os_error(24)));
        assert!(instances.contains("fs.inotify.max_user_instances"));
        let other = of(notify::ErrorKind::Generic("odd".into()));
        assert!(
            other.contains("odd") && !other.contains("sysctl"),
            "{other}"
        );
    }

    #[test]
    fn nothing_behind_a_link_to_a_folder_is_watched() {
        let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::os::unix::fs::symlink(outside.path(), inside.path().join("out")).unwrap();
        let (queue, inbox) = std::sync::mpsc::sync_channel(64);
        let _watcher = watch(inside.path(), &[], Teller::new(queue)).unwrap();
        std::fs::write(outside.path().join("not shared"), "").unwrap();
        std::fs::write(inside.path().join("shared"), "").unwrap();
        let mut told = false;
        while !told {
            let message = inbox.recv_timeout(Duration::from_secs(30)).unwrap();
            if let Message::Touched(paths) | Message::Came(paths) = message {
                assert!(!paths.iter().any(|path| path.ends_with("not shared")));
                told = paths.iter().any(|path| path.ends_with("shared"));
            }
        }
    }

    #[test]
    fn a_folder_that_can_no_longer_be_watched_is_told_once() {
        let (queue, inbox) = std::sync::mpsc::sync_channel(4);
        let teller = Teller::new(queue);
        teller.event(Err(notify::Error::generic("odd")));
        assert!(teller.take_failure().is_none());
        teller.event(Err(notify::Error::new(notify::ErrorKind::MaxFilesWatch)));
        assert!(teller.take_failure().is_some());
        assert!(teller.take_failure().is_none());
        assert!(matches!(inbox.try_recv(), Ok(Message::Wake)));
    }
}
