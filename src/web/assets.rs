//! The files of the page, in the program itself: one table, one line a file.
//!
//! Invariant: what is asked for is looked up in the table and nowhere else: no path of a request is
//! one on a disk.

use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::get,
};
use std::{collections::HashMap, sync::Arc};

macro_rules! assets {
    ($($path:literal),* $(,)?) => {
        /// Each with its path in the folder.
        const ALL: &[(&str, &[u8])] = &[$(($path, include_bytes!(concat!("assets/", $path)))),*];
    };
}

// Sorted. What begins with README or LICENSE is not served.
assets! {
    "css/base.css",
    "css/colours.css",
    "css/parts.css",
    "css/shell.css",
    "css/views.css",
    "icon.svg",
    "index.html",
    "js/api.js",
    "js/bytes.js",
    "js/format.js",
    "js/i18n.js",
    "js/icons.js",
    "js/lib.js",
    "js/main.js",
    "js/news.js",
    "js/notify.js",
    "js/offers.js",
    "js/parts/bar.js",
    "js/parts/canvas.js",
    "js/parts/copy.js",
    "js/parts/curve.js",
    "js/parts/drop.js",
    "js/parts/head.js",
    "js/parts/piecemap.js",
    "js/parts/vlist.js",
    "js/rates.js",
    "js/router.js",
    "js/safe.js",
    "js/shell.js",
    "js/state.js",
    "js/stream.js",
    "js/toast.js",
    "js/uploads.js",
    "js/views/details.js",
    "js/views/directory.js",
    "js/views/files.js",
    "js/views/health.js",
    "js/views/inbox.js",
    "js/views/job.js",
    "js/views/links.js",
    "js/views/offer.js",
    "js/views/people.js",
    "js/views/person.js",
    "js/views/settings.js",
    "js/views/transfers.js",
    "js/views/wish.js",
    "js/words-links.js",
    "js/words-more.js",
    "js/words.js",
    "vendor/hooks.js",
    "vendor/htm.js",
    "vendor/preact.js",
    "vendor/signals-core.js",
    "vendor/signals.js",
}

/// A file as it is served.
struct Asset {
    bytes: &'static [u8],
    media: &'static str,
    tag: String,
}

type Table = HashMap<String, Asset>;

fn table(files: impl IntoIterator<Item = (&'static str, &'static [u8])>) -> Table {
    let asset = |(path, bytes): (&'static str, &'static [u8])| {
        let tag = format!("\"{}\"", &blake3::hash(bytes).to_hex()[..32]);
        let media = media(path);
        let at = match path {
            "index.html" => "/".to_owned(),
            path => format!("/{path}"),
        };
        (at, Asset { bytes, media, tag })
    };
    files.into_iter().map(asset).collect()
}

fn media(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("json" | "webmanifest") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}

/// Serves them.
pub fn router() -> Router {
    serving(ALL.iter().copied())
}

/// One of them, by its path: other pages have some in common with this one.
pub fn named(path: &str) -> Option<(&'static str, &'static [u8])> {
    ALL.iter().find(|(at, _)| *at == path).copied()
}

/// Serves these files.
pub fn serving(files: impl IntoIterator<Item = (&'static str, &'static [u8])>) -> Router {
    let table = Arc::new(table(files));
    let mut router = Router::new();
    for path in table.keys() {
        let table = table.clone();
        let serve = async move |uri: Uri, headers: HeaderMap| serve(&table, &uri, &headers);
        router = router.route(path, get(serve));
    }
    router
}

fn serve(table: &Table, uri: &Uri, headers: &HeaderMap) -> Response {
    let Some(asset) = table.get(uri.path()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let known = headers.get(header::IF_NONE_MATCH);
    let same = known.is_some_and(|known| known.as_bytes() == asset.tag.as_bytes());
    let head = [
        (header::CONTENT_TYPE, asset.media),
        (header::ETAG, &*asset.tag),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    if same {
        return (StatusCode::NOT_MODIFIED, head).into_response();
    }
    (head, Bytes::from_static(asset.bytes)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, path::Path};

    fn files(folder: &Path, root: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            // Guests have a listener of their own.
            if name == "guest" {
                continue;
            }
            if path.is_dir() {
                files(&path, root, found);
            } else if !name.starts_with("README") && !name.starts_with("LICENSE") {
                let path = path.strip_prefix(root).unwrap();
                found.push(path.to_str().unwrap().to_owned());
            }
        }
    }

    #[test]
    fn the_table_has_every_file_of_the_folder() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web/assets");
        let mut found = Vec::new();
        files(&root, &root, &mut found);
        found.sort();
        let listed: Vec<&str> = ALL.iter().map(|(path, _)| *path).collect();
        assert_eq!(listed, found);
    }

    #[test]
    fn every_file_has_a_media_type_of_its_own() {
        for (path, _) in ALL {
            assert_ne!(media(path), "application/octet-stream", "{path}");
        }
    }
}
