//! What the person here says to asks, and whether there is room for what they ask.
//!
//! Invariant: what was accepted and is still to come counts as taken, so that two which fit alone
//! are not both accepted when together they do not.

use super::{Consent, Control, Desk};
use crate::{
    core::{
        consent::{AskRefusal, InboxEvent},
        id::FileId,
    },
    node::api::{AnswerError, AskInfo, Landing, Shape},
    store::{Lack, lacking, reach},
    wire::consent::{Ask, AskedFile},
};
use std::{
    path::{Path, PathBuf},
    sync::atomic::Ordering,
};

impl Desk {
    /// Bytes that are still to come of what was accepted, besides `files`: the same sent anew needs
    /// room once.
    fn coming(&self, files: &[FileId]) -> u64 {
        let slots = self.slots.values();
        let others = slots.filter(|slot| !slot.files.iter().any(|file| files.contains(file)));
        others.fold(0, |sum, slot| {
            sum.saturating_add(slot.left.load(Ordering::Relaxed))
        })
    }

    fn is_open(&self, number: u32) -> bool {
        self.slots.contains_key(&number) && self.inbox.is_open(number)
    }
}

impl Consent {
    /// How many bytes lack for what is asked.
    pub(super) async fn lacking(&self, ask: &Ask) -> u64 {
        let files: Vec<FileId> = ask.files.iter().map(|file| file.file).collect();
        let coming = self.desk().coming(&files);
        let needed = data(&ask.files).saturating_add(coming);
        let lack = self.room(needed, None).await;
        lack.map_or(0, |lack| lack.bytes)
    }

    /// What lacks for `needed` bytes; `None` when they fit.
    async fn room(&self, needed: u64, into: Option<PathBuf>) -> Option<Lack> {
        let home = self.0.services.home.clone();
        let into = into.unwrap_or_else(|| home.downloads());
        let looked = tokio::task::spawn_blocking(move || lacking(&home, &into, needed));
        looked.await.ok().flatten()
    }

    /// Whether files can be made where they are to go.
    async fn reached(&self, landing: &Landing) -> Result<(), AnswerError> {
        let into = landing.into.clone();
        let mut into = into.unwrap_or_else(|| self.0.services.home.downloads());
        // It may be the path of a file.
        if landing.shape == Shape::Path && !into.is_dir() {
            into = into.parent().map(Path::to_owned).unwrap_or_default();
        }
        let looked = tokio::task::spawn_blocking(move || reach(&into)).await;
        let looked = looked.unwrap_or(Ok(())); // The writes will tell.
        looked.map_err(|error| AnswerError::Place(error.to_string()))
    }

    /// Those that wait for an answer.
    pub fn asks(&self) -> Vec<AskInfo> {
        let desk = self.desk();
        let open = desk
            .slots
            .iter()
            .filter(|(number, _)| desk.inbox.is_open(**number));
        open.map(|(_, slot)| AskInfo::clone(&slot.info)).collect()
    }

    /// Says yes.
    pub async fn accept(&self, number: u32, landing: Landing) -> Result<(), AnswerError> {
        let unknown = AnswerError::Unknown(number);
        self.reached(&landing).await?;
        let (data, coming) = {
            let desk = self.desk();
            let slot = desk.slots.get(&number).filter(|_| desk.is_open(number));
            let slot = slot.ok_or(unknown.clone())?;
            // Before the disk is looked at: another yes may come meanwhile.
            let data = data(&slot.info.files);
            slot.left.store(data, Ordering::Relaxed);
            (data, desk.coming(&slot.files))
        };
        let needed = data.saturating_add(coming);
        if let Some(Lack { bytes, at }) = self.room(needed, landing.into.clone()).await {
            let desk = self.desk();
            if let Some(slot) = desk.slots.get(&number).filter(|_| desk.is_open(number)) {
                slot.left.store(0, Ordering::Relaxed);
            }
            return Err(AnswerError::NoRoom {
                needed: bytes,
                at,
                coming,
            });
        }
        let mut desk = self.desk();
        let now = self.now();
        if desk
            .inbox
            .handle(InboxEvent::Accept(number), now)
            .is_empty()
        {
            return Err(unknown);
        }
        let Some(slot) = desk.slots.get(&number) else {
            return Err(unknown);
        };
        let _ = slot.control.try_send(Control::Accept(landing));
        // The same from the same person, sent anew after a crash: the old transfer would stand in
        // its way.
        let twins = desk.slots.iter().filter(|(other, twin)| {
            desk.inbox.is_lost(**other)
                && twin.info.from.node == slot.info.from.node
                && twin.files.iter().any(|file| slot.files.contains(file))
        });
        for (_, twin) in twins {
            let _ = twin.control.try_send(Control::Stop("it was sent again"));
        }
        Ok(())
    }

    /// Says no, or stops what was accepted.
    pub fn refuse(&self, number: u32) -> Result<(), AnswerError> {
        let (open, known) = {
            let desk = self.desk();
            let slot = desk.slots.get(&number);
            let open = desk.inbox.is_open(number);
            if let Some(slot) = slot.filter(|_| !open) {
                let _ = slot
                    .control
                    .try_send(Control::Stop("stopped by the receiver"));
            }
            (open, slot.is_some())
        };
        if open {
            self.handle(InboxEvent::Refuse(number, AskRefusal::Person));
        }
        known.then_some(()).ok_or(AnswerError::Unknown(number))
    }
}

/// Bytes that are to be written.
fn data(files: &[AskedFile]) -> u64 {
    files
        .iter()
        .map(AskedFile::data)
        .fold(0, u64::saturating_add)
}
