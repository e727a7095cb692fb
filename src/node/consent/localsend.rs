//! One person of LocalSend of a send: asked, and sent each file that they take.
//!
//! Invariants: the connection goes to the one who has the certificate by which they were found; a
//! file that changed after it was asked about breaks off before its last byte; nobody waits for
//! somebody who takes nothing.

use super::{
    Consent,
    bundle::Bundle,
    telling::{Held, Telling},
};
use crate::{
    core::{
        consent::AskRefusal,
        link::Place,
        localsend::{Somebody, TRIES},
    },
    net::localsend::{Answered, Peer, Piece, quoted},
    node::{
        api::{Person, SendEvent, SendFailure},
        command::Command,
        localsend::{Neighbours, Outgoing},
    },
    store::{SentFile, Times},
    wire::localsend::{
        File, Info, MAX_FILES, MAX_INFO, MAX_PREPARE, MAX_TOKEN, Metadata, Prepare, Prepared,
    },
};
use futures::{Stream, stream};
use std::{
    fs,
    io::{self, Read as _},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{sync::mpsc, task::spawn_blocking, time::interval};
use tokio_util::sync::CancellationToken;

/// Bytes of a piece, and how many wait for the connection.
const PIECE: usize = 256 << 10;
const AHEAD: usize = 4;
/// How long they may take nothing, or not say that they have it.
const STILL: Duration = Duration::from_secs(120);
/// Between two looks how far it is.
const LOOK: Duration = Duration::from_millis(250);
/// What an answer may take longer than the ask waits at the other end.
const GRACE: Duration = Duration::from_secs(30);
/// For the last words.
const GOODBYE: Duration = Duration::from_secs(2);

/// How it ends, if not well.
enum End {
    Refused(AskRefusal),
    Failed(SendFailure),
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        tracing::debug!(%error, "an app of LocalSend is gone");
        Self::Failed(SendFailure::Gone)
    }
}

fn theirs(why: impl Into<String>) -> End {
    End::Failed(SendFailure::Theirs(why.into()))
}

/// Asks them, and follows it to the end.
pub async fn deliver(
    consent: &Consent,
    person: Person,
    bundle: &Arc<Bundle>,
    telling: &Telling,
    held: Held,
) {
    let neighbours = &consent.0.services.localsend;
    let found = neighbours
        .as_ref()
        .and_then(|all| Some((all.clone(), all.get(&person.node)?)));
    let ended = match found {
        Some((neighbours, somebody)) => {
            let errand = Errand {
                consent,
                neighbours,
                somebody,
                person: person.clone(),
                bundle,
                telling,
                held,
                moved: Arc::default(),
            };
            errand.run().await
        }
        None => Err(End::Failed(SendFailure::Gone)),
    };
    let to = person.clone();
    let event = match ended {
        Ok(elapsed) => {
            // From now on this is somebody one knows.
            let met = |done| Command::Met(person.node, done);
            consent.0.services.ask(met).await;
            SendEvent::Done {
                to,
                size: bundle.size,
                elapsed,
            }
        }
        Err(End::Refused(AskRefusal::Expired)) => SendEvent::Expired(to),
        Err(End::Refused(why)) => SendEvent::Refused { to, why },
        Err(End::Failed(why)) => SendEvent::Failed { to, why },
    };
    telling.send(event).await;
}

struct Errand<'a> {
    consent: &'a Consent,
    neighbours: Neighbours,
    somebody: Somebody,
    person: Person,
    bundle: &'a Arc<Bundle>,
    telling: &'a Telling,
    held: Held,
    /// Bytes that the connection took.
    moved: Arc<AtomicU64>,
}

