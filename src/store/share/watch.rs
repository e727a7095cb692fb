//! What changes in the shared folder, as the system tells it.
//!
//! Reports paths that were touched, never what happened to them: whoever gets one looks for himself. When more happens than the queue
//! holds, it says "look at everything" instead.

use notify::{
    Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher,
    event::{AccessKind, AccessMode, CreateKind, ModifyKind, RenameMode},
};
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::SyncSender,
    },
};

/// What wakes the share thread.
pub enum Message {
    /// Something happened at these paths, which belong together: the two names of a file that was renamed.
    Touched(Vec<PathBuf>),
    /// A folder came, or may have come: what was put into it before the system watched it was not told.
    Came(Vec<PathBuf>),
    /// The file with this number in the index no longer looks as it did; or it does, and has other bytes.
    Stale {
        /// Its number.
        number: u64,
        /// Its looks cannot be trusted: it has to be read again.
        damaged: bool,
    },
    /// Look at the flags: stop, or everything.
    Wake,
}

/// Whatever tells the share thread about changes.
#[derive(Clone)]
pub struct Teller {
    pub queue: SyncSender<Message>,
    /// Set when messages were lost: the whole folder has to be looked at.
    pub lost: Arc<AtomicBool>,
}

impl Teller {
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
            Err(_) => self.all(),
        }
    }
}

/// Watches `root` and everything below it for as long as the result lives.
pub fn watch(root: &Path, teller: Teller) -> notify::Result<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event| teller.event(event))?;
    watcher.watch(root, RecursiveMode::Recursive)?;
    Ok(watcher)
}
