//! Which file is meant, and what is known of it.

use super::{About, OpenError, Reader, Readings};
use crate::{
    core::id::FileId,
    node::{
        Node,
        api::DownloadRequest,
        job::{disk_error, resolve},
        services::Services,
        swarm::{Meant, Question},
    },
    store::{StoreError, media_of},
    wire::manifest::Root,
};
use std::{sync::Arc, time::Duration};
use tokio::task::spawn_blocking;

/// How long the swarm may take to know a name.
const WAIT: Duration = Duration::from_secs(5);

impl Node {
    /// Opens one file for reading: a name as [`Self::download`] takes it, or an id. It need not be
    /// here.
    ///
    /// # Errors
    /// [`OpenError::NotFound`], [`OpenError::Ambiguous`], or [`OpenError::NotOne`] for several
    /// files.
    pub async fn open(&self, what: &str) -> Result<Reader, OpenError> {
        self.open_within(what, WAIT).await
    }

    /// The same, and how long the swarm may take to know it: 5 s otherwise.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_within(&self, what: &str, wait: Duration) -> Result<Reader, OpenError> {
        let question = Question {
            what: vec![what.to_owned()],
            ..Question::default()
        };
        let services = &self.shared.services;
        // A node that stays knows what the others offer: what lies here needs no second look.
        if let Some(now) = services.swarm.resolve(question).await
            && let ([meant], []) = (&now.found[..], &now.ambiguous[..])
            && meant.mine
            && now.sight.telling == 0
        {
            return Ok(Reader::of(&self.shared.readings, meant.clone()));
        }
        self.open_from(DownloadRequest {
            what: vec![what.to_owned()],
            wait,
            ..DownloadRequest::default()
        })
        .await
    }

    /// The same with all that a download can say of which file it means.
    ///
    /// # Errors
    /// As [`Self::open`], and [`OpenError::Owner`].
    pub async fn open_from(&self, request: DownloadRequest) -> Result<Reader, OpenError> {
        let mut services = self.shared.services.clone();
        let what = request.what.join(", ");
        if let Some(file) = FileId::from_hex(&what) {
            // Private files are known by their ids alone.
            let services = services.clone();
            let here = spawn_blocking(move || here(&services, file)).await;
            let here = here.map_err(|_| OpenError::Interrupted)?;
            if let Some(about) = here.map_err(|error| disk_error("the index", error))? {
                return Ok(Reader::new(&self.shared.readings, file, about));
            }
        }
        let meaning = resolve(&mut services, &request);
        let found = self.shared.stop.run_until_cancelled(meaning).await;
        let found = found.ok_or(OpenError::Interrupted)?;
        if let Some((_, error)) = found.failed.into_iter().next() {
            return Err(error);
        }
        let count = found.files.len();
        let mut files = found.files.into_iter();
        match (files.next(), count) {
            (Some(meant), 1) => Ok(Reader::of(&self.shared.readings, meant)),
            (None, _) => Err(OpenError::NotFound(what)),
            (Some(_), count) => Err(OpenError::NotOne(count)),
        }
    }
}

impl Node {
    /// Opens a file that is known already: it lies here, also for one person alone, or somebody
    /// offers it by this name.
    ///
    /// # Errors
    /// [`OpenError::NotFound`]; [`OpenError::Disk`] when the index cannot be read.
    pub fn open_file(&self, file: FileId, name: &str) -> Result<Reader, OpenError> {
        let services = &self.shared.services;
        let unread = |error| disk_error("the index", error);
        let mut about = here(services, file).map_err(unread)?;
        if about.is_none() {
            about = services.swarm.offer(name, file).map(|offer| About {
                name: name.to_owned(),
                size: offer.size,
                media: offer.media,
                mtime: Some(offer.mtime),
            });
        }
        if about.is_none() {
            // A download that was begun, or what is kept for the swarm.
            let root = services.index.root(&file).map_err(unread)?;
            let root = root.and_then(|root| Root::decode(file, &root).ok());
            about = root.map(|root| About {
                name: name.to_owned(),
                size: root.size,
                media: media_of(name),
                mtime: None,
            });
        }
        let about = about.ok_or_else(|| OpenError::NotFound(name.to_owned()))?;
        let name = name.to_owned();
        Ok(Reader::new(
            &self.shared.readings,
            file,
            About { name, ..about },
        ))
    }
}

impl Reader {
    fn of(readings: &Arc<Readings>, meant: Meant) -> Self {
        let about = About {
            name: meant.name().to_owned(),
            size: meant.size,
            media: meant.offer.media,
            mtime: Some(meant.offer.mtime),
        };
        Self::new(readings, meant.id, about)
    }
}

/// What is known of a file that lies here.
fn here(services: &Services, file: FileId) -> Result<Option<About>, StoreError> {
    let record = services.reader.record_of(&file)?;
    Ok(record.map(|record| About {
        name: record.name.clone(),
        size: record.stamp.size,
        media: record.media.clone(),
        mtime: Some(record.stamp.mtime),
    }))
}