impl Errand<'_> {
    async fn run(mut self) -> Result<Duration, End> {
        let ask = self.question().await?;
        let cancel = self.held.cancel.clone();
        let stopped = || End::Failed(SendFailure::Stopped);
        let mut peer = cancel
            .run_until_cancelled(self.connect())
            .await
            .ok_or_else(stopped)??;
        self.telling
            .send(SendEvent::Asked(self.person.clone()))
            .await;
        let within = self.consent.0.settings.expiry + GRACE;
        let mut path = "/api/localsend/v2/prepare-upload".to_owned();
        if let Some(pin) = &self.bundle.pin {
            path = format!("{path}?pin={}", quoted(pin));
        }
        // Dropped, it is taken back.
        let answer = tokio::select! {
            answer = peer.post(&path, ask, (within, MAX_PREPARE)) => match answer {
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    return Err(End::Refused(AskRefusal::Expired));
                }
                answer => answer?,
            },
            () = cancel.cancelled() => return Err(stopped()),
        };
        let began = Instant::now();
        let Some(prepared) = prepared(&answer, self.bundle.pin.is_some())? else {
            return Ok(began.elapsed());
        };
        self.telling
            .send(SendEvent::Accepted(self.person.clone()))
            .await;
        let place = Place::of(self.somebody.at.ip());
        let outgoing = self.neighbours.goes_out(&prepared.session_id, place);
        let sent = self.send(peer, &prepared, &outgoing).await;
        if sent.is_err() && !outgoing.ended.is_cancelled() {
            self.say_goodbye(&prepared.session_id).await;
        }
        sent.map(|()| began.elapsed())
    }

    /// The ask in their words: a file's id is its number.
    async fn question(&self) -> Result<Vec<u8>, End> {
        let identity = self.neighbours.identity();
        let name = self.consent.name();
        let info = Info::own(&name, &identity.fingerprint(), self.neighbours.port());
        let bundle = self.bundle.clone();
        let times = spawn_blocking(move || {
            let files = bundle.files.iter();
            files.map(SentFile::times).collect::<Vec<_>>()
        });
        let times = times.await.map_err(io::Error::other)?;
        let file = |(number, (file, times)): (usize, (&SentFile, Times))| {
            let id = number.to_string();
            let file = File {
                id: id.clone(),
                file_name: file.name.as_str().to_owned(),
                size: file.stamp.size,
                file_type: file.media.clone(),
                sha256: None,
                metadata: Some(Metadata::of(times.modified, times.accessed)),
            };
            (id, file)
        };
        let files = self.bundle.files.iter().zip(times);
        let files = files.enumerate().map(file).collect();
        // Texts and numbers: it cannot fail.
        let ask = serde_json::to_vec(&Prepare { info, files }).unwrap_or_default();
        if self.bundle.files.len() > MAX_FILES || ask.len() > MAX_PREPARE {
            let why = "these are too many files for LocalSend: put them into an archive";
            return Err(theirs(why));
        }
        Ok(ask)
    }

    async fn connect(&self) -> Result<Peer, End> {
        let Somebody { at, key, .. } = self.somebody;
        Ok(Peer::connect(self.neighbours.identity(), at, key).await?)
    }

    async fn send(
        &mut self,
        mut peer: Peer,
        prepared: &Prepared,
        outgoing: &Outgoing,
    ) -> Result<(), End> {
        let bundle = self.bundle.clone();
        for (number, file) in bundle.files.iter().enumerate() {
            // Without a token they do not want it.
            let id = number.to_string();
            let Some(token) = prepared.files.get(&id) else {
                self.moved.fetch_add(file.stamp.size, Ordering::Relaxed);
                continue;
            };
            let path = format!(
                "/api/localsend/v2/upload?sessionId={}&fileId={id}&token={}",
                quoted(&prepared.session_id),
                quoted(token)
            );
            let mut tries = 0;
            loop {
                tries += 1;
                if peer.is_closed() {
                    peer = self.connect().await?;
                }
                let before = self.moved.load(Ordering::Relaxed);
                match self.upload(&mut peer, &path, file, outgoing).await? {
                    200..=299 => break,
                    422 if tries < TRIES => self.moved.store(before, Ordering::Relaxed),
                    422 => return Err(theirs("what arrives there is damaged")),
                    // What they stopped shows so, too.
                    403 | 404 | 409 | 410 => return Err(theirs("stopped by the receiver")),
                    507 => return Err(theirs(AskRefusal::NoRoom.why())),
                    status => return Err(theirs(format!("it failed there (status {status})"))),
                }
            }
        }
        Ok(())
    }

    /// Sends one file; gives what they answer.
    async fn upload(
        &mut self,
        peer: &mut Peer,
        path: &str,
        file: &SentFile,
        outgoing: &Outgoing,
    ) -> Result<u16, End> {
        if !unchanged(file).await {
            return Err(End::Failed(SendFailure::Changed(file.path.clone())));
        }
        let changed = CancellationToken::new();
        let pieces = self.pieces(file, changed.clone());
        let upload = peer.upload(path, file.stamp.size, pieces, MAX_INFO);
        tokio::pin!(upload);
        let mut look = interval(LOOK);
        let (mut seen, mut since) = (self.moved.load(Ordering::Relaxed), Instant::now());
        loop {
            tokio::select! {
                answer = &mut upload => {
                    self.show();
                    if changed.is_cancelled() {
                        let path: PathBuf = file.path.clone();
                        return Err(End::Failed(SendFailure::Changed(path)));
                    }
                    return Ok(answer?.status);
                }
                _ = look.tick() => {
                    self.show();
                    let moved = self.moved.load(Ordering::Relaxed);
                    if moved != seen || *self.held.paused.borrow() {
                        (seen, since) = (moved, Instant::now());
                    }
                    if since.elapsed() > STILL {
                        return Err(End::Failed(SendFailure::Gone));
                    }
                }
                () = self.held.cancel.cancelled() => {
                    return Err(End::Failed(SendFailure::Stopped));
                }
                () = outgoing.ended.cancelled() => {
                    return Err(theirs("stopped by the receiver"));
                }
            }
        }
    }

    fn show(&self) {
        self.telling.show(SendEvent::Progress {
            to: self.person.clone(),
            done: self.moved.load(Ordering::Relaxed).min(self.bundle.size),
            size: self.bundle.size,
        });
    }

    /// A file's bytes as the connection takes them: not while it is paused, and no faster than the
    /// limit.
    fn pieces(
        &self,
        file: &SentFile,
        changed: CancellationToken,
    ) -> impl Stream<Item = Piece> + Send + 'static {
        let (sender, receiver) = mpsc::channel(AHEAD);
        let file = file.clone();
        spawn_blocking(move || read(&file, &sender, &changed));
        let services = &self.consent.0.services;
        let (limit, sent) = (services.upload.clone(), services.sent.clone());
        let (moved, paused) = (self.moved.clone(), self.held.paused.clone());
        let state = (receiver, limit, sent, moved, paused);
        stream::unfold(state, |mut state| async move {
            let piece: Piece = state.0.recv().await?;
            if let Ok(bytes) = &piece {
                let (_, limit, sent, moved, paused) = &mut state;
                // Who could pause it has gone: it goes on.
                let _ = paused.wait_for(|paused| !*paused).await;
                limit.take(bytes.len()).await;
                sent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                moved.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            }
            Some((piece, state))
        })
    }

    /// Tells them that nothing more comes.
    async fn say_goodbye(&self, session: &str) {
        let session = quoted(session);
        let path = format!("/api/localsend/v2/cancel?sessionId={session}");
        let said = async {
            let Ok(mut peer) = self.connect().await else {
                return;
            };
            let _ = peer.post(&path, Vec::new(), (GOODBYE, MAX_INFO)).await;
        };
        let _ = tokio::time::timeout(GOODBYE, said).await;
    }
}

