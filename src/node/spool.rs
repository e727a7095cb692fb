//! Bytes that come from a stream before they are sent, and go to one once they are verified. Each
//! waits on a blocking thread.

use super::{Node, PourError, Spool, StoreError};
use crate::{core::path::RelPath, node::Fetched, store};
use std::{
    collections::BTreeSet,
    io::{self, Read, Write},
    path::PathBuf,
};
use tokio::task::spawn_blocking;

impl Node {
    /// An empty private folder in the home, removed with what is in it when it is dropped.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn spool(&self) -> Result<Spool, StoreError> {
        let home = self.shared.services.home.clone();
        spawn_blocking(move || Spool::new(&home))
            .await
            .map_err(panicked)?
    }

    /// Writes all that `from` gives into a file in a new private folder, so that it can be sent;
    /// gives both.
    ///
    /// # Errors
    /// When `from` fails, or the disk does not hold it beside what is to stay free.
    pub async fn take_in(
        &self,
        name: RelPath,
        from: impl Read + Send + 'static,
    ) -> Result<(Spool, PathBuf), StoreError> {
        let spool = self.spool().await?;
        let filler = spool.filler();
        // Held here, so that it goes when nobody waits any more for what may never end.
        let written = spawn_blocking(move || filler.fill(&name, from)).await;
        Ok((spool, written.map_err(panicked)??))
    }

    /// Makes a folder in a new private one, so that it can be sent; gives both.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn take_in_folder(&self, name: RelPath) -> Result<(Spool, PathBuf), StoreError> {
        let spool = self.spool().await?;
        let made = spawn_blocking(move || {
            let path = spool.filler().make_folder(&name)?;
            Ok((spool, path))
        });
        made.await.map_err(panicked)?
    }

    /// Moves files and empty folders of private folders into one new private folder, each to its
    /// place there; gives that and what lies in it at the top.
    ///
    /// # Errors
    /// When two of them are for one place, or the disk refuses.
    pub async fn gather(
        &self,
        files: Vec<(RelPath, PathBuf)>,
    ) -> Result<(Spool, Vec<PathBuf>), StoreError> {
        let spool = self.spool().await?;
        let moved = spawn_blocking(move || {
            let mut tops = BTreeSet::new();
            for (name, from) in files {
                spool.adopt(&name, &from)?;
                tops.extend(name.components().next().map(|top| spool.folder().join(top)));
            }
            Ok((spool, tops.into_iter().collect()))
        });
        moved.await.map_err(panicked)?
    }

    /// Writes a file that came to `out`, each chunk verified before it goes out; gives the bytes.
    ///
    /// # Errors
    /// [`PourError`]; what went out until then was right.
    pub async fn pour(
        &self,
        file: &Fetched,
        mut out: impl Write + Send + 'static,
    ) -> Result<u64, PourError> {
        let index = self.shared.services.index.clone();
        let (id, path) = (file.id, file.path.clone());
        spawn_blocking(move || store::pour(&index, &id, &path, &mut out))
            .await
            .map_err(panicked)?
    }
}

fn panicked(error: tokio::task::JoinError) -> StoreError {
    StoreError::Io {
        what: "go on with",
        path: PathBuf::from("it"),
        source: io::Error::other(error),
    }
}
