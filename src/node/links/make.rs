//! Making links, and taking them back: what the words of a person mean, and on what terms.

use super::{Guests, Link, LinkFile, MAX_FILES, random};
use crate::{
    core::{Now, path::RelPath},
    node::{
        Node,
        api::{
            Accepting, AskRefusal, GuestFile, LinkError, LinkInfo, LinkRequest, MAX_PIN, MAX_USES,
            Place, Terms,
        },
        consent::GuestAsk,
    },
    store::{LeftOut, find_linked},
};
use std::{sync::Arc, time::Duration};
use tokio::task::spawn_blocking;

/// The longest that a link may last.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);
/// Digits of a PIN that is made here.
const DIGITS: u32 = 1_000_000;

impl Node {
    /// The links, and who may use them, for what serves guests.
    #[must_use]
    pub fn guests(&self) -> Guests {
        self.shared.guests.clone()
    }

    /// The links that there are, the oldest first.
    #[must_use]
    pub fn links(&self) -> Vec<LinkInfo> {
        let guests = &self.shared.guests;
        guests.tend();
        let links: Vec<Arc<Link>> = guests.0.table.lock().links.values().cloned().collect();
        links.iter().map(|link| self.link_info(link)).collect()
    }

    fn link_info(&self, link: &Link) -> LinkInfo {
        let guests = &self.shared.guests;
        let served = self.localsend().filter(|_| link.localsend);
        let place = |port| format!("https://{}", guests.0.place.shown(port));
        LinkInfo {
            localsend: served.map(|served| place(served.port())),
            ..guests.info(link)
        }
    }

    /// Makes a link; gives it, and what of the folders is left out of it.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn add_link(&self, request: LinkRequest) -> Result<(LinkInfo, LeftOut), LinkError> {
        let guests = &self.shared.guests;
        let terms = terms(&request, guests.0.started.elapsed())?;
        let named = !request.paths.is_empty() || !request.names.is_empty();
        if named == request.upload {
            return Err(LinkError::Nothing);
        }
        if request.localsend && (request.upload || self.localsend().is_none()) {
            return Err(LinkError::Terms(
                "only files, and only of a node with --localsend, can be for LocalSend",
            ));
        }
        if request.upload && *self.accepting() == Accepting::Nobody {
            return Err(LinkError::NobodyAnswers);
        }
        guests.tend();
        let (mut files, left) = local(&request).await?;
        for name in &request.names {
            self.offered(name, &mut files).await?;
        }
        apart(&mut files);
        let link = guests.add(&request, files, terms)?;
        if let Err(error) = guests.entered().await {
            guests.remove(link.number);
            return Err(error);
        }
        Ok((self.link_info(&link), left))
    }

    /// Asks the person here for a guest at this place, who calls themselves `name`.
    ///
    /// # Errors
    /// [`AskRefusal`], when nobody is asked.
    pub async fn ask_for_guest(
        &self,
        place: Place,
        name: String,
        files: Vec<GuestFile>,
    ) -> Result<GuestAsk, AskRefusal> {
        self.shared.consent.ask_for_guest(place, name, files).await
    }

    /// Takes a link back; transfers by it end.
    ///
    /// # Errors
    /// [`LinkError::Unknown`].
    pub fn remove_link(&self, number: u32) -> Result<(), LinkError> {
        let removed = self.shared.guests.remove(number);
        removed.then_some(()).ok_or(LinkError::Unknown(number))
    }

    /// The files of the swarm that a word means.
    async fn offered(&self, word: &str, files: &mut Vec<LinkFile>) -> Result<(), LinkError> {
        let failed = |why: &dyn ToString| LinkError::NotFound(word.to_owned(), why.to_string());
        if !word.ends_with('/') {
            let reader = self.open(word).await.map_err(|error| failed(&error))?;
            files
                .push(LinkFile::of_swarm(reader).ok_or_else(|| failed(&"its name cannot be one"))?);
            return Ok(());
        }
        let mut rows = self.list(None).await;
        rows.retain(|row| row.name.starts_with(word) && !row.older);
        if rows.is_empty() {
            return Err(failed(&"no such folder"));
        }
        if files.len() + rows.len() > MAX_FILES {
            return Err(LinkError::TooManyFiles(MAX_FILES));
        }
        for row in rows {
            let reader = self.open_file(row.id, &row.name);
            let file = LinkFile::of_swarm(reader.map_err(|error| failed(&error))?);
            files.extend(file);
        }
        Ok(())
    }
}

/// Those that lie on this machine.
async fn local(request: &LinkRequest) -> Result<(Vec<LinkFile>, LeftOut), LinkError> {
    if request.paths.is_empty() {
        return Ok((Vec::new(), LeftOut::default()));
    }
    let paths = request.paths.clone();
    let found = spawn_blocking(move || find_linked(&paths, MAX_FILES)).await;
    let found = found.map_err(|error| LinkError::NotServed(error.to_string()))?;
    let (found, left) = found?;
    Ok((found.into_iter().map(LinkFile::of_disk).collect(), left))
}

/// What goes by one name would be taken for one file.
fn apart(files: &mut [LinkFile]) {
    let mut names = std::collections::HashSet::new();
    for file in files {
        let (mut n, name): (u32, RelPath) = (1, file.name.clone());
        while !names.insert(file.name.clone()) {
            n += 1;
            file.name = name.numbered(n);
        }
    }
}

fn terms(request: &LinkRequest, now: Now) -> Result<Terms, LinkError> {
    if request
        .uses
        .is_some_and(|uses| !(1..=MAX_USES).contains(&uses))
    {
        return Err(LinkError::Terms("a link is for 1 to 1000 uses"));
    }
    let lasts = Duration::from_secs(1)..=LONGEST;
    if request.expires.is_some_and(|time| !lasts.contains(&time)) {
        return Err(LinkError::Terms("a link lasts a second to a year"));
    }
    let pin = match request.pin.as_deref() {
        Some("") => {
            let number = u32::from_be_bytes(random()?);
            // A million does not go into 2^32 evenly: by less than one in four thousand.
            Some(format!("{:06}", number % DIGITS))
        }
        Some(pin) if pin.len() > MAX_PIN || pin.chars().any(char::is_control) => {
            return Err(LinkError::Terms("a PIN has at most 64 bytes, in one line"));
        }
        pin => pin.map(str::to_owned),
    };
    Ok(Terms {
        until: request.expires.map(|time| now + time),
        uses: request.uses,
        pin,
    })
}
