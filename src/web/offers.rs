//! What the swarm offers, page by page: searched, sorted, by folders, and remembered for the
//! questions and pages that follow.
//!
//! Invariants: one snapshot of all that is offered is here at most, and none that nobody asked for
//! [`IDLE`]; it answers over a change of what is offered only who said that this will do, for
//! [`USABLE`], and the next one is made meanwhile; at most [`VIEWS`] answers of it are remembered.

mod snapshot;
#[cfg(test)]
mod tests;

use crate::node::{Gaps, Listing, Node};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use snapshot::Snapshot;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Answers that are remembered: a person types.
const VIEWS: usize = 4;
/// How long a snapshot counts though nothing seems to change: copies come and go. Then the next one
/// is made while this one still answers.
const FRESH: Duration = Duration::from_secs(3);
/// How old it may be for those who would rather have it than wait: for a key that is typed.
const USABLE: Duration = Duration::from_secs(30);
/// How long it is kept for nobody.
const IDLE: Duration = Duration::from_secs(60);
/// Rows of a page.
pub const PAGE: usize = 200;
const MAX_PAGE: usize = 1000;

/// What is asked for.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(utoipa::IntoParams))]
#[cfg_attr(test, into_params(parameter_in = Query))]
pub struct Wanted {
    /// A glob, part of a name, or the beginning of an id.
    q: Option<String>,
    /// Only what lies directly in it; `/` is the top.
    folder: Option<String>,
    #[serde(default)]
    #[cfg_attr(test, param(inline))]
    sort: Sort,
    /// `1`: the largest, newest or last first.
    desc: Option<String>,
    /// `1`: what a name meant earlier, too.
    versions: Option<String>,
    #[serde(default)]
    offset: usize,
    /// 200 unless told otherwise, 1000 at most.
    limit: Option<usize>,
    /// `1`: rather what was true some seconds ago than wait.
    soon: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
enum Sort {
    #[default]
    Name,
    Size,
    Time,
    Holders,
    Copies,
}

fn is_on(word: Option<&String>) -> bool {
    word.is_some_and(|word| word != "0" && word != "false")
}

/// A page.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[cfg_attr(test, schema(as = OffersPage))]
pub struct Page {
    pub total: usize,
    pub offset: usize,
    pub revision: u64,
    pub folders: Vec<Folder>,
    pub offers: Vec<Row>,
    pub gaps: Gaps,
    /// Something changed since: ask again in a second. Only with `soon=1`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(test, schema(required = false))]
    pub stale: bool,
}

/// A row: what `list` has, and whether it lies in this node's own folder.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[cfg_attr(test, schema(as = Offer))]
pub struct Row {
    #[serde(flatten)]
    listing: Listing,
    shared: bool,
}

/// A folder of the folder that is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct Folder {
    #[serde(rename = "folder")]
    path: String,
    name: String,
    files: u64,
    size: u64,
}

/// What a page is cut from, whichever it is.
#[derive(Clone, PartialEq, Eq)]
struct Question {
    text: String,
    /// With its slash; empty for the topmost.
    folder: Option<String>,
    sort: Sort,
    desc: bool,
    older: bool,
}

impl Question {
    fn of(wanted: &Wanted) -> Self {
        Self {
            text: wanted.q.clone().unwrap_or_default(),
            folder: wanted.folder.as_deref().map(|folder| match folder {
                "/" | "" => String::new(),
                folder => format!("{}/", folder.trim_end_matches('/')),
            }),
            sort: wanted.sort,
            desc: is_on(wanted.desc.as_ref()),
            older: is_on(wanted.versions.as_ref()),
        }
    }
}

/// The answer to a question: all that the text finds, by number in the snapshot, and what of that
/// the pages show.
struct View {
    found: Arc<[u32]>,
    rows: Vec<u32>,
    folders: Vec<Folder>,
}

