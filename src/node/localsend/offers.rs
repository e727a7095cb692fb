//! What people of LocalSend may fetch: the files of links that were made for them.
//!
//! Remembers nobody: whoever may fetch is told a pass that opens the door from their place alone
//! ([`Link::pass`]), and that is their session.

use super::{Declined, LocalSend, Visitor};
use crate::{
    core::link::{Place, Tried},
    node::links::{Link, LinkFile},
    wire::localsend::{File, Metadata, Offer},
};
use std::sync::Arc;

/// Between the passes of a session.
const BETWEEN: char = '.';
/// Bytes of the longest session: as many passes as there may be links.
const LONGEST: usize = 33 * crate::node::links::MAX_LINKS;

impl LocalSend {
    /// What somebody may fetch, with a PIN where one is asked for, or with the session that they
    /// were given for it.
    ///
    /// # Errors
    /// [`Declined`], when there is nothing for them.
    pub fn offer(
        &self,
        visitor: Visitor,
        session: Option<&str>,
        pin: Option<&str>,
    ) -> Result<Offer, Declined> {
        let place = visitor.place();
        let mut offer = Offer {
            info: self.own().answered(),
            session_id: String::new(),
            files: std::collections::BTreeMap::new(),
        };
        let mut why = Declined::NoEntry;
        for link in self.0.guests.for_localsend() {
            if link.look(place).is_err() {
                continue;
            }
            let pass = link.pass(place);
            match enter(
                &link,
                place,
                session.is_some_and(|all| has(all, &pass)),
                pin,
            ) {
                Tried::Right => {}
                Tried::Wrong(_) => {
                    why = Declined::Pin;
                    continue;
                }
                Tried::Resting(_) => {
                    why = Declined::Pins;
                    continue;
                }
            }
            if !offer.session_id.is_empty() {
                offer.session_id.push(BETWEEN);
            }
            offer.session_id.push_str(&pass);
            let each = link.files().iter().enumerate();
            let files = each.map(|(at, file)| described(link.number(), at, file));
            offer.files.extend(files);
        }
        if offer.session_id.is_empty() {
            return Err(why);
        }
        Ok(offer)
    }

    /// The file that somebody with such a session fetches: its link, and its place there.
    ///
    /// # Errors
    /// [`Declined::NoEntry`].
    pub fn offered(
        &self,
        visitor: Visitor,
        session: &str,
        file: &str,
    ) -> Result<(Arc<Link>, usize), Declined> {
        let place = visitor.place();
        let found = || {
            let (number, at) = file.split_once('-')?;
            let (number, at): (u32, usize) = (number.parse().ok()?, at.parse().ok()?);
            let mut links = self.0.guests.for_localsend().into_iter();
            let link = links.find(|link| link.number() == number)?;
            (at < link.files().len() && has(session, &link.pass(place))).then_some((link, at))
        };
        let (link, at) = found().ok_or(Declined::NoEntry)?;
        link.take(place).map_err(|_| Declined::NoEntry)?;
        Ok((link, at))
    }
}

/// Asking without a PIN is no try.
fn enter(link: &Link, place: Place, knows: bool, pin: Option<&str>) -> Tried {
    match pin.filter(|pin| !pin.is_empty()) {
        _ if knows || !link.has_pin() => Tried::Right,
        None => Tried::Wrong(0),
        Some(pin) => link.try_pin(place, pin),
    }
}

/// Whether a session has this pass. Hashes are compared in constant time.
fn has(session: &str, pass: &str) -> bool {
    let right = blake3::hash(pass.as_bytes());
    let mut passes = session.split(BETWEEN);
    session.len() <= LONGEST && passes.any(|one| blake3::hash(one.as_bytes()) == right)
}

fn described(link: u32, at: usize, file: &LinkFile) -> (String, File) {
    let id = format!("{link}-{at}");
    let modified = u64::try_from(file.mtime()).ok();
    let file = File {
        id: id.clone(),
        file_name: file.name.as_str().to_owned(),
        size: file.size,
        file_type: file.media(),
        sha256: None,
        metadata: Some(Metadata::of(modified, None)),
    };
    (id, file)
}