async fn unchanged(file: &SentFile) -> bool {
    let file = file.clone();
    spawn_blocking(move || file.is_unchanged())
        .await
        .unwrap_or(false)
}

/// Reads a file to the length that it had when it was asked about. Its last piece goes out only if
/// it is still that file. Blocks.
fn read(file: &SentFile, to: &mpsc::Sender<Piece>, changed: &CancellationToken) {
    let read = || {
        let mut open = fs::File::open(&file.path)?;
        let mut left = file.stamp.size;
        while left > 0 {
            let mut piece = vec![0; left.min(PIECE as u64) as usize];
            open.read_exact(&mut piece)?;
            left -= piece.len() as u64;
            if left == 0 && !file.is_unchanged() {
                return Err(io::ErrorKind::InvalidData.into());
            }
            if to.blocking_send(Ok(piece.into())).is_err() {
                return Ok(()); // Nobody takes it any more.
            }
        }
        Ok(())
    };
    let done: io::Result<()> = read();
    if let Err(error) = done {
        changed.cancel();
        let _ = to.blocking_send(Err(error));
    }
}

/// What they answered to the ask, in which a PIN was said or was not; `None`: they have it all.
fn prepared(answer: &Answered, pin: bool) -> Result<Option<Prepared>, End> {
    match answer.status {
        200 => {
            let read: Option<Prepared> = serde_json::from_slice(&answer.body).ok();
            let read = read.filter(|prepared| prepared.session_id.len() <= MAX_TOKEN);
            let read = read.ok_or_else(|| theirs("what is answered there makes no sense"))?;
            // They want none of it.
            Ok(Some(read).filter(|prepared| !prepared.files.is_empty()))
        }
        204 => Ok(None),
        401 if pin => Err(theirs("that is not the PIN that is asked for there")),
        401 => Err(theirs(
            "a PIN is asked for there: give it with --pin, or beside their name on the page",
        )),
        429 if pin => Err(theirs(
            "too many wrong PINs came from here, or too many asks: try again later",
        )),
        403 => Err(End::Refused(AskRefusal::Person)),
        409 => Err(End::Refused(AskRefusal::Busy)),
        429 => Err(End::Refused(AskRefusal::TooOften)),
        status => Err(theirs(format!("it failed there (status {status})"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, body: &str) -> Result<Option<usize>, String> {
        answered_with(status, body, false)
    }

    fn answered_with(status: u16, body: &str, pin: bool) -> Result<Option<usize>, String> {
        let body = body.as_bytes().to_vec();
        let read = prepared(&Answered { status, body }, pin);
        read.map(|read| read.map(|read| read.files.len()))
            .map_err(|end| match end {
                End::Refused(why) => format!("refused: {}", why.why()),
                End::Failed(why) => why.to_string(),
            })
    }

    #[test]
    fn each_answer_to_an_ask_has_its_end() {
        let yes = r#"{"sessionId":"s","files":{"0":"t","2":"u"}}"#;
        assert_eq!(answered(200, yes), Ok(Some(2)));
        assert_eq!(answered(204, ""), Ok(None));
        assert_eq!(answered(200, r#"{"sessionId":"s","files":{}}"#), Ok(None));
        for (status, said) in [
            (403, "refused: no, thank you"),
            (409, "refused: another ask"),
            (429, "refused: too many asks"),
            (401, "a PIN is asked for there"),
            (500, "status 500"),
        ] {
            let why = answered(status, "{}").unwrap_err();
            assert!(why.contains(said), "{why}");
        }
        for (status, said) in [(401, "that is not the PIN"), (429, "too many wrong PINs")] {
            let why = answered_with(status, "{}", true).unwrap_err();
            assert!(why.contains(said), "{why}");
        }
        let long = format!(
            r#"{{"sessionId":"{}","files":{{"0":"t"}}}}"#,
            "s".repeat(300)
        );
        for nonsense in ["", "[]", r#"{"files":{}}"#, &long] {
            assert!(answered(200, nonsense).is_err(), "{nonsense}");
        }
    }
}