/// A snapshot in use.
struct Held {
    snapshot: Snapshot,
    revision: u64,
    since: Instant,
    used: Mutex<Instant>,
    views: Mutex<Vec<(Question, Arc<View>)>>,
}

impl Held {
    fn new(rows: Vec<Listing>, revision: u64) -> Self {
        Self {
            snapshot: Snapshot::new(rows),
            revision,
            since: Instant::now(),
            used: Mutex::new(Instant::now()),
            views: Mutex::default(),
        }
    }
}

/// What was done, for tests.
#[derive(Default)]
pub struct Work {
    /// Questions that had to wait for a snapshot.
    pub waited: AtomicU64,
    /// Names that a search looked at one by one.
    pub looked: AtomicU64,
    /// Rows that were put into pages.
    pub rows: AtomicU64,
}

/// See the module. Clones are handles to the same.
#[derive(Clone, Default)]
pub struct Offers(Arc<Inner>);

#[derive(Default)]
struct Inner {
    held: Mutex<Option<Arc<Held>>>,
    making: tokio::sync::Mutex<()>,
    renewing: AtomicBool,
    work: Work,
}

impl Offers {
    /// A page of what is offered; `revision` is how often that changed.
    pub async fn page(&self, node: &Node, wanted: &Wanted, revision: u64) -> Page {
        let soon = is_on(wanted.soon.as_ref());
        let held = self.snapshot(node, revision, soon).await;
        let stale = held.revision != revision;
        let (offers, wanted) = (self.clone(), wanted.clone());
        let cut = tokio::task::spawn_blocking(move || page_of(&held, &wanted, &offers.0.work));
        let mut page = cut.await.unwrap_or_else(|_| Page {
            total: 0,
            offset: 0,
            revision,
            folders: Vec::new(),
            offers: Vec::new(),
            gaps: Gaps::default(),
            stale: false,
        });
        page.gaps = node.gaps();
        page.stale = soon && stale;
        page
    }

    /// What was done until now.
    #[cfg(test)]
    pub fn work(&self) -> &Work {
        &self.0.work
    }

    fn known(&self, revision: u64, soon: bool) -> Option<Arc<Held>> {
        let held = self.0.held.lock().clone()?;
        let usable = soon && held.since.elapsed() < USABLE;
        (held.revision == revision || usable).then(|| {
            *held.used.lock() = Instant::now();
            held
        })
    }

    async fn snapshot(&self, node: &Node, revision: u64, soon: bool) -> Arc<Held> {
        if let Some(held) = self.known(revision, soon) {
            let old = held.revision != revision || held.since.elapsed() >= FRESH;
            if old && !self.0.renewing.swap(true, Ordering::AcqRel) {
                let (offers, node, before) = (self.clone(), node.clone(), held.clone());
                tokio::spawn(async move {
                    let _making = offers.0.making.lock().await;
                    // Somebody who waits may have made it meanwhile.
                    let made = offers.known(revision, false);
                    if made.is_none_or(|made| Arc::ptr_eq(&made, &before)) {
                        offers.make(&node, revision).await;
                    }
                    offers.0.renewing.store(false, Ordering::Release);
                });
            }
            return held;
        }
        let _making = self.0.making.lock().await;
        // Somebody else may have made it meanwhile.
        if let Some(held) = self.known(revision, soon) {
            return held;
        }
        self.0.work.waited.fetch_add(1, Ordering::Relaxed);
        self.make(node, revision).await
    }

    async fn make(&self, node: &Node, revision: u64) -> Arc<Held> {
        let rows = node.list(None).await;
        let made = tokio::task::spawn_blocking(move || Held::new(rows, revision)).await;
        let held = Arc::new(made.unwrap_or_else(|_| Held::new(Vec::new(), 0)));
        *self.0.held.lock() = Some(held.clone());
        tokio::spawn(forget(self.0.clone(), Arc::downgrade(&held)));
        held
    }
}

