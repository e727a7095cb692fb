//! The files of a server's page: its own, and those that it has in common with a node's page.

use crate::web::assets;
use axum::Router;

/// Its own, each with the path at which it is served. `words.js` stands in the place of a node's,
/// so that everything that takes words from there takes these.
const OWN: &[(&str, &[u8])] = &[
    ("index.html", include_bytes!("assets/index.html")),
    ("css/server.css", include_bytes!("assets/server.css")),
    ("js/server.js", include_bytes!("assets/server.js")),
    ("js/join.js", include_bytes!("assets/join.js")),
    ("js/owner.js", include_bytes!("assets/owner.js")),
    ("js/words.js", include_bytes!("assets/words.js")),
];

const COMMON: &[&str] = &[
    "css/base.css",
    "css/colours.css",
    "css/parts.css",
    "icon.svg",
    "js/format.js",
    "js/i18n.js",
    "js/icons.js",
    "js/lib.js",
    "js/parts/bar.js",
    "js/parts/copy.js",
    "js/safe.js",
    "vendor/hooks.js",
    "vendor/htm.js",
    "vendor/preact.js",
    "vendor/signals-core.js",
    "vendor/signals.js",
];

/// Serves them.
pub fn router() -> Router {
    let common = COMMON.iter().filter_map(|path| assets::named(path));
    assets::serving(OWN.iter().copied().chain(common))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_there_and_every_module_that_one_takes_is_served() {
        for path in COMMON {
            assert!(assets::named(path).is_some(), "{path}");
        }
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/web/rendezvous/assets");
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), OWN.len());
        let common = COMMON.iter().filter_map(|path| assets::named(path));
        let all: Vec<_> = OWN.iter().copied().chain(common).collect();
        for (path, bytes) in &all {
            let script = path
                .strip_suffix(".js")
                .filter(|path| !path.starts_with("vendor"));
            let Some((folder, _)) = script.and_then(|path| path.rsplit_once('/')) else {
                continue;
            };
            let text = std::str::from_utf8(bytes).unwrap();
            for line in text.lines().filter(|line| line.contains(" from \"")) {
                let taken = line.rsplit(" from \"").next().unwrap();
                let taken = taken.split('"').next().unwrap();
                let (mut at, mut rest) = (folder, taken);
                loop {
                    if let Some(up) = rest.strip_prefix("../") {
                        at = at.rsplit_once('/').map_or("", |(up, _)| up);
                        rest = up;
                    } else if let Some(here) = rest.strip_prefix("./") {
                        rest = here;
                    } else {
                        break;
                    }
                }
                let full = format!("{at}/{rest}");
                let full = full.trim_start_matches('/');
                assert!(all.iter().any(|(path, _)| *path == full), "{path}: {taken}");
            }
        }
    }
}
