//! What a person shares where it lies: with a node that runs, and for the next one that does.
//!
//! Owns the steps between the file that remembers it (`store::shared_paths`) and the thread that
//! follows it (`store::share`). Invariant: one at a time, so that neither knows what the other does
//! not.

use super::{Exit, Node, StartError};
use crate::{
    core::path::RelPath,
    store::{
        self, Added, Home, Removed, Share, SharePathError, SharedPath, SharedPaths, StoreError,
    },
};
use serde::Serialize;
use std::path::Path;
use tokio::task::spawn_blocking;

/// A file or folder that is shared where it lies.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct SharedPathInfo {
    /// What others see it called; a folder's files lie below that.
    pub name: String,
    /// Where it is. Nobody else is told.
    pub path: String,
    /// Whether it is there now.
    pub there: bool,
}

impl From<&SharedPath> for SharedPathInfo {
    fn from(one: &SharedPath) -> Self {
        Self {
            name: one.name.as_str().to_owned(),
            path: one.path.to_string_lossy().into_owned(),
            there: one.path.exists(),
        }
    }
}

impl From<&SharePathError> for Exit {
    fn from(error: &SharePathError) -> Self {
        match error {
            SharePathError::Missing(_) | SharePathError::Unknown(_) => Self::NotFound,
            SharePathError::Special(_)
            | SharePathError::Name { .. }
            | SharePathError::Path(_)
            | SharePathError::Own(_) => Self::Usage,
            SharePathError::Holds { .. }
            | SharePathError::Taken(_)
            | SharePathError::Elsewhere { .. }
            | SharePathError::Named(_)
            | SharePathError::TooMany
            | SharePathError::InFolder { .. }
            | SharePathError::Part { .. } => Self::Refused,
            SharePathError::Store(StoreError::NoSpace { .. }) => Self::NoSpace,
            SharePathError::Stopping | SharePathError::Store(_) => Self::Failed,
        }
    }
}

impl Node {
    /// Shares a file or folder where it lies, as `name` or by its own, from now on and after a
    /// restart. It is read and offered as what lies in the shared folder is.
    ///
    /// # Errors
    /// [`SharePathError`], which says why not.
    pub async fn share_path(
        &self,
        path: &Path,
        name: Option<RelPath>,
    ) -> Result<Added, SharePathError> {
        let path = path.to_owned();
        let add = move |paths: &SharedPaths, share: &Share| {
            let added = paths.add(&path, name.as_ref())?;
            if matches!(added, Added::New(_)) {
                share.set_paths(paths.read()?, false);
            }
            Ok(added)
        };
        self.with_paths(add).await
    }

    /// Shares something no longer, by its name or its path. What was shared where it lies stays
    /// there; what lies in the shared folder is moved to the downloads, if `move_away` says so.
    /// Copies that others have are theirs.
    ///
    /// # Errors
    /// [`SharePathError`], which says why not.
    pub async fn unshare(&self, what: &str, move_away: bool) -> Result<Removed, SharePathError> {
        let what = what.to_owned();
        let remove = move |paths: &SharedPaths, share: &Share| {
            let removed = paths.remove(&what, move_away)?;
            if matches!(removed, Removed::Left(_)) {
                share.set_paths(paths.read()?, true);
            }
            Ok(removed)
        };
        self.with_paths(remove).await
    }

    /// What is shared where it lies.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn shared_paths(&self) -> Result<Vec<SharedPathInfo>, SharePathError> {
        self.with_paths(|paths, _| info(paths)).await
    }

    /// Puts a file of a private folder into the shared one; false when another file is there and is
    /// not to be replaced.
    ///
    /// # Errors
    /// [`SharePathError`]: the name stands for something that lies elsewhere, or the disk refuses.
    pub async fn share_file(
        &self,
        name: &RelPath,
        from: &Path,
        overwrite: bool,
    ) -> Result<bool, SharePathError> {
        let home = self.shared.services.home.clone();
        let (name, from) = (name.clone(), from.to_owned());
        // Before the lock: it may take long.
        let settled = from.clone();
        let settled = spawn_blocking(move || store::settle(&settled)).await;
        settled.unwrap_or(Ok(()))?;
        let put = move |paths: &SharedPaths, _: &Share| {
            paths.leave_free(&name)?;
            Ok(store::put_in_share(&home, &name, &from, overwrite)?)
        };
        self.with_paths(put).await
    }

    async fn with_paths<T: Send + 'static>(
        &self,
        act: impl FnOnce(&SharedPaths, &Share) -> Result<T, SharePathError> + Send + 'static,
    ) -> Result<T, SharePathError> {
        let shared = self.shared.clone();
        let done = spawn_blocking(move || {
            let share = shared.share.lock();
            let (share, _) = share.as_ref().ok_or(SharePathError::Stopping)?;
            act(&SharedPaths::of(&shared.services.home), share)
        });
        done.await.unwrap_or(Err(SharePathError::Stopping))
    }
}

fn info(paths: &SharedPaths) -> Result<Vec<SharedPathInfo>, SharePathError> {
    Ok(paths.read()?.iter().map(Into::into).collect())
}

/// Why something cannot be shared in a home in which no node runs.
#[derive(Debug, thiserror::Error)]
pub enum ShareAtError {
    /// The home cannot be used.
    #[error(transparent)]
    Home(#[from] StartError),
    /// It may not be shared, or not be unshared.
    #[error(transparent)]
    Path(#[from] SharePathError),
}

impl From<&ShareAtError> for Exit {
    fn from(error: &ShareAtError) -> Self {
        match error {
            ShareAtError::Home(error) => Self::from(error),
            ShareAtError::Path(error) => Self::from(error),
        }
    }
}

fn paths_at(home: &Path) -> Result<SharedPaths, ShareAtError> {
    let home = Home::open(home).map_err(StartError::from)?;
    Ok(SharedPaths::of(&home))
}

/// As [`Node::share_path`], for the next node that runs in this home. Blocks.
///
/// # Errors
/// [`ShareAtError`], which says why not.
pub fn share_at(home: &Path, path: &Path, name: Option<&RelPath>) -> Result<Added, ShareAtError> {
    Ok(paths_at(home)?.add(path, name)?)
}

/// As [`Node::unshare`], in a home in which no node runs. Blocks.
///
/// # Errors
/// [`ShareAtError`], which says why not.
pub fn unshare_at(home: &Path, what: &str, move_away: bool) -> Result<Removed, ShareAtError> {
    Ok(paths_at(home)?.remove(what, move_away)?)
}

/// As [`Node::shared_paths`], in a home in which no node runs. Blocks.
///
/// # Errors
/// When the disk refuses.
pub fn shared_at(home: &Path) -> Result<Vec<SharedPathInfo>, ShareAtError> {
    Ok(info(&paths_at(home)?)?)
}