/// Forgets a snapshot that nobody asks for any more.
async fn forget(offers: Arc<Inner>, held: std::sync::Weak<Held>) {
    loop {
        tokio::time::sleep(IDLE).await;
        let Some(held) = held.upgrade() else {
            return;
        };
        if held.used.lock().elapsed() >= IDLE {
            let mut current = offers.held.lock();
            current.take_if(|current| Arc::ptr_eq(current, &held));
            return;
        }
    }
}

/// The page that is asked for. Pure.
fn page_of(held: &Held, wanted: &Wanted, work: &Work) -> Page {
    let view = view_of(held, &Question::of(wanted), work);
    let rows = held.snapshot.rows();
    let limit = wanted.limit.unwrap_or(PAGE).min(MAX_PAGE);
    let shown = view.rows.iter().skip(wanted.offset).take(limit);
    let row = |&at: &u32| Row {
        listing: rows[at as usize].clone(),
        shared: rows[at as usize].shared,
    };
    let offers: Vec<Row> = shown.map(row).collect();
    work.rows.fetch_add(offers.len() as u64, Ordering::Relaxed);
    let folders = (wanted.offset == 0).then(|| view.folders.clone());
    Page {
        total: view.rows.len(),
        offset: wanted.offset,
        revision: held.revision,
        folders: folders.unwrap_or_default(),
        offers,
        gaps: Gaps::default(),
        stale: false,
    }
}

fn view_of(held: &Held, question: &Question, work: &Work) -> Arc<View> {
    let known = {
        let views = held.views.lock();
        if let Some((_, view)) = views.iter().find(|(known, _)| known == question) {
            return view.clone();
        }
        // The same text sorted anew, or one that this text goes on from.
        let same = views.iter().find(|(known, _)| known.text == question.text);
        let start = || {
            let wider =
                |(known, _): &&(Question, _)| snapshot::goes_on(&known.text, &question.text);
            views
                .iter()
                .filter(wider)
                .min_by_key(|(_, view): &&(_, Arc<View>)| view.found.len())
        };
        let from = same.or_else(start);
        from.map(|(known, view)| (known.text == question.text, view.found.clone()))
    };
    let found = match known {
        Some((true, found)) => found,
        wider => {
            let within = wider.as_ref().map(|(_, found)| &**found);
            let (found, looked) = held.snapshot.search(&question.text, within);
            work.looked.fetch_add(looked as u64, Ordering::Relaxed);
            found.into()
        }
    };
    let (rows, folders) = sort_out(&held.snapshot, &found, question);
    let view = Arc::new(View {
        found,
        rows,
        folders,
    });
    let mut views = held.views.lock();
    if views.len() >= VIEWS {
        views.remove(0);
    }
    views.push((question.clone(), view.clone()));
    view
}

/// What of `found` is shown, in order, and the folders beside it.
fn sort_out(all: &Snapshot, found: &[u32], question: &Question) -> (Vec<u32>, Vec<Folder>) {
    let mut folders: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    let mut shown = Vec::with_capacity(found.len());
    for &at in found {
        let row = &all.rows()[at as usize];
        if row.older && !question.older && !all.has_id(at, &question.text) {
            continue;
        }
        let Some(inside) = &question.folder else {
            shown.push(at);
            continue;
        };
        let Some(rest) = row.name.strip_prefix(inside.as_str()) else {
            continue;
        };
        match rest.split_once('/') {
            None => shown.push(at),
            Some((folder, _)) => {
                let (files, size) = folders.entry(folder).or_default();
                *files += 1;
                *size += row.size;
            }
        }
    }
    let inside = question.folder.as_deref().unwrap_or_default();
    let folder = |(name, (files, size)): (&str, (u64, u64))| Folder {
        path: format!("{inside}{name}/"),
        name: name.to_owned(),
        files,
        size,
    };
    let folders = folders.into_iter().map(folder).collect();
    (all.sorted(shown, question.sort, question.desc), folders)
}
