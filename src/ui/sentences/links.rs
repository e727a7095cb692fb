//! Links in sentences. Pure.

use crate::{core::path::printable_cut, node::LinkInfo, ui::text};

/// A name is shown in no more characters.
const NAME: usize = 64;

/// A link that was made: the address alone stands in the first line.
#[must_use]
pub fn made(info: &LinkInfo) -> String {
    let mut lines = vec![info.address.clone()];
    if let Some(seed) = &info.web_seed {
        lines.push(format!("by name: {seed}NAME"));
    }
    if let Some(place) = &info.localsend {
        lines.push(format!(
            "  and encrypted for LocalSend's people near, without the address, and for `sprat receive {place}`"
        ));
    }
    lines.extend(terms(info).into_iter().map(|term| format!("  {term}")));
    lines.push(match &info.fingerprint {
        Some(fingerprint) => format!(
            "  encrypted; the browser warns, since nobody vouches for this node: compare the SHA-256 fingerprint\n  {fingerprint}"
        ),
        None => "  not encrypted: others on this network could read along (--tls)".to_owned(),
    });
    lines.push(format!("  `unlink {}` takes it back", info.number));
    lines.join("\n")
}

/// A link in a line.
#[must_use]
pub fn line(info: &LinkInfo) -> String {
    let mut parts = vec![what(info)];
    parts.extend(terms(info));
    format!("{}: {}  {}", info.number, info.address, parts.join(", "))
}

fn what(info: &LinkInfo) -> String {
    if info.upload {
        return "for handing files in".to_owned();
    }
    let name = printable_cut(&info.name, NAME);
    match info.files {
        1 => format!("{name}, {}", text::size(info.size)),
        files => format!(
            "{name}, {}, {}",
            text::count(files, "file"),
            text::size(info.size)
        ),
    }
}

fn terms(info: &LinkInfo) -> Vec<String> {
    let mut terms = Vec::new();
    terms.extend(
        info.pin
            .as_ref()
            .map(|pin| format!("PIN {}", printable_cut(pin, NAME))),
    );
    terms.extend(info.expires.map(|at| format!("until {}", text::moment(at))));
    match (info.uses, info.used) {
        (Some(most), used) => terms.push(format!(
            "used {used} of {}",
            text::count(most.into(), "time")
        )),
        (None, 0) => {}
        (None, used) => terms.push(format!("used {}", text::count(used.into(), "time"))),
    }
    terms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_says_what_it_is_and_on_what_terms() {
        let mut info = LinkInfo {
            number: 3,
            address: "http://192.0.2.7:45681/0123/".into(),
            web_seed: None,
            name: "ph\u{202e}otos/".into(),
            files: 2,
            size: 2048,
            upload: false,
            expires: Some(0),
            uses: Some(1),
            used: 0,
            pin: Some("4711".into()),
            tls: false,
            localsend: None,
            fingerprint: None,
        };
        assert_eq!(
            line(&info),
            "3: http://192.0.2.7:45681/0123/  ph\\u{202e}otos/, 2 files, 2.0 KiB, PIN 4711, until 1970-01-01 00:00 UTC, used 0 of 1 time"
        );
        assert!(made(&info).starts_with("http://192.0.2.7:45681/0123/\n"));
        assert!(made(&info).contains("not encrypted"));
        (info.tls, info.fingerprint) = (true, Some("AA:BB".into()));
        info.localsend = Some("https://192.0.2.7:53317".into());
        assert!(made(&info).contains("sprat receive https://192.0.2.7:53317"));
        assert!(made(&info).contains("AA:BB") && !made(&info).contains("not encrypted"));
    }
}
